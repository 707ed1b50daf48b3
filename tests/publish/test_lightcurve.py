"""An event carries its light curve once, and any reader finds it whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from lxml import etree

from vobroker.archive import Archive
from vobroker.publish.folder import PublishError, embedding, publish_folder, set_embedding
from vobroker.publish.lightcurve import FORMS, MOST_POINTS, embed, light_curve_of, votable_of
from vobroker.publish.render import history, packets, render
from vobroker.timeseries import LightCurve
from vobroker.timeseries.columns import MEASUREMENT
from vobroker.voevent import VOEvent, VOEventError, laid_out, read, validate, write
from vobroker.voevent import embedded as inside
from vobroker.votypes.arrow import schema as arrow_schema

NEXT = Path(inside.__file__).parent / "schemas/VOEvent-next.xsd"
EVENT = VOEvent("ivo://org.example.test/s#1", "test")


@pytest.fixture
def curve(archive: Archive) -> LightCurve:
    """What the last packet of the real ZTF object knows."""
    alert = archive.alerts_of("ztf", "ZTF21abiuvdk")[-1]["alert_id"]
    return history(archive, "ztf", [alert])[alert]


def test_the_history_of_a_packet_is_that_of_its_object_until_then(
    archive: Archive, curve: LightCurve
) -> None:
    whole = archive.light_curve("ZTF21abiuvdk", "ztf").points
    last = archive.alerts_of("ztf", "ZTF21abiuvdk")[-1]
    assert len(curve) > 10
    assert max(curve.points["mjd"].to_pylist()) == last["mjd"]
    known = {(row["kind"], row["mjd"], row["band"]) for row in whole.to_pylist()}
    assert {(row["kind"], row["mjd"], row["band"]) for row in curve.points.to_pylist()} <= known


@pytest.mark.parametrize("form", FORMS)
def test_a_light_curve_comes_out_as_it_went_in(form: str, curve: LightCurve, schema: etree.XMLSchema) -> None:
    packet = write(embed(EVENT, curve, form))
    event = read(packet)
    assert validate(packet) == []
    (etree.XMLSchema(etree.parse(NEXT)) if form == "next" else schema).assertValid(etree.fromstring(packet))
    found = light_curve_of(event)
    if form == "none":
        assert found is None
        assert votable_of(event) is None
        return
    assert found is not None
    assert (found.survey, found.object_id, found.ra, found.dec) == (
        "ztf",
        "ZTF21abiuvdk",
        curve.ra,
        curve.dec,
    )
    assert found.points.equals(curve.points)
    assert b"<TIMESYS" in (votable_of(event) or b"")
    assert light_curve_of(read(laid_out(event))).points.equals(curve.points)  # type: ignore[union-attr]


def test_an_empty_light_curve_and_one_of_nothing_but_nulls_come_back(schema: etree.XMLSchema) -> None:
    row = dict.fromkeys(MEASUREMENT.names) | {
        "survey": "new",
        "object_id": "a b",
        "kind": "limit",
        "mjd": 61000.5,
    }
    for rows in ([], [row], [row | {"mag": float("nan"), "visit": 2**63 - 1, "flux": 1e-30}]):
        points = pa.Table.from_pylist(rows, schema=arrow_schema(MEASUREMENT))
        given = LightCurve("new", "a b", float("nan"), float("nan"), points)
        for form in ("table", "votable", "next"):
            found = light_curve_of(read(write(embed(EVENT, given, form))))
            assert found is not None
            assert len(found) == len(rows)
            if form == "table":
                assert str(found.points.to_pylist()) == str(given.points.to_pylist())


def test_a_light_curve_of_any_text_and_length_leaves_a_packet_that_can_be_read(curve: LightCurve) -> None:
    points = curve.points.set_column(0, "survey", pa.repeat("a\x00b", len(curve)))
    odd = LightCurve("a\x00b", "c\x01", 1.0, 2.0, points)
    long = LightCurve("ztf", "x", 1.0, 2.0, pa.concat_tables([curve.points] * 400).slice(0, MOST_POINTS))
    longer = LightCurve("ztf", "x", 1.0, 2.0, pa.concat_tables([curve.points] * 400))
    for form in ("table", "votable", "next"):
        assert light_curve_of(read(write(embed(EVENT, odd, form)))) is not None
        assert len(light_curve_of(read(write(embed(EVENT, long, form)))) or ()) == MOST_POINTS
        event = read(write(embed(EVENT, longer, form)))
        assert event.what
        assert event.what.descriptions == (
            f"The light curve of {len(longer)} measurements is left out: the most is 2000.",
        )


def test_packets_are_published_with_the_form_of_their_stream(archive: Archive, tmp_path: Path) -> None:
    set_embedding(tmp_path, "none")
    set_embedding(tmp_path, "votable", "fast-moving")
    assert embedding(tmp_path) == {"": "none", "fast-moving": "votable"}
    assert publish_folder(archive, tmp_path) > 0
    for file in tmp_path.rglob("*.xml"):
        curve = light_curve_of(read(file.read_bytes()))
        assert (curve is not None) == ("fast-moving" in file.parts)
    some = next(iter(packets(archive, batch=5, form="table")))
    assert [render(archive, one.ivorn, form="table") for one in some] == [one.content for one in some]
    assert all(validate(one.content) == [] for one in some)


def test_a_form_that_is_none_is_told(archive: Archive, tmp_path: Path, curve: LightCurve) -> None:
    with pytest.raises(PublishError, match="cannot be embedded as 'png'; there are none, table"):
        set_embedding(tmp_path, "png")
    (tmp_path / ".embed").write_text("png")
    with pytest.raises(PublishError, match=r"\.embed says 'png'"):
        publish_folder(archive, tmp_path)
    with pytest.raises(VOEventError, match="cannot be embedded as 'png'"):
        next(packets(archive, form="png"))
    with pytest.raises(VOEventError, match="cannot be embedded as 'png'"):
        embed(EVENT, curve, "png")


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        (b'value="TAI"', b'value="UTC"', "has UTC for time_scale, not TAI"),
        (b"<TD>detection</TD>", b"", "has rows with more or fewer cells"),
        (b"<TD>true</TD>", b"<TD>maybe</TD>", "is no light curve: 'maybe' is neither true nor false"),
    ],
)
def test_a_table_that_is_no_light_curve_is_told(
    right: bytes, wrong: bytes, reason: str, curve: LightCurve
) -> None:
    packet = write(embed(EVENT, curve, "table"))
    assert right in packet
    with pytest.raises(VOEventError, match=f"ivo://org.example.test/s#1: the Table light_curve {reason}"):
        light_curve_of(read(packet.replace(right, wrong, 1)))

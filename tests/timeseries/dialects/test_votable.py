"""Light curves as VOTable 1.5: what a client of the Virtual Observatory finds in them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.io import votable as astropy_votable
from astropy.table import QTable
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from vobroker.timeseries import LightCurve
from vobroker.timeseries.columns import KINDS, MEASUREMENT
from vobroker.timeseries.dialects import votable
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.look import Look
from vobroker.timeseries.model import POINTS

binary = pytest.mark.parametrize("binary", [False, True], ids=["TABLEDATA", "BINARY2"])


def read(document: bytes, **limit: int) -> LightCurve:
    """The light curve of a document, as the archive has it."""
    (series,) = votable.read(Look(document, **limit)).series
    return LightCurve.of(series)


def parsed(light_curve: LightCurve, *, binary: bool = False) -> astropy_votable.tree.VOTableFile:
    """The document as astropy has it; every deviation from the standard is an exception."""
    return astropy_votable.parse(
        io.BytesIO(votable.write([light_curve.series], binary=binary)), verify="exception"
    )


@binary
def test_the_light_curve_comes_back_exactly(ztf21abiuvdk: LightCurve, binary: bool) -> None:
    back = read(votable.write([ztf21abiuvdk.series], binary=binary))
    assert back.points.equals(ztf21abiuvdk.points)
    assert (back.survey, back.object_id) == ("ztf", "ZTF21abiuvdk")
    assert (back.ra, back.dec) == (ztf21abiuvdk.ra, ztf21abiuvdk.dec)


@binary
def test_astropy_validates_it(ztf21abiuvdk: LightCurve, binary: bool) -> None:
    report = io.StringIO()
    document = io.BytesIO(votable.write([ztf21abiuvdk.series], binary=binary))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert astropy_votable.validate(document, output=report)
    assert "found no violations" in report.getvalue()


@binary
def test_astropy_gives_quantities_and_nulls(ztf21abiuvdk: LightCurve, binary: bool) -> None:
    table = QTable.read(io.BytesIO(votable.write([ztf21abiuvdk.series], binary=binary)), format="votable")
    assert (table["flux"].unit, table["mag"].unit, table["mjd"].unit) == (u.nJy, u.mag, u.day)
    limit = table["kind"] == "limit"
    assert limit.sum() == 16
    assert table["flux"].mask.tolist() == limit.tolist()
    assert table["ra"].mask.tolist() == limit.tolist()
    assert table["measurement_id"][~limit][0] == 1642404680815015001
    detections = table[~limit]
    magnitude = detections["flux"].unmasked.to_value(u.ABmag)
    np.testing.assert_allclose(magnitude, detections["mag"].unmasked.value, atol=1e-5)


def test_time_system_vo_table_3_4(ztf21abiuvdk: LightCurve) -> None:
    document = parsed(ztf21abiuvdk)
    (system,) = document.iter_timesys()
    assert (system.timeorigin, system.timescale, system.refposition) == (2400000.5, "TAI", "TOPOCENTER")
    table = document.get_first_table()
    assert table.get_field_by_id("mjd").ref == system.ID
    mjd = Time(table.array["mjd"], format="mjd", scale=system.timescale.lower())
    first = mjd[table.array["kind"] == "detection"][0]
    assert abs(first.utc.jd - 2459396.9046875) < 60 / 86400  # jd of the packet: UTC, start of the exposure


def test_coordinate_system_vo_table_3_3(ztf21abiuvdk: LightCurve) -> None:
    document = parsed(ztf21abiuvdk)
    (system,) = document.iter_coosys()
    assert system.system == "ICRS"
    with_frame = [
        one.name for one in document.get_first_table().iter_fields_and_params() if one.ref == system.ID
    ]
    assert sorted(with_frame) == ["dec", "object_dec", "object_ra", "ra"]


def test_photometric_calibration_of_each_band(ztf21abiuvdk: LightCurve) -> None:
    groups = [group for group in parsed(ztf21abiuvdk).iter_groups() if group.utype == "photDM:PhotCal"]
    known = [
        {entry.utype: (entry.value, entry.unit) for entry in group.entries if hasattr(entry, "value")}
        for group in groups
    ]
    assert known == [
        {
            "photDM:PhotometryFilter.bandName": (band, None),
            "photDM:PhotometryFilter.identifier": (f"Palomar/ZTF.{band}", None),
            "photDM:PhotometryFilter.spectralLocation.value": (wavelength, u.nm),
            "photDM:PhotCal.magnitudeSystem.type": ("AB", None),
            "photDM:PhotCal.zeroPoint.flux.value": (3631.0, u.Jy),
            "photDM:PhotCal.zeroPoint.type": ("0", None),
        }
        for band, wavelength in (("g", 474.648), ("r", 636.638))
    ]
    fields = {entry.ref for entry in groups[0].entries if not hasattr(entry, "value")}
    assert fields == {"band", "flux", "flux_error", "mag", "mag_error", "limiting_mag"}


def test_fields_say_what_the_column_table_says(ztf21abiuvdk: LightCurve) -> None:
    table = parsed(ztf21abiuvdk).get_first_table()
    for one in table.fields:
        column = MEASUREMENT[one.name]
        assert (one.datatype, one.ucd, one.description) == (
            column.datatype.votable,
            column.ucd,
            column.description,
        )


def test_numbers_read_as_a_person_would_write_them(ztf21abiuvdk: LightCurve) -> None:
    assert b"<TD>20.3547</TD>" in votable.write([ztf21abiuvdk.series])


def test_an_unknown_band_of_an_unknown_survey_is_still_ab() -> None:
    point = dict.fromkeys(POINTS.names) | {
        "survey": "x",
        "object_id": "<&>",
        "kind": "limit",
        "mjd": 1.0,
        "band": "c",
    }
    strange = LightCurve("x", "<&>", float("nan"), float("nan"), pa.Table.from_pylist([point], schema=POINTS))
    back = read(votable.write([strange.series]))
    assert back.points.equals(strange.points)
    assert np.isnan([back.ra, back.dec]).all()


def test_an_empty_light_curve_is_a_light_curve() -> None:
    for as_binary in (False, True):
        empty = LightCurve("ztf", "a", 1.0, 2.0, POINTS.empty_table())
        assert len(read(votable.write([empty.series], binary=as_binary))) == 0


def column(kind: str) -> st.SearchStrategy[object]:
    values = {
        "BIGINT": st.integers(-(2**63), 2**63 - 1),
        "DOUBLE": st.floats(allow_nan=False),
        "REAL": st.floats(width=32, allow_nan=False),
        "BOOLEAN": st.booleans(),
    }
    return st.none() | values[kind]


point = st.fixed_dictionaries(
    {one.name: column(one.type) for one in MEASUREMENT if one.type != "VARCHAR"}
    | {
        "survey": st.just("lsst"),
        "object_id": st.just("ss 2026 α"),
        "kind": st.sampled_from(KINDS),
        "band": st.sampled_from([None, *"ugrizy"]),
    }
)


@binary
@given(points=st.lists(point, max_size=10))
def test_any_measurement_comes_back(points: list[dict[str, object]], binary: bool) -> None:
    wanted = LightCurve("lsst", "ss 2026 α", 0.0, -90.0, pa.Table.from_pylist(points, schema=POINTS))
    back = read(votable.write([wanted.series], binary=binary))
    assert back.points.equals(wanted.points)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda text: text.replace(b"TAI", b"UTC"),
            "the times are UTC at TOPOCENTER from JD 2400000.5, not TAI",
        ),
        (lambda text: text.replace(b'timeorigin="2400000.5"', b'timeorigin="0"'), "from JD 0, not TAI"),
        (lambda text: text.replace(b'ref="time_frame"', b""), "unknown scale at an unknown place"),
        (lambda text: text.replace(b'"mag_error"', b'"e_mag"'), "the light curve has no column mag_error"),
        (lambda text: text.replace(b'ucd="time.epoch" ref="time_frame"', b""), "no column holds times"),
        (lambda text: text.replace(b"<TABLE ", b"<TUBLE ").replace(b"/TABLE>", b"/TUBLE>"), "has no table"),
        (lambda text: text[:-20], "not well-formed"),
        (lambda text: b"<!DOCTYPE VOTABLE>" + text.partition(b"\n")[2], "declares a document type"),
        (
            lambda text: text.replace(b"59382.4", b"tomorrow"),
            r'/TABLE/FIELD\[@ID="mjd"\], line 14: row 1 of the column mjd holds .tomorrow.*no double',
        ),
    ],
)
def test_what_is_no_light_curve_is_refused_with_the_reason(
    ztf21abiuvdk: LightCurve, change: Callable[[bytes], bytes], reason: str
) -> None:
    with pytest.raises((TimeSeriesError, ValueError), match=reason):
        read(change(votable.write([ztf21abiuvdk.series])))


def test_a_document_over_the_limit_is_refused(ztf21abiuvdk: LightCurve) -> None:
    with pytest.raises(TimeSeriesError, match="the limit is 1000"):
        read(votable.write([ztf21abiuvdk.series]), max_bytes=1000)


@binary
@given(
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3)), min_size=1, max_size=4
    )
)
def test_a_damaged_document_is_read_or_refused(
    ztf21abiuvdk: LightCurve, damage: list[tuple[float, bytes]], binary: bool
) -> None:
    document = votable.write([ztf21abiuvdk.series], binary=binary)
    for where, what in damage:
        place = int(where * len(document))
        document = document[:place] + what + document[place + 1 :]
    with suppress(TimeSeriesError, ValueError):
        assert read(document).points.schema.equals(POINTS)

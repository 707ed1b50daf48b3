"""What an event says of its alert."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from vobroker.alerts.columns import ALERT
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.publish.render import Packet, packets
from vobroker.publish.voevent import GROUPS, alert_event, alerts_of, from_voevent
from vobroker.sources import files
from vobroker.voevent import VOEvent, VOEventError, read, validate, write
from vobroker.voevent.citations import in_force, retraction
from vobroker.voevent.event_types import event_types


@pytest.fixture
def rendered(archive: Archive) -> list[Packet]:
    return [packet for batch in packets(archive, batch=100) for packet in batch]


def series(archive: Archive) -> list[VOEvent]:
    """The events of the real ZTF object in the stream of all alerts, in order of appearance."""
    found = [packet for batch in packets(archive, stream="everything") for packet in batch]
    events = [read(packet.content) for packet in found]
    return [event for event in events if event.why and event.why.names == ("ZTF21abiuvdk",)]


_ANY = {
    "VARCHAR": st.text(),
    "BOOLEAN": st.booleans(),
    "SMALLINT": st.integers(-(2**15), 2**15 - 1),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "REAL": st.floats(width=32),
    "DOUBLE": st.floats(),
    "TIMESTAMP": st.datetimes().map(lambda time: time.replace(fold=0)),
}
"""Whatever a damaged or hostile packet can put into a column."""


def same(value: Any) -> Any:
    """A value such that NaN equals NaN, and 0 does not equal -0."""
    return (type(value), repr(value))


_ROWS = st.fixed_dictionaries({column.name: st.one_of(st.none(), _ANY[column.type]) for column in ALERT})


@given(
    _ROWS,
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_whatever_an_alert_holds_goes_through_an_event_and_back(
    schema: etree.XMLSchema, row: dict[str, Any], ra: float, dec: float, mjd: float
) -> None:
    night = 20260305 if 41317 <= mjd < 88069 else None
    row["alert_id"] = row["alert_id"] or 0
    alert = row | {"survey": "ztf", "ra": ra, "dec": dec, "mjd": mjd, "night": night}
    event = alert_event(alert, ivorn="ivo://a.b/c#d", stream="c", version="1", created=datetime(2026, 3, 5))
    packet = write(event)
    schema.assertValid(etree.fromstring(packet))
    again = from_voevent(read(packet))
    assert {name: same(value) for name, value in again.items()} == {
        name: same(value) for name, value in alert.items()
    }


def test_every_column_has_its_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(ALERT.names)


def test_every_packet_is_valid(rendered: list[Packet], schema: etree.XMLSchema) -> None:
    assert len(rendered) > 400
    for packet in rendered:
        schema.assertValid(etree.fromstring(packet.content))
        assert validate(packet.content) == []


def test_the_columns_of_the_alert_come_back_out_of_the_packet(
    archive: Archive, rendered: list[Packet]
) -> None:
    for packet in rendered:
        alert = archive.query(
            "SELECT * FROM alert WHERE survey = ? AND alert_id = ?", [packet.survey, packet.alert_id]
        ).to_pylist()[0]
        event = read(packet.content)
        assert from_voevent(event) == alert
        found = {param.name: param for group, param in event.params() if group != "filter"}
        assert found.keys() == {name for name, value in alert.items() if value is not None}
        for name, param in found.items():
            column = ALERT[name]
            assert (param.unit or "", param.ucd) == (column.unit, column.ucd)
            assert (param.data_type == "string") == (column.type not in ("INTEGER", "REAL", "DOUBLE"))


def test_events_give_the_table_of_their_alerts(archive: Archive, rendered: list[Packet]) -> None:
    some = rendered[::7]
    table = alerts_of(read(packet.content) for packet in some)
    for survey in ("lsst", "ztf"):
        ids = [packet.alert_id for packet in some if packet.survey == survey]
        known = archive.query(
            "SELECT * FROM alert WHERE survey = ? AND alert_id = ANY(CAST(? AS BIGINT[]))", [survey, ids]
        )
        by_id = {row["alert_id"]: row for row in known.to_pylist()}
        found = [row for row in table.to_pylist() if row["survey"] == survey]
        assert found == [by_id[alert_id] for alert_id in ids]


def test_a_param_that_is_not_what_its_column_is_is_told(rendered: list[Packet]) -> None:
    event = read(rendered[0].content.replace(b'name="mjd" value="', b'name="mjd" value="x'))
    with pytest.raises(VOEventError, match="the Param mjd is 'x"):
        from_voevent(event)
    with pytest.raises(VOEventError, match="is not the event of an alert: it has no survey, alert_id, mjd"):
        from_voevent(VOEvent("ivo://a/b#c"))


def test_an_event_says_where_and_when_in_the_frame_it_names(archive: Archive) -> None:
    event = series(archive)[0]
    alert = {param.name: param.value for _, param in event.params()}
    assert event.coords
    assert event.coords.coord_system_id == "UTC-ICRS-TOPO"
    assert event.coords.position2d
    assert event.coords.position2d.value.c1 == float(alert["ra"] or 0)
    assert event.coords.position2d.value.c2 == float(alert["dec"] or 0)
    assert event.coords.position2d.radius == pytest.approx(1 / 3600)  # the packet gives no error
    assert event.coords.time
    assert event.coords.time.instant
    tai_minus_utc = (
        float(alert["mjd"] or 0)
        - (
            datetime.fromisoformat(event.coords.time.instant.iso_time or "") - datetime(1858, 11, 17)
        ).total_seconds()
        / 86400
    )
    assert tai_minus_utc * 86400 == pytest.approx(37, abs=1e-4)


def test_the_position_error_is_the_larger_standard_error(rendered: list[Packet]) -> None:
    for packet in rendered:
        event = read(packet.content)
        errors = [
            float(param.value or 0) for _, param in event.params() if param.name in ("ra_error", "dec_error")
        ]
        if errors:
            assert event.coords
            assert event.coords.position2d
            assert event.coords.position2d.radius == pytest.approx(max(errors) / 3600, abs=1e-10)


def test_events_of_an_object_follow_one_another(archive: Archive) -> None:
    events = series(archive)
    assert len(events) == 34
    assert events[0].citations is None
    for earlier, later in pairwise(events):
        assert later.citations
        assert [(one.ivorn, one.cite) for one in later.citations.events] == [(earlier.ivorn, "followup")]


def test_the_identifier_names_authority_stream_survey_and_alert(rendered: list[Packet]) -> None:
    for packet in rendered:
        expected = f"ivo://org.example.test/{packet.stream}#{packet.survey}-{packet.alert_id}"
        assert read(packet.content).ivorn == packet.ivorn == expected


def test_simulated_alerts_are_never_observations(archive: Archive, rendered: list[Packet]) -> None:
    rows = archive.query("SELECT survey, alert_id, source FROM payload").to_pylist()
    simulated = {(row["survey"], row["alert_id"]) for row in rows if ".tar.gz" in row["source"]}
    assert len(simulated) == 360
    for packet in rendered:
        expected = "test" if (packet.survey, packet.alert_id) in simulated else "observation"
        assert read(packet.content).role == expected


def test_the_filter_is_told(rendered: list[Packet]) -> None:
    packet = next(packet for packet in rendered if packet.stream == "bright-transient")
    event = read(packet.content)
    assert event.why
    assert event.why.descriptions[0].startswith("Passed the filter bright-transient, version ")
    assert event.why.descriptions[1].startswith("Bright new transient. ")


def test_a_survey_of_which_nothing_is_known_has_events_too() -> None:
    alert = dict.fromkeys(ALERT.names) | {
        "survey": "new", "alert_id": 2**63 - 1, "mjd": 61000.0, "ra": 0.0, "dec": -90.0
    }  # fmt: skip
    event = alert_event(
        alert,
        ivorn=f"ivo://abc/s#new-{2**63 - 1}",
        stream="s",
        version="1",
        created=datetime(2026, 3, 5, tzinfo=UTC),
    )
    assert validate(write(event)) == []
    assert {param.name: param.value for _, param in event.params()}["alert_id"] == "9223372036854775807"


def test_another_version_of_the_filter_supersedes(archive: Archive, rendered: list[Packet]) -> None:
    packet = rendered[0]
    row = archive.alert(packet.survey, packet.alert_id)
    assert row
    made = {"ivorn": packet.ivorn, "stream": packet.stream, "created": datetime(2026, 3, 5, tzinfo=UTC)}
    first = alert_event(row, version="aaaa", **made)
    again = alert_event(row, version="bbbb", supersedes=packet.ivorn, cites="ivo://a.b/c#earlier", **made)
    assert again.ivorn == f"{packet.ivorn}/bbbb"
    assert again.citations
    assert [(one.ivorn, one.cite) for one in again.citations.events] == [
        (packet.ivorn, "supersedes"),
        ("ivo://a.b/c#earlier", "followup"),
    ]
    gone = retraction(again, "A satellite.", date=datetime(2026, 3, 6, tzinfo=UTC))
    assert gone.ivorn == f"{again.ivorn}/retraction"
    for event in (again, gone):
        assert validate(write(event)) == []
    assert in_force([first, again]) == (again,)
    assert in_force([first, again, gone]) == ()
    with pytest.raises(VOEventError, match="not retracted without a reason"):
        retraction(again, " ", date=datetime(2026, 3, 6, tzinfo=UTC))


def test_known_objects_of_the_solar_system_are_typed_so(archive: Archive, rendered: list[Packet]) -> None:
    seen = set()
    for packet in rendered:
        row = archive.alert(packet.survey, packet.alert_id)
        assert row
        types = [one.name for one in event_types(read(packet.content))]
        assert types == (["solar-system"] if row["solar_system"] else [])
        seen.add(bool(types))
    assert seen == {True, False}


def test_identifiers_and_citations_are_the_same_in_an_archive_made_again(
    shared: Path, tmp_path: Path
) -> None:
    everything = compile_filter("everything", "SELECT alert_id FROM alert")
    made = []
    for batch in (3, 64):
        with open_archive(tmp_path / str(batch), authority="org.example.test") as archive:
            run(
                files.read([shared / "alerts/ztf/ZTF21abiuvdk_series"], resume=archive.position, batch=batch),
                archive,
                schemas=default_schemas(),
                filters=[everything],
            )
            events = [read(one.content) for some in packets(archive, batch=7) for one in some]
            made.append(
                [(event.ivorn, event.citations, event.what and event.what.groups[2:]) for event in events]
            )
    assert len(made[0]) == 34
    assert made[0] == made[1]

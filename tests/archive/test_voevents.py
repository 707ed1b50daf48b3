"""Received VOEvents in the archive: asked without XML, each once, all of them accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from tests.archive.postgresql.conftest import fresh_database

from vobroker.alerts.origin import Origin
from vobroker.archive import Archive, ArchiveError, ReceivedPacket, open_archive
from vobroker.archive.balance import faults
from vobroker.archive.copy import copy
from vobroker.archive.places import place
from vobroker.archive.voevents import tabulate

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EVENT = """<?xml version="1.0"?>
<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="observation" ivorn="{ivorn}">
<Who><AuthorIVORN>ivo://org.example/me</AuthorIVORN><Date>2026-01-02T03:04:05</Date></Who>
<What><Param name="snr" value="7.5" ucd="stat.snr"/>
<Group name="g"><Param name="note" value="bright"/></Group></What>
<WhereWhen><ObsDataLocation><ObservatoryLocation id="here"/><ObservationLocation>
<AstroCoordSystem id="{system}"/><AstroCoords coord_system_id="{system}">
<Time unit="s"><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>
<Position2D unit="deg"><Name1>RA</Name1><Name2>Dec</Name2>
<Value2><C1>{ra}</C1><C2>{dec}</C2></Value2><Error2Radius>0.1</Error2Radius></Position2D>
</AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>{more}</v:VOEvent>"""


def packet(number: int = 1, **changed: Any) -> ReceivedPacket:
    """One packet from a broker."""
    told = {
        "ivorn": f"ivo://org.example/stream#{number}",
        "system": "UTC-ICRS-TOPO",
        "time": "2026-01-02T03:04:05",
        "ra": 10.5,
        "dec": -20.25,
        "more": "",
    }
    return ReceivedPacket(
        EVENT.format(**told | changed).encode(), Origin("vtp://broker.example", 0, number), NOW
    )


@pytest.fixture(params=["folder", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive, of the one kind and of the other."""
    if request.param == "folder":
        with open_archive(tmp_path / "archive") as opened:
            yield opened
        return
    with fresh_database("q3c") as url, open_archive(url) as opened:
        yield opened


def add(archive: Archive, *packets: ReceivedPacket) -> list[str]:
    with archive.transaction() as transaction:
        return transaction.add_voevents(packets)


def test_what_a_packet_says_can_be_asked(archive):
    inference = "<Inference><Concept>http://astrothesaurus.org/uat/1668</Concept></Inference>"
    more = f'<Why importance="0.5"><Concept>process.variation</Concept><Name>SN 1</Name>{inference}</Why>'
    more += '<Citations><EventIVORN cite="followup">ivo://org.example/stream#0</EventIVORN></Citations>'
    assert add(archive, packet(more=more)) == ["archived"]
    (row,) = archive.query("SELECT * FROM voevent").to_pylist()
    assert row["packet"] == packet(more=more).content
    wanted = {"number": 1, "stream": "ivo://org.example/stream", "role": "observation", "name": "SN 1"}
    wanted |= {"ra": 10.5, "dec": -20.25, "error_radius": 0.1, "importance": 0.5, "n_citations": 1}
    wanted |= {
        "mjd": Time("2026-01-02T03:04:05", scale="utc").tai.mjd,
        "concept": "process.variation",
        "type": "supernova",
    }
    wanted |= {"received": NOW.replace(tzinfo=None), "authored": datetime(2026, 1, 2, 3, 4, 5)}
    assert {name: row[name] for name in wanted} == wanted
    params = archive.query("SELECT * FROM voevent_param ORDER BY place").to_pylist()
    assert [(one["group_name"], one["name"], one["number"]) for one in params] == [
        (None, "snr", 7.5),
        ("g", "note", None),
    ]
    (citation,) = archive.query("SELECT cite, cited FROM voevent_citation").to_pylist()
    assert citation == {"cite": "followup", "cited": "ivo://org.example/stream#0"}


def test_each_event_is_there_once_and_every_packet_is_accounted_for(archive):
    other = packet(1, ra=11.0)
    broken = ReceivedPacket(b"<VOEvent", Origin("vtp://broker.example", 0, 9), NOW)
    assert add(archive, packet(1), packet(1), packet(2), broken) == [
        *("archived", "duplicate", "archived", "dead"),
    ]
    assert add(archive, packet(2), other, packet(3)) == ["duplicate", "dead", "archived"]
    (ledger,) = archive.query("SELECT received, archived, duplicate, dead FROM ledger").to_pylist()
    assert ledger == {"received": 7, "archived": 3, "duplicate": 2, "dead": 2}
    assert faults(archive) == []
    assert {letter["reason"] for letter in archive.dead_letters()} == {"not-voevent", "conflict"}
    assert archive.query("SELECT max(number) AS n FROM voevent")["n"].to_pylist() == [3]


def test_nothing_is_kept_of_a_transaction_that_fails(archive):
    def broken_off() -> None:
        with archive.transaction() as transaction:
            transaction.add_voevents([packet()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert archive.query("SELECT count(*) AS n FROM voevent")["n"].to_pylist() == [0]
    assert add(archive, packet()) == ["archived"]


def test_events_go_along_when_an_archive_is_copied(archive, tmp_path):
    add(archive, packet(1), packet(2))
    copy(archive, place(tmp_path / "copy"))
    with open_archive(tmp_path / "copy") as other:
        assert other.query("SELECT * FROM voevent").equals(archive.query("SELECT * FROM voevent"))


def test_an_archive_of_an_earlier_version_gets_the_tables(archive):
    with archive.transaction() as transaction:
        for name in ("voevent", "voevent_param", "voevent_citation"):
            transaction._do(f"DROP TABLE {name}")
    where = getattr(archive, "folder", None) or archive.server
    archive.close()
    with pytest.raises(ArchiveError, match="archive upgrade"):
        open_archive(where, read_only=True)
    with open_archive(where, create=False) as opened:
        assert add(opened, packet()) == ["archived"]


@pytest.mark.parametrize(
    ("system", "time", "mjd"),
    [
        ("UTC-ICRS-TOPO", "2017-01-01T00:00:00", 57754 + 37 / 86400),
        ("UTC-ICRS-TOPO", "2016-12-31T23:59:60", 57754 + 36 / 86400),
        ("TT-ICRS-TOPO", "2017-01-01T00:00:32.184", 57754.0),
        ("GPS-ICRS-TOPO", "2017-01-01T00:00:00", 57754 + 19 / 86400),
        ("TDB-ICRS-BARY", "2017-01-01T00:00:32.184", 57754.0),
        ("TT-ICRS-TOPO", "2017-01-01T02:00:00+02:00", 57754 + 37 / 86400),
        ("", "2016-12-31T23:00:00-01:00", 57754 + 37 / 86400),
        ("TCG-ICRS-GEO", "2017-01-01T00:00:00", Time("2017-01-01", scale="tcg").tai.mjd),
        ("UT1-ICRS-GEO", "2017-01-01T00:00:00", Time("2017-01-01", scale="ut1").tai.mjd),
        ("UT1-ICRS-GEO", "2999-01-01T00:00:00", None),
        ("TT", "1503-01-01T00:00:32.184", -129982.0),
        ("ICRS", "2017-01-01T00:00:00", None),
        ("UTC-ICRS-TOPO", "yesterday", None),
        ("UTC-ICRS-TOPO", "2017-02-31T00:00:00", None),
    ],
)
def test_times_are_tai_or_null(system, time, mjd):
    (row,) = tabulate([packet(system=system, time=time)]).events.to_pylist()
    assert row["mjd"] == (mjd if mjd is None else pytest.approx(mjd, abs=3e-8))


@pytest.mark.parametrize(
    ("system", "ra", "dec"), [("UTC-HPC-TOPO", 1, 2), ("UTC-ICRS-TOPO", 10, 91), ("", 1, 2)]
)
def test_what_is_no_place_on_the_sky_is_null(system, ra, dec):
    (row,) = tabulate([packet(system=system, ra=ra, dec=dec)]).events.to_pylist()
    assert (row["ra"], row["dec"], row["healpix"]) == (None, None, None)


@pytest.mark.parametrize("frame", ["FK5", "FK4", "GALACTIC", "ECLIPTIC"])
def test_positions_in_other_frames_become_icrs(frame):
    (row,) = tabulate([packet(system=f"UTC-{frame}-GEO")]).events.to_pylist()
    names = {"ECLIPTIC": "barycentricmeanecliptic"}
    wanted = SkyCoord(10.5, -20.25, unit="deg", frame=names.get(frame, frame.lower())).icrs
    assert (row["ra"], row["dec"]) == pytest.approx((wanted.ra.deg, wanted.dec.deg), abs=1e-6)
    assert row["ra"] != 10.5


def test_frames_that_version_2_1_describes_count():
    described = (
        "<TimeFrame><TimeScale>TT</TimeScale></TimeFrame>"
        "<SpaceFrame><SpaceRefFrame>ICRS</SpaceRefFrame></SpaceFrame>"
    )
    content = packet(system="", time="2017-01-01T00:00:32.184").content
    content = content.replace(
        b'<AstroCoordSystem id=""/>', f"<AstroCoordSystem>{described}</AstroCoordSystem>".encode()
    )
    content = content.replace(b' coord_system_id=""', b"").replace(b'unit="deg"', b'unit="deg-deg"')
    (row,) = tabulate([replace(packet(), content=content)]).events.to_pylist()
    assert (row["mjd"], row["ra"]) == (pytest.approx(57754, abs=3e-8), 10.5)


def test_every_shared_packet_is_read_or_set_aside(shared):
    files = sorted((shared / "voevent").glob("*.xml"))
    packets = [ReceivedPacket(file.read_bytes(), Origin(file.name), NOW) for file in files]
    told = tabulate(packets)
    assert len(told.events) + len(told.dead) == len(files)
    assert len(told.events) >= 8

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io import fits

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.archive import Archive, ArchiveError, QueryStopped, open_archive
from vobroker.archive.rows import jsonable

from .conftest import Ingest, decoded, raw

NOVA = "ZTF21abiuvdk"


@pytest.fixture
def nova(archive: Archive, ingest: Ingest, ztf: list[bytes]) -> Archive:
    """An archive with 34 alerts of one object, in four transactions."""
    for start in range(0, 34, 10):
        ingest(archive, ztf[start : start + 10], start=start)
    return archive


# --- alerts and objects -----------------------------------------------------------------------------


def test_an_alert_has_the_common_columns(nova: Archive) -> None:
    alert = nova.alert("ztf", 1642404680815015001)
    assert alert is not None
    assert tuple(alert) == ALERT.names
    assert alert["object_id"] == NOVA
    assert nova.alert("ztf", 1) is None
    assert nova.alert("lsst", 1642404680815015001) is None


def test_an_alert_has_its_native_columns(nova: Archive) -> None:
    native = nova.native("ztf", 1642404680815015001)
    assert native is not None
    assert native["programid"] == 1
    assert tuple(native) == nova.tables()["ztf"].names
    assert nova.native("lsst", 1) is None


def test_the_latest_come_in_pages_that_do_not_shift(
    nova: Archive, ingest: Ingest, rubin: list[bytes]
) -> None:
    first = nova.latest(10)
    ingest(nova, rubin, "rubin")  # more arrive while somebody turns pages
    second = nova.latest(10, before=first[-1]["sequence"])
    third = nova.latest(100, before=second[-1]["sequence"])
    assert [row["sequence"] for row in [*first, *second, *third]] == list(range(33, -1, -1))
    assert nova.latest(10, before=third[-1]["sequence"]) == []
    assert {row["survey"] for row in nova.latest(5)} == {"lsst"}


def test_an_object_has_its_alerts_by_time(nova: Archive) -> None:
    alerts = nova.alerts_of("ztf", NOVA)
    assert len(alerts) == 34
    assert [row["mjd"] for row in alerts] == sorted(row["mjd"] for row in alerts)
    assert nova.alerts_of("ztf", "ZTF00nothing") == []
    assert nova.object("ztf", "ZTF00nothing") is None


def test_a_light_curve_is_that_of_the_object(nova: Archive) -> None:
    curve = nova.light_curve(NOVA)
    assert (curve.survey, curve.object_id) == ("ztf", NOVA)
    alerts = {row["alert_id"] for row in nova.alerts_of("ztf", NOVA)}
    assert alerts <= set(curve.detections["measurement_id"].to_pylist())
    with pytest.raises(ArchiveError, match="there is no object 'ZTF00nothing' in"):
        nova.light_curve("ZTF00nothing")
    with pytest.raises(ArchiveError, match=f"there is no object '{NOVA}' of lsst in"):
        nova.light_curve(NOVA, "lsst")


# --- packets ----------------------------------------------------------------------------------------


def test_cutouts_come_out_of_the_packet(nova: Archive) -> None:
    stamps = nova.cutouts("ztf", 1642404680815015001)
    assert {stamp.kind for stamp in stamps} == {"difference", "science", "template"}
    assert all(fits.HDUList.fromstring(stamp.fits)[0].data.shape == (63, 63) for stamp in stamps)


def test_what_is_not_there_is_named(nova: Archive) -> None:
    for ask in (nova.packet, nova.cutouts):
        with pytest.raises(ArchiveError, match=r"there is no ztf alert 99 in .*archive$"):
            ask("ztf", 99)


def test_stored_packets_are_read_again_as_the_batches_they_were(
    archive: Archive, ingest: Ingest, ztf: list[bytes], rubin: list[bytes]
) -> None:
    came: list[AlertBatch] = []
    for packets, source in ((ztf[:20], "a"), (rubin, "b"), (ztf[20:], "c")):
        came += ingest(archive, packets, source).batches
    again = list(archive.read_batches())
    assert [batch.survey for batch in again] == ["ztf", "lsst", "ztf"]
    for old, new in zip(came, again, strict=True):
        assert new.alert.equals(old.alert)
        assert new.origin.equals(old.origin)
        assert new.packets == old.packets
        assert new.measurements().equals(old.measurements())
    assert [len(batch) for batch in archive.read_batches("lsst")] == [len(rubin)]


def test_batches_are_chosen_by_time_of_arrival(archive: Archive, ztf: list[bytes]) -> None:
    from vobroker.alerts.decode import decode

    from .conftest import SCHEMAS

    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for hour in range(3):
        batch = raw(ztf[hour : hour + 1], start=hour)
        with archive.transaction() as transaction:
            transaction.add(decode(batch, SCHEMAS, received=noon + timedelta(hours=hour)).batches[0])
    chosen = archive.read_batches(since=noon + timedelta(hours=1), until=noon + timedelta(hours=2))
    assert [batch.packets for batch in chosen] == [[ztf[1]]]


# --- filters and events -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    name: str
    version: str


@dataclass(frozen=True)
class Run:
    """What a filter gives: see :func:`vobroker.filters.run`."""

    filter: Named
    seen: int
    rows: pa.Array
    error: str | None = None


def passed(archive: Archive, packets: list[bytes], rows: list[int], stream: str = "novae") -> None:
    with archive.transaction() as transaction:
        fresh, _ = transaction.add(decoded(raw(packets)).batches[0])
        assert fresh is not None
        run = Run(Named(stream, "v1"), len(fresh), pa.array(rows, pa.int32()))
        transaction.add_matches([run], fresh)


def test_an_event_cites_the_one_before_of_the_object_in_the_stream(
    archive: Archive, ztf: list[bytes]
) -> None:
    passed(archive, ztf[:3], [0, 2])
    passed(archive, ztf[3:6], [1], stream="bright")
    passed(archive, ztf[6:9], [0])
    events = archive.events()
    assert [row["sequence"] for row in events] == [1, 2, 3, 4]
    name = "ivo://org.example.vobroker/{}#ztf-{}"
    assert [row["ivorn"] for row in events] == [name.format(row["stream"], row["alert_id"]) for row in events]
    assert [row["cites"] for row in events] == [None, events[0]["ivorn"], None, events[1]["ivorn"]]
    assert [row["sequence"] for row in archive.events("novae", after=1)] == [2, 4]
    assert archive.event(events[2]["ivorn"]) == events[2]
    assert archive.event("ivo://nobody/nothing") is None


def test_the_authority_of_events_can_be_chosen(tmp_path: Path, ztf: list[bytes]) -> None:
    with open_archive(tmp_path, authority="edu.example.observatory") as archive:
        passed(archive, ztf[:1], [0])
        assert archive.events()[0]["ivorn"] == "ivo://edu.example.observatory/novae#ztf-1642404680815015001"


def test_seen_is_passed_and_rejected_and_failed(archive: Archive, ztf: list[bytes]) -> None:
    with archive.transaction() as transaction:
        fresh, _ = transaction.add(decoded(raw(ztf)).batches[0])
        assert fresh is not None
        runs = [
            Run(Named("novae", "v1"), 34, pa.array([0, 5, 33], pa.int32())),
            Run(Named("broken", "v2"), 34, pa.array([], pa.int32()), "overflow"),
            Run(Named("nothing", "v1"), 34, pa.array([], pa.int32())),
        ]
        transaction.add_matches(runs, fresh)
    lines = archive.filter_ledger().to_pylist()
    assert all(row["seen"] == row["passed"] + row["rejected"] + row["failed"] for row in lines)
    nights = archive.query("SELECT night, count(*) AS n FROM alert GROUP BY night").to_pylist()
    assert len(lines) == 3 * len(nights)
    total = {
        name: tuple(
            sum(row[count] for row in lines if row["filter"] == name)
            for count in ("seen", "passed", "rejected", "failed")
        )
        for name in ("novae", "broken", "nothing")
    }
    assert total == {"novae": (34, 3, 31, 0), "broken": (34, 0, 0, 34), "nothing": (34, 0, 34, 0)}


# --- queries ----------------------------------------------------------------------------------------


def test_a_query_has_limits(nova: Archive) -> None:
    assert nova.query("SELECT * FROM alert", rows=7).num_rows == 7
    with pytest.raises(QueryStopped, match=r"stopped after 0\.2 s"):
        nova.query("SELECT count(*) FROM range(10000000000) a, range(1000) b", seconds=0.2)
    assert nova.query("SELECT 1 AS one", seconds=10).to_pylist() == [{"one": 1}]


@pytest.mark.parametrize(
    "sql", ["FROM read_csv('/etc/passwd')", "ATTACH '/tmp/other.duckdb'", "INSTALL httpfs", "FROM nova"]
)
def test_a_query_reaches_nothing_but_the_archive(nova: Archive, sql: str) -> None:
    with pytest.raises(ArchiveError, match="the query failed"):
        nova.query(sql)


def test_readers_see_whole_transactions_while_another_thread_writes(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            (row,) = archive.query(
                "SELECT (SELECT count(*) FROM alert) AS alerts, (SELECT count(*) FROM payload) AS packets"
            ).to_pylist()
            seen.append((row["alerts"], row["packets"]))

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, 34, 5):
        ingest(archive, ztf[start : start + 5], start=start)
    done.set()
    reader.join()
    assert seen
    assert all(alerts == packets and (alerts % 5 == 0 or alerts == 34) for alerts, packets in seen)
    assert seen == sorted(seen)


def test_an_archive_is_not_made_by_reading(tmp_path: Path) -> None:
    for options in ({"read_only": True}, {"create": False}):
        with pytest.raises(ArchiveError, match=f"there is no archive in {tmp_path}/none"):
            open_archive(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


def test_several_readers_share_an_archive(tmp_path: Path, ingest: Ingest, ztf: list[bytes]) -> None:
    with open_archive(tmp_path) as archive:
        ingest(archive, ztf[:2])
    with open_archive(tmp_path, read_only=True) as archive:
        assert len(archive.latest(5)) == 2
        with pytest.raises(ArchiveError, match="read-only"), archive.transaction() as transaction:
            transaction.set_positions({("a", 0): 1})


def test_a_closed_archive_is_free_for_other_processes(tmp_path: Path) -> None:
    archive = open_archive(tmp_path)
    reader = threading.Thread(target=archive.ledger)
    reader.start()
    reader.join()
    archive.close()
    other = "import sys; from pathlib import Path; from vobroker.archive import open_archive\n"
    other += "open_archive(Path(sys.argv[1])).close()"
    subprocess.run([sys.executable, "-c", other, tmp_path], check=True)


def test_rows_for_json_keep_every_digit(nova: Archive) -> None:
    row = nova.latest(1)[0]
    told = jsonable(row | {"flux": float("nan")}, ALERT)
    assert told["alert_id"] == str(row["alert_id"])
    assert told["healpix"] == str(row["healpix"])
    assert told["n_detections"] == row["n_detections"]
    assert told["flux"] is None
    assert datetime.fromisoformat(told["received"]).tzinfo == UTC

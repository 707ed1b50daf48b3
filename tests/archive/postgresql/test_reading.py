"""Results that are taken as they come, from the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from tests.archive.conftest import Ingest

from vobroker.archive import Archive, ArchiveError, QueryStopped, open_archive

Ask = Callable[..., list[tuple[Any, ...]]]


SLOW = "SELECT count(*) AS n FROM generate_series(1, 2000000000) AS n"


def running(server: Ask) -> int:
    """How many queries of vobroker run in the server."""
    ((number,),) = server(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        " AND pid <> pg_backend_pid() AND application_name = 'vobroker'"
    )
    return int(number)


def soon(told: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something becomes true."""
    end = time.monotonic() + seconds
    while not told():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_the_first_rows_come_while_the_query_runs_and_leaving_it_stops_it(
    archive: Archive, server: Ask
) -> None:
    with archive.read("SELECT a.relname, b.relname AS other FROM pg_class a, pg_class b, pg_class c") as rows:
        first = next(iter(rows))
        assert 0 < len(first) < 100_000
        assert running(server) == 1
    assert soon(lambda: running(server) == 0)


def test_memory_does_not_grow_with_the_rows(archive: Archive) -> None:
    counted, most = 0, 0
    with archive.read("SELECT n, n * 0.5e0 AS half FROM generate_series(1, $1) AS n", [1_000_000]) as rows:
        for batch in rows:
            counted += len(batch)
            most = max(most, pa.total_allocated_bytes())
    assert counted == 1_000_000
    assert most < 32 * 2**20


def test_a_cancelled_query_stops_in_the_server(archive: Archive, server: Ask) -> None:
    with archive.read(SLOW) as rows:
        timer = threading.Timer(0.3, rows.cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(QueryStopped, match="the query was stopped"):
            list(rows)
        assert time.monotonic() - began < 5
        timer.join()
    assert soon(lambda: running(server) == 0)
    assert archive.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_query_can_be_cancelled_before_it_begins_and_after_it_has_ended(archive: Archive) -> None:
    with archive.read("SELECT 1 AS one") as rows:
        rows.cancel()
        with pytest.raises(QueryStopped):
            list(rows)
    rows.cancel()
    with archive.read("SELECT 1 AS one") as again:
        assert [len(batch) for batch in again] == [1]
    again.cancel()


def test_a_query_has_limits_of_rows_and_time(archive: Archive, server: Ask) -> None:
    assert archive.query("SELECT * FROM generate_series(1, 50) AS n", rows=7).num_rows == 7
    with pytest.raises(QueryStopped, match=r"^the query was stopped after 0\.2 s$"):
        archive.query(SLOW, seconds=0.2)
    assert soon(lambda: running(server) == 0)
    assert archive.query("SELECT 1 AS one", seconds=10).to_pylist() == [{"one": 1}]
    # The limit is gone with the query that had it.
    assert archive.query("SELECT current_setting('statement_timeout') AS t").to_pylist() == [{"t": "0"}]


def test_lent_tables_are_there_for_one_query(archive: Archive, ingest: Ingest, ztf: list[bytes]) -> None:
    ingest(archive, ztf[:3])
    (alert_id,) = (row["alert_id"] for row in archive.latest(1))
    mine = pa.table({"id": pa.array([alert_id, 2, 3], pa.int64()), "name": ["a", None, "c"]})
    sql = "SELECT alert_id, name FROM alert JOIN lent_1 ON alert_id = id WHERE survey = $1"
    for _ in range(2):
        with archive.read(sql, ["ztf"], lent={"lent_1": mine}) as rows:
            assert [row for batch in rows for row in batch.to_pylist()] == [
                {"alert_id": alert_id, "name": "a"}
            ]
    with archive.read("SELECT id FROM lent_1") as rows, pytest.raises(ArchiveError, match="lent_1"):
        list(rows)


def test_lent_tables_of_every_type(archive: Archive) -> None:
    mine = pa.table(
        {
            "flag": pa.array([True, None]),
            "small": pa.array([1, None], pa.int16()),
            "whole": pa.array([2, None], pa.int32()),
            "big": pa.array([2**62, None], pa.int64()),
            "real": pa.array([0.5, None], pa.float32()),
            "double": pa.array([float("nan"), float("inf")]),
            "text": pa.array(["é'\"", None]),
            "raw": pa.array([b"\0\1", None]),
            "many": pa.array([[1.0, 2.0], None], pa.list_(pa.float64())),
        }
    )
    with archive.read("SELECT * FROM lent_1", lent={"lent_1": mine}) as rows:
        found = [row for batch in rows for row in batch.to_pylist()]
    assert repr(found) == repr(mine.to_pylist())


def test_a_failing_query_tells_why_in_one_sentence(archive: Archive) -> None:
    wrong = "SELECT CAST('x' || n AS integer) AS n FROM generate_series(1, 9) AS n"
    sentence = r'^the query failed: invalid input syntax for type integer: "x1"$'
    with pytest.raises(ArchiveError, match=sentence):
        archive.query(wrong)
    with archive.read(wrong) as rows, pytest.raises(ArchiveError, match=sentence):
        list(rows)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM alert RETURNING 1",
        "CREATE TABLE mine (a integer)",
        "SELECT nextval('packet_head_id_seq')",
    ],
)
def test_a_query_only_reads(archive: Archive, sql: str) -> None:
    with pytest.raises(ArchiveError, match="the query failed"):
        archive.query(sql)
    with archive.read(sql) as rows, pytest.raises(ArchiveError, match="the query failed"):
        list(rows)


def test_a_reader_sees_whole_batches_only(database: str, ingest: Ingest, ztf: list[bytes]) -> None:
    """A result that has begun does not change, however many batches are committed meanwhile."""
    with open_archive(database) as writer, open_archive(database, read_only=True) as reader:
        ingest(writer, ztf[:5])
        with reader.read(
            "SELECT alert_id, repeat('x', 100000) AS t FROM alert, generate_series(1, 200)"
        ) as rows:
            taken = iter(rows)
            counted = len(next(taken))
            ingest(writer, ztf[5:10], start=5)
            counted += sum(len(batch) for batch in taken)
        assert counted == 1000
        seen: set[tuple[int, int, int]] = set()
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                (row,) = reader.query(
                    "SELECT (SELECT count(*) FROM alert) AS a, (SELECT count(*) FROM arrival) AS b,"
                    " (SELECT count(*) FROM payload) AS c"
                ).to_pylist()
                seen.add((row["a"], row["b"], row["c"]))

        thread = threading.Thread(target=look)
        thread.start()
        for start in range(10, 30, 5):
            ingest(writer, ztf[start : start + 5], start=start)
        done.set()
        thread.join()
        assert seen
        assert all(a == b == c and a % 5 == 0 for a, b, c in seen)
        assert reader.query("SELECT * FROM alert").num_rows == 30


def test_a_lost_session_is_replaced(archive: Archive, server: Ask, ingest: Ingest, ztf: list[bytes]) -> None:
    ingest(archive, ztf[:2])
    assert len(archive.latest(10)) == 2
    server(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    assert len(archive.latest(10)) == 2
    ingest(archive, ztf[2:4], start=2)
    assert len(archive.latest(10)) == 4

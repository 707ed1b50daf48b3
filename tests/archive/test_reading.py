"""Results that are taken as they come."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest

from vobroker.archive import Archive, ArchiveError, QueryStopped, open_archive

ENDLESS = "SELECT a.range FROM range(10000000) a, range(1000000) b WHERE (a.range * b.range) % 7919 = 3"


@pytest.fixture
def archive(tmp_path) -> Archive:
    with open_archive(tmp_path) as found:
        yield found


def test_the_first_rows_come_while_the_query_runs(archive):
    with archive.read(ENDLESS) as rows:
        first = next(iter(rows))
    assert 0 < len(first) <= 16_384


def test_memory_does_not_grow_with_the_rows(archive):
    counted, most = 0, 0
    with archive.read("SELECT range, range * 0.5e0 AS half FROM range($1)", [5_000_000]) as rows:
        for batch in rows:
            counted += len(batch)
            most = max(most, pa.total_allocated_bytes())
    assert counted == 5_000_000
    assert most < 16 * 2**20


def test_a_cancelled_query_stops_soon(archive):
    slow = "SELECT count(*) FROM range(10000000) a, range(1000000) b WHERE (a.range * b.range) % 7919 = 3"
    with archive.read(slow) as rows:
        threading.Timer(0.2, rows.cancel).start()
        began = time.monotonic()
        with pytest.raises(QueryStopped):
            list(rows)
    assert time.monotonic() - began < 5


def test_a_query_can_be_cancelled_before_it_begins_and_after_it_has_ended(archive):
    with archive.read("SELECT 1") as rows:
        rows.cancel()
        with pytest.raises(QueryStopped):
            list(rows)
    rows.cancel()


def test_lent_tables_are_there_for_one_query(archive):
    mine = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"]})
    with archive.read("SELECT id FROM lent_1 WHERE name IS NOT NULL", lent={"lent_1": mine}) as rows:
        assert [v for batch in rows for v in batch["id"].to_pylist()] == [1, 3]
    with archive.read("SELECT id FROM lent_1") as rows, pytest.raises(ArchiveError, match="lent_1"):
        list(rows)


def test_a_failing_query_tells_why(archive):
    wrong = "SELECT CAST('x' || range AS INTEGER) FROM range(10)"
    with archive.read(wrong) as rows, pytest.raises(ArchiveError, match="the query failed"):
        list(rows)

"""Whoever asks while two others write sees whole batches, on either engine."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from tests.archive.conftest import decoded

from vobroker.alerts.packets import RawBatch
from vobroker.archive import Archive, open_archive
from vobroker.archive.balance import faults
from vobroker.filters import compile_filter
from vobroker.pipeline.river import Counts, commit
from vobroker.sources.simulator import as_raw_batches, simulate

BATCHES = 10
COUNTED = ("alert", "payload", "object", "measurement", "event")
ASK = "SELECT {}".format(
    ", ".join(
        f"(SELECT count(*) FROM {table} WHERE survey = '{survey}') AS {survey}_{table}"
        for survey in ("ztf", "lsst")
        for table in COUNTED
    )
)
ALSO_ARRIVED = ", (SELECT count(*) FROM arrival) AS arrived"


@pytest.fixture(scope="module")
def nights() -> dict[str, list[RawBatch]]:
    """Batches of two surveys, whose rows are then counted apart."""
    options = {"seed": 8, "visits": 5, "alerts_per_visit": 10, "history_nights": 10, "cutouts": False}
    return {survey: list(as_raw_batches(simulate(survey, **options), batch=5)) for survey in ("ztf", "lsst")}


def put(archive: Archive, batch: RawBatch) -> None:
    passing = compile_filter("some", "-- Some\nSELECT alert_id FROM alert WHERE mag < 21")
    commit(batch, decoded(batch), archive, [passing], Counts())


def seen(archive: Archive, sql: str = ASK) -> dict[str, tuple[int, ...]]:
    (row,) = archive.query(sql).to_pylist()
    told = {survey: tuple(row[f"{survey}_{table}"] for table in COUNTED) for survey in ("ztf", "lsst")}
    if "arrived" in row:
        assert row["arrived"] == told["ztf"][0] + told["lsst"][0]
    return told


@pytest.fixture(scope="module")
def states(
    nights: dict[str, list[RawBatch]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tuple[int, ...]]]:
    """What there is of each survey after each of its batches."""
    told: dict[str, list[tuple[int, ...]]] = {}
    with open_archive(tmp_path_factory.mktemp("one after another")) as archive:
        for survey, batches in nights.items():
            told[survey] = [seen(archive)[survey]]
            for batch in batches:
                put(archive, batch)
                told[survey].append(seen(archive)[survey])
    assert all(len(set(rows)) == BATCHES + 1 for rows in told.values())
    return told


def test_every_count_is_that_after_some_batch(
    either: Archive, nights: dict[str, list[RawBatch]], states: dict[str, list[tuple[int, ...]]]
) -> None:
    sql = ASK if either.platform == "duckdb" else ASK + ALSO_ARRIVED
    others = [either] if either.platform == "duckdb" else [open_archive(either.server) for _ in range(2)]  # type: ignore[attr-defined]
    looked: list[dict[str, tuple[int, ...]]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            looked.append(seen(either, sql))

    def write(archive: Archive, batches: list[RawBatch]) -> None:
        for batch in batches:
            put(archive, batch)

    reader = threading.Thread(target=look)
    writers = [
        threading.Thread(target=write, args=(others[number % len(others)], batches))
        for number, batches in enumerate(nights.values())
    ]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    for archive in others:
        if archive is not either:
            archive.close()

    assert seen(either, sql) == {survey: rows[-1] for survey, rows in states.items()}
    places = [
        {survey: states[survey].index(told[survey]) for survey in states}
        for told in looked  # raises where a state is none
    ]
    assert len({tuple(place.values()) for place in places}) > BATCHES // 2
    assert all(before[survey] <= after[survey] for before, after in pairwise(places) for survey in states)
    assert faults(either) == []

"""The nightly load: every layout of every engine gives the rows that were left, and ends with the same."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench.nightly import pages
from bench.nightly.conduct import Run, VisitError, go_on, store_of
from bench.nightly.design import Design
from bench.nightly.layouts import LAYOUTS, layout
from bench.nightly.packing import pack, unpack
from bench.nightly.sky import SOURCE, Sky, associate
from bench.visits import SERVERS

SMALL = Design(fields=2, objects=600, detections=30, yearly=3, new=0.1)
SERVER = f"postgresql://vobroker@/postgres?host={str(SERVERS).replace('/', '%2F')}"
EVERY = [(engine, each.name) for engine, known in LAYOUTS.items() for each in known]


def make(folder: Path, engine: str, name: str, visits: int, **more: int) -> Run:
    return go_on(
        folder, engine, layout(engine, name), SMALL, server=SERVER, visits=visits, seconds=60, **more
    )


@pytest.fixture
def reference() -> Sky:
    """The sky after eight visits, without a database; the history is full after six."""
    sky = Sky(SMALL)
    for _ in range(8):
        visit = sky.observe()
        sky.apply(visit, associate(visit, sky.reference(visit), sky.next_number(visit)))
    return sky


@pytest.mark.parametrize(("engine", "name"), EVERY)
def test_a_database_has_what_was_left_in_it_and_goes_on(tmp_path, reference, engine, name):
    try:
        make(tmp_path, engine, name, 5)
        run = make(tmp_path, engine, name, 3)
        store = store_of(engine, layout(engine, name), tmp_path, SERVER)
        counts = store.counts()
        store.close()
    finally:
        store_of(engine, layout(engine, name), tmp_path, SERVER).drop()
    assert run.done == 8
    assert [visit["number"] for visit in run.visits] == list(range(8))
    assert counts["objects"] == len(reference)
    assert counts["sources"] == reference.totals["sources"] == 8 * 30
    assert counts["forced"] == reference.totals["forced"] > 0
    assert counts["versions"] == reference.totals["versions"]


def test_most_detections_find_their_object(reference):
    share = reference.totals["associated"] / reference.totals["sources"]
    assert 0.85 < share < 1


def test_visits_that_are_only_written_leave_the_same(tmp_path):
    run = make(tmp_path, "duckdb", "best", 6, every=3)
    assert [visit["number"] for visit in run.visits] == [2, 5]


def test_a_run_that_was_broken_off_is_not_gone_on_with(tmp_path):
    make(tmp_path, "duckdb", "best", 1)
    (tmp_path / "sky.npz").unlink()
    with pytest.raises(VisitError, match="broken off"):
        make(tmp_path, "duckdb", "best", 1)


def test_a_database_that_lost_rows_is_found_out(tmp_path):
    make(tmp_path, "duckdb", "best", 2)
    store = store_of("duckdb", layout("duckdb", "best"), tmp_path, SERVER)
    names = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'source%'"
    for (table,) in store.db.execute(names).fetchall():  # type: ignore[attr-defined]
        store.db.execute(f"DELETE FROM {table} WHERE visit = 0")  # type: ignore[attr-defined]
    store.close()
    with pytest.raises(VisitError, match="sources"):
        make(tmp_path, "duckdb", "best", 1)


@pytest.mark.parametrize("form", ["bytes", "arrays"])
def test_packed_measurements_come_back_as_they_were(form):
    sky = Sky(SMALL)
    visit = sky.observe()
    rows = associate(visit, sky.reference(visit), sky.next_number(visit)).sources
    names = [name for name in SOURCE.names if name != "band"]
    assert (
        unpack(pack(rows, form), SOURCE, names).combine_chunks().equals(rows.select(names).combine_chunks())
    )


@pytest.mark.parametrize("slope", [0.0, 1e-4])
def test_the_fit_finds_the_growth_that_is_there(slope):
    noise = np.random.default_rng(1).normal(0, 0.01, 400)
    design = asdict(Design(fields=1, objects=600, detections=30, yearly=100))
    visits = [
        {"number": n, "objects": 0.5 + slope * n + noise[n], "history": 0, "associate": 0, "write": 0}
        for n in range(400)
    ]
    level, found, error = pages.fit(Run("duckdb", "naive", design, visits=visits))
    assert found == pytest.approx(slope, abs=4 * error)
    assert level == pytest.approx(0.5, abs=0.02)

"""The nightly load: every layout of every engine gives the rows that were left, and ends with the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.nightly import figures
from bench.nightly.conduct import Run, VisitsError
from bench.nightly.design import Design
from bench.nightly.layouts import LAYOUTS
from bench.nightly.packing import pack, unpack
from bench.nightly.sky import SOURCE, Sky, associate
from bench.visits import SERVER

SMALL = Design(fields=2, objects=600, detections=30, yearly=2, new=0.1)
EVERY = [(engine, each.name) for engine, known in LAYOUTS.items() for each in known]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run whose databases go when the test has ended."""
    made = Run(tmp_path, SERVER)
    yield made
    made.forget()
    made.close()


def test_every_layout_gives_what_was_left_in_it_and_goes_on(run, tmp_path):
    run.begin(SMALL, EVERY)
    assert run.go_on(3, every=1) == 3
    run.close()
    again = Run(tmp_path, SERVER)
    again.resume()
    assert again.go_on(3, every=1) == 3
    result = again.result()
    again.close()
    assert result["visits"] == 6
    assert len(result["stores"]) == len(EVERY)
    assert result["totals"]["sources"] == 6 * 30
    assert 0.8 < result["totals"]["associated"] / result["totals"]["sources"] < 1
    for store in result["stores"].values():
        assert [visit for visit, *_ in store["measured"]] == list(range(6))
    assert len(figures.rows(result)) == len(EVERY)


def test_visits_that_are_only_written_are_not_measured(run):
    run.begin(SMALL, [("duckdb", "best")])
    run.go_on(6, every=3)
    (store,) = run.result()["stores"].values()
    assert [visit for visit, *_ in store["measured"]] == [0, 1]


def test_a_database_that_lost_rows_is_found_out(run):
    run.begin(SMALL, [("duckdb", "naive")])
    run.go_on(2, every=1)
    (store,) = run.stores.values()
    store.db.execute("DELETE FROM source WHERE visit = 0")  # type: ignore[attr-defined]
    with pytest.raises(VisitsError, match="sources"):
        run.go_on(1, every=1)


def test_a_folder_holds_one_run(run):
    run.begin(SMALL, [("duckdb", "best")])
    with pytest.raises(VisitsError, match="holds a run"):
        run.begin(SMALL, [("duckdb", "best")])


@pytest.mark.parametrize("form", ["bytes", "arrays"])
def test_packed_measurements_come_back_as_they_were(form):
    sky = Sky(SMALL)
    visit = sky.observe()
    rows = associate(visit, sky.reference(visit), sky.next_number(visit)).sources
    names = [name for name in SOURCE.names if name != "band"]
    again = unpack(pack(rows, form), SOURCE, names)
    assert again.combine_chunks().equals(rows.select(names).combine_chunks())


@pytest.mark.parametrize("slope", [0.0, 1e-4])
def test_the_fit_finds_the_growth_that_is_there(slope):
    noise = np.random.default_rng(1).normal(0, 0.01, 400)
    seconds = 0.5 + slope * np.arange(400) + noise
    store = {"measured": [[number, one, 0, 0, 0, 0, 0] for number, one in enumerate(seconds)]}
    level, found, error = figures.fit(store, full=100)
    assert found == pytest.approx(slope, abs=4 * error)
    assert level == pytest.approx(0.5, abs=0.02)

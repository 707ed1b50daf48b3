"""What a filter may cost: one that costs more fails by itself, and holds up no other."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from vobroker.alerts.batch import AlertBatch
from vobroker.filters import Budget, Filter, Standing, compile_filter, run
from vobroker.filters.budget import PAUSE, TOO_OFTEN
from vobroker.filters.run import TOGETHER
from vobroker.filters.scan import Scan


def filters(number: int) -> list[Filter]:
    return [compile_filter(f"f{n}", f"SELECT mag FROM alert WHERE snr > {n / 100}") for n in range(number)]


SLOW = compile_filter("slow", "SELECT mag FROM alert WHERE mag < 50")
FAILING = compile_filter("bad", "SELECT mag FROM alert WHERE CAST(object_id AS INTEGER) > 1")


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Names of the filters of each set that is run, as they come; any with the slow one runs out of time."""
    asked: list[list[str]] = []
    usual = Scan.run

    def timed(self: Scan, table: object, seconds: float, *slices: int) -> object:
        asked.append([f.name for f in self.filters])
        if SLOW in self.filters:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        return usual(self, table, seconds, *slices)

    monkeypatch.setattr(Scan, "run", timed)
    return asked


def test_more_filters_than_a_set_answer_in_their_order(supernova: AlertBatch) -> None:
    many = filters(2 * TOGETHER + 3)
    answers = run(many, supernova)
    assert [answer.filter for answer in answers] == many
    snr = supernova.alert["snr"].to_numpy()
    for n in (0, TOGETHER, 2 * TOGETHER + 2):
        assert len(answers[n].rows) == (snr > n / 100).sum()


def test_a_failed_filter_runs_apart_until_it_succeeds(supernova: AlertBatch, sets: list[list[str]]) -> None:
    standing = Standing()
    both = [FAILING, *filters(2)]
    for _ in range(2):
        failed, *others = run(both, supernova, standing=standing)
        assert failed.error
        assert not any(answer.error for answer in others)
    assert sets == [["bad", "f0", "f1"], ["bad"], ["f0"], ["f1"], ["f0", "f1"], ["bad"]]
    standing.note(FAILING, None)
    assert not standing.apart(FAILING)


def test_a_filter_that_is_always_too_slow_is_left_out_for_a_while(
    supernova: AlertBatch, sets: list[list[str]]
) -> None:
    standing = Standing()
    both = [SLOW, *filters(1)]
    errors = [run(both, supernova, standing=standing)[0].error for _ in range(TOO_OFTEN + PAUSE + 1)]
    assert errors[0] == "took longer than 2 s"
    left_out = f"was too slow on {TOO_OFTEN} batches in a row; batches until it is tried again: "
    assert errors[TOO_OFTEN] == f"{left_out}{PAUSE}"
    assert errors[-2] == f"{left_out}1"
    assert errors[-1] == errors[0]
    assert sum("slow" in names for names in sets) == 1 + TOO_OFTEN + 1


def test_the_time_of_a_filter_is_limited(supernova: AlertBatch) -> None:
    hard = " + ".join(f"SIN(POWER(mag, 1.{n}))" for n in range(90))
    filters = [compile_filter("hard", f"SELECT mag FROM alert WHERE {hard} > 0")]
    batch = supernova.take(pa.array(list(range(len(supernova))) * 2000))
    (answer,) = run(filters, batch, budget=Budget(seconds=0.01), standing=_failed(filters[0]))
    assert answer.error == "took longer than 0.01 s"


def _failed(filter_: Filter) -> Standing:
    standing = Standing()
    standing.note(filter_, "it failed")
    return standing


def test_more_alerts_than_the_budget_are_a_failure_and_not_cut(supernova: AlertBatch) -> None:
    many, few = run(
        [
            compile_filter("many", "SELECT mag FROM alert"),
            compile_filter("few", "SELECT mag FROM alert WHERE mag < 0"),
        ],
        supernova,
        budget=Budget(rows=3),
    )
    assert many.error == f"let {len(supernova)} alerts of a batch pass, more than its budget of 3"
    assert len(many.rows) == 0
    assert few.error is None


def test_the_size_of_what_is_selected_is_limited(supernova: AlertBatch) -> None:
    wide = compile_filter("wide", f"SELECT '{'x' * 1000}' || object_id AS x FROM alert")
    (answer,) = run([wide], supernova, budget=Budget(nbytes=10_000))
    assert answer.error is not None
    assert "more than its budget of 10,000" in answer.error

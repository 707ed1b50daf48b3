"""The worst that a filter may ask of the engine: refused, or over when its time is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vobroker.adql import AdqlError
from vobroker.alerts.batch import AlertBatch
from vobroker.filters import Budget, Standing, compile_filter, run

WORST = f"'{'a' * 9000}' || object_id LIKE '%{'a' * 250}_b%'"
"""At each place of a long text the whole pattern is compared in vain; nothing interrupts the engine there."""


def test_the_worst_pattern_ends_with_its_time(supernova: AlertBatch) -> None:
    slow = compile_filter("slow", f"SELECT mag FROM alert WHERE {WORST}")
    batch = supernova.take(pa.array(list(range(len(supernova))) * 500))
    standing = Standing(weighing=True)
    run([compile_filter("before", "SELECT mag FROM alert")], supernova, standing=standing)
    quick = compile_filter("quick", "SELECT mag FROM alert WHERE mag < 99")
    late, other = run([slow, quick], batch, budget=Budget(seconds=0.05), standing=standing)
    assert late.error == "took longer than 0.05 s"
    assert late.seconds < other.seconds + 5  # not the minutes that the whole batch would take
    assert len(other.rows) == len(batch)


@pytest.mark.parametrize(
    "pattern",
    ["'%' || band", f"'{'%a_' * 100}'", "LOWER('%A')", "object_id"],
    ids=["sum", "long", "call", "name"],
)
def test_a_pattern_is_a_short_text_in_quotes(pattern: str) -> None:
    for like in ("LIKE", "ILIKE"):
        with pytest.raises(AdqlError, match=f"A filter's {like} has a pattern in quotes"):
            compile_filter("f", f"SELECT mag FROM alert WHERE object_id {like} {pattern}")


@pytest.mark.parametrize("name", ["SQRT", "ASIN", "LOG"])
def test_functions_are_not_nested_until_the_engine_chokes(name: str) -> None:
    def nested(depth: int) -> str:
        return f"SELECT mag FROM alert WHERE {f'{name}(' * depth}mag{')' * depth} > 0"

    compile_filter("f", nested(4))
    with pytest.raises(AdqlError, match="too much for the engine"):
        compile_filter("f", nested(30))


def test_a_newcomer_is_judged_alone_first_and_then_with_the_others(supernova: AlertBatch) -> None:
    standing = Standing(weighing=True)
    old, new = (
        compile_filter(name, f"SELECT mag FROM alert WHERE snr > {snr}")
        for name, snr in (("old", 5), ("new", 6))
    )
    run([old], supernova, standing=standing)
    key = (new.name, new.version)
    assert standing.to_run_alone([old, new]) == ({key}, set())
    assert standing.to_run_alone([old, new]) == (set(), set())
    (first, second) = run([old, new], supernova, standing=standing)
    assert (first.error, second.error) == (None, None)
    assert first.seconds > 0 < second.seconds

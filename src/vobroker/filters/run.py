"""Filters on a batch: they share its columns, and a scan of it answers many at once.

Of the native table only the columns that some filter names are decoded. Filters are judged in sets, each one
statement that is prepared once and run on batch after batch, as many sets at a time as there are cores. If a
set fails, each of its filters is run alone, so a failing one fails alone; from then on it runs after the
others, until it succeeds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.enrich import Found
from vobroker.filters.budget import Budget, Standing
from vobroker.filters.compile import Filter
from vobroker.filters.scan import prepared, schema_of

TOGETHER = 64
"""Filters of a set: the engine's own work grows with the square of it."""

SECONDS = 10.0
"""Time that a set may take for one batch; then each of its filters is run alone."""

SLICE = 32
"""Alerts at a time for a filter that is run alone: the engine is interrupted between two slices only."""

DEFAULT = Budget()


@dataclass(frozen=True, slots=True)
class FilterRun:
    """What one filter made of one batch.

    Attributes
    ----------
    filter
        The filter.
    seen
        Alerts that it was shown.
    rows
        Row numbers in the batch of the alerts that passed (int32), ascending.
    result
        The selected columns of these rows, in the same order.
    error
        Why it failed, in one sentence; None when it did not. A failed filter passes nothing.
    seconds
        Time that it took; of filters that ran together, its part of theirs.
    paused
        Whether it was not asked at all, since it was too slow too often.
    """

    filter: Filter
    seen: int
    rows: pa.Array
    result: pa.Table
    error: str | None = None
    seconds: float = 0.0
    paused: bool = False


def run(
    filters: Sequence[Filter],
    batch: AlertBatch,
    found: Mapping[str, Found] | None = None,
    *,
    budget: Budget = DEFAULT,
    standing: Standing | None = None,
) -> list[FilterRun]:
    """Run filters on a batch.

    Parameters
    ----------
    filters
        Those over another survey's native table do not see the batch and are left out of the answer.
    batch
        Alerts.
    found
        What is known of the alerts besides, by the name of its table.
    budget
        What each filter may cost that has no budget of its own.
    standing
        How filters did on earlier batches, which this one is added to.
    """
    standing = Standing() if standing is None else standing
    found = found or {}
    chosen = [f for f in filters if f.survey in (None, batch.survey)]
    if not len(batch):
        return [_empty(f, 0, None) for f in chosen]
    lacking = _lacking(chosen, batch, found)
    answers = {n: _empty(chosen[n], len(batch), why) for n, why in lacking.items()}
    for n, f in enumerate(chosen):
        if n not in answers and (why := standing.paused(f)):
            answers[n] = replace(_empty(f, len(batch), why), paused=True)
    whole = [n for n in range(len(chosen)) if n not in answers]
    if whole:
        table = _table([chosen[n] for n in whole], batch, found)
        new, weighed = standing.to_run_alone([chosen[n] for n in whole])
        apart = [n for n in whole if standing.apart(chosen[n]) or _key(chosen[n]) in new]
        others = [n for n in whole if n not in apart]
        besides = [n for n in others if _key(chosen[n]) in weighed]
        sets = [others[at : at + TOGETHER] for at in range(0, len(others), TOGETHER)]

        def judge(numbers: Sequence[int]) -> list[FilterRun]:
            return _set([chosen[n] for n in numbers], table, budget, standing)

        for numbers, made in zip(sets, _workers().map(judge, sets), strict=True):
            answers |= dict(zip(numbers, made, strict=True))
        answers |= {n: _alone(chosen[n], table, budget, standing) for n in (*apart, *besides)}
    return [answers[n] for n in range(len(chosen))]


def _set(filters: Sequence[Filter], table: pa.Table, budget: Budget, standing: Standing) -> list[FilterRun]:
    """Judge filters together, or each alone where that fails."""
    try:
        scan = prepared(tuple(filters), table.schema, SECONDS)
        begun = time.perf_counter()
        made = scan.run(table, SECONDS)
    except (duckdb.Error, pa.ArrowException):
        return [_alone(f, table, budget, standing) for f in filters]
    took = time.perf_counter() - begun
    return [
        replace(_within(f, table, *one, budget, standing), seconds=took * share)
        for f, one, share in zip(filters, made, standing.shares(filters), strict=True)
    ]


def _alone(filter_: Filter, table: pa.Table, budget: Budget, standing: Standing) -> FilterRun:
    seconds = (filter_.budget or budget).seconds
    begun = time.perf_counter()
    try:
        scan = prepared((filter_,), table.schema, seconds)
        begun = time.perf_counter()
        ((rows, result),) = scan.run(table, seconds, SLICE)
    except (duckdb.Error, pa.ArrowException) as error:
        slow = isinstance(error, duckdb.InterruptException)
        why = f"took longer than {seconds:g} s" if slow else str(error).split("\n", 1)[0]
        standing.note(filter_, why, slow=slow)
        return replace(_empty(filter_, len(table), why), seconds=time.perf_counter() - begun)
    took = time.perf_counter() - begun
    standing.weigh(filter_, took, len(table))
    return replace(_within(filter_, table, rows, result, budget, standing), seconds=took)


def _within(
    filter_: Filter, table: pa.Table, rows: pa.Array, result: pa.Table, budget: Budget, standing: Standing
) -> FilterRun:
    """Take a result that is within the budget."""
    standing.note(filter_, None)
    why = (filter_.budget or budget).broken_by(len(rows), result.nbytes)
    return _empty(filter_, len(table), why) if why else FilterRun(filter_, len(table), rows, result)


def _lacking(filters: Sequence[Filter], batch: AlertBatch, found: Mapping[str, Found]) -> dict[int, str]:
    """Say which filters cannot be asked of a batch: they name what it, or the enrichment, does not have."""
    native = {column.name.lower() for column in batch.table.columns}
    whys = {}
    for n, f in enumerate(filters):
        missing = sorted(name for name in f.used.get(batch.survey, ()) if name.lower() not in native)
        broken = [
            found[table].error if table in found else f"there is no {table} any more" for table in f.enriched
        ]
        if missing:
            whys[n] = f"alerts of {batch.survey} schema {batch.schema_version} have no column {missing[0]}"
        elif any(broken):
            whys[n] = next(filter(None, broken))
    return whys


def _table(filters: Sequence[Filter], batch: AlertBatch, found: Mapping[str, Found]) -> pa.Table:
    """Put the columns that the filters name side by side; all tables have the batch's rows in order."""
    wanted = sorted(set().union(*(f.used.get(ALERT.name, frozenset()) for f in filters)))
    native = sorted(set().union(*(f.used.get(batch.survey, frozenset()) for f in filters)))
    columns = {f"{ALERT.name}.{name}": batch.alert[name] for name in wanted}
    if native:
        decoded = batch.native(native)
        spelled = {name.lower(): name for name in decoded.schema.names}
        columns |= {f"{batch.survey}.{name}": decoded[spelled[name.lower()]] for name in native}
    for table in sorted(set().union(*(f.enriched for f in filters))):
        wanted = sorted({"alert_id"}.union(*(f.used.get(table, frozenset()) for f in filters)))
        columns |= _spread(found[table], table, wanted, len(batch))
    columns = {name: _without_nan(column) for name, column in columns.items()}
    return pa.table({"row": pa.array(range(len(batch)), pa.int32()), **columns})


def _spread(one: Found, table: str, names: Sequence[str], rows: int) -> dict[str, pa.Array]:
    """Give columns of what was found, a row an alert: null where nothing was."""
    places = np.full(rows, -1, np.int64)
    places[one.rows] = np.arange(len(one.rows))
    taken = pa.array(places, mask=places < 0)
    return {
        f"{table}.{name}": one.values[one.table[name].name].combine_chunks().take(taken) for name in names
    }


def _without_nan(column: pa.Array) -> pa.Array:
    """Make NaN null, as in all translated ADQL."""
    if not pa.types.is_floating(column.type):
        return column
    nan = pc.is_nan(column)
    return pc.if_else(nan, None, column) if pc.any(nan).as_py() else column


def _key(filter_: Filter) -> tuple[str, str]:
    return filter_.name, filter_.version


def _empty(filter_: Filter, seen: int, error: str | None) -> FilterRun:
    return FilterRun(filter_, seen, pa.array([], pa.int32()), schema_of(filter_).empty_table(), error)


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="filters")

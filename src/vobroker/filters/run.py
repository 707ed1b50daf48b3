"""Filters on a batch: one scan of the batch answers all of them.

The batch is one table, ``batch``, with the columns that some filter names, called ``table.column``; of the
native table only the columns named are decoded. All conditions are in one statement, prepared once for a
set of filters and run on batch after batch. If it fails, each filter is run alone, so a failing one fails
alone.

The engine is an in-memory DuckDB which cannot reach files, the network or extensions, and whose settings
cannot be changed.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.enrich import EnrichError, Found
from vobroker.filters.compile import Filter

TIMEOUT = 10.0
"""Seconds that the filters may take for one batch; then that a filter may take alone."""

MAX_PREPARED = 16
"""Sets of filters that each thread keeps prepared."""

_SETTINGS: dict[str, Any] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "memory_limit": "1GB",
    "max_temp_directory_size": "0B",
    "threads": 1,
    "lock_configuration": True,
}


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
    """

    filter: Filter
    seen: int
    rows: pa.Array
    result: pa.Table
    error: str | None = None


def run(
    filters: Sequence[Filter], batch: AlertBatch, found: Mapping[str, Found] | None = None
) -> list[FilterRun]:
    """Run filters on a batch.

    Filters over another survey's native table do not see the batch and are left out of the answer.
    ``found`` is what is known of the alerts besides, by the name of its table.
    """
    chosen = [f for f in filters if f.survey in (None, batch.survey)]
    if not chosen or not len(batch):
        return [_empty(f, len(batch), None) for f in chosen]
    return _run(chosen, batch, found or {})


def _run(filters: Sequence[Filter], batch: AlertBatch, found: Mapping[str, Found]) -> list[FilterRun]:
    try:
        table = _table(filters, batch, found)
        scan = _scan(tuple(filters), table.schema)
        rows = scan.judge(table)
        results = scan.report(table, rows)
    except (duckdb.Error, pa.ArrowException, KeyError, EnrichError) as error:
        if len(filters) == 1:
            return [_empty(filters[0], len(batch), _reason(error, batch))]
        return [run for f in filters for run in _run([f], batch, found)]
    return [FilterRun(f, len(batch), *made) for f, *made in zip(filters, rows, results, strict=True)]


class _Window:
    """What a prepared statement reads: always the batch in hand."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class _Scan:
    """A set of filters, prepared for tables of one schema, on a connection of its own."""

    def __init__(self, filters: tuple[Filter, ...], schema: pa.Schema) -> None:
        self.filters = filters
        self.window = _Window(schema.empty_table())
        self.connection = _database().cursor()
        weakref.finalize(self, self.connection.close)
        self.connection.register("batch", self.window)
        conditions = ", ".join(f"({f.condition()}) IS TRUE AS p{n}" for n, f in enumerate(filters))
        self.connection.execute(f"PREPARE judge AS SELECT row, {conditions} FROM batch")  # noqa: S608
        self.computed = [list(f.computed()) for f in filters]
        every = [sql for f in filters for sql in f.computed().values()]
        expressions = ", ".join(["row", *(f"{sql} AS v{n}" for n, sql in enumerate(every))])
        self.connection.execute(f"PREPARE compute AS SELECT {expressions} FROM batch ORDER BY row")  # noqa: S608

    def judge(self, table: pa.Table) -> list[pa.Array]:
        """Judge all rows by all filters; give the row numbers that pass each."""
        rows, *judged = self._execute("EXECUTE judge", table)
        return [pa.array(np.sort(rows[passed])) for passed in judged]

    def report(self, table: pa.Table, rows: Sequence[pa.Array]) -> list[pa.Table]:
        """Give what each filter selects of its rows; plain columns are taken as they are."""
        needed = [passed for passed, names in zip(rows, self.computed, strict=True) if names]
        union = np.unique(np.concatenate(needed)) if needed else np.array([], np.int32)
        if not len(union):
            return [_report(f, table, passed, {}) for f, passed in zip(self.filters, rows, strict=True)]
        _, *values = self._execute("EXECUTE compute", table.take(pa.array(union)))
        reports = []
        for f, passed, names in zip(self.filters, rows, self.computed, strict=True):
            places = pa.array(np.searchsorted(union, passed))
            mine, values = values[: len(names)], values[len(names) :]
            made = {name: pa.array(v).take(places) for name, v in zip(names, mine, strict=True)}
            reports.append(_report(f, table, passed, made))
        return reports

    def _execute(self, sql: str, table: pa.Table) -> list[Any]:
        self.window.table = table
        with _time_limit(self.connection):
            return list(self.connection.execute(sql).fetchnumpy().values())


def _report(filter_: Filter, table: pa.Table, passed: pa.Array, made: Mapping[str, pa.Array]) -> pa.Table:
    schema = _schema(filter_)
    if not len(passed):
        return schema.empty_table()
    columns: dict[str, Any] = {name: table[place].take(passed) for name, place in filter_.plain().items()}
    columns |= made
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)


_prepared = threading.local()


def _scan(filters: tuple[Filter, ...], schema: pa.Schema) -> _Scan:
    """Give this thread's prepared scan for the filters, making it where it has none."""
    scans: OrderedDict[Any, _Scan]
    scans = _prepared.__dict__.setdefault("scans", OrderedDict())
    key = (tuple((f.name, f.version, f.text) for f in filters), schema)
    if key not in scans:
        scans[key] = _Scan(filters, schema)
        if len(scans) > MAX_PREPARED:
            scans.popitem(last=False)
    scans.move_to_end(key)
    return scans[key]


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
        columns |= _spread(table, wanted, found, len(batch))
    columns = {name: _without_nan(column) for name, column in columns.items()}
    return pa.table({"row": pa.array(range(len(batch)), pa.int32()), **columns})


def _spread(table: str, names: Sequence[str], found: Mapping[str, Found], rows: int) -> dict[str, pa.Array]:
    """Give columns of what was found, a row an alert: null where nothing was."""
    if table not in found:
        raise EnrichError(f"there is no {table} any more")
    one = found[table]
    if one.error is not None:
        raise EnrichError(one.error)
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


def _schema(filter_: Filter) -> pa.Schema:
    return pa.schema([(column.name, pa.type_for_alias(column.datatype.arrow)) for column in filter_.columns])


def _empty(filter_: Filter, seen: int, error: str | None) -> FilterRun:
    return FilterRun(filter_, seen, pa.array([], pa.int32()), _schema(filter_).empty_table(), error)


def _reason(error: Exception, batch: AlertBatch) -> str:
    if isinstance(error, KeyError):
        return f"alerts of {batch.survey} schema {batch.schema_version} have no column {error.args[0]}"
    if isinstance(error, duckdb.InterruptException):
        return f"took longer than {TIMEOUT:g} s"
    return str(error).split("\n", 1)[0]


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    timer = threading.Timer(TIMEOUT, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=_SETTINGS)

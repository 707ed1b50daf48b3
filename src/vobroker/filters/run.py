"""Filters on a batch: one scan of the batch answers all of them.

The batch is one table, ``batch``, with the columns that some filter names, called ``table.column``; the native
table is decoded only for the columns named. All conditions are evaluated in one query. If that fails, each
filter is run alone, so a failing filter fails alone.

The engine is an in-memory DuckDB which cannot reach files, the network or extensions, and whose settings
cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Timer
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.filters.compile import Filter

TIMEOUT = 10.0
"""Seconds that the filters may take for one batch; then that a filter may take alone."""

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


def run(filters: Sequence[Filter], batch: AlertBatch) -> list[FilterRun]:
    """Run filters on a batch.

    Filters over another survey's native table do not see the batch and are left out of the answer.
    """
    chosen = [f for f in filters if f.survey in (None, batch.survey)]
    if not chosen or not len(batch):
        return [_empty(f, len(batch), None) for f in chosen]
    with _database().cursor() as connection:
        return _run(chosen, batch, connection)


def _run(
    filters: Sequence[Filter], batch: AlertBatch, connection: duckdb.DuckDBPyConnection
) -> list[FilterRun]:
    try:
        table = _table(filters, batch)
        passed = _passed(filters, table, connection)
    except (duckdb.Error, pa.ArrowException, KeyError, ValueError) as error:
        if len(filters) == 1:
            return [_empty(filters[0], len(batch), _reason(error, batch))]
        return [run for f in filters for run in _run([f], batch, connection)]
    return [_report(f, rows, table, connection, batch) for f, rows in zip(filters, passed, strict=True)]


def _table(filters: Sequence[Filter], batch: AlertBatch) -> pa.Table:
    """Put the columns that the filters name side by side; both tables have the batch's rows in order."""
    wanted = {ALERT.name: sorted(set().union(*(f.used.get(ALERT.name, frozenset()) for f in filters)))}
    native = sorted(set().union(*(f.used.get(batch.survey, frozenset()) for f in filters)))
    parts = [(ALERT.name, batch.alert.select(wanted[ALERT.name]))]
    if native:
        parts.append((batch.survey, batch.native(native).select(native)))
    columns = {f"{name}.{field}": part[field] for name, part in parts for field in part.schema.names}
    return pa.table({"row": pa.array(range(len(batch)), pa.int32()), **columns})


def _passed(
    filters: Sequence[Filter], table: pa.Table, connection: duckdb.DuckDBPyConnection
) -> list[pa.Array]:
    parameters: list[Any] = []
    conditions = ", ".join(f"{f.condition(parameters)} AS p{n}" for n, f in enumerate(filters))
    answers = _query(connection, f"SELECT row, {conditions} FROM batch ORDER BY row", parameters, batch=table)
    return [answers["row"].filter(answers[f"p{n}"]).combine_chunks() for n in range(len(filters))]


def _report(
    filter_: Filter,
    rows: pa.Array,
    table: pa.Table,
    connection: duckdb.DuckDBPyConnection,
    batch: AlertBatch,
) -> FilterRun:
    if not len(rows):
        return _empty(filter_, len(batch), None)
    parameters: list[Any] = []
    sql = f"SELECT {filter_.selection(parameters)} FROM batch ORDER BY row"
    try:
        result = _query(connection, sql, parameters, batch=table.take(rows))
    except (duckdb.Error, pa.ArrowException) as error:
        return _empty(filter_, len(batch), _reason(error, batch))
    return FilterRun(filter_, len(batch), rows, result)


def _query(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any], *, batch: pa.Table
) -> pa.Table:
    connection.register("batch", batch)
    try:
        with _time_limit(connection):
            return connection.execute(sql, parameters).to_arrow_table()
    finally:
        connection.unregister("batch")


def _empty(filter_: Filter, seen: int, error: str | None) -> FilterRun:
    schema = pa.schema([(c.name, pa.type_for_alias(c.datatype.arrow)) for c in filter_.columns])
    return FilterRun(filter_, seen, pa.array([], pa.int32()), schema.empty_table(), error)


def _reason(error: Exception, batch: AlertBatch) -> str:
    if isinstance(error, KeyError):
        return f"alerts of {batch.survey} schema {batch.schema_version} have no column {error.args[0]}"
    if isinstance(error, duckdb.InterruptException):
        return f"took longer than {TIMEOUT:g} s"
    return str(error).split("\n", 1)[0]


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    timer = Timer(TIMEOUT, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=_SETTINGS)

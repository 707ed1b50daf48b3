"""Filters that are judged together: one prepared statement over a batch.

The batch is one table, ``batch``, with the columns that some filter names, called ``table.column``.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from vobroker.adql import AdqlError
from vobroker.filters.compile import Filter
from vobroker.filters.engine import engine, time_limit
from vobroker.votypes.columns import Table

MAX_PREPARED = 512
"""Sets of filters that are kept prepared."""


class _Window:
    """What a prepared statement reads: always the batch in hand."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Scan:
    """A set of filters, prepared for tables of one schema, on a connection of its own.

    Raises
    ------
    duckdb.Error
        If the engine refuses one, or needs longer than ``seconds`` to prepare them.
    """

    def __init__(self, filters: tuple[Filter, ...], schema: pa.Schema, seconds: float) -> None:
        self.filters = filters
        self._in_use = threading.Lock()
        self._window = _Window(schema.empty_table())
        self._connection = database().cursor()
        weakref.finalize(self, self._connection.close)
        self._connection.register("batch", self._window)
        with time_limit(self._connection, seconds):
            self._prepare()

    def _prepare(self) -> None:
        filters = self.filters
        conditions = ", ".join(f"({f.condition()}) IS TRUE AS p{n}" for n, f in enumerate(filters))
        self._connection.execute(f"PREPARE judge AS SELECT row, {conditions} FROM batch")  # noqa: S608
        self._computed = [list(f.computed()) for f in filters]
        every = [sql for f in filters for sql in f.computed().values()]
        expressions = ", ".join(["row", *(f"{sql} AS v{n}" for n, sql in enumerate(every))])
        self._connection.execute(f"PREPARE compute AS SELECT {expressions} FROM batch ORDER BY row")  # noqa: S608

    def run(
        self, table: pa.Table, seconds: float, slices: int | None = None
    ) -> list[tuple[pa.Array, pa.Table]]:
        """Judge all rows by all filters, so many at a time.

        Returns
        -------
        list of (array, table)
            Of each filter the numbers of the rows that passed (int32), ascending, and what it selects of
            them.

        Raises
        ------
        duckdb.Error
            If a filter fails, or the time, in seconds, is over.
        """
        if slices is not None:
            table = pa.Table.from_batches(table.to_batches(max_chunksize=slices), table.schema)
        with self._in_use, time_limit(self._connection, seconds):
            try:
                rows = self._judge(table)
                return list(zip(rows, self._report(table, rows), strict=True))
            finally:
                self._window.table = table.schema.empty_table()

    def _judge(self, table: pa.Table) -> list[pa.Array]:
        rows, *judged = self._execute("EXECUTE judge", table)
        return [pa.array(np.sort(rows[passed])) for passed in judged]

    def _report(self, table: pa.Table, rows: Sequence[pa.Array]) -> list[pa.Table]:
        """Give what each filter selects of its rows; plain columns are taken as they are."""
        needed = [passed for passed, names in zip(rows, self._computed, strict=True) if names]
        union = np.unique(np.concatenate(needed)) if needed else np.array([], np.int32)
        if not len(union):
            return [_report(f, table, passed, {}) for f, passed in zip(self.filters, rows, strict=True)]
        _, *values = self._execute("EXECUTE compute", table.take(pa.array(union)))
        reports = []
        for f, passed, names in zip(self.filters, rows, self._computed, strict=True):
            places = pa.array(np.searchsorted(union, passed))
            mine, values = values[: len(names)], values[len(names) :]
            made = {name: pa.array(v).take(places) for name, v in zip(names, mine, strict=True)}
            reports.append(_report(f, table, passed, made))
        return reports

    def _execute(self, sql: str, table: pa.Table) -> list[Any]:
        self._window.table = table
        return list(self._connection.execute(sql).fetchnumpy().values())


def _report(filter_: Filter, table: pa.Table, passed: pa.Array, made: Mapping[str, pa.Array]) -> pa.Table:
    schema = schema_of(filter_)
    if not len(passed):
        return schema.empty_table()
    columns: dict[str, Any] = {name: table[place].take(passed) for name, place in filter_.plain().items()}
    columns |= made
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)


def schema_of(filter_: Filter) -> pa.Schema:
    """Give the schema of what a filter selects."""
    return pa.schema([(column.name, pa.type_for_alias(column.datatype.arrow)) for column in filter_.columns])


_prepared: OrderedDict[Any, Scan] = OrderedDict()
_preparing = threading.Lock()


def prepared(filters: tuple[Filter, ...], schema: pa.Schema, seconds: float) -> Scan:
    """Give the scan of these filters over tables of a schema; it is made once and kept."""
    key = (tuple((f.name, f.version, f.text) for f in filters), schema)
    with _preparing:
        if key in _prepared:
            _prepared.move_to_end(key)
            return _prepared[key]
    scan = Scan(filters, schema, seconds)
    with _preparing:
        _prepared[key] = scan
        if len(_prepared) > MAX_PREPARED:
            _prepared.popitem(last=False)
    return scan


def prove(filter_: Filter, tables: Mapping[str, Table], seconds: float) -> None:
    """Prepare a filter for alerts of these tables.

    Raises
    ------
    AdqlError
        If the engine cannot, or not in this time: what is nested can take it longer than any batch.
    """
    used = {table: {name.lower() for name in names} for table, names in filter_.used.items()}
    for table in filter_.enriched:
        used.setdefault(table, set()).add("alert_id")
    fields = [
        (f"{table}.{column.name}", pa.type_for_alias(column.datatype.arrow))
        for table, names in used.items()
        for column in tables[table]
        if column.name.lower() in names
    ]
    slow = f"The engine needs longer than {seconds:g} s to prepare this filter; write it shorter."
    begun = time.monotonic()
    try:
        Scan((filter_,), pa.schema([("row", pa.int32()), *fields]), seconds)
        if time.monotonic() - begun > seconds:
            raise AdqlError("filter", slow, filter_.text, (0, 0))
    except duckdb.InterruptException:
        raise AdqlError("filter", slow, filter_.text, (0, 0)) from None
    except duckdb.Error as error:
        message = f"The engine cannot use this filter: {str(error).splitlines()[0]}"
        raise AdqlError("filter", message, filter_.text, (0, 0)) from None


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Give the engine that filters run in."""
    return engine("1GB")

"""One batch into an archive in a folder: rows into DuckDB, packets into segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
from duckdb import DuckDBPyConnection

from vobroker.alerts.columns import PAYLOAD
from vobroker.archive import statements, tables
from vobroker.archive.once import Once
from vobroker.archive.segments import Segments
from vobroker.archive.transaction import Transaction
from vobroker.votypes.columns import Table


class FolderTransaction(Transaction):
    """Changes of an archive in a folder that are committed together.

    Parameters
    ----------
    db
        Connection within a transaction.
    segments
        Where packets go.
    once
        The numbers that are known of what many packets share, by table.
    authority
        Naming authority of events.
    """

    statements = statements.DUCKDB

    def __init__(
        self, db: DuckDBPyConnection, segments: Segments, once: Mapping[str, Once], authority: str
    ) -> None:
        super().__init__(segments.pool, authority)
        self._db = db
        self._segments = segments
        self._once = once

    def _ask(
        self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch
    ) -> pa.Table:
        with self._lent(inputs):
            return self._db.sql(sql, params=list(parameters)).to_arrow_table()

    def _do(self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch) -> None:
        with self._lent(inputs):
            self._db.execute(sql, list(parameters))

    def _append(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        self._do(f"INSERT INTO {tables.quote(table)} BY NAME SELECT * FROM appended", appended=rows)  # noqa: S608

    def _numbers(self, table: str, contents: Iterable[bytes | memoryview]) -> list[int | None]:
        return self._once[table].numbers(self._db, contents)

    def _keep(self, payload: pa.Table, bodies: Sequence[memoryview]) -> pa.Table:
        for name, values in zip(("segment", "start", "length"), self._segments.append(bodies), strict=True):
            payload = payload.append_column(name, pa.array(values, pa.int64()))
        return payload.select([name for name in payload.schema.names if name in PAYLOAD])

    def _fitted(self, native: pa.RecordBatch, table: Table) -> pa.RecordBatch:
        tables.grow_native(self._db, table)
        return native

    @contextmanager
    def _lent(self, inputs: Mapping[str, pa.Table | pa.RecordBatch]) -> Iterator[None]:
        """Let SQL see Arrow data by name; after an error the connection is done with anyway."""
        for name, data in inputs.items():
            self._db.register(name, data)
        yield
        for name in inputs:
            self._db.unregister(name)

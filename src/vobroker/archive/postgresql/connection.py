"""A connection to PostgreSQL through which Arrow data go in and out, in the server's binary COPY format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import Error
from adbc_driver_postgresql import StatementOptions, dbapi

from vobroker.archive.errors import ArchiveError
from vobroker.archive.places import Server
from vobroker.archive.postgresql.literals import bound
from vobroker.archive.tables import quote

BATCH_BYTES = 2**20
"""About the size of the batches that a query gives."""

_OPTIONS = {"connect_timeout": "10", "application_name": "vobroker"}

_FAILURES = (Error, OSError, pa.ArrowException)

_GONE = ("08", "57P01", "57P02", "57P03")

_SAID = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.*)")


class ServerError(ArchiveError):
    """What the server, or the way to it, refused; ``state`` is the SQLSTATE, empty where there is none."""

    def __init__(self, sentence: str, state: str) -> None:
        super().__init__(sentence)
        self.state = state

    @property
    def gone(self) -> bool:
        """Whether the connection is lost."""
        return not self.state or self.state.startswith(_GONE)


class Connection:
    """A session; each statement is a transaction of its own unless one was begun.

    To be used by one thread at a time, but for :meth:`cancel`.

    Raises
    ------
    ServerError
        If there is no way to the server, or it refuses.
    """

    def __init__(self, server: Server) -> None:
        if server.torn:
            raise ServerError("write / ? # and @ in its password as %2F %3F %23 and %40", "")
        with _told():
            self._db = dbapi.connect(_complete(server.url), autocommit=True)
        self._running: dbapi.Cursor | None = None
        self.do("SET client_encoding = 'UTF8'")
        self.do("SET standard_conforming_strings = on")

    def close(self) -> None:
        """End the session, and what still runs in it."""
        with suppress(*_FAILURES, RuntimeError):
            if self._running is not None:
                self._running.close()
        with suppress(*_FAILURES, RuntimeError):
            self._db.close()

    def do(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that gives nothing."""
        with _told(), self._db.cursor() as cursor:
            cursor.execute(bound(sql, parameters))

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run a query and give all of its rows."""
        with _told(), self._db.cursor() as cursor:
            cursor.execute(bound(sql, parameters))
            return _plain(cursor.fetch_arrow_table())

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[pa.RecordBatch]:
        """Run a query and give its rows as they come."""
        with _told(), self._db.cursor() as cursor:
            cursor.adbc_statement.set_options(
                **{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
            )
            self._running = cursor
            try:
                cursor.execute(bound(sql, parameters))
                for batch in cursor.fetch_record_batch():
                    yield from _plain(pa.Table.from_batches([batch])).to_batches()
            finally:
                self._running = None

    def cancel(self) -> None:
        """Stop what runs, from any thread."""
        with suppress(*_FAILURES):
            self._db.adbc_cancel()

    def append(self, table: str, rows: pa.Table | pa.RecordBatch, *, temporary: bool = False) -> None:
        """Put rows into a table by the names of their columns; those not given are null."""
        if not rows.num_rows:
            return
        with _told(), self._db.cursor() as cursor:
            cursor.adbc_ingest(table, storable(rows), mode="append", temporary=temporary)

    def make_temporary(self, name: str, rows: pa.Schema, *, on_commit: str) -> None:
        """Make a temporary table with the columns of Arrow data."""
        columns = ", ".join(f"{quote(field.name)} {_sql_type(field.type)}" for field in rows)
        self.do(f"CREATE TEMPORARY TABLE {quote(name)} ({columns}) ON COMMIT {on_commit}")


def storable(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Give Arrow data as the server takes them: no character NUL in text, signed numbers, microseconds."""
    table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if isinstance(field.type, pa.BaseExtensionType):
            column = column.cast(field.type.storage_type)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_null(column.type):
            column = column.cast(pa.string())
        if pa.types.is_timestamp(column.type) and column.type.unit != "us":
            column = column.cast(pa.timestamp("us"))
        if column is not table.column(number):
            table = table.set_column(number, field.name, column)
    return without_nul(table)


def without_nul(table: pa.Table) -> pa.Table:
    """Give texts with U+FFFD for the character NUL, which the server does not know."""
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if _is_text(column.type) and pc.any(pc.match_substring(column, "\0")).as_py():
            table = table.set_column(number, field.name, pc.replace_substring(column, "\0", "\ufffd"))
    return table


def _complete(url: str) -> str:
    """Add the options that a URL does not give."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    # Not by urlunsplit, which leaves out the slashes of a URL without a host.
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(_OPTIONS | given)}"


@contextmanager
def _told() -> Iterator[None]:
    """Give what the driver raises in one sentence."""
    try:
        yield
    except _FAILURES as error:
        text = str(error)
        said = _SAID.search(text)
        plain = said[1] if said else re.sub(r"^\w+: (\[libpq\] )?", "", text).partition("\n")[0]
        state = getattr(error, "sqlstate", None) or _STATES.get(plain, "")
        raise ServerError(plain.strip().rstrip("."), state) from None


_STATES = {
    # While rows are given the driver leaves the state out.
    "canceling statement due to user request": "57014",
    "canceling statement due to statement timeout": "57014",
}


def _plain(table: pa.Table) -> pa.Table:
    """Give a result without the driver's notes; NUMERIC as DOUBLE."""
    columns = []
    for column in table.columns:
        if isinstance(column.type, pa.OpaqueType):
            numeric = column.type.type_name == "numeric"
            column = column.cast(column.type.storage_type)  # noqa: PLW2901
            column = column.cast(pa.float64()) if numeric else column  # noqa: PLW2901
        columns.append(column)
    names = table.schema.names
    return pa.Table.from_arrays(
        columns, schema=pa.schema([pa.field(n, c.type) for n, c in zip(names, columns, strict=True)])
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _sql_type(kind: pa.DataType) -> str:
    """Give the type of a temporary column that takes an Arrow type."""
    if isinstance(kind, pa.UuidType):
        return "uuid"
    if isinstance(kind, pa.BaseExtensionType):
        return _sql_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _sql_type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return _TYPES.get(str(kind), 'text COLLATE "C"')


_TYPES = {
    "bool": "boolean",
    **dict.fromkeys(("int8", "uint8", "int16"), "smallint"),
    **dict.fromkeys(("uint16", "int32"), "integer"),
    **dict.fromkeys(("uint32", "int64"), "bigint"),
    "float": "real",
    "double": "double precision",
    **dict.fromkeys(("binary", "large_binary"), "bytea"),
}

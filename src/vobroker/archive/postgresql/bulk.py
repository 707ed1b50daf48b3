"""A whole archive on PostgreSQL, read or made.

It is made in one transaction, which is committed when all of it is there: nobody sees half of it, and of one
that was broken off nothing is left.
"""

# ruff: noqa: S608 -- what is put into the text are names out of the column table
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.columns import ALERT
from vobroker.archive.bulk import LEDGER_SUMS, BulkReader, BulkWriter
from vobroker.archive.contents import COMMON, HEADS, ORDERS, PACKETS, SCHEMAS
from vobroker.archive.errors import ArchiveError
from vobroker.archive.places import Server
from vobroker.archive.postgresql import tables
from vobroker.archive.postgresql.connection import Connection, ServerError, without_nul
from vobroker.archive.tables import quote
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

_ARRIVING = frozenset({ALERT, PACKETS})
"""Tables with a row for each alert, which are read in order of arrival."""


class ServerBulkReader(BulkReader):
    """Everything in an archive on PostgreSQL.

    Parameters
    ----------
    db
        Session within a transaction, whose snapshot it reads.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db

    def natives(self) -> list[Table]:
        """Give the native tables."""
        return list(tables.native_tables(self._db).values())

    def count(self, table: Table) -> int:
        """Give the number of rows of a table."""
        return int(self._db.ask(f"SELECT count(*) AS n FROM {quote(table.name)}")["n"][0].as_py())

    def ledger(self) -> dict[str, int]:
        """Give the sums of the ledger."""
        (row,) = self._db.ask(LEDGER_SUMS).to_pylist()
        return dict(row)

    def rows(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Give the rows of a table; those without an order as the server finds them."""
        named = f"FROM {quote(table.name)}"
        if table in _ARRIVING:
            named = f"FROM arrival JOIN {quote(table.name)} USING (survey, alert_id) ORDER BY arrival.number"
        elif table in ORDERS:
            named += f" ORDER BY {quote(ORDERS[table])}"
        target = schema(table)
        for batch in self._db.stream(f"SELECT {', '.join(map(quote, table.names))} {named}"):
            yield batch.cast(target)

    def packets(self, *, damaged: bool = False) -> Iterator[pa.RecordBatch]:
        """Give the packets."""
        yield from self.rows(PACKETS)


class ServerBulkWriter(BulkWriter):
    """An archive on PostgreSQL that is being made; see :func:`new_server`.

    Parameters
    ----------
    db
        Session within a transaction, in which the tables of an empty archive are.
    indexed
        Whether the tables have their keys and indexes already.
    """

    def __init__(self, db: Connection, *, indexed: bool) -> None:
        super().__init__()
        self._db = db
        self._indexed = indexed
        self._natives: list[Table] = []
        self._arrived = 0

    def make(self, natives: Sequence[Table]) -> None:
        """Make the native tables."""
        known = tables.native_tables(self._db)
        for table in natives:
            tables.grow_native(self._db, table, key=False)
            if table.name not in known:
                self._natives.append(table)

    def storable(self, rows: pa.Table) -> pa.Table:
        """Give rows without the character NUL in text."""
        columns = (column for column in rows.columns if pa.types.is_string(column.type))
        found = sum(pc.sum(pc.match_substring(column, "\0")).as_py() or 0 for column in columns)
        self.replaced += found
        return without_nul(rows) if found else rows

    def put(self, table: Table, rows: pa.Table) -> None:
        """Append rows to a table, packets with their bytes."""
        self._db.append(table.name, rows)
        if table == ALERT:
            number = pa.array(range(self._arrived, self._arrived + len(rows)), pa.int64())
            arrived = rows.select(["survey", "alert_id"]).add_column(0, "number", number)
            self._db.append("arrival", arrived)
            self._arrived += len(rows)

    def index(self) -> None:
        """Make keys and indexes, and let the planner know the tables."""
        if not self._indexed:
            tables.index(self._db)
        for table in self._natives:
            tables.add_native_key(self._db, table)
        for table in (HEADS, SCHEMAS):
            self._db.ask(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) AS x FROM {table.name}"
                " HAVING max(id) IS NOT NULL"
            )
        for name in ("arrival", *(table.name for table in (*COMMON, PACKETS, *self._natives))):
            self._db.do(f"ANALYZE {quote(name)}")

    def reader(self) -> BulkReader:
        """Read what has been put."""
        return ServerBulkReader(self._db)


@contextmanager
def new_server(server: Server) -> Iterator[ServerBulkWriter]:
    """Make an archive in a database; it is there when the block has ended without an exception.

    Raises
    ------
    ArchiveError
        If there is an archive with rows, or the server does not take another.
    """
    try:
        db = Connection(server)
    except ServerError as error:
        raise ArchiveError(f"cannot open the archive {server}: {error}") from None
    try:
        db.do("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        # Where the server can look for it, it notices during long statements that nobody waits any more.
        db.ask(
            "SELECT set_config(name, '5s', true) AS x FROM pg_settings"
            " WHERE name = 'client_connection_check_interval'"
        )
        tables.take_lock(db)
        there = tables.has_tables(db)
        if there:
            _take_empty(db, server)
        else:
            tables.check_encoding(db, str(server))
            tables.make(db)
        yield ServerBulkWriter(db, indexed=there)
        db.do("COMMIT")
    except ServerError as error:
        raise ArchiveError(f"cannot write to {server}: {error}") from None
    finally:
        db.close()  # what is not committed is gone with it


def _take_empty(db: Connection, server: Server) -> None:
    """Keep others from writing to an archive that has no rows; readers go on."""
    tables.check_format(db, str(server))
    names = [table.name for table in (ALERT, *COMMON, PACKETS)]
    db.do(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE")
    for name in names:
        rows = db.ask(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py()
        if rows:
            raise ArchiveError(
                f"{server} holds an archive already, with {rows:,} rows in {name}; choose another place"
            )

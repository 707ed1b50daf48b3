"""One batch into an archive on PostgreSQL, while other processes do the same.

An alert belongs to who first inserts its key; a second one waits for the first to commit, and then begins
anew (:class:`vobroker.archive.errors.Collision`). What is numbered in the order of commits, events and
arrivals, is inserted at the very end under one lock, which is held until the commit is done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import pyarrow as pa

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import PAYLOAD
from vobroker.alerts.origin import DeadLetter
from vobroker.archive.pool import Pool, compressed
from vobroker.archive.postgresql import tables
from vobroker.archive.postgresql.connection import Connection
from vobroker.archive.postgresql.statements import NUMBER_ARRIVALS, POSTGRESQL
from vobroker.archive.transaction import FilterMatch, Transaction
from vobroker.archive.voevents import ReceivedPacket
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

Known = dict[str, dict[bytes, int]]
"""Numbers of contents that many packets share, by table and digest."""

_ARRIVED = pa.schema([("place", pa.int64()), ("survey", pa.string()), ("alert_id", pa.int64())])


class Lending:
    """The temporary tables of a session, through which statements see Arrow data."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._made: dict[str, pa.Schema] = {}
        self._used: set[str] = set()

    def lend(self, name: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Let SQL see Arrow data by name until the name is lent again, or the transaction ends."""
        kinds = rows.schema.remove_metadata()
        if self._made.get(name) != kinds:
            if name in self._made:
                self._db.do(f'DROP TABLE pg_temp."{name}"')
            self._db.make_temporary(name, kinds, on_commit="DELETE ROWS")
            self._made[name] = kinds
        elif name in self._used:
            self._db.do(f'DELETE FROM pg_temp."{name}"')  # noqa: S608
        self._used.add(name)
        self._db.append(name, rows, temporary=True)

    def ended(self, *, committed: bool) -> None:
        """Note that a transaction has ended: its rows are gone, and where it was rolled back its tables."""
        self._used.clear()
        if not committed:
            for name in self._made:
                self._db.do(f'DROP TABLE IF EXISTS pg_temp."{name}"')
            self._made.clear()


class ServerTransaction(Transaction):
    """Changes of an archive on PostgreSQL that are committed together.

    Parameters
    ----------
    db
        Connection within a transaction that sees what others commit meanwhile (READ COMMITTED).
    lending
        The connection's temporary tables.
    pool
        Threads that compress.
    known
        Numbers that earlier transactions have found.
    authority
        Naming authority of events.
    """

    statements = POSTGRESQL

    def __init__(self, db: Connection, lending: Lending, pool: Pool, known: Known, authority: str) -> None:
        super().__init__(pool, authority)
        self._db = db
        self._lending = lending
        self._known = known
        self._arrived: list[pa.Table] = []
        self._matches: list[tuple[Sequence[FilterMatch], AlertBatch]] = []
        self._locked = False

    def add_matches(self, runs: Sequence[FilterMatch], fresh: AlertBatch) -> None:
        """Note what filters let through as events, and their account; they are numbered at the end."""
        self._matches.append((runs, fresh))

    def add_voevents(self, packets: Sequence[ReceivedPacket]) -> list[str]:
        """Store received events that are new; they are numbered, so one transaction does so at a time."""
        self._lock()
        return super().add_voevents(packets)

    def finish(self) -> None:
        """Give numbers to what has one; the lock that this takes is held until the transaction has ended."""
        if self._arrived:
            arrived = pa.concat_tables(self._arrived)
            places = pa.array(range(len(arrived)), pa.int64())
            self._lock()
            self._do(NUMBER_ARRIVALS, arrived=arrived.add_column(0, "place", places).cast(_ARRIVED))
        for runs, fresh in self._matches:
            if any(len(run.rows) for run in runs):
                self._lock()
            super().add_matches(runs, fresh)

    def _lock(self) -> None:
        if not self._locked:
            tables.take_lock(self._db)
            self._locked = True

    def _file(
        self, letters: Sequence[DeadLetter], nights: Sequence[int | None], visits: Sequence[int | None]
    ) -> None:
        if letters:
            self._lock()
        super()._file(letters, nights, visits)

    def _ask(
        self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch
    ) -> pa.Table:
        self._lend(sql, inputs)
        return self._db.ask(sql, parameters)

    def _do(self, sql: str, parameters: Sequence[object] = (), **inputs: pa.Table | pa.RecordBatch) -> None:
        self._lend(sql, inputs)
        self._db.do(sql, parameters)

    def _lend(self, sql: str, inputs: dict[str, pa.Table | pa.RecordBatch]) -> None:
        """Lend what a statement names."""
        for name, rows in inputs.items():
            if re.search(rf"\b{name}\b", sql):
                self._lending.lend(name, rows)

    def _append(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        self._db.append(table, rows)

    def _numbers(self, table: str, contents: Iterable[bytes | memoryview]) -> list[int | None]:
        known = self._known.setdefault(table, {})
        return [self._number(table, known, content) if content else None for content in contents]

    def _number(self, table: str, known: dict[bytes, int], content: bytes | memoryview) -> int:
        digest = hashlib.sha256(content).digest()
        if digest not in known:
            self._db.do(
                f"INSERT INTO {table} (digest, content) VALUES (?, ?) ON CONFLICT DO NOTHING",  # noqa: S608
                [digest, bytes(content)],
            )
            found = self._db.ask(f"SELECT id FROM {table} WHERE digest = ?", [digest])  # noqa: S608
            known[digest] = found["id"][0].as_py()
        return known[digest]

    def _keep(self, payload: pa.Table, bodies: Sequence[memoryview]) -> pa.Table:
        self._arrived.append(payload.select(["survey", "alert_id"]))
        frames = self._pool.each(compressed, bodies)
        payload = payload.append_column("length", pa.array(map(len, frames), pa.int64()))
        payload = payload.select([name for name in payload.schema.names if name in PAYLOAD])
        return payload.append_column("data", pa.array(frames, pa.large_binary()))

    def _fitted(self, native: pa.RecordBatch, table: Table) -> pa.RecordBatch:
        target = schema(tables.grow_native(self._db, table))
        names = {name.lower(): name for name in native.schema.names}
        fields = [field for field in target if field.name.lower() in names]
        columns = [native.column(names[field.name.lower()]).cast(field.type) for field in fields]
        return pa.RecordBatch.from_arrays(columns, names=[field.name for field in fields])

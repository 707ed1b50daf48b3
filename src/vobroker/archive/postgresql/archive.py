"""An archive on PostgreSQL: tables and packets in one database, for many processes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pyarrow as pa
import zstandard

from vobroker.archive import replay
from vobroker.archive.archive import About, Archive, Row
from vobroker.archive.bulk import BulkReader
from vobroker.archive.errors import ArchiveError, Collision, QueryStopped
from vobroker.archive.places import Server
from vobroker.archive.pool import Pool, inflated
from vobroker.archive.postgresql import tables
from vobroker.archive.postgresql.bulk import ServerBulkReader
from vobroker.archive.postgresql.connection import Connection, ServerError
from vobroker.archive.postgresql.reading import ServerReading
from vobroker.archive.postgresql.transaction import Known, Lending, ServerTransaction
from vobroker.archive.reading import Reading
from vobroker.archive.transaction import Transaction
from vobroker.votypes.columns import Table

T = TypeVar("T")

IDLE = 4
"""Most sessions that are kept for the next query."""

_COLLISIONS = frozenset({"23505", "40001", "40P01"})  # a key taken, an order of locks, a deadlock

_STOPPED = "57014"

_STORED = """
    SELECT packet_head.content AS head, payload.data, packet_schema.content AS "schema",
           payload.source, payload.partition, payload.position, alert.received
    FROM arrival JOIN payload USING (survey, alert_id) JOIN alert USING (survey, alert_id)
    JOIN packet_schema ON payload."schema" = packet_schema.id
    LEFT JOIN packet_head ON payload.head = packet_head.id
    WHERE {} ORDER BY arrival.number
"""


def open_server(server: Server, *, create: bool, read_only: bool, authority: str) -> ServerArchive:
    """Open the archive in a database; see :func:`vobroker.archive.open_archive`."""
    try:
        db = Connection(server)
    except ServerError as error:
        raise ArchiveError(f"cannot open the archive {server}: {error}") from None
    try:
        if not tables.has_tables(db):
            if read_only or not create:
                raise ArchiveError(f"there is no archive in {server}")
            tables.check_encoding(db, str(server))
        # Making them takes a lock, for which whoever only opens an archive should not wait.
        if not (read_only or tables.has_received(db)):
            tables.create(db)
        tables.check_format(db, str(server))
        platform = tables.platform(db)
    except ServerError as error:
        raise ArchiveError(f"cannot open the archive {server}: {error}") from None
    finally:
        db.close()
    return ServerArchive(server, platform, authority, read_only=read_only)


class ServerArchive(Archive):
    """An open archive on PostgreSQL; made by :func:`open_server`.

    Threads share a few sessions for reading and take turns at one for writing. A session that is lost,
    as when the server starts anew, is replaced at the next use.
    """

    def __init__(self, server: Server, platform: str, authority: str, *, read_only: bool) -> None:
        super().__init__(str(server), authority)
        self.server = server
        self.platform = platform
        self._read_only = read_only
        self._pool = Pool()
        self._writing = threading.Lock()
        self._writer: tuple[Connection, Lending] | None = None
        self._known: Known = {}
        self._idle: list[Connection] = []
        self._open = True

    def close(self) -> None:
        """Close the archive; a transaction that is under way in another thread is waited for."""
        with self._writing:
            self._open = False
            self._leave()
            while self._idle:
                self._idle.pop().close()
            self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change the archive: all of the block is committed, or nothing when it raises.

        Raises
        ------
        Collision
            If another process has changed the same at the same time; the same again will do.
        """
        if self._read_only:
            raise ArchiveError(f"cannot write to {self.place}: it is open read-only")
        with self._writing:
            db, lending = self._session()
            try:
                db.do("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
                transaction = ServerTransaction(db, lending, self._pool, self._known, self.authority)
                yield transaction
                transaction.finish()
                db.do("COMMIT")
                lending.ended(committed=True)
            except BaseException as error:
                self._known.clear()
                try:
                    db.do("ROLLBACK")
                    lending.ended(committed=False)
                except ServerError:
                    self._leave()
                if isinstance(error, ServerError):
                    kind = Collision if error.state in _COLLISIONS else ArchiveError
                    raise kind(f"cannot write to {self.place}: {error}") from None
                raise

    def _session(self) -> tuple[Connection, Lending]:
        """Give the session for writing."""
        if not self._open:
            raise ArchiveError(f"the archive {self.place} is closed")
        if self._writer is not None:
            with suppress(ServerError):
                self._writer[0].ask("SELECT 1")
                return self._writer
            self._leave()
        try:
            db = Connection(self.server)
            # Of tables just lent the planner knows nothing, and would rather compile than begin.
            db.do("SET jit = off")
        except ServerError as error:
            raise ArchiveError(f"cannot write to {self.place}: {error}") from None
        self._writer = db, Lending(db)
        return self._writer

    def _leave(self) -> None:
        if self._writer is not None:
            self._writer[0].close()
            self._writer = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one of the processes that share the archive who is in such a block."""
        try:
            db = Connection(self.server)
            tables.be_alone(db)
        except ServerError as error:
            raise ArchiveError(f"cannot read {self.place}: {error}") from None
        try:
            yield
        finally:
            db.close()  # which gives the lock back

    # -- reading -----------------------------------------------------------------------------------

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote, or that :func:`vobroker.adql.translate` did."""
        if rows is not None:
            sql = f"SELECT * FROM ({sql}) AS limited LIMIT {rows:d}"  # noqa: S608

        def ask(db: Connection) -> pa.Table:
            if seconds is None:
                return db.ask(sql, parameters)
            db.do(f"SET statement_timeout = {max(1, round(1000 * seconds))}")
            table = db.ask(sql, parameters)
            db.do("SET statement_timeout = 0")
            return table

        try:
            return self._with_reader(ask)
        except ServerError as error:
            if error.state == _STOPPED:
                raise QueryStopped(f"the query was stopped after {seconds or 0:g} s") from None
            raise ArchiveError(f"the query failed: {error}") from None

    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, lent: Mapping[str, pa.Table] | None = None
    ) -> Reading:
        """Start a query whose rows are taken as they come."""
        return ServerReading(self._reader, self._give_back, sql, parameters, lent or {})

    @contextmanager
    def bulk(self) -> Iterator[BulkReader]:
        """Read all that the archive has at one moment."""
        db = self._reader()
        try:
            db.do("BEGIN")
            yield ServerBulkReader(db)
        except ServerError as error:
            raise ArchiveError(f"cannot read {self.place}: {error}") from None
        finally:
            db.close()

    def about(self) -> About:
        """Say what keeps the archive, and how large it is."""
        try:
            (told,) = self._with_reader(tables.about).to_pylist()
        except ServerError as error:
            raise ArchiveError(f"cannot read {self.place}: {error}") from None
        extension = self.platform.partition("-")[2]
        engine = f"PostgreSQL {told['version']}" + (f" with {extension}" if extension else "")
        return About(engine, int(told["format"]), told["tables"], told["packets"])

    def native_tables(self) -> dict[str, Table]:
        """Give the native table of each survey that has one."""
        try:
            return self._with_reader(tables.native_tables)
        except ServerError as error:
            raise ArchiveError(f"cannot read {self.place}: {error}") from None

    def stored(self, condition: str, parameters: Sequence[Any]) -> Iterator[replay.Page]:
        """Give stored packets as they come, from one snapshot."""
        names = ("schema", "source", "partition", "position", "received")
        page: replay.Page = []
        with self.read(_STORED.format(condition), parameters) as reading:
            for batch in reading:
                for row in batch.to_pylist():
                    page.append(replay.StoredPacket(self._packet(row), *(row[name] for name in names)))
                    if len(page) == replay.ROWS:
                        yield page
                        page = []
        if page:
            yield page

    def _packet(self, row: Row) -> bytes:
        try:
            return (row["head"] or b"") + inflated(row["data"])
        except zstandard.ZstdError as error:
            raise ArchiveError(f"a packet in {self.place} is damaged: {error}") from error

    def latest(self, limit: int, before: int | None = None) -> list[Row]:
        """Give the alerts that arrived last, the last first, in the columns of ``alert``."""
        return self._rows(
            "SELECT number AS sequence, alert.* FROM (SELECT * FROM arrival WHERE number < ?"
            " ORDER BY number DESC LIMIT ?) AS arrival JOIN alert USING (survey, alert_id)"
            " ORDER BY number DESC",
            (1 << 62) if before is None else before,
            limit,
        )

    def _with_reader(self, ask: Callable[[Connection], T]) -> T:
        """Ask in a session of the idle ones; where it was lost meanwhile, once more in a new one."""
        while True:
            pooled = bool(self._idle)
            db = self._reader()
            try:
                answer = ask(db)
            except ServerError as error:
                db.close()
                if not (pooled and error.gone):
                    raise
            except BaseException:
                db.close()
                raise
            else:
                self._give_back(db)
                return answer

    def _reader(self) -> Connection:
        if not self._open:
            raise ArchiveError(f"the archive {self.place} is closed")
        with suppress(IndexError):
            return self._idle.pop()
        try:
            db = Connection(self.server)
            db.do("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        except ServerError as error:
            raise ArchiveError(f"cannot read {self.place}: {error}") from None
        return db

    def _give_back(self, db: Connection) -> None:
        if self._open and len(self._idle) < IDLE:
            self._idle.append(db)
        else:
            db.close()

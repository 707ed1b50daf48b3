"""An archive in a folder: a DuckDB file, and the packets as they arrived in segments beside it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from vobroker.archive import locks, replay, tables
from vobroker.archive.archive import About, Archive, Row
from vobroker.archive.bulk import BulkReader
from vobroker.archive.errors import ArchiveError, QueryStopped
from vobroker.archive.folder_transaction import FolderTransaction
from vobroker.archive.once import Once
from vobroker.archive.reading import BATCH_ROWS, Reading
from vobroker.archive.segments import Segments
from vobroker.archive.transaction import Transaction
from vobroker.votypes.columns import Table

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # SQL reaches nothing but the archive: no files, no network, no Python variables.
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": True,
}


READ_ONCE = "512MB"
"""Memory for what is read once, which is not worth what DuckDB would keep it in otherwise."""

_STORED = ("schema", "source", "partition", "position", "received")

_PAGE = """
    SELECT payload.rowid AS place, segment, start, length, packet_head.content AS head,
           packet_schema.content AS "schema", source, partition, position, received
    FROM payload JOIN alert USING (survey, alert_id)
    JOIN packet_schema ON payload."schema" = packet_schema.id
    LEFT JOIN packet_head ON payload.head = packet_head.id
    WHERE place > ? AND ({}) ORDER BY place LIMIT {}
"""


def open_folder(folder: Path, *, create: bool, read_only: bool, authority: str) -> FolderArchive:
    """Open the archive in a folder; see :func:`vobroker.archive.open_archive`."""
    file = folder / "archive.duckdb"
    if not file.exists() and (read_only or not create):
        raise ArchiveError(f"there is no archive in {folder}")
    if not (read_only and locks.taken_in_turns(folder)):
        return _open(folder, read_only, authority, -1)
    turn = locks.take(folder, shared=True, patience=locks.READER_PATIENCE)
    try:
        return _open(folder, read_only, authority, turn)
    except BaseException:
        os.close(turn)
        raise


def _open(folder: Path, read_only: bool, authority: str, turn: int) -> FolderArchive:
    file = folder / "archive.duckdb"
    try:
        if not read_only:
            (folder / "packets").mkdir(parents=True, exist_ok=True)
        db = duckdb.connect(file, read_only=read_only, config=CONFIG)
    except OSError as error:
        raise ArchiveError(f"cannot make an archive in {folder}: {error.strerror or error}") from error
    except duckdb.Error as error:
        raise ArchiveError(why_not_opened(folder, str(error))) from error
    try:
        # Who takes rows while they are made does not work on them: hence one thread more than cores.
        cores = db.sql("SELECT CAST(current_setting('threads') AS INTEGER)").fetchall()[0][0]
        db.execute(f"SET threads = {cores + 1}")
        if not read_only:
            tables.create(db)
        tables.check_format(db, str(folder))
        places = db.sql("SELECT segment, start + length FROM payload ORDER BY ALL DESC LIMIT 1").fetchall()
    except duckdb.Error as error:
        db.close()
        raise ArchiveError(why_not_opened(folder, str(error))) from error
    except ArchiveError:
        db.close()
        raise
    number, end = places[0] if places else (1, 0)
    segments = Segments(folder / "packets", number, end)
    if not read_only:
        segments.cut(number, end)
    return FolderArchive(folder, db, segments, authority, turn)


def why_not_opened(folder: Path, reason: str) -> str:
    """Turn DuckDB's words about its file into ours."""
    if "lock" in reason:
        holder = re.search(r"PID (\d+)", reason)
        who = f"process {holder[1]}" if holder else "another process"
        return f"the archive {folder} is in use by {who}"
    return f"cannot open the archive {folder}: {reason.splitlines()[0]}"


class FolderArchive(Archive):
    """An open archive in a folder; made by :func:`open_folder`.

    Any number of threads may read. One transaction is open at a time, others wait for it.

    Attributes
    ----------
    folder
        Where it is.
    """

    platform = "duckdb"

    def __init__(
        self, folder: Path, db: duckdb.DuckDBPyConnection, segments: Segments, authority: str, turn: int = -1
    ) -> None:
        super().__init__(str(folder), authority)
        self.folder = folder
        self._turn = turn
        self._db = db
        self._segments = segments
        self._once = {table: Once(table) for table in ("packet_head", "packet_schema")}
        self._writing = threading.Lock()
        self._local = threading.local()
        self._readers: list[duckdb.DuckDBPyConnection] = []

    def close(self) -> None:
        """Close the archive; a transaction that is under way in another thread is waited for."""
        with self._writing:
            self._segments.close()
            for reader in self._readers:
                reader.close()
            self._db.close()
            if self._turn >= 0:
                os.close(self._turn)
                self._turn = -1

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change the archive: all of the block is committed, or nothing when it raises."""
        with self._writing:
            number, end = self._segments.number, self._segments.end
            db = self._db.cursor()
            try:
                db.begin()
                yield FolderTransaction(db, self._segments, self._once, self.authority)
                db.commit()
            except BaseException as error:
                with suppress(duckdb.Error):
                    db.rollback()
                self._segments.cut(number, end)
                for once in self._once.values():
                    once.forget()
                if isinstance(error, duckdb.Error):
                    raise ArchiveError(f"cannot write to {self.folder}: {sentence(error)}") from error
                raise
            finally:
                db.close()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote, or that :func:`vobroker.adql.translate` did."""
        db = self._cursor()
        timer = threading.Timer(seconds, db.interrupt) if seconds is not None else None
        if timer:
            timer.start()
        try:
            relation = db.sql(sql, params=list(parameters))
            if rows is not None:
                relation = relation.limit(rows)
            return relation.to_arrow_table()
        except duckdb.InterruptException as error:
            raise QueryStopped(f"the query was stopped after {seconds:g} s") from error
        except duckdb.Error as error:
            raise ArchiveError(f"the query failed: {sentence(error)}") from error
        finally:
            if timer:
                timer.cancel()

    def read(
        self, sql: str, parameters: Sequence[Any] = (), *, lent: Mapping[str, pa.Table] | None = None
    ) -> Reading:
        """Start a query whose rows are taken as they come."""
        return _FolderReading(self._connection(), sql, parameters, lent or {})

    @contextmanager
    def bulk(self) -> Iterator[BulkReader]:
        """Read all that the archive has at one moment."""
        from vobroker.archive.folder_bulk import FolderReader

        db = self._connection()
        try:
            ((usual,),) = db.sql("SELECT current_setting('memory_limit')").fetchall()
            db.execute(f"SET memory_limit = '{READ_ONCE}'")
            try:
                db.begin()
                yield FolderReader(db, self._segments)
                db.rollback()
            finally:
                db.execute(f"SET memory_limit = '{usual}'")
        finally:
            db.close()

    def about(self) -> About:
        """Say what keeps the archive, and how large it is."""
        ((version,),) = self._cursor().sql("SELECT value FROM meta WHERE key = 'format'").fetchall()
        return About(
            f"DuckDB {duckdb.__version__}",
            int(version),
            sum(path.stat().st_size for path in self.folder.glob("archive.duckdb*") if path.is_file()),
            sum(path.stat().st_size for path in self._segments.folder.glob("*.seg")),
        )

    def native_tables(self) -> dict[str, Table]:
        """Give the native table of each survey that has one."""
        return tables.native_tables(self._cursor())

    def stored(self, condition: str, parameters: Sequence[Any]) -> Iterator[replay.Page]:
        """Give stored packets, a page a query, each out of its segment."""
        sql = _PAGE.format(condition, replay.ROWS)
        page = self._rows(sql, -1, *parameters)
        while page:
            yield [replay.StoredPacket(self._packet(row), *(row[name] for name in _STORED)) for row in page]
            page = self._rows(sql, page[-1]["place"], *parameters) if len(page) == replay.ROWS else []

    def _packet(self, row: Row) -> bytes:
        return (row["head"] or b"") + self._segments.read(row["segment"], row["start"], row["length"])

    def latest(self, limit: int, before: int | None = None) -> list[Row]:
        """Give the alerts that arrived last, the last first, in the columns of ``alert``."""
        end = self.query("SELECT count(*) FROM alert")[0][0].as_py() if before is None else before
        return self._rows(
            "SELECT rowid AS sequence, * FROM alert WHERE rowid >= ? AND rowid < ? ORDER BY rowid DESC",
            end - limit,
            end,
        )

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Give this thread's connection to the database."""
        if not hasattr(self._local, "db"):
            self._local.db = self._connection()
            self._readers.append(self._local.db)
        db: duckdb.DuckDBPyConnection = self._local.db
        return db

    def _connection(self) -> duckdb.DuckDBPyConnection:
        try:
            return self._db.cursor()
        except duckdb.ConnectionException as error:
            raise ArchiveError(f"the archive {self.folder} is closed") from error


class _FolderReading(Reading):
    """A query on a connection of its own."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Sequence[Any],
        lent: Mapping[str, pa.Table],
    ) -> None:
        self._db = db
        self._sql = sql
        self._parameters = list(parameters)
        self._lent = lent
        self._reader: pa.RecordBatchReader | None = None
        self._stopped = threading.Event()
        self._closing = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for name, data in self._lent.items():
                self._db.register(name, data)
            self._check()
            # A relation is streamed; the result of execute() would be held as a whole.
            self._reader = self._db.sql(self._sql, params=self._parameters).to_arrow_reader(BATCH_ROWS)
            for batch in self._reader:
                self._check()
                yield batch
        except (duckdb.Error, OSError) as error:
            self._check(error)
            raise ArchiveError(f"the query failed: {sentence(error)}") from error
        self._check()

    def cancel(self) -> None:
        """Stop the query."""
        self._stopped.set()
        with self._closing:
            if not self._closed:
                self._db.interrupt()

    def close(self) -> None:
        """End the query."""
        with self._closing:
            self._closed = True
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._db.close()

    def _check(self, error: Exception | None = None) -> None:
        if self._stopped.is_set():
            raise QueryStopped("the query was stopped") from error


def sentence(error: Exception) -> str:
    """Give the first line of what DuckDB says."""
    return str(error).splitlines()[0]

"""The archive: a folder with a DuckDB file and the packets as they arrived."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from vobroker.alerts.batch import AlertBatch, Cutout
from vobroker.archive import locks, replay, tables
from vobroker.archive.errors import ArchiveError, QueryStopped
from vobroker.archive.once import Once
from vobroker.archive.segments import Segments
from vobroker.archive.transaction import Transaction
from vobroker.timeseries import LightCurve
from vobroker.votypes.columns import Table

AUTHORITY = "org.example.vobroker"
"""Naming authority of event identifiers unless another is given (IVOA Identifiers 2.0, section 2.3.1)."""

Row = dict[str, Any]

_ONE = "survey = $2 AND alert_id = $3"

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # SQL reaches nothing but the archive: no files, no network, no Python variables.
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": True,
}


def open_archive(
    folder: Path, *, create: bool = True, read_only: bool = False, authority: str = AUTHORITY
) -> Archive:
    """Open the archive in a folder.

    Parameters
    ----------
    folder
        Folder of the archive.
    create
        Make it when it is not there.
    read_only
        Open it for reading; several processes may then read, while none writes. At an archive that
        workers share this waits for a turn, and the workers wait until it is closed.
    authority
        Naming authority of the events that will be added.

    Raises
    ------
    ArchiveError
        If the folder is no archive, is one of a newer version, is in use by another process, or
        cannot be read or made.
    """
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


def _open(folder: Path, read_only: bool, authority: str, turn: int) -> Archive:
    file = folder / "archive.duckdb"
    try:
        if not read_only:
            (folder / "packets").mkdir(parents=True, exist_ok=True)
        db = duckdb.connect(file, read_only=read_only, config=_CONFIG)
    except OSError as error:
        raise ArchiveError(f"cannot make an archive in {folder}: {error.strerror or error}") from error
    except duckdb.Error as error:
        raise ArchiveError(_why_not_opened(folder, str(error))) from error
    try:
        if not read_only:
            tables.create(db)
        tables.check_format(db, str(folder))
        places = db.sql("SELECT segment, start + length FROM payload ORDER BY ALL DESC LIMIT 1").fetchall()
    except duckdb.Error as error:
        db.close()
        raise ArchiveError(_why_not_opened(folder, str(error))) from error
    except ArchiveError:
        db.close()
        raise
    number, end = places[0] if places else (1, 0)
    segments = Segments(folder / "packets", number, end)
    if not read_only:
        segments.cut(number, end)
    return Archive(folder, db, segments, authority, turn)


def _why_not_opened(folder: Path, reason: str) -> str:
    """Turn DuckDB's words about its file into ours."""
    if "lock" in reason:
        holder = re.search(r"PID (\d+)", reason)
        who = f"process {holder[1]}" if holder else "another process"
        return f"the archive {folder} is in use by {who}"
    return f"cannot open the archive {folder}: {reason.splitlines()[0]}"


class Archive:
    """An open archive; made by :func:`open_archive`.

    Any number of threads may read. One transaction is open at a time, others wait for it.
    """

    def __init__(
        self, folder: Path, db: duckdb.DuckDBPyConnection, segments: Segments, authority: str, turn: int = -1
    ) -> None:
        self.folder = folder
        self.authority = authority
        self._turn = turn
        self._db = db
        self._segments = segments
        self._heads = Once("packet_head")
        self._schemas = Once("packet_schema")
        self._writing = threading.Lock()
        self._local = threading.local()
        self._readers: list[duckdb.DuckDBPyConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        """Change the archive: all of the block is committed, or nothing when it raises.

        Packets are on the disk before the rows that point to them are committed.

        Raises
        ------
        ArchiveError
            If the disk does not take the changes. The archive is then as before.
        """
        with self._writing:
            number, end = self._segments.number, self._segments.end
            db = self._db.cursor()
            try:
                db.begin()
                yield Transaction(db, self._segments, self._heads, self._schemas, self.authority)
                db.commit()
            except BaseException as error:
                with suppress(duckdb.Error):
                    db.rollback()
                self._segments.cut(number, end)
                self._heads.forget()
                self._schemas.forget()
                if isinstance(error, duckdb.Error):
                    raise ArchiveError(f"cannot write to {self.folder}: {_sentence(error)}") from error
                raise
            finally:
                db.close()

    # -- reading -----------------------------------------------------------------------------------

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows: int | None = None,
        seconds: float | None = None,
    ) -> pa.Table:
        """Run a query that we wrote, or that :func:`vobroker.adql.translate` did.

        Parameters
        ----------
        sql
            DuckDB SQL; never text from a user.
        parameters
            Values for ``?`` or ``$1``.
        rows
            Most rows to give; ask for one more than wanted to learn whether there are more.
        seconds
            Time after which the query is stopped.

        Raises
        ------
        QueryStopped
            At the time limit.
        ArchiveError
            If the query fails, with the database's reason.
        """
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
            raise ArchiveError(f"the query failed: {_sentence(error)}") from error
        finally:
            if timer:
                timer.cancel()

    def tables(self) -> dict[str, Table]:
        """Give the columns of all tables, the survey's native ones included, by table name."""
        return tables.public_tables(self._cursor())

    def position(self, source: str, partition: int = 0) -> int:
        """Give the next packet to read from a source; 0 when nothing was read from it."""
        row = self._row(
            "SELECT position FROM source_position WHERE source = ? AND partition = ?", source, partition
        )
        return int(row["position"]) if row else 0

    def positions(self) -> dict[tuple[str, int], int]:
        """Give the next packet to read of every (source, partition) that was read from."""
        rows = self._rows("SELECT source, partition, position FROM source_position")
        return {(row["source"], row["partition"]): int(row["position"]) for row in rows}

    def alert(self, survey: str, alert_id: int) -> Row | None:
        """Give the common columns of an alert, None when it is not there."""
        return self._row("SELECT * FROM alert WHERE survey = ? AND alert_id = ?", survey, alert_id)

    def native(self, survey: str, alert_id: int) -> Row | None:
        """Give the native columns of an alert, None when it is not there."""
        if survey not in tables.native_tables(self._cursor()):
            return None
        return self._row(f"SELECT * FROM {tables.quote(survey)} WHERE alert_id = ?", alert_id)  # noqa: S608

    def latest(self, limit: int, before: int | None = None) -> list[Row]:
        """Give the alerts that arrived last, the last first, in the columns of ``alert``.

        A column ``sequence`` comes besides, which counts the alerts from 0 in order of arrival; give
        the smallest of a page as ``before`` for the next.
        """
        end = self.query("SELECT count(*) FROM alert")[0][0].as_py() if before is None else before
        return self._rows(
            "SELECT rowid AS sequence, * FROM alert WHERE rowid >= ? AND rowid < ? ORDER BY rowid DESC",
            end - limit,
            end,
        )

    def object(self, survey: str, object_id: str) -> Row | None:
        """Give an object, None when it is not there."""
        return self._row("SELECT * FROM object WHERE survey = ? AND object_id = ?", survey, object_id)

    def alerts_of(self, survey: str, object_id: str) -> list[Row]:
        """Give the alerts of an object by time."""
        return self._rows(
            "SELECT * FROM alert WHERE survey = ? AND object_id = ? ORDER BY mjd, alert_id", survey, object_id
        )

    def light_curve(self, object_id: str, survey: str | None = None) -> LightCurve:
        """Give all measurements of an object.

        Raises
        ------
        ArchiveError
            If there is no such object, or several surveys have one and none is named.
        """
        found = self._rows(
            "SELECT survey, ra, dec FROM object WHERE object_id = ? AND survey = coalesce(?, survey)",
            object_id,
            survey,
        )
        if not found:
            of = f" of {survey}" if survey else ""
            raise ArchiveError(f"there is no object '{object_id}'{of} in {self.folder}")
        if len(found) > 1:
            names = ", ".join(sorted(row["survey"] for row in found))
            raise ArchiveError(f"several surveys have an object '{object_id}': {names}; say which")
        (place,) = found
        points = self.query(
            "SELECT * FROM measurement WHERE object_id = ? AND survey = ?", [object_id, place["survey"]]
        )
        return LightCurve(place["survey"], object_id, _number(place["ra"]), _number(place["dec"]), points)

    def packet(self, survey: str, alert_id: int) -> bytes:
        """Give the packet of an alert as it arrived, byte by byte.

        Raises
        ------
        ArchiveError
            If there is no such alert, or its segment is damaged.
        """
        for packet in replay.packets(self.query, self._segments, _ONE, [survey, alert_id]):
            return packet
        raise ArchiveError(f"there is no {survey} alert {alert_id} in {self.folder}")

    def cutouts(self, survey: str, alert_id: int) -> tuple[Cutout, ...]:
        """Give the image stamps of an alert, out of its packet.

        Raises
        ------
        ArchiveError
            If there is no such alert, or its segment is damaged.
        """
        for batch in replay.batches(self.query, self._segments, _ONE, [survey, alert_id]):
            return batch.cutouts(0)
        raise ArchiveError(f"there is no {survey} alert {alert_id} in {self.folder}")

    def read_batches(
        self, survey: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[AlertBatch]:
        """Give stored alerts as the batches they came in, decoded anew from their packets.

        Parameters
        ----------
        survey
            Only alerts of this survey.
        since, until
            Only alerts received from the first to before the second, UTC.

        Yields
        ------
        AlertBatch
            In order of arrival.
        """
        return replay.batches(
            self.query,
            self._segments,
            "survey = coalesce($2, survey) AND received >= coalesce($3, received)"
            " AND coalesce(received < $4, true)",
            [survey, _naive(since), _naive(until)],
        )

    def ledger(self) -> pa.Table:
        """Give the account of every alert, by source, survey, night and visit."""
        return self.query("SELECT * FROM ledger")

    def filter_ledger(self) -> pa.Table:
        """Give the account of every filter, by night."""
        return self.query("SELECT * FROM filter_ledger")

    def dead_letters(self, limit: int = 100, before: int | None = None) -> list[Row]:
        """Give the last dead letters without their bytes, the last first."""
        return self._rows(
            "SELECT * EXCLUDE (data) FROM dead_letter WHERE id < ? ORDER BY id DESC LIMIT ?",
            (1 << 62) if before is None else before,
            limit,
        )

    def dead_letter(self, number: int) -> Row | None:
        """Give one dead letter with its bytes, None when it is not there."""
        return self._row("SELECT * FROM dead_letter WHERE id = ?", number)

    def events(self, stream: str | None = None, after: int = 0, limit: int = 1000) -> list[Row]:
        """Give events in order of appearance, those behind a sequence number."""
        return self._rows(
            "SELECT * FROM event WHERE sequence > ? AND stream = coalesce(?, stream)"
            " ORDER BY sequence LIMIT ?",
            after,
            stream,
            limit,
        )

    def event(self, ivorn: str) -> Row | None:
        """Give one event, None when it is not there."""
        return self._row("SELECT * FROM event WHERE ivorn = ?", ivorn)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Give this thread's connection to the database."""
        if not hasattr(self._local, "db"):
            try:
                self._local.db = self._db.cursor()
            except duckdb.ConnectionException as error:
                raise ArchiveError(f"the archive {self.folder} is closed") from error
            self._readers.append(self._local.db)
        db: duckdb.DuckDBPyConnection = self._local.db
        return db

    def _rows(self, sql: str, *parameters: Any) -> list[Row]:
        rows: list[Row] = self.query(sql, parameters).to_pylist()
        return rows

    def _row(self, sql: str, *parameters: Any) -> Row | None:
        rows = self._rows(sql, *parameters)
        return rows[0] if rows else None


def _naive(time: datetime | None) -> datetime | None:
    """Give a time as the tables keep it: UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _sentence(error: duckdb.Error) -> str:
    """Give the first line of what DuckDB says."""
    return str(error).splitlines()[0]

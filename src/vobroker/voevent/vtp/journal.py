"""The journal: every event that was taken, in order, on disk before anybody is told that it was.

It is what makes a broker remember through restarts: which identifiers it has seen and with what content, and
what a subscriber has missed. A subscriber keeps what it receives in one, too. The engine is SQLite with
write-ahead logging; a commit is synced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from vobroker.voevent.canonical import canonical
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.vtp.events import Event

KEEP_DAYS = 30.0
"""Days that events and their identifiers are kept unless another number is given."""

_CONFLICTS = 10_000
_OLD_AT_ONCE = 1000
_MUCH_AT_ONCE = 50
_BATCH_BYTES = 2**22
_LOG_BYTES = 2**26

_TABLES = """
    CREATE TABLE IF NOT EXISTS event (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        ivorn TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL,
        received REAL NOT NULL,
        peer TEXT NOT NULL,
        content BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS event_received ON event (received);
    CREATE TABLE IF NOT EXISTS conflict (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        ivorn TEXT NOT NULL,
        digest BLOB NOT NULL,
        received REAL NOT NULL,
        peer TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS place (
        name TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        mark TEXT NOT NULL
    );
"""


class Fate(Enum):
    """What became of an event."""

    NEW = "new"
    KNOWN = "known"  # the same packet was taken before
    OTHER = "other"  # another packet with this identifier was


class Entry(NamedTuple):
    """An event of the journal; ``received`` is in seconds since 1970, UTC."""

    sequence: int
    ivorn: str
    received: float
    peer: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event: the entry that has its identifier, new or from before."""

    fate: Fate
    sequence: int
    received: float


class Conflict(NamedTuple):
    """An identifier that came again with other content."""

    ivorn: str
    digest: bytes
    received: float
    peer: str


class Journal:
    """A journal in a folder.

    Parameters
    ----------
    folder
        Made when it is not there. One process has it at a time.
    keep_days
        Days after which events are forgotten, and their identifiers with them.
    max_bytes
        Size of the file above which the oldest events are forgotten earlier; None for no limit.

    Raises
    ------
    VTPError
        If it cannot be opened, or another process has it.
    """

    def __init__(self, folder: Path, *, keep_days: float = KEEP_DAYS, max_bytes: int | None = None) -> None:
        self.folder = folder
        self.keep_days = keep_days
        self.max_bytes = max_bytes
        self._turn = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise VTPError(f"cannot open the journal {folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise VTPError(f"the journal {folder} is in use by another process") from None
        try:
            self._writer = self._connect()
            self._writer.executescript(_TABLES)
            self._reader = self._connect()
        except sqlite3.Error as error:
            os.close(self._lock)
            raise VTPError(f"cannot open the journal {folder}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal."""
        self._reader.close()
        self._writer.close()
        os.close(self._lock)

    def _connect(self) -> sqlite3.Connection:
        # Reading and writing have a thread each; a connection is used by one at a time.
        connection = sqlite3.connect(
            self.folder / "journal.sqlite", isolation_level=None, check_same_thread=False, timeout=30
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._turn:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise VTPError(f"cannot write to the journal {self.folder}: {error}") from error

    # -- writing ---------------------------------------------------------------------------------

    def add(
        self,
        events: Sequence[tuple[Event, str]],
        *,
        received: float | None = None,
        places: Sequence[tuple[str, int, str]] = (),
    ) -> list[Verdict]:
        """Add events, all of them in one transaction, and say what became of each.

        Parameters
        ----------
        events
            Events and the peers that sent them.
        received
            When they came, seconds since 1970; now unless given.
        places
            Names, numbers and marks to note in the same transaction, see :meth:`place`.

        Raises
        ------
        VTPError
            If they cannot be written; none of them is then in the journal.
        """
        when = time.time() if received is None else received
        verdicts = []
        with self._transaction() as writer:
            for event, peer in events:
                verdicts.append(self._judge(writer, event, peer, when))
            for name, number, mark in places:
                self._note(writer, name, number, mark)
        return verdicts

    def _judge(self, writer: sqlite3.Connection, event: Event, peer: str, when: float) -> Verdict:
        # Looked for first: an insertion that fails would use a number up.
        known = writer.execute(
            "SELECT sequence, digest, received, content FROM event WHERE ivorn = ?", (event.ivorn,)
        ).fetchone()
        if known is None:
            number = writer.execute(
                "INSERT INTO event (ivorn, digest, received, peer, content) VALUES (?, ?, ?, ?, ?)",
                (event.ivorn, event.digest, when, peer, event.content),
            ).lastrowid
            assert number is not None
            return Verdict(Fate.NEW, number, when)
        sequence, digest, received, content = known
        if digest == event.digest or _same(content, event.content):
            return Verdict(Fate.KNOWN, sequence, received)
        writer.execute(
            "INSERT INTO conflict (ivorn, digest, received, peer) VALUES (?, ?, ?, ?)",
            (event.ivorn, event.digest, when, peer),
        )
        return Verdict(Fate.OTHER, sequence, received)

    def set_place(self, name: str, number: int, mark: str = "") -> None:
        """Note how far somebody has read, or been read; see :meth:`place`."""
        with self._transaction() as writer:
            self._note(writer, name, number, mark)

    @staticmethod
    def _note(writer: sqlite3.Connection, name: str, number: int, mark: str) -> None:
        writer.execute(
            "INSERT INTO place VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET number = excluded.number, mark = excluded.mark",
            (name, number, mark),
        )

    def prune(self, now: float | None = None) -> int:
        """Forget some of what is too old or too much; give the number of events, 0 when all is done.

        Few at a time, so that nobody waits for it; the place in the file is used again.
        """
        before = (time.time() if now is None else now) - 86_400 * self.keep_days
        with self._transaction() as writer:
            newest = writer.execute("SELECT coalesce(max(sequence), 0) FROM event").fetchone()[0]
            rows = "SELECT sequence FROM event WHERE {} ORDER BY sequence LIMIT ?"
            gone = writer.execute(
                f"DELETE FROM event WHERE sequence IN ({rows.format('received < ?')})",  # noqa: S608
                (before, _OLD_AT_ONCE),
            ).rowcount
            if not gone and self.max_bytes is not None and self.size() > self.max_bytes:
                gone = writer.execute(
                    f"DELETE FROM event WHERE sequence IN ({rows.format('sequence < ?')})",  # noqa: S608
                    (newest, _MUCH_AT_ONCE),
                ).rowcount
            writer.execute(
                "DELETE FROM conflict WHERE number <= (SELECT max(number) FROM conflict) - ?", (_CONFLICTS,)
            )
        return gone

    # -- reading ---------------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes of the file that are in use."""
        pages, free, size = (
            self._writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def after(self, sequence: int, most: int = 1000, most_bytes: int = _BATCH_BYTES) -> list[Entry]:
        """Give the events behind a place, in order: at least one where there is one."""
        found: list[Entry] = []
        room = most_bytes
        with self._reading() as reader:
            rows = reader.execute(
                "SELECT sequence, ivorn, received, peer, content FROM event"
                " WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (sequence, most),
            )
            for row in map(Entry._make, rows):
                room -= len(row.content)
                if found and room < 0:
                    break
                found.append(row)
            rows.close()
        return found

    def newest(self) -> int:
        """Give the place of the newest event that ever was; 0 where there was none."""
        row = self._row("SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        return int(row[0]) if row else 0

    def count(self) -> int:
        """Give the number of events."""
        row = self._row("SELECT count(*) FROM event")
        return int(row[0]) if row else 0

    def place_of(self, ivorn: str) -> int | None:
        """Give the place of an event; None where it is not known, or not any more."""
        row = self._row("SELECT sequence FROM event WHERE ivorn = ?", ivorn)
        return int(row[0]) if row else None

    def place_at(self, received: float) -> int:
        """Give the place before the first event that came at a time or later."""
        row = self._row("SELECT sequence FROM event WHERE received >= ? ORDER BY sequence LIMIT 1", received)
        return int(row[0]) - 1 if row else self.newest()

    def place(self, name: str) -> tuple[int, str]:
        """Give a number and a mark that were noted under a name; 0 and nothing where none were."""
        row = self._row("SELECT number, mark FROM place WHERE name = ?", name)
        return (int(row[0]), str(row[1])) if row else (0, "")

    def conflicts(self, most: int = 100) -> list[Conflict]:
        """Give the newest identifiers that came again with other content."""
        with self._reading() as reader:
            rows = reader.execute(
                "SELECT ivorn, digest, received, peer FROM conflict ORDER BY number DESC LIMIT ?", (most,)
            )
            return [Conflict._make(row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._reader
        except sqlite3.Error as error:
            raise VTPError(f"cannot read the journal {self.folder}: {error}") from error

    def _row(self, query: str, *parameters: object) -> tuple[Any, ...] | None:
        with self._reading() as reader:
            row: tuple[Any, ...] | None = reader.execute(query, parameters).fetchone()
        return row


def _same(old: bytes, new: bytes) -> bool:
    """Whether packets differ only in how they are written: another broker may have written one anew."""
    try:
        forms = [hashlib.sha256(canonical(packet, "c14n2-trimmed")).digest() for packet in (old, new)]
    except (VOEventError, ValueError):
        return False
    return forms[0] == forms[1]

"""One archive, several processes: they open it in turns.

DuckDB lets one process write. Whoever wants the archive waits in a line (a lock on ``queue.lock``) for the
turn (a lock on ``turn.lock``); whoever has it keeps it until somebody stands in the line, or until there is
nothing to do. The locks are the system's: a process that dies leaves none behind.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vobroker.archive.archive import AUTHORITY, Archive, open_archive
from vobroker.archive.errors import ArchiveError

IDLE_SECONDS = 0.5
"""Time without a change after which the archive is closed, so that others may read it."""


class Turns:
    """The turns of one process at an archive.

    Parameters
    ----------
    folder
        Folder of the archive; made when it is not there.
    authority
        Naming authority of the events that are added.
    """

    def __init__(self, folder: Path, *, authority: str = AUTHORITY) -> None:
        self.folder = folder
        self._authority = authority
        self._here = threading.RLock()
        self._archive: Archive | None = None
        self._turn = -1
        self._used = 0.0

    @contextmanager
    def take(self) -> Iterator[Archive]:
        """Take a turn: the archive is open for writing within the block, and no other process has it.

        Raises
        ------
        ArchiveError
            If it cannot be opened; it may be held by a process that does not take turns.
        """
        with self._here:
            if self._archive is None:
                self._archive = self._open()
            try:
                yield self._archive
            except BaseException:
                # What the disk or the database refused is looked at anew with the next turn.
                self._close()
                raise
            self._used = time.monotonic()
            if self._somebody_waits():
                self._close()

    def rest(self) -> None:
        """Give the turn back if somebody waits for it, or nothing was done for a while; never waits."""
        if self._here.acquire(blocking=False):
            try:
                idle = time.monotonic() - self._used > IDLE_SECONDS
                if self._archive is not None and (idle or self._somebody_waits()):
                    self._close()
            finally:
                self._here.release()

    def close(self) -> None:
        """Close the archive and give the turn back."""
        with self._here:
            self._close()

    def _open(self) -> Archive:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            queue = self._file("queue.lock")
            try:
                fcntl.flock(queue, fcntl.LOCK_EX)
                self._turn = self._file("turn.lock")
                fcntl.flock(self._turn, fcntl.LOCK_EX)
            finally:
                os.close(queue)
        except OSError as error:
            self._close()
            raise ArchiveError(f"cannot take a turn at {self.folder}: {error.strerror or error}") from error
        try:
            return open_archive(self.folder, authority=self._authority)
        except BaseException:
            self._close()
            raise

    def _somebody_waits(self) -> bool:
        queue = self._file("queue.lock")
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(queue)
        return False

    def _file(self, name: str) -> int:
        return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1

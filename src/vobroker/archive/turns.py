"""One archive, several processes: of a folder they open it in turns, on a server all at once.

DuckDB lets one process write. Whoever has the turn keeps it until somebody stands in the line for it, or
until there is nothing to do.
"""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from vobroker.archive import locks
from vobroker.archive.archive import AUTHORITY, Archive
from vobroker.archive.errors import ArchiveError
from vobroker.archive.places import Place, Server, open_archive, place

IDLE_SECONDS = 0.5
"""Time without a change after which the archive is closed, so that others may read it."""


class Access(ABC):
    """How a process that reads a source comes at its archive, and at the positions in it."""

    @abstractmethod
    def take(self) -> AbstractContextManager[Archive]:
        """Have the archive open for writing within the block."""

    @abstractmethod
    def rest(self) -> None:
        """Let others at it if they wait; never waits."""

    @abstractmethod
    def close(self) -> None:
        """End the access."""

    def positions(self) -> dict[tuple[str, int], int]:
        """Give the next packet to read of every (source, partition) that was read from."""
        with self.take() as archive:
            return archive.positions()

    def remember(self, progress: Mapping[tuple[str, int], int]) -> None:
        """Commit positions before anything is read from them."""
        with self.take() as archive, archive.transaction() as transaction:
            transaction.set_positions(progress)


class Turns(Access):
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
            if locks.somebody_waits(self.folder):
                self._close()

    def rest(self) -> None:
        """Give the turn back if somebody waits for it, or nothing was done for a while; never waits."""
        if self._here.acquire(blocking=False):
            try:
                idle = time.monotonic() - self._used > IDLE_SECONDS
                if self._archive is not None and (idle or locks.somebody_waits(self.folder)):
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
        except OSError as error:
            raise ArchiveError(f"cannot make {self.folder}: {error.strerror or error}") from error
        self._turn = locks.take(self.folder)
        try:
            return open_archive(self.folder, authority=self._authority)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1


class Held(Access):
    """The turn that never ends: of a process that keeps its archive open, and is alone with it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    @contextmanager
    def take(self) -> Iterator[Archive]:
        """Give the archive."""
        yield self._archive

    def rest(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Who opened the archive closes it."""


class Shared(Access):
    """Access to an archive on a server, which any number of processes write at once.

    Parameters
    ----------
    server
        The archive's database; its tables are made when they are not there.
    authority
        Naming authority of the events that are added.
    """

    def __init__(self, server: Server, *, authority: str = AUTHORITY) -> None:
        self.server = server
        self._authority = authority
        self._opening = threading.Lock()
        self._archive: Archive | None = None

    @contextmanager
    def take(self) -> Iterator[Archive]:
        """Have the archive open within the block.

        Raises
        ------
        ArchiveError
            If the server cannot be reached; the next time it is tried anew.
        """
        with self._opening:
            if self._archive is None:
                self._archive = open_archive(self.server, authority=self._authority)
        yield self._archive

    def rest(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Leave the server."""
        with self._opening:
            if self._archive is not None:
                self._archive.close()
                self._archive = None


def access(where: Place | str, *, authority: str = AUTHORITY) -> Access:
    """Give the access that a process which shares an archive with others needs."""
    found = place(where)
    if isinstance(found, Server):
        return Shared(found, authority=authority)
    return Turns(found, authority=authority)

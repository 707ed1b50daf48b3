"""The locks by which processes take turns at an archive.

Whoever wants the archive waits in a line (a lock on ``queue.lock``) for the turn (a lock on ``turn.lock``):
one who writes has it alone, those who read share it. The locks are the system's: a process that dies leaves
none behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from vobroker.archive.errors import ArchiveError

READER_PATIENCE = 60.0
"""Seconds that a reader waits for its turn."""

_STEP = 0.01


def taken_in_turns(folder: Path) -> bool:
    """Whether the archive in a folder is one that several processes have shared."""
    return (folder / "turn.lock").exists()


def take(folder: Path, *, shared: bool = False, patience: float | None = None) -> int:
    """Wait for the turn; give the descriptor that holds it until it is closed.

    Raises
    ------
    ArchiveError
        If the locks cannot be made, or the turn does not come within the patience, in seconds.
    """
    end = None if patience is None else time.monotonic() + patience
    queue = turn = -1
    try:
        queue = _file(folder, "queue.lock", shared)
        _lock(queue, fcntl.LOCK_EX, end)
        turn = _file(folder, "turn.lock", shared)
        _lock(turn, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, end)
    except BaseException as error:
        if turn >= 0:
            os.close(turn)
        if isinstance(error, BlockingIOError):
            raise ArchiveError(
                f"the archive {folder} is in use, and no turn came in {patience:g} s"
            ) from None
        if isinstance(error, OSError):
            raise ArchiveError(f"cannot take a turn at {folder}: {error.strerror or error}") from error
        raise
    finally:
        if queue >= 0:
            os.close(queue)
    return turn


def somebody_waits(folder: Path) -> bool:
    """Whether another process stands in the line."""
    with suppress(OSError):
        queue = _file(folder, "queue.lock", shared=False)
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(queue)
    return False


def _lock(file: int, kind: int, end: float | None) -> None:
    if end is None:
        fcntl.flock(file, kind)
        return
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(_STEP)
        else:
            return


def _file(folder: Path, name: str, shared: bool) -> int:
    # Who only reads may not be allowed to write into the folder.
    how = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    return os.open(folder / name, how | os.O_CLOEXEC, 0o644)

"""Append-only files of compressed packets.

A segment is a plain run of zstd frames (RFC 8878), one a packet, so that ``zstd -d`` reads it too.
Nothing in a segment says where a packet begins: the ``payload`` table does, and only what a committed
row points to counts. Bytes after the last committed frame are left over from a crash and are cut off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import zstandard

from vobroker.archive.errors import ArchiveError
from vobroker.archive.pool import Pool, compressed, inflated

SEGMENT_SIZE = 1 << 30
"""A segment that has grown to this size is left alone and the next one begun."""


class Segments:
    """The folder of segments, written by one transaction at a time and read by any thread.

    Parameters
    ----------
    folder
        Where the segments are.
    number, end
        The segment in use and the end of its last committed frame.
    """

    def __init__(self, folder: Path, number: int, end: int) -> None:
        self.folder = folder
        self.number = number
        self.end = end
        self.pool = Pool()

    def close(self) -> None:
        """End the compressing threads."""
        self.pool.close()

    def path(self, number: int) -> Path:
        """Give the file of a segment."""
        return self.folder / f"{number:06d}.seg"

    def append(self, packets: Sequence[memoryview]) -> tuple[list[int], list[int], list[int]]:
        """Compress packets and :meth:`keep` them."""
        return self.keep(self.pool.each(compressed, packets))

    def keep(self, frames: Sequence[bytes | memoryview]) -> tuple[list[int], list[int], list[int]]:
        """Write frames behind the last one and sync them to the disk.

        Returns
        -------
        numbers, starts, lengths
            The segment, first byte and size of each frame.

        Raises
        ------
        ArchiveError
            If the disk does not take them.
        """
        lengths = [len(frame) for frame in frames]
        if self.end >= SEGMENT_SIZE:
            self.number, self.end = self.number + 1, 0
        starts, end = [], self.end
        for length in lengths:
            starts.append(end)
            end += length
        path = self.path(self.number)
        try:
            new = not path.exists()
            with path.open("ab") as file:
                file.truncate(self.end)
                file.writelines(frames)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.folder)
        except OSError as error:
            raise ArchiveError(f"cannot write packets to {path}: {error.strerror or error}") from error
        self.end = end
        return [self.number] * len(frames), starts, lengths

    def cut(self, number: int, end: int) -> None:
        """Forget everything behind a place, and give its bytes back to the disk where that works."""
        for later in range(self.number, number, -1):
            self.path(later).unlink(missing_ok=True)
        self.number, self.end = number, end
        path = self.path(number)
        try:
            if path.stat().st_size > end:
                os.truncate(path, end)
        except OSError:
            return  # a longer file does no harm: the next append cuts it

    def frames(
        self, numbers: Sequence[int], starts: Sequence[int], lengths: Sequence[int], *, damaged: bool = False
    ) -> list[bytes | None]:
        """Give frames as they are in the segments.

        Parameters
        ----------
        numbers, starts, lengths
            The segment, first byte and size of each.
        damaged
            Give None for what cannot be read, instead of raising.

        Raises
        ------
        ArchiveError
            If a segment is missing or too short.
        """
        found: list[bytes | None] = []
        with ExitStack() as stack:
            files: dict[int, BinaryIO | None] = {}
            for number, start, length in zip(numbers, starts, lengths, strict=True):
                if number not in files:
                    files[number] = self._opened(number, stack, damaged)
                file = files[number]
                frame = b"" if file is None else self._bytes(number, file, start, length, damaged)
                if len(frame) < length and not damaged:
                    raise ArchiveError(f"{self.path(number)} ends before byte {start + length}")
                found.append(frame if len(frame) == length else None)
        return found

    def _bytes(self, number: int, file: BinaryIO, start: int, length: int, damaged: bool) -> bytes:
        try:
            return os.pread(file.fileno(), length, start)
        except OSError as error:
            if damaged:
                return b""
            path = self.path(number)
            raise ArchiveError(f"cannot read packets from {path}: {error.strerror or error}") from error

    def _opened(self, number: int, stack: ExitStack, damaged: bool) -> BinaryIO | None:
        path = self.path(number)
        try:
            return stack.enter_context(path.open("rb"))
        except OSError as error:
            if damaged:
                return None
            raise ArchiveError(f"cannot read packets from {path}: {error.strerror or error}") from error

    def read(self, number: int, start: int, length: int) -> bytes:
        """Give one packet back.

        Raises
        ------
        ArchiveError
            If the segment is missing, too short or damaged there.
        """
        path = self.path(number)
        try:
            with path.open("rb") as file:
                frame = os.pread(file.fileno(), length, start)
            return inflated(frame)
        except OSError as error:
            raise ArchiveError(f"cannot read packets from {path}: {error.strerror or error}") from error
        except zstandard.ZstdError as error:
            raise ArchiveError(f"{path} is damaged at byte {start}: {error}") from error


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

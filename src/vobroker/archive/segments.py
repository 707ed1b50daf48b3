"""Append-only files of compressed packets.

A segment is a plain run of zstd frames (RFC 8878), one a packet, so that ``zstd -d`` reads it too.
Nothing in a segment says where a packet begins: the ``payload`` table does, and only what a committed
row points to counts. Bytes after the last committed frame are left over from a crash and are cut off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

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
        """Compress packets, write them behind the last one and sync them to the disk.

        Returns
        -------
        numbers, starts, lengths
            The segment, first byte and size of each frame.

        Raises
        ------
        ArchiveError
            If the disk does not take them.
        """
        frames = self.pool.each(compressed, packets)
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

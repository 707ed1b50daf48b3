"""Scratch space for the history of objects: grows at the end, is read anywhere, is gone with the process."""

from __future__ import annotations

import mmap
import tempfile
import weakref


class Spool:
    """Bytes in an unnamed temporary file, so that the system may page out what is not needed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="vobroker-simulator-")  # noqa: SIM115, closed with self
        weakref.finalize(self, self._file.close)
        self._map: mmap.mmap | None = None
        self.size = 0

    def append(self, data: bytes) -> int:
        """Keep ``data``; return where it begins."""
        at = self.size
        self._file.write(data)
        self.size += len(data)
        return at

    def view(self) -> mmap.mmap | bytes:
        """Everything kept so far; slices of it are bytes."""
        if self.size == 0:  # which cannot be mapped
            return b""
        if self._map is None or len(self._map) < self.size:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)
        return self._map

"""Batches of rows cut to a size that fits in memory whatever the engine gives, and a sink that hands on."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

ROWS = 16_384
"""Most rows written at once."""

BYTES = 16 * 2**20
"""Most bytes of rows written at once, unless one row has more."""


def pieces(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut batches to at most :data:`ROWS` rows and :data:`BYTES` bytes; empty ones fall away."""
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS):
            yield from _halved(batch.slice(start, ROWS))


def _halved(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows == 1 or batch.nbytes <= BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _halved(batch.slice(0, half))
    yield from _halved(batch.slice(half))


class Sink:
    """A file to write to, from which what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> int:
        """Keep bytes until they are taken."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: all that was written can be taken at once."""

    def close(self) -> None:
        """Let what is left be taken."""
        self.closed = True

    def take(self) -> Iterator[bytes]:
        """Give what was written since the last time."""
        if self._parts:
            whole = b"".join(self._parts)
            self._parts.clear()
            yield whole

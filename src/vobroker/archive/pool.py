"""Packets hashed, compressed and inflated, on all cores.

A packet is kept as one zstd frame (RFC 8878).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import zstandard

LEVEL = -3
"""Compression level; measured on real packets, see ``docs/archive.md``."""

MAX_PACKET = 1 << 30
"""No frame is inflated beyond this many bytes."""

_of_thread = threading.local()  # a compressor serves one thread at a time


class Pool:
    """Threads for work that releases the interpreter lock."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="compress")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def each(self, function: Callable[[memoryview], bytes], packets: Sequence[memoryview]) -> list[bytes]:
        """Apply a function that releases the interpreter lock to each packet, on all cores."""
        return list(self._threads.map(function, packets, chunksize=16))


def compressed(packet: memoryview) -> bytes:
    """Give the frame of a packet."""
    if not hasattr(_of_thread, "compressor"):
        _of_thread.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    frame: bytes = _of_thread.compressor.compress(packet)
    return frame


def inflated(frame: bytes) -> bytes:
    """Give the packet of a frame.

    Raises
    ------
    zstandard.ZstdError
        If the frame is damaged.
    """
    return zstandard.ZstdDecompressor().decompress(frame, MAX_PACKET)

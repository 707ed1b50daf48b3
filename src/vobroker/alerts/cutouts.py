"""Image stamps of an alert."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

KINDS = ("difference", "science", "template")

MAX_CUTOUT_BYTES = 8 * 2**20
"""Largest stamp after unpacking; real ones have some 40 kB."""

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Cutout:
    """One image stamp: ``kind`` is one of :data:`KINDS`, ``fits`` plain FITS bytes."""

    kind: str
    fits: bytes


def plain(stamp: bytes) -> bytes | None:
    """Give the FITS bytes of a stamp, gunzipped where it came so; None where it is damaged or too large."""
    if not stamp.startswith(_GZIP):
        return stamp if len(stamp) <= MAX_CUTOUT_BYTES else None
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(stamp, MAX_CUTOUT_BYTES + 1)
    except zlib.error:
        return None
    return content if unpacker.eof and len(content) <= MAX_CUTOUT_BYTES else None

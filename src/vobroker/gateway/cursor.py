"""Cursors: opaque places in a stream, which only this service can make and read.

A cursor is the place under a seal (:mod:`vobroker.gateway.seal`): it says nothing of what is inside, the same
place has the same cursor for everybody, and it holds after a restart as long as the key does.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from vobroker.gateway.seal import SealError, Seals, keys_of

_PLACE = struct.Struct(">Q")
CURSOR = re.compile(r"[A-Za-z0-9_-]{32}")


class CursorError(ValueError):
    """A place that cannot be read, with the reason in one sentence."""


class Cursors:
    """Makes and reads cursors.

    Parameters
    ----------
    keys
        As for :class:`~vobroker.gateway.seal.Seals`.
    """

    def __init__(self, *keys: bytes) -> None:
        self._seals = Seals(*keys)

    @classmethod
    def of(cls, folder: Path) -> Cursors:
        """Take the keys of a folder, and make one where there is none.

        Raises
        ------
        CursorError
            If the file holds no key.
        OSError
            If it cannot be read or made.
        """
        try:
            return cls(*keys_of(folder))
        except SealError as error:
            raise CursorError(str(error)) from error

    def seal(self, stream: str, place: int) -> str:
        """Give the cursor of a place in a stream."""
        return self._seals.seal(_PLACE.pack(place), stream)

    def open(self, stream: str, cursor: str) -> int:
        """Give the place of a cursor.

        Raises
        ------
        CursorError
            If this service did not make it, or for another stream.
        """
        if not CURSOR.fullmatch(cursor):
            raise CursorError("this is no cursor")
        try:
            (place,) = _PLACE.unpack(self._seals.open(cursor, stream))
        except SealError:
            raise CursorError("this cursor is not one of this stream") from None
        return int(place)

"""Cursors: opaque places in a stream, which only this service can make and read.

A cursor is the place under a seal (:mod:`vobroker.gateway.seal`): it says nothing of what is inside, the same
place has the same cursor for everybody, and it holds after a restart as long as the key does.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vobroker.gateway.seal import SealError, Seals, keys_of

_PLACE = struct.Struct(">Q")
_CURSOR = re.compile(r"[A-Za-z0-9_-]{32}")
_AGO = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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
        if not _CURSOR.fullmatch(cursor):
            raise CursorError("this is no cursor")
        try:
            (place,) = _PLACE.unpack(self._seals.open(cursor, stream))
        except SealError:
            raise CursorError("this cursor is not one of this stream") from None
        return int(place)


@dataclass(frozen=True, slots=True)
class Since:
    """Where to begin: behind a place, at a time (UTC, without zone), or with what comes (both None)."""

    place: int | None = None
    time: datetime | None = None


BEGINNING = "beginning"


def since(text: str, stream: str, cursors: Cursors, *, now: datetime | None = None) -> Since:
    """Read where a listener wants to begin.

    Parameters
    ----------
    text
        ``2h`` (seconds, minutes, hours or days ago), a time in ISO 8601 (UTC unless it says else), a cursor,
        ``beginning``, or nothing for what comes.
    stream
        The stream.
    cursors
        What reads cursors.
    now
        The present, UTC; of the clock when not given.

    Raises
    ------
    CursorError
        If it is none of these, or a cursor of another stream.
    """
    if not text:
        return Since()
    if text == BEGINNING:
        return Since(place=0)
    if ago := _AGO.fullmatch(text):
        span = timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        try:
            return Since(time=((now or datetime.now(UTC)) - span).replace(tzinfo=None))
        except OverflowError:
            return Since(place=0)
    if _CURSOR.fullmatch(text):
        return Since(place=cursors.open(stream, text))
    try:
        told = datetime.fromisoformat(text)
        return Since(time=told.astimezone(UTC).replace(tzinfo=None) if told.tzinfo else told)
    except (ValueError, OverflowError):
        raise CursorError(
            "“since” is a cursor, a span such as 2h, a time such as 2026-03-05T01:02:03 (UTC), or beginning"
        ) from None

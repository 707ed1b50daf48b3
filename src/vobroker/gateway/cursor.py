"""Cursors: opaque places in a stream, which only this service can make and read.

A cursor is the place encrypted with AES-SIV (RFC 5297), which also proves that it is ours: it says nothing of
what is inside, the same place has the same cursor for everybody, and it holds after a restart as long as the
key does.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_FILE = "gateway.key"
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
        Secrets of 32 bytes or more; the first makes cursors, all read them, so that a key can be replaced.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = [AESSIV(key) for key in keys]

    @classmethod
    def of(cls, folder: Path) -> Cursors:
        """Take the keys of a folder, one a line, and make one where there is none.

        Raises
        ------
        CursorError
            If the file holds no key.
        OSError
            If it cannot be read or made.
        """
        file = folder / KEY_FILE
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # Only one of two processes that begin at the same time makes it, and nobody sees half of it.
            new = folder / f".{KEY_FILE}.{os.getpid()}"
            new.touch(mode=0o600)
            new.write_text(AESSIV.generate_key(256).hex() + "\n")
            os.link(new, file)
        except FileExistsError:
            pass
        finally:
            new.unlink(missing_ok=True)
        try:
            keys = [bytes.fromhex(line) for line in file.read_text().split()]
            if keys:
                return cls(*keys)
        except ValueError:
            pass
        raise CursorError(f"{file} holds no keys: each line is one of 64 hexadecimal digits")

    def seal(self, stream: str, place: int) -> str:
        """Give the cursor of a place in a stream."""
        sealed = self._keys[0].encrypt(_PLACE.pack(place), [stream.encode()])
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, stream: str, cursor: str) -> int:
        """Give the place of a cursor.

        Raises
        ------
        CursorError
            If this service did not make it, or for another stream.
        """
        if not _CURSOR.fullmatch(cursor):
            raise CursorError("this is no cursor")
        for key in self._keys:
            try:
                (place,) = _PLACE.unpack(key.decrypt(base64.urlsafe_b64decode(cursor), [stream.encode()]))
            except (InvalidTag, binascii.Error):
                continue
            return int(place)
        raise CursorError("this cursor is not one of this stream")


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

"""Where a listener wants to begin, in the words it may say that in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vobroker.gateway.cursor import CURSOR, CursorError, Cursors
from vobroker.spans import seconds

BEGINNING = "beginning"


@dataclass(frozen=True, slots=True)
class Since:
    """Where to begin: behind a place or event, at a time (UTC, without zone), or with what comes (none)."""

    place: int | None = None
    time: datetime | None = None
    ivorn: str | None = None


def since(text: str, stream: str, cursors: Cursors, *, now: datetime | None = None) -> Since:
    """Read where a listener wants to begin.

    Parameters
    ----------
    text
        A cursor, the ivorn of an event, ``2h`` (seconds, minutes, hours or days ago), a time in ISO 8601 (UTC
        unless it says else), ``beginning``, or nothing for what comes.
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
    if text.startswith("ivo://"):
        return Since(ivorn=text)
    if (ago := seconds(text)) is not None:
        try:
            return Since(time=((now or datetime.now(UTC)) - timedelta(seconds=ago)).replace(tzinfo=None))
        except OverflowError:
            return Since(place=0)
    if CURSOR.fullmatch(text):
        return Since(place=cursors.open(stream, text))
    try:
        told = datetime.fromisoformat(text)
        return Since(time=told.astimezone(UTC).replace(tzinfo=None) if told.tzinfo else told)
    except (ValueError, OverflowError):
        raise CursorError(
            "“since” is a cursor, the ivorn of an event, a span such as 2h, a time such as "
            "2026-03-05T01:02:03 (UTC), or beginning"
        ) from None

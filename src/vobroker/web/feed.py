"""Events as they come, for many listeners: the archive is asked once for all who are at one place."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from vobroker.archive import Archive
from vobroker.gateway.access import Listeners
from vobroker.gateway.messages import BEFORE, NEWEST, encoder
from vobroker.gateway.messages import events as passed
from vobroker.voevent import read
from vobroker.voevent.xml import parse

EVERY = 0.5
"""Seconds after which the archive is asked again whether there is something new."""

BEGINNING = "beginning"
"""Where a stream can be asked to begin: at all that there is."""

MAX_LISTENERS = 1000
"""Most listeners at a time, whoever they are."""

_BATCH = 50
_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)["']""")
_CACHED = 32


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be followed: statements that number, find and place events."""

    newest: str
    place_of: str
    place_at: str


PASSED = Kind(
    NEWEST,
    "SELECT sequence AS place FROM event WHERE ivorn = $1",
    BEFORE,
)
"""Events of alerts that passed a filter."""

RECEIVED = Kind(
    "SELECT coalesce(max(number), 0) AS place FROM voevent",
    "SELECT number AS place FROM voevent WHERE ivorn = $1",
    "SELECT coalesce(max(number), 0) AS place FROM voevent WHERE received < $1",
)
"""Events that came from others."""

_RECEIVED = "SELECT number, ivorn, packet FROM voevent WHERE number > $1 ORDER BY number LIMIT $2"


class Item(NamedTuple):
    """An event as it is sent."""

    place: int
    ivorn: str
    content: bytes


class Form(NamedTuple):
    """How events are sent: ``voevent`` or ``gcn``, and of the latter with what addresses."""

    name: str = "voevent"
    site: str = ""


class Feed:
    """What can be followed of an archive, and who does; any number of threads may ask."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._known: dict[Kind, tuple[float, int]] = {}
        self._making = threading.Lock()
        self._made: OrderedDict[tuple[object, ...], tuple[bytes, int]] = OrderedDict()
        self.listeners = Listeners(MAX_LISTENERS)

    def newest(self, kind: Kind) -> int:
        """Give the place of the newest event, as of half a second ago."""
        with self._lock:
            asked, place = self._known.get(kind, (-EVERY, 0))
            if time.monotonic() - asked < EVERY:
                return place
            place = self._place(kind.newest) or 0
            self._known[kind] = time.monotonic(), place
            return place

    def begin(self, kind: Kind, since: str) -> int | None:
        """Give the place behind which a listener begins; None where there is no such event.

        Parameters
        ----------
        kind
            What is followed.
        since
            An event's identifier, a time in ISO 8601 (UTC unless it says else), :data:`BEGINNING`, or nothing
            for what comes.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        if not since:
            return self._place(kind.newest)
        if since == BEGINNING:
            return 0
        if since.startswith("ivo://"):
            return self._place(kind.place_of, since)
        told = datetime.fromisoformat(since)
        return self._place(kind.place_at, told.astimezone(UTC).replace(tzinfo=None) if told.tzinfo else told)

    def after(
        self, kind: Kind, stream: str | None, form: Form, place: int, write: Callable[[Item, Form], bytes]
    ) -> tuple[bytes, int]:
        """Give some events behind a place as they are written, and the place behind them.

        Where there are none, it is the newest place.
        """
        newest = self.newest(kind)
        if newest <= place:
            return b"", place
        key = kind, stream, form, place, newest, write
        with self._making:  # who comes second waits for what the first one makes
            found = self._made.get(key)
            if found is None:
                items = list(self._items(kind, stream, form, place))
                behind = max(items[-1].place, place) if items else newest
                found = self._made[key] = b"".join(write(item, form) for item in items), behind
                while len(self._made) > _CACHED:
                    self._made.popitem(last=False)
        return found

    def _items(self, kind: Kind, stream: str | None, form: Form, place: int) -> Iterator[Item]:
        if kind is RECEIVED:
            rows = self._archive.query(_RECEIVED, [place, _BATCH]).to_pylist()
            for row in rows:
                packet = row["packet"]
                content = _in_utf8(packet) if form.name == "voevent" else encoder(*form)(read(packet))
                yield Item(row["number"], row["ivorn"], content)
            return
        for one in passed(self._archive, stream, place, _BATCH, *form):
            yield Item(one.sequence, one.ivorn, one.content)

    def _place(self, statement: str, *values: object) -> int | None:
        rows = self._archive.query(statement, values)["place"].to_pylist()
        return int(rows[0]) if rows else None


def _in_utf8(packet: bytes) -> bytes:
    """Give a packet as it came, or written anew where it is in another encoding than streams are."""
    declared = _ENCODING.match(packet)
    if declared is None or declared[1].lower() in (b"utf-8", b"ascii", b"us-ascii"):
        try:
            packet.decode()
        except UnicodeDecodeError:
            pass
        else:
            return packet
    root = parse(packet, keep=True).getroottree()
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))

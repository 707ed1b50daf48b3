"""One reader of the archive for all listeners: each page of a stream is made once, whoever listens.

A cursor, the ivorn of an event and a time are names of a place. A listener holds a place and no messages.
Those who are at the same place get the same page; one who is slow stays where it is and finds what it missed
in the archive, so that memory does not grow with its delay.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property

from vobroker.archive import Archive, ArchiveError
from vobroker.gateway.cursor import Cursors
from vobroker.gateway.messages import FOREIGN, PASSED, Kind, Message, begin, kind_of, messages
from vobroker.gateway.since import Since

EVERY = 0.25
"""Seconds after which the archive is asked again whether there is something new."""

PAGE = 50
"""Most alerts of a page."""

KEPT = 32
"""Pages that are kept for those who come to the same place later."""

Framing = Callable[[str, Message], bytes]
"""What makes a message and the cursor behind it one piece of a stream."""


class Page:
    """Some messages of a stream in one format, and the place behind them."""

    def __init__(self, found: Sequence[Message], end: int, seal: Callable[[int], str]) -> None:
        self.messages = found
        self.end = end
        self._seal = seal
        self._framed: dict[Framing, bytes] = {}

    @cached_property
    def cursors(self) -> list[str]:
        """The cursor behind each message."""
        return [self._seal(message.place) for message in self.messages]

    def framed(self, framing: Framing) -> bytes:
        """Give all messages as a stream has them; made once for all listeners."""
        if framing not in self._framed:
            pieces = zip(self.cursors, self.messages, strict=True)
            self._framed[framing] = b"".join(framing(cursor, message) for cursor, message in pieces)
        return self._framed[framing]


class Hub:
    """What the listeners of one process share; to be used in one event loop.

    Parameters
    ----------
    archive
        Where the alerts are; any thread may read it.
    cursors
        What makes cursors.

    Attributes
    ----------
    made
        Pages that were made so far.
    """

    def __init__(self, archive: Archive, cursors: Cursors) -> None:
        self.archive = archive
        self.cursors = cursors
        self.closing = False
        self.made = 0
        self._newest = dict.fromkeys((PASSED, FOREIGN), 0)
        self._news = {kind: asyncio.Event() for kind in self._newest}
        self._pages: OrderedDict[tuple[str, str, str, int, int], asyncio.Task[Page]] = OrderedDict()

    async def run(self) -> None:
        """Look for what is new until :meth:`close`."""
        while not self.closing:
            with suppress(ArchiveError):  # it may come back, and listeners wait
                await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Look for what is new."""
        for kind, place in (await asyncio.to_thread(self._look)).items():
            if place > self._newest[kind]:
                self._newest[kind] = place
                self._wake(kind)

    def _look(self) -> dict[Kind, int]:
        return {kind: int(self.archive.query(kind.newest)["place"][0].as_py()) for kind in self._newest}

    def close(self) -> None:
        """Let every listener end."""
        self.closing = True
        for kind in self._news:
            self._wake(kind)

    def _wake(self, kind: Kind) -> None:
        news, self._news[kind] = self._news[kind], asyncio.Event()
        news.set()

    def newest(self, stream: str) -> int:
        """Give the newest place that a stream can have."""
        return self._newest[kind_of(stream)]

    async def news(self, stream: str, place: int, seconds: float) -> bool:
        """Wait until there is something behind a place, at most some seconds; say whether there is."""
        if self.newest(stream) <= place and not self.closing:
            try:
                await asyncio.wait_for(self._news[kind_of(stream)].wait(), seconds)
            except TimeoutError:
                return False
        return self.newest(stream) > place

    async def begin(self, stream: str, since: Since) -> int:
        """Give the place behind which a listener begins; raises :class:`UnknownEventError`."""
        return await asyncio.to_thread(begin, self.archive, stream, since)

    async def after(self, stream: str, form: str, place: int, site: str = "") -> Page:
        """Give a page of what is behind a place; the page's end is behind all that was looked at."""
        newest = max(self.newest(stream), place)
        key = stream, form, site, place, newest
        task = self._pages.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(asyncio.to_thread(self._page, *key))
            self._pages[key] = task
            self.made += 1
            while len(self._pages) > KEPT:
                self._pages.popitem(last=False)
        # One listener who leaves does not take the page from the others.
        return await asyncio.shield(task)

    def _page(self, stream: str, form: str, site: str, place: int, newest: int) -> Page:
        found = messages(self.archive, stream, place, PAGE, form, site) if newest > place else []
        end = found[-1].place if len(found) == PAGE else max(newest, found[-1].place if found else place)
        return Page(found, end, lambda at: self.cursors.seal(stream, at))

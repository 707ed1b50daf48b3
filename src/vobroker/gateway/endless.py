"""Answers without end: server-sent events and lines of JSON, each at the speed of who listens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache, partial

import anyio
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from vobroker.gateway.hub import Hub
from vobroker.gateway.messages import JSON, VOEVENT

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"

HEARTBEAT = 15.0
"""Seconds after which a listener gets a sign of life when there is nothing else."""

SEND_SECONDS = 60.0
"""Time for a listener to take what is sent; who does not is let go, and may go on from its cursor."""


def as_event(form: str, cursor: str, content: bytes) -> bytes:
    """Write a server-sent event (WHATWG HTML, section 9.2); each line of its data is a field of its own."""
    data = b"".join(b"data: %b\n" % line for line in content.splitlines())
    return b"id: %b\nevent: %b\n%b\n" % (cursor.encode(), form.encode(), data)


def as_line(cursor: str, form: str, content: bytes) -> bytes:
    """Write a message as one line of JSON, with its cursor."""
    if form == JSON:
        return b'{"cursor":"%b",%b\n' % (cursor.encode(), content[1:])
    inside = json.dumps(content.decode(), ensure_ascii=False).encode() if form == VOEVENT else content
    return b'{"cursor":"%b","%b":%b}\n' % (cursor.encode(), form.encode(), inside)


@cache
def _framing(media_type: str, form: str) -> Callable[[str, bytes], bytes]:
    if media_type == EVENTS:
        return partial(as_event, form)
    return lambda cursor, content: as_line(cursor, form, content)


class Endless(Response):
    """What one listener is sent until it leaves, takes nothing any more, or the service ends.

    Parameters
    ----------
    hub
        Where pages come from.
    stream, form, site
        What is followed, in which format, and the public address where that needs it.
    place
        Behind which the listener begins.
    media_type
        :data:`EVENTS` or :data:`LINES`.
    listening
        Is left in the end, whatever the end.
    headers
        Of the answer.
    known
        Whether the listener still may listen; asked before anything is sent.
    """

    def __init__(
        self,
        hub: Hub,
        stream: str,
        form: str,
        site: str,
        place: int,
        media_type: str,
        listening: AbstractContextManager[bool],
        headers: Mapping[str, str],
        known: Callable[[], bool],
    ) -> None:
        # Proxies are asked not to hold it back.
        super().__init__(None, 200, {**headers, "X-Accel-Buffering": "no"}, media_type)
        del self.headers["content-length"]
        self._hub, self._stream, self._form, self._site = hub, stream, form, site
        self._place = place
        self._framing = _framing(media_type, form)
        self._events = media_type == EVENTS
        self._listening = listening
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            self._listening.__exit__(None, None, None)

    async def _send(self, send: Send) -> None:
        with anyio.move_on_after(SEND_SECONDS) as late:

            async def give(piece: bytes, *, more: bool = True) -> None:
                late.deadline = anyio.current_time() + SEND_SECONDS
                await send({"type": "http.response.body", "body": piece, "more_body": more})
                late.deadline = float("inf")  # to wait for an alert is no fault of the listener

            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await give(b"retry: 3000\n\n" if self._events else b"\n")
            while not self._hub.closing:
                news = await self._hub.news(self._place, HEARTBEAT)
                if not self._known():
                    break
                if news:
                    page = await self._hub.after(self._stream, self._form, self._place, self._site)
                    self._place = page.end
                    if page.messages:
                        await give(page.framed(self._framing))
                else:
                    await give(self._alive())
            await give(b"", more=False)

    def _alive(self) -> bytes:
        """Give a sign of life; its cursor moves on though nothing passed."""
        cursor = self._hub.cursors.seal(self._stream, self._place)
        if self._events:
            return f": alive\nid: {cursor}\n\n".encode()
        return f'{{"cursor":"{cursor}"}}\n'.encode()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()

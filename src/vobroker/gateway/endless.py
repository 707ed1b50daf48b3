"""Answers without end: server-sent events and lines of JSON, each at the speed of who listens."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
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


def as_event(form: str, identifier: str, content: bytes) -> bytes:
    """Write a server-sent event (WHATWG HTML, section 9.2); each line of its data is a field of its own."""
    data = b"".join(b"data: %b\n" % line for line in content.splitlines())
    return b"id: %b\nevent: %b\n%b\n" % (identifier.encode(), form.encode(), data)


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
    """A response without end: who has left or does not take what is sent is forgotten.

    Parameters
    ----------
    pieces
        The body; empty pieces are passed over.
    media_type
        What the response declares.
    listening
        Is left in the end, whatever the end.
    headers
        Of the answer.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        media_type: str,
        listening: AbstractContextManager[bool],
        headers: Mapping[str, str],
    ) -> None:
        # Proxies are asked not to hold it back.
        super().__init__(None, 200, {**headers, "X-Accel-Buffering": "no"}, media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._listening = listening

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
        async with aclosing(self._pieces) as pieces:
            with anyio.move_on_after(SEND_SECONDS) as late:

                async def give(piece: bytes, *, more: bool = True) -> None:
                    late.deadline = anyio.current_time() + SEND_SECONDS
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
                    late.deadline = float("inf")  # to wait for something new is no fault of the listener

                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for piece in pieces:
                    if piece:
                        await give(piece)
                await give(b"", more=False)


async def followed(
    hub: Hub, stream: str, form: str, site: str, place: int, media_type: str, known: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """Give what a listener of a stream is sent: pages of alerts, and signs of life.

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
    known
        Whether the listener still may listen; asked before anything is sent.
    """
    framing = _framing(media_type, form)
    yield b"retry: 3000\n\n" if media_type == EVENTS else b"\n"
    while not hub.closing:
        news = await hub.news(place, HEARTBEAT)
        if not known():
            return
        if news:
            page = await hub.after(stream, form, place, site)
            place = page.end
            yield page.framed(framing)
        else:
            yield _alive(hub.cursors.seal(stream, place), media_type)


def _alive(cursor: str, media_type: str) -> bytes:
    """Give a sign of life; its cursor moves on though nothing passed."""
    if media_type == EVENTS:
        return f": alive\nid: {cursor}\n\n".encode()
    return f'{{"cursor":"{cursor}"}}\n'.encode()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()

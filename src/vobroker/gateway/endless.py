"""Answers without end: server-sent events and lines of JSON, each at the speed of who listens."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
from functools import cache
from typing import NamedTuple

import anyio
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from vobroker.gateway.hub import Framing, Hub
from vobroker.gateway.messages import GCN, JSON, VOEVENT, Message

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"

HEARTBEAT = 15.0
"""Seconds after which a listener gets a sign of life when there is nothing else."""

SEND_SECONDS = 30.0
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


def _as_named_line(form: str, message: Message) -> bytes:
    """Write an event as one line of JSON, with its ivorn; a notice is the line itself."""
    if form == GCN:
        return message.content + b"\n"
    told = {"ivorn": message.ivorn, "voevent": message.content.decode()}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


class Style(NamedTuple):
    """How a stream is written, and by what its listener goes on: cursors or ivorns."""

    media_type: str
    hello: bytes
    framing: Framing
    alive: Callable[[str], bytes]
    """A sign of life; by a cursor the listener moves on though nothing passed."""


@cache
def style(media_type: str, form: str, *, named: bool = False) -> Style:
    """Give how a stream is written; ``named`` is by ivorns."""
    if media_type == EVENTS:
        hello = b"retry: 3000\n\n"
        if named:
            return Style(
                EVENTS, hello, lambda _, one: as_event(form, one.ivorn, one.content), lambda _: b":\n\n"
            )
        return Style(
            EVENTS,
            hello,
            lambda cursor, one: as_event(form, cursor, one.content),
            lambda cursor: f": alive\nid: {cursor}\n\n".encode(),
        )
    if named:
        return Style(LINES, b"", lambda _, one: _as_named_line(form, one), lambda _: b"\n")
    return Style(
        LINES,
        b"\n",
        lambda cursor, one: as_line(cursor, form, one.content),
        lambda cursor: f'{{"cursor":"{cursor}"}}\n'.encode(),
    )


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
    hub: Hub,
    stream: str,
    form: str,
    site: str,
    place: int,
    style: Style,
    known: Callable[[], bool],
    took: Callable[[int, int], None],
    *,
    follow: bool = True,
) -> AsyncGenerator[bytes, None]:
    """Give what a listener of a stream is sent: pages of messages, and signs of life.

    Parameters
    ----------
    hub
        Where pages come from.
    stream, form, site
        What is followed, in which format, and the public address where that needs it.
    place
        Behind which the listener begins.
    style
        How it is written.
    known
        Whether the listener still may listen; asked before anything is sent.
    took
        Told how many bytes were given, and behind which place the listener goes on.
    follow
        Whether to wait for what comes, or to end where there is no more.
    """
    yield style.hello
    if not follow:
        await hub.look()
    while not hub.closing:
        news = await hub.news(stream, place, HEARTBEAT if follow else 0)
        if not known() or not (news or follow):
            return
        if news:
            page = await hub.after(stream, form, place, site)
            place = page.end
            content = page.framed(style.framing)
            took(len(content), place)
            yield content
        else:
            yield style.alive(hub.cursors.seal(stream, place))


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()

"""A result as the body of a response: rows go out as they come, and a caller who leaves stops the query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vobroker.tap.formats import BrokenOffError

GRACE = 30.0
"""Seconds after its time limit that a caller has to take the end of a result."""

THREADS = 64
"""Results that are made at the same time."""

_T = TypeVar("_T")
_limiter = anyio.CapacityLimiter(THREADS)


async def in_thread(work: Callable[[], _T]) -> _T:
    """Do work that may take long in a thread."""
    return await anyio.to_thread.run_sync(work, limiter=_limiter)


async def while_connected(receive: Receive, cancel: Callable[[], None], work: Callable[[], _T]) -> _T:
    """Do work in a thread; it is cancelled when the caller leaves."""
    done: list[_T] = []
    failed: list[BaseException] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_watch, receive, cancel)
        try:
            done.append(await in_thread(work))
        except Exception as error:
            failed.append(error)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return done[0]


async def _watch(receive: Receive, cancel: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancel()


class Streamed(Response):
    """A response whose pieces are made in a thread, one after the other, as the caller takes them.

    Parameters
    ----------
    pieces
        The body. Where it breaks off the transfer does, so that the caller sees that something is missing.
    media_type
        What the response declares.
    seconds
        Time limit of what makes the pieces; a caller who does not take them is left soon after.
    cancel
        Stops what makes the pieces, from any thread; called when the caller leaves.
    close
        Called in the end, whatever the end.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        media_type: str,
        *,
        seconds: float,
        cancel: Callable[[], None],
        close: Callable[[], None],
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        del self.headers["content-length"]
        self._pieces, self._seconds, self._cancel, self._close = pieces, seconds, cancel, close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_watch, receive, self._cancel)
                with anyio.move_on_after(self._seconds + GRACE):
                    await self._send(send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                self._cancel()
                await in_thread(self._close)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            while (piece := await in_thread(partial(next, self._pieces, None))) is not None:
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except BrokenOffError:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

"""A connection that asks for nothing is closed: it must not hold a place for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""Time for the whole head of a request; h11 limits its size."""


class Patient(H11Protocol):
    """HTTP/1.1 for callers who may be slow by intent."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look after a connection."""
        super().connection_made(transport)
        self.loop.call_later(SECONDS, self._look, None)

    def _look(self, since: object) -> None:
        """Close the connection if it has been without a request since the last look."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # a WebSocket by now
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and since is self.cycle:
            self.transport.close()
            return
        self.loop.call_later(SECONDS, self._look, self.cycle if idle else self)

"""What connections of authors and of subscribers have in common: admission, frames, deadlines, last words.

Nothing waits inside a connection. One look a second (:meth:`Listener.sweep`) finds the peers that are late,
so there is no timer for each of them, and nothing stays behind when they leave.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.vtp.framing import Frames, frame
from vobroker.voevent.vtp.limits import Limits, Networks
from vobroker.voevent.vtp.messages import Message

log = logging.getLogger("vobroker.vtp")

_MANY = 100
"""Lines of one kind that are written to the log between two looks; the others are counted."""


class Connection(asyncio.Protocol):
    """One peer.

    Attributes
    ----------
    peer
        Address and port, for people.
    host
        Address.
    closing
        Why the connection ends; None while it does not.
    paused
        Whether the peer does not read what it is sent.
    held
        Bytes in memory that the peer has sent.
    """

    frame_limit = 0

    def __init__(self, listener: Listener[Any]) -> None:
        self.listener = listener
        self.limits = listener.limits
        self.host = self.peer = ""
        self.closing: str | None = None
        self.paused = False
        self.held = 0
        self._frames = Frames(self.frame_limit)
        self._transport: asyncio.Transport | None = None
        self._began: float | None = None  # when the frame that is not whole began
        self._closed = 0.0
        self._all_read = self._gone = self._waits = False

    # -- what the kinds of connections do --------------------------------------------------------

    def opened(self) -> None:
        """Do what is to be done first."""

    def received(self, content: bytes) -> None:
        """Take the content of a frame."""
        raise NotImplementedError

    def broken(self, problem: str) -> None:
        """Notice that what came is no frame; nothing can be read behind it."""
        self.refuse(problem)

    def ended(self) -> None:
        """Notice that the peer will send no more."""
        self.close("the peer left")

    def tick(self, now: float) -> None:
        """Look at the deadlines of this kind of connection."""

    def left(self) -> None:
        """Forget what was kept for the peer."""

    # -- asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or say why not."""
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername") or ("", 0)
        self.host = str(name[0])
        self.peer = f"[{name[0]}]:{name[1]}" if ":" in self.host else f"{name[0]}:{name[1]}"
        problem = self.listener.admit(self)
        if len(self.listener.connections) > 2 * self.listener.most:  # too many even to be told why
            self.closing = "too many connections"
            self.cut()
        elif problem:
            self.refuse(problem)
        else:
            self.opened()

    def data_received(self, data: bytes) -> None:
        """Take what came, frame by frame."""
        if self.closing is not None:
            return
        before = self._frames.held
        contents, problem = self._frames.feed(data)
        self.hold(self._frames.held - before)
        for content in contents:
            self._began = None
            self.received(content)
            if self.closing is not None:
                return
        if problem:
            self.broken(str(problem))
        elif self._frames.held and self.listener.held > self.limits.memory_bytes:
            self.listener.counts["no memory"] += 1
            self.refuse("there is no memory for your frame; try again later")
        elif self._frames.waiting is None:
            self._began = None
        elif self._began is None:
            self._began = self.listener.now()

    def eof_received(self) -> bool:
        """Notice that nothing more comes; answers may still go out."""
        self._all_read = True
        if self.closing is not None:
            self._shut()
        elif waiting := self._frames.waiting:
            there, announced = waiting
            self.broken(f"the connection ended after {there} of {announced} bytes of a frame")
        else:
            self.ended()
        return self._transport is not None and self._transport.can_write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the peer."""
        if self.closing is None:
            self.closing = f"the peer left: {error}" if error else "the peer left"
        self._transport = None
        self.listener.held -= self.held
        self._gone = True
        self.listener.forget(self)
        self.left()

    def pause_writing(self) -> None:
        """Notice that the peer does not read."""
        self.paused = True

    def resume_writing(self) -> None:
        """Notice that it reads again."""
        self.paused = False

    # -- doing -----------------------------------------------------------------------------------

    def hold(self, size: int) -> None:
        """Count bytes that are kept in memory, or not any more."""
        if not self._gone:
            self.held += size
            self.listener.held += size

    def send(self, data: bytes) -> None:
        """Write frames, unless the last words were said."""
        if self._transport is not None and self.closing is None:
            self._transport.write(data)

    def answer(self, message: Message) -> None:
        """Write a message."""
        self.send(frame(message.write()))

    def stop_reading(self, *, stop: bool) -> None:
        """Let the peer wait, or go on."""
        self._waits = stop
        if self._transport is None or self._transport.is_closing():
            return
        if stop:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def refuse(self, reason: str, origin: str | None = None) -> None:
        """Tell the peer why it is let go, and end the connection."""
        if self.closing is None:
            self.answer(Message("nak", origin or self.listener.ivorn, self.listener.ivorn, result=reason))
            self.close(reason)
            self.listener.counts["let go"] += 1
            self.listener.note(f"let {self.peer} go: {reason}")

    def close(self, reason: str) -> None:
        """End the connection when what was written has gone out, or has not for some seconds.

        What still comes is read and thrown away: a connection that is closed with bytes unread is reset, and
        the peer may then never see the last words.
        """
        if self.closing is None:
            self.closing = reason
        self._closed = self.listener.now()
        self._shut()

    def _shut(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._all_read or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.resume_reading()
            try:
                self._transport.write_eof()
            except OSError:  # the peer has cut the connection
                self._transport.abort()

    def cut(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now: float) -> None:
        """Look at the deadlines."""
        if self.closing is not None:
            if now - self._closed >= self.limits.close_seconds:
                self.cut()
        elif self._began is not None and self._waits:
            self._began = now  # it is we who do not read on
            self.tick(now)
        elif self._began is not None and now - self._began >= self.limits.frame_seconds:
            there, announced = self._frames.waiting or (0, 0)
            self.refuse(
                f"only {there} of {announced} bytes of a frame came in {self.limits.frame_seconds:g} seconds"
            )
        else:
            self.tick(now)


C = TypeVar("C", bound=Connection)


class Listener(Generic[C]):
    """A port and those who are connected to it.

    Attributes
    ----------
    connections
        Who is connected.
    counts
        What has happened, by name.
    tokens
        Names by the fingerprints of the tokens that peers must prove one of; empty where none is needed.
    held
        Bytes in memory that peers have sent.
    stopped
        Whether nothing more is read.
    """

    what = "connections"
    most = 0

    def __init__(self, ivorn: str, limits: Limits, allowed: Networks) -> None:
        self.ivorn = ivorn
        self.limits = limits
        self.allowed = allowed
        self.connections: set[C] = set()
        self.counts: Counter[str] = Counter()
        self.tokens: Mapping[str, str] = {}
        self.held = 0
        self.stopped = False
        self._per_address: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said = 0

    def make(self) -> C:
        """Make a connection for a peer."""
        raise NotImplementedError

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begin to listen; give the port.

        Raises
        ------
        VTPError
            If nothing can listen there.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self._server = await self._loop.create_server(
                cast("Callable[[], asyncio.Protocol]", self.make), host, port, backlog=1024, ssl=tls
            )
        except OSError as error:
            raise VTPError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        return int(self._server.sockets[0].getsockname()[1])

    def now(self) -> float:
        """Give the time of the loop."""
        assert self._loop is not None
        return self._loop.time()

    def admit(self, connection: C) -> str | None:
        """Count a peer that has connected; give the reason where it may not."""
        self.connections.add(connection)
        self.counts["connected"] += 1
        host = connection.host
        self._per_address[host] += 1
        if host not in self.allowed:
            return f"connections from {host} are not allowed"
        if len(self.connections) > self.most:
            return f"there are {self.most} {self.what} already; try again later"
        if self._per_address[host] > self.limits.per_address:
            return f"there are {self.limits.per_address} connections from {host} already"
        return None

    def forget(self, connection: C) -> None:
        """Forget a peer that has left."""
        self.connections.discard(connection)
        left = self._per_address[connection.host] - 1
        if left > 0:
            self._per_address[connection.host] = left
        else:
            del self._per_address[connection.host]

    def sweep(self) -> None:
        """Look at the deadlines of all connections."""
        if self._loop is None:  # a broker of which only the other side listens
            return
        now = self.now()
        for connection in list(self.connections):
            connection.look(now)
        if self._said > _MANY:
            log.info("%d more notes of %s", self._said - _MANY, self.what)
        self._said = 0

    def note(self, line: str, level: int = logging.INFO) -> None:
        """Write a line to the log, unless there are very many of them."""
        self._said += 1
        if self._said <= _MANY:
            log.log(level, "%s", line)

    def stop(self) -> None:
        """Take no more connections, and read no more from those that are there."""
        self.stopped = True
        if self._server is not None:
            self._server.close()
        for connection in self.connections:
            connection.stop_reading(stop=True)

    async def close(self, reason: str) -> None:
        """End the port and its connections; what was written goes out, unless the peer does not take it."""
        self.stop()
        for connection in list(self.connections):
            connection.close(reason)
        if self.connections:
            deadline = self.now() + self.limits.close_seconds
            while self.connections and self.now() < deadline:
                await asyncio.sleep(0.01)
            for connection in list(self.connections):
                connection.cut()
            await asyncio.sleep(0)

"""HTTP/1.1 for callers who may mean harm: who asks for nothing, sends or takes nothing, is let go.

Each connection is looked at every few seconds. That bounds how long somebody can hold a socket with the head
of a request that never ends, with a body that comes byte by byte, or with an answer that he does not read.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys
from collections import Counter
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""Time for the whole head of a request, and between two looks at a connection; h11 limits the head's size."""

SLOWEST = 1000
"""Least bytes of a body that come between two looks."""

STUCK = 3
"""Looks after which somebody who takes nothing of what is sent is let go."""


class _Watched:
    """A transport that knows how many bytes have arrived at the other side."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written = 0
        self._socket: socket.socket | None = transport.get_extra_info("socket")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send something."""
        self.written += len(data)
        self._transport.write(data)

    def writelines(self, pieces: list[bytes]) -> None:
        """Send some things."""
        self.write(b"".join(pieces))

    def waiting(self) -> int:
        """Give the bytes that wait here or in the system for the other side to take them."""
        return self._transport.get_write_buffer_size() + _outgoing(self._socket)

    def cut(self) -> None:
        """End the connection at once: what was not taken is not kept by the system either."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def _outgoing(connection: socket.socket | None) -> int:
    """Give the bytes that the system has not yet been thanked for; 0 where it does not say."""
    try:
        told = ioctl(connection.fileno(), TIOCOUTQ, b"\0" * 4) if connection else b""
    except (OSError, ValueError):
        return 0
    return int.from_bytes(told, sys.byteorder)


class Patient(H11Protocol):
    """A connection that is looked after, its WebSocket likewise."""

    most: ClassVar[int] = 0
    """Most connections of one address, if any; a proxy on this machine may have more."""
    counts: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look after a connection."""
        self._address = (transport.get_extra_info("peername") or ("",))[0]
        self._counted = False
        if self.most and self.counts[self._address] >= self.most and not _is_here(self._address):
            transport.abort()
            return
        self.counts[self._address] += 1
        self._counted = True
        self._got = 0
        self._watched = _Watched(transport)
        super().connection_made(cast("asyncio.Transport", self._watched))
        self.loop.call_later(SECONDS, self._look, None, 0, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._counted:
            self._forget()
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes."""
        self._got += len(data)
        super().data_received(data)

    def _forget(self) -> None:
        if self._counted:
            self.counts[self._address] -= 1
            if not self.counts[self._address]:
                del self.counts[self._address]
        self._counted = False

    def _look(self, since: object, got: int, taken: int, stuck: int) -> None:
        """Let the connection go if nothing happened that should have, since the last look."""
        waiting = self._watched.waiting()
        before, taken = taken, self._watched.written - waiting
        stuck = stuck + 1 if waiting and taken == before else 0
        if stuck >= STUCK or (self._watched.is_closing() and not waiting):
            self._watched.cut()
            self._forget()
            return
        if self._watched.get_protocol() is self and not self._watched.is_closing():
            idle = self.cycle is None or self.cycle.response_complete
            if idle and since is self.cycle:
                self._watched.close()
            elif self._drips(got):
                self._watched.cut()
            since = self.cycle if idle else self
        self.loop.call_later(SECONDS, self._look, since, self._got, taken, stuck)

    def _drips(self, got: int) -> bool:
        """Whether a body that we wait for comes too slowly."""
        expected = self.conn.their_state is h11.SEND_BODY and not self.conn.they_are_waiting_for_100_continue
        return expected and not self.flow.read_paused and got > 0 and self._got - got < SLOWEST


def patient(most: int) -> type[Patient]:
    """Give the protocol of one server, with most connections of an address."""
    return type("Patient", (Patient,), {"most": most, "counts": Counter()})


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True  # a socket of the file system

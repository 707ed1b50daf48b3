"""A connection that we open to a broker: frames both ways, all with a limit of size and of time."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from vobroker.voevent.vtp import messages, tokens
from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.vtp.framing import Frames, frame
from vobroker.voevent.vtp.messages import Message

LATER = "try again later"
"""How a reason ends that may pass."""

_READ_BYTES = 2**18
_CLOSE_SECONDS = 2.0
_PLACE = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>\d{1,5}))?")


class Unreachable(VTPError):  # noqa: N818
    """A broker that cannot be reached, does not answer, or has gone: another attempt may do better."""


class Place(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place(text: str, port: int) -> Place:
    """Read ``host``, ``host:port`` or ``[address]:port``.

    Parameters
    ----------
    text
        The place.
    port
        Port where the text has none.

    Raises
    ------
    VTPError
        If it is none.
    """
    found = _PLACE.fullmatch(text.strip())
    number = int(found["port"] or port) if found else 0
    if found is None or not 0 < number < 2**16:
        raise VTPError(f"{text!r} is no place of a broker such as voevent.example.org:{port}")
    return Place(found["v6"] or found["host"], number)


class Line:
    """An open connection; one task reads, and one writes.

    Parameters
    ----------
    broker
        Who is at the other end.
    reader, writer
        The connection.
    frame_limit
        Longest content in bytes that is taken.
    frame_seconds
        Time for a frame from its first byte to its last, and for what we write to be taken.
    """

    def __init__(
        self,
        broker: Place,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frame_limit: int,
        frame_seconds: float,
    ) -> None:
        self.broker = broker
        self._reader = reader
        self._writer = writer
        self._frames = Frames(frame_limit)
        self._frame_seconds = frame_seconds
        self._began: float | None = None  # when the frame that is not whole began
        self._problem: VTPError | None = None

    async def send(self, contents: Sequence[bytes]) -> None:
        """Write frames, and wait until the broker takes them.

        Raises
        ------
        Unreachable
            If it does not.
        """
        try:
            self._writer.write(b"".join(map(frame, contents)))
            async with asyncio.timeout(self._frame_seconds):
                await self._writer.drain()
        except TimeoutError:
            raise Unreachable(f"{self.broker} takes nothing for {self._frame_seconds:g} seconds") from None
        except OSError as error:
            raise Unreachable(f"{self.broker} has gone: {_reason(error)}") from error

    async def say(self, message: Message) -> None:
        """Write a message."""
        await self.send([message.write()])

    async def receive(self, seconds: float) -> list[bytes]:
        """Give the contents that have come; none where the broker has closed the connection.

        Parameters
        ----------
        seconds
            Time that the broker may be silent.

        Raises
        ------
        Unreachable
            If it is silent for longer, breaks off within a frame, or takes too long for one.
        VTPError
            If it sends what is no frame.
        """
        if self._problem is not None:
            raise self._problem
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while True:
            late = until if self._began is None else min(until, self._began + self._frame_seconds)
            try:
                async with asyncio.timeout_at(late):
                    data = await self._reader.read(_READ_BYTES)
            except TimeoutError:
                raise Unreachable(self._late(seconds)) from None
            except OSError as error:
                raise Unreachable(f"{self.broker} has gone: {_reason(error)}") from error
            if not data:
                if self._frames.waiting is None:
                    return []
                there, announced = self._frames.waiting
                raise Unreachable(f"{self.broker} has gone after {there} of {announced} bytes of a frame")
            contents, problem = self._frames.feed(data)
            if self._frames.waiting is None:
                self._began = None
            elif contents or self._began is None:
                self._began = clock()
            if problem is not None:
                self._problem = VTPError(f"{self.broker}: {problem}")
                if not contents:
                    raise self._problem
            if contents:
                return contents

    def _late(self, seconds: float) -> str:
        if self._frames.waiting is None:
            return f"{self.broker} has been silent for {seconds:g} seconds"
        there, announced = self._frames.waiting
        return (
            f"{self.broker}: only {there} of {announced} bytes of a frame came"
            f" in {min(seconds, self._frame_seconds):g} seconds"
        )

    async def close(self) -> None:
        """Close the connection; what was written goes out, unless the broker does not take it."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
                return
        self._writer.transport.abort()


async def dial(
    broker: Place,
    *,
    frame_limit: int,
    frame_seconds: float,
    seconds: float,
    tls: ssl.SSLContext | None = None,
) -> Line:
    """Open a connection.

    Parameters
    ----------
    broker
        Where to.
    frame_limit, frame_seconds
        See :class:`Line`.
    seconds
        Time to connect.
    tls
        Whom to trust, for a connection that is encrypted.

    Raises
    ------
    Unreachable
        If nobody takes it.
    """
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                *broker, ssl=tls, server_hostname=broker.host if tls else None
            )
    except TimeoutError:
        raise Unreachable(f"cannot connect to {broker}: no answer in {seconds:g} seconds") from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"cannot connect to {broker}: {_reason(error)}") from error
    return Line(broker, reader, writer, frame_limit, frame_seconds)


def proof(asked: Message, token: str | None) -> tuple[tuple[str, str], ...]:
    """Give the Param that proves a token to who asks for it; none where there is no token or question."""
    question = asked.value(tokens.CHALLENGE)
    return () if token is None or question is None else ((tokens.PROOF, tokens.prove(token, question)),)


def refusal(broker: Place, message: Message) -> VTPError:
    """Give the error of a ``nak`` that is of no event: the broker lets us go."""
    reason = message.result or "no reason given"
    kind = Unreachable if reason.endswith(LATER) else VTPError
    return kind(f"{broker} lets us go: {reason[: messages.MAX_RESULT]}")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {error.verify_message}"
    number = getattr(error, "errno", None)  # asyncio has a sentence of its own for each, with the address
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__

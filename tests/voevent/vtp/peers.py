"""Brokers of ours, peers that do harm, and packets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vobroker.voevent.vtp import Broker, Journal
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.framing import frame

Speech = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def packet(number: int, *, more: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0"'
        f' ivorn="ivo://org.example/stream#{number}" role="test" version="2.0">'
        "<Who><AuthorIVORN>ivo://org.example/author</AuthorIVORN><Date>2026-01-01T00:00:00</Date></Who>"
        f'<What><Param name="number" value="{number}"/>{more}</What></voe:VOEvent>'
    ).encode()


def ivorn(number: int) -> str:
    return f"ivo://org.example/stream#{number}"


@asynccontextmanager
async def speaking(speech: Speech) -> AsyncIterator[Place]:
    """A peer that says what it likes on each connection, and closes it then."""
    said: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        said.add(task)
        try:
            await speech(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side has gone, or the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield Place(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()
        for task in said:
            task.cancel()
        await asyncio.gather(*said, return_exceptions=True)


async def read(reader: asyncio.StreamReader) -> bytes:
    """The content of the next frame."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


async def forever() -> None:
    await asyncio.Event().wait()


def saying(*contents: bytes) -> Speech:
    """Wait for a frame, and answer with frames."""

    async def speech(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        writer.write(b"".join(map(frame, contents)))
        await reader.read()

    return speech


@asynccontextmanager
async def broker(folder: Path, port: int = 0, **options: Any) -> AsyncIterator[tuple[Broker, Place, Place]]:
    """A broker of ours: itself, where authors go, and where subscribers go."""
    with Journal(folder) as journal:
        async with Broker("ivo://org.example/broker", journal, **options) as opened:
            authors, subscribers = await opened.listen(("127.0.0.1", port), ("127.0.0.1", 0))
            yield opened, Place("127.0.0.1", authors), Place("127.0.0.1", subscribers)

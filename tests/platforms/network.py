"""A network in this process: a proxy that delays and slows down, and services that mean harm."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def listening(handler: Handler) -> Iterator[str]:
    """Serve from a thread, on a port of the system's choice; connections end with it."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    port: list[int] = []
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{port[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def slowed(address: str, *, delay: float, rate: float) -> Iterator[str]:
    """Stand before a service: answers begin ``delay`` seconds late and come at ``rate`` bytes a second."""
    parts = urlsplit(address)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection(parts.hostname, parts.port)

        async def forth() -> None:
            while part := await reader.read(2**16):
                await asyncio.sleep(delay)
                outside.write(part)
                await outside.drain()

        asking = asyncio.create_task(forth())
        try:
            while part := await inside.read(2**12):
                await asyncio.sleep(len(part) / rate)
                writer.write(part)
                await writer.drain()
        finally:
            asking.cancel()
            outside.close()

    with listening(pass_on) as shown:
        yield f"{shown}{parts.path}"


@dataclass
class Service:
    """A service that answers as told, by the last part of the path, and hangs where it is told nothing."""

    answers: dict[str, bytes]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    drip: bytes = b""
    """What comes after an answer, without end."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode().split("\r\n")
            name = first.split(" ")[1].partition("?")[0].rpartition("/")[2]
            self.asked.append((name, dict(line.lower().split(": ", 1) for line in lines if line)))
            answer = self.answers.get(name)
            if answer is None:
                await asyncio.Event().wait()  # hangs
            else:
                writer.write(answer)
                await writer.drain()
            while self.drip:
                writer.write(self.drip)
                await writer.drain()
                await asyncio.sleep(0.01)


def http(content: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with its head."""
    told = {"Content-Length": str(len(content))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content

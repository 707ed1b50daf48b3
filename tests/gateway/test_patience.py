"""Connections of callers who mean harm: each is let go, and the others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from vobroker.cli import serving
from vobroker.gateway import patience
from vobroker.gateway.access import Rate
from vobroker.gateway.guard import MAX_BODY, MAX_HEADERS, Guarded

HEAD = b"POST /take HTTP/1.1\r\nHost: here\r\n"


async def _take(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _give(_: Request) -> Response:
    async def pieces() -> object:
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65_536

    return StreamingResponse(pieces())


async def _guess(_: Request) -> Response:
    return PlainTextResponse("no", 401)


async def _tell(socket: WebSocket) -> None:
    await socket.accept()
    with contextlib.suppress(Exception):
        while True:
            await asyncio.sleep(0)
            await socket.send_bytes(b"x" * 65_536)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A small application behind what stands before ours, with looks in short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "SECONDS", 0.2)
        patch.setattr(patience, "_is_here", lambda _: False)
        patch.setattr(serving, "OF_ONE", 8)
        with running() as found:
            yield found


@contextmanager
def running() -> Iterator[int]:
    routes = [
        Route("/take", _take, methods=["GET", "POST"]),
        Route("/give", _give),
        Route("/guess", _guess),
        WebSocketRoute("/tell", _tell),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(Guarded, failures=Rate(5, 1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = serving.settings(app)
        settings.timeout_graceful_shutdown = 0
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connected(port: int, *, buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(60)
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.connect(("127.0.0.1", port))
        yield made


def until_closed(connection: socket.socket, drip: bytes = b"") -> bytes:
    """Read until the other side ends it, and meanwhile send something byte by byte."""
    found = b""
    connection.settimeout(0.05)
    for number in range(1200):
        try:
            if drip:
                connection.sendall(drip[number % len(drip) :][:1])
            data = connection.recv(65_536)
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return found
        if not data:
            return found
        found += data
    raise AssertionError("the connection stays")


@pytest.mark.parametrize(
    ("sent", "drip"),
    [
        (b"", b""),
        (b"", b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 200),
        (b"GET /take HTTP/1.1\r\nHost: here\r\n\r\n", b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 200),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"a"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b"a"),
    ],
    ids=["nothing", "head", "second-head", "body", "chunk"],
)
def test_who_sends_byte_by_byte_is_let_go(port: int, sent: bytes, drip: bytes) -> None:
    with connected(port) as slow:
        slow.sendall(sent)
        until_closed(slow, drip)
    assert httpx.post(f"http://127.0.0.1:{port}/take", content=b"abc").text == "3"


def test_who_reads_nothing_is_let_go(port: int) -> None:
    with connected(port, buffer=4096) as stuck:
        stuck.sendall(b"GET /give HTTP/1.1\r\nHost: here\r\n\r\n")
        _reset(stuck)
    with connect(f"ws://127.0.0.1:{port}/tell", compression=None, max_queue=1) as talker:
        _reset(talker.socket)
        with pytest.raises(ConnectionClosed):
            list(iter(lambda: talker.recv(30), None))


def _reset(connection: socket.socket) -> None:
    """Wait, without reading, until the other side has given up the connection."""
    import select

    poll = select.poll()
    poll.register(connection, 0)  # errors and hang-ups only
    assert poll.poll(60_000), "the connection stays"


def test_who_reads_slowly_is_served(port: int) -> None:
    with connected(port, buffer=4096) as slow:
        slow.sendall(b"GET /give HTTP/1.1\r\nHost: here\r\n\r\n")
        for _ in range(300):  # in all longer than it takes to be let go
            assert slow.recv(4096)
            threading.Event().wait(0.005)


def test_one_address_has_so_many_connections(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            one = stack.enter_context(connected(port))
            one.sendall(b"GET /give HTTP/1.1\r\nHost: here\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"
        with connected(port) as another:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                another.sendall(b"GET /take HTTP/1.1\r\nHost: here\r\n\r\n")
            assert until_closed(another) == b""


def test_as_many_connections_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST", 5)
    with running() as port, contextlib.ExitStack() as stack:
        for _ in range(4):
            one = stack.enter_context(connected(port))
            one.sendall(b"GET /give HTTP/1.1\r\nHost: here\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"
        assert answer(port, b"GET /take HTTP/1.1\r\nHost: here\r\n\r\n")[0] == 503


def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """Give the status of the first answer, and what follows it until the end of the connection."""
    with connected(port) as asking:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            asking.sendall(request)
        found = until_closed(asking)
    # Where it ends with much unread, the answer may be lost on its way.
    return int(found.split(b" ", 2)[1]) if found else 0, found.partition(b"\r\n\r\n")[2]


GET = b"GET /take HTTP/1.1\r\nHost: here\r\n"
HIDDEN = b"GET /guess HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"X: " + b"a" * 10**6 + b"\r\n\r\n", 400),
        (GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (GET + b"".join(b"X-%d: 1\r\n" % number for number in range(MAX_HEADERS)) + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
        (HEAD + b"Content-Length: 6\r\nContent-Length: 5\r\n\r\n0\r\n\r\nX" + HIDDEN, 400),
        (HEAD + b"Content-Length: 6, 5\r\n\r\n0\r\n\r\nX" + HIDDEN, 400),
        (HEAD + b"Content-Length: +5\r\n\r\nabcde" + HIDDEN, 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
        (HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN, 400),
        (GET + b"Host: elsewhere\r\n\r\n", 400),
        (b"GET /take HTTP/1.1\r\n\r\n", 400),
        (b"GET /take HTTP/1.0\r\n\r\n", 400),
        (b"GET /take HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /take HTTP/1.1\r\nHost: evil.example/path\r\n\r\n", 400),
        (GET + b"X\r\n: y\r\n\r\n", 400),
        (b"TRACE /take HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", 405),
        (b"CONNECT elsewhere:80 HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids=[
        *("huge header", "large header", "many headers", "huge target", "huge body"),
        *("two lengths", "two numbers", "a list of numbers", "a signed number", "an unknown coding"),
        *("a space", "no chunk", "two hosts", "no host", "no host in 1.0", "no name", "a path as host"),
        *("no colon", "TRACE", "CONNECT", "TLS"),
    ],
)
def test_requests_that_nobody_means_well_are_refused_and_end_the_connection(
    port: int, request_: bytes, status: int
) -> None:
    found, rest = answer(port, request_)
    assert found == status or (found == 0 and len(request_) > 30_000)
    assert b"HTTP/1.1" not in rest, "what was hidden in it is answered"


def test_who_guesses_has_to_wait_whatever_is_asked(port: int) -> None:
    def status(**headers: str) -> int:
        return httpx.get(f"http://127.0.0.1:{port}/guess", headers=headers).status_code

    assert [status(Authorization="Bearer x") for _ in range(6)] == [401] * 5 + [429]
    assert status() == 401  # who guesses nothing is not held up


def test_a_chunked_body_is_counted_as_it_comes() -> None:
    came: list[int] = []
    said: list[dict] = []

    async def app(_: object, receive: Callable, send: Callable) -> None:
        while True:
            came.append(len((await receive())["body"]))

    async def run() -> None:
        async def receive() -> dict:
            return {"type": "http.request", "body": b"a" * 500_000, "more_body": True}

        async def send(message: dict) -> None:
            said.append(message)

        scope = {"type": "http", "path": "/take", "method": "POST", "headers": [(b"host", b"here")]}
        await Guarded(app, Rate(5, 1))(scope, receive, send)

    with pytest.raises(Exception, match="413"):
        asyncio.run(run())
    assert sum(came) <= MAX_BODY

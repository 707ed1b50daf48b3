"""The gateway: streams of alerts for the world, and nothing else of the broker.

Each stream is that of a filter. It can be followed without end (server-sent events, lines of JSON, WebSocket)
or taken a page at a time (JSON, Avro, VOTable); a cursor says where one is, in all of them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Mount, Route

from vobroker.archive import Archive, files_of
from vobroker.filters import Filter
from vobroker.filters.compile import NAME
from vobroker.gateway import openapi
from vobroker.gateway.access import Audit, Listeners, Rate
from vobroker.gateway.cursor import CursorError, Cursors, Since, since
from vobroker.gateway.endless import EVENTS, HEARTBEAT, LINES, SEND_SECONDS, Endless, as_line, followed
from vobroker.gateway.hub import Hub
from vobroker.gateway.messages import GCN, TEXTS, messages
from vobroker.gateway.metrics import MEDIA_TYPE, Counted, Metrics
from vobroker.gateway.pages import FILES
from vobroker.roles import Caller, Roles
from vobroker.tap.errors import TapError
from vobroker.tap.service import caller_with

MAX_LISTENERS = 20_000
"""Most listeners at a time, whoever they are."""

MAX_WAIT = 60
"""Most seconds that a page waits for its first alert."""

MAX_PAGE = 1000

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class TextForm(StrEnum):
    """What an endless stream carries: the alert in JSON, a VOEvent packet, a notice as GCN has them."""

    json = "json"
    voevent = "voevent"
    gcn = "gcn"


class PageForm(StrEnum):
    """What a page is."""

    json = "json"
    voevent = "voevent"
    gcn = "gcn"
    avro = "avro"
    votable = "votable"


@dataclass
class Gateway:
    """What the gateway is made of."""

    archive: Archive
    filters: Mapping[str, Filter]
    roles: Roles
    hub: Hub
    listeners: Listeners
    audit: Audit
    requests: Rate
    """How often an address may ask."""
    failures: Rate
    """How often an address may come with a token that does not hold."""
    metrics: Metrics
    proxied: bool = False
    """Whether who seems to be on this machine may be anybody."""


Name = Annotated[str, Path(pattern=NAME.pattern, max_length=64, description="Name of a stream")]
SinceText = Annotated[
    str,
    Query(
        alias="since",
        max_length=100,
        description="A cursor, a span such as 2h, a time (UTC), or beginning; what comes when not given",
    ),
]


def create_streams(
    archive: Archive,
    roles: Roles,
    *,
    filters: Sequence[Filter] = (),
    title: str = "vobroker",
    audit: FilePath | None = None,
    requests_a_minute: float = 3000,
    proxied: bool = False,
) -> FastAPI:
    """Make the streams of an archive, to be mounted somewhere.

    Whoever mounts them runs their lifespan, and calls ``state.close`` before the server stops.

    Parameters
    ----------
    archive
        Whose events are streamed; any thread may read it.
    roles
        Who may do what.
    filters
        The filters that are in use, which are told of in the list of streams.
    title
        Name of the site.
    audit
        File for one line of JSON a request.
    requests_a_minute
        What one address may ask in the long run; a tenth of it at once.
    proxied
        Whether a proxy on this machine brings requests, so that metrics are only for operators' tokens.
    """
    gateway = Gateway(
        archive,
        {each.name: each for each in filters},
        roles,
        Hub(archive, Cursors.of(files_of(archive.place))),
        Listeners(MAX_LISTENERS),
        Audit(audit),
        Rate(max(20, requests_a_minute / 10), requests_a_minute),
        Rate(5, 10),
        Metrics(archive),
        proxied,
    )
    told = gateway.metrics
    told.gauges["vobroker_listeners"] = "Listeners of streams", lambda: len(gateway.listeners)
    told.counters["vobroker_pages"] = "Pages of streams that were made", lambda: gateway.hub.made

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(gateway.hub.run())
        yield
        gateway.hub.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        gateway.audit.close()

    app = FastAPI(
        title=f"{title}: streams",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.name,
    )
    app.state.gateway = gateway
    app.state.close = gateway.hub.close
    for path, answer in (
        ("/", _streams),
        ("/{name}", _stream),
        ("/{name}/events", _events),
        ("/{name}/lines", _lines),
        ("/{name}/page", _page),
        ("/{name}/at/{cursor}", _one),
    ):
        app.get(path, responses=openapi.answers(path), response_class=Response)(answer)
    app.websocket("/{name}/ws")(_websocket)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(Exception)(_failed)
    return app


def create_app(streams: FastAPI) -> Starlette:
    """Make a gateway that has nothing but streams, and says whether it is well."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with streams.router.lifespan_context(streams):
            yield

    routes = [
        Route("/health", _health),
        Route("/ready", _ready),
        Route("/metrics", tell_metrics),
        Mount("/streams", streams),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _refused})
    app.add_middleware(Counted, metrics=streams.state.gateway.metrics)
    app.state.gateway = streams.state.gateway
    app.state.close = streams.state.close
    return app


def _gateway(connection: HTTPConnection) -> Gateway:
    found: Gateway = connection.app.state.gateway
    return found


def _caller(connection: HTTPConnection, scope: str = "streams") -> Caller:
    """Tell who asks, and refuse who asks too often or has no token for this."""
    gateway = _gateway(connection)
    address = _address(connection)
    if wait := max(gateway.requests.wait(address), gateway.failures.exhausted(address)):
        raise HTTPException(429, "You ask too often.", {"Retry-After": f"{wait:.0f}"})
    try:
        return caller_with(gateway.roles, connection.headers.get("authorization", ""), scope)
    except TapError as error:
        gateway.failures.wait(address)
        gateway.audit.note("token", who="", address=address, status=401)
        raise HTTPException(401, f"{error}".capitalize() + ".", {"WWW-Authenticate": "Bearer"}) from None


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


@dataclass
class Asked:
    """Who asks for which stream, and from where on."""

    gateway: Gateway
    caller: Caller
    name: str
    since: Since
    address: str

    def site(self, form: str) -> str:
        """Give the public address where a format needs it; others have the same pages at each address."""
        return self.address if form == GCN else ""

    def known(self) -> bool:
        """Whether the caller still is who it was."""
        return self.gateway.roles.known(self.caller, "streams")

    def note(self, connection: HTTPConnection, what: str, status: int, **more: object) -> None:
        """Write into the audit log."""
        self.gateway.audit.note(
            what,
            who=self.caller.name,
            address=_address(connection),
            stream=self.name,
            status=status,
            **more,
        )


async def _asked(connection: HTTPConnection, name: str, text: str) -> Asked:
    gateway = _gateway(connection)
    caller = _caller(connection)
    if name not in gateway.filters and not await asyncio.to_thread(gateway.archive.events, name, 0, 1):
        raise HTTPException(404, f"There is no stream “{name}”.")
    try:
        found = since(text, name, gateway.hub.cursors)
    except CursorError as error:
        said = str(error)
        raise HTTPException(422, f"{said[0].upper()}{said[1:]}.") from None
    site = f"{connection.url.scheme}://{connection.url.netloc}"
    return Asked(gateway, caller, name, found, site)


async def _asked_here(
    request: Request,
    name: Name,
    since: SinceText = "",
    last_event_id: Annotated[str, Header(max_length=100, description="As since, and goes before it")] = "",
) -> Asked:
    return await _asked(request, name, last_event_id or since)


AskedHere = Annotated[Asked, Depends(_asked_here)]


async def _streams(request: Request) -> Response:
    """List the streams that are in use."""
    _caller(request)
    found = _gateway(request).filters.values()
    return _json({"streams": [_about(request, each) for each in found]})


async def _stream(request: Request, name: Name) -> Response:
    """Tell what a stream is."""
    gateway = _gateway(request)
    _caller(request)
    if name not in gateway.filters:
        raise HTTPException(404, f"There is no stream “{name}”.")
    each = gateway.filters[name]
    columns = [
        {"name": one.name, "unit": one.unit, "ucd": one.ucd, "description": one.description}
        for one in each.columns
    ]
    return _json(_about(request, each) | {"query": each.text, "columns": columns})


def _about(request: Request, each: Filter) -> dict[str, Any]:
    here = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}/{each.name}"
    return {
        "name": each.name,
        "title": each.title,
        "description": each.description,
        "version": each.version,
        "events": f"{here}/events",
        "lines": f"{here}/lines",
        "websocket": f"{here}/ws".replace("http", "ws", 1),
        "page": f"{here}/page",
    }


async def _events(asked: AskedHere, request: Request, format: TextForm = TextForm.json) -> Response:
    """Follow a stream as server-sent events."""
    return await _endless(asked, request, format, EVENTS)


async def _lines(asked: AskedHere, request: Request, format: TextForm = TextForm.json) -> Response:
    """Follow a stream as lines of JSON."""
    return await _endless(asked, request, format, LINES)


async def _endless(asked: Asked, request: Request, form: TextForm, media_type: str) -> Response:
    listening = asked.gateway.listeners.one(asked.caller)
    if not listening.__enter__():
        listening.__exit__(None, None, None)
        asked.note(request, "listen", 503)
        raise HTTPException(503, "There are as many listeners as there may be.", {"Retry-After": "30"})
    asked.note(request, "listen", 200, format=form.value)
    place = await asked.gateway.hub.begin(asked.since)
    pieces = followed(
        asked.gateway.hub, asked.name, form.value, asked.site(form), place, media_type, asked.known
    )
    return Endless(pieces, media_type, listening, HEADERS)


async def _page(
    asked: AskedHere,
    request: Request,
    format: PageForm = PageForm.json,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most alerts")] = 100,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for the first")] = 0,
) -> Response:
    """Take a page of a stream, with the cursor of the next one."""
    hub = asked.gateway.hub
    await hub.look()
    place = await hub.begin(asked.since)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        content, media_type, end, alerts = await _file(asked, format.value, place, limit)
        left = until - loop.time()
        if alerts or left <= 0 or hub.closing:
            break
        await hub.news(max(place, hub.newest), left)
    cursor = hub.cursors.seal(asked.name, end)
    asked.note(request, "page", 200 if alerts else 204, format=format.value, alerts=alerts)
    more = {"Cursor": cursor, "Link": f'<{request.url.path}?since={cursor}&format={format}>; rel="next"'}
    if not alerts and format.value not in TEXTS:
        return Response(None, 204, HEADERS | more)
    return Response(content, 200, HEADERS | more, media_type)


async def _one(
    request: Request,
    name: Name,
    cursor: Annotated[str, Path(max_length=100, description="Cursor of the alert")],
    format: PageForm = PageForm.json,
) -> Response:
    """Take the one alert of a cursor, in any form."""
    asked = await _asked(request, name, cursor)
    hub = asked.gateway.hub
    place = (asked.since.place or 1) - 1
    if asked.since.place and format.value in FILES:
        file = await asyncio.to_thread(FILES[format.value], hub.archive, name, place, 1)
        content, media_type, end = file.content, file.media_type, file.end
    else:
        site = asked.site(format)
        found = await asyncio.to_thread(messages, hub.archive, name, place, 1, format.value, site)
        content, media_type = (found[0].content if found else b""), _TYPES[format.value]
        end = found[0].place if found else 0
    if end != asked.since.place:
        raise HTTPException(404, "There is no alert of this cursor.")
    asked.note(request, "alert", 200, format=format.value)
    return Response(content, 200, HEADERS, media_type)


_TYPES = {"json": "application/json", "voevent": "application/x-voevent+xml", "gcn": "application/json"}


async def _file(asked: Asked, form: str, place: int, limit: int) -> tuple[bytes, str, int, int]:
    hub = asked.gateway.hub
    if form in FILES:
        return await asyncio.to_thread(FILES[form], hub.archive, asked.name, place, limit)
    page = await hub.after(asked.name, form, place, asked.site(form))
    kept = page.messages[:limit]
    end = page.end if len(kept) == len(page.messages) else kept[-1].place
    lines = [as_line(cursor, form, one.content) for cursor, one in zip(page.cursors, kept, strict=False)]
    cursor = hub.cursors.seal(asked.name, end).encode()
    content = b'{"cursor":"%b","messages":[%b]}' % (cursor, b",".join(line.strip() for line in lines))
    return content, "application/json", end, len(kept)


async def _websocket(
    socket: WebSocket, name: Name, since: SinceText = "", format: TextForm = TextForm.json
) -> None:
    """Follow a stream over a WebSocket: the messages of its lines."""
    try:
        asked = await _asked(socket, name, since)
    except HTTPException as error:
        await socket.send_denial_response(await _refused(None, error))
        return
    gateway = asked.gateway
    with gateway.listeners.one(asked.caller) as room:
        if not room:
            asked.note(socket, "listen", 503)
            await socket.close(1013, "There are as many listeners as there may be.")
            return
        asked.note(socket, "listen", 101, format=format.value)
        await socket.accept()
        with suppress(WebSocketDisconnect, RuntimeError):
            await _follow(socket, asked, format.value)


async def _follow(socket: WebSocket, asked: Asked, form: str) -> None:
    hub = asked.gateway.hub
    place = await hub.begin(asked.since)
    gone = asyncio.create_task(_until_gone(socket))
    try:
        while not hub.closing and not gone.done():
            news = await hub.news(place, HEARTBEAT)
            if not asked.known():
                await socket.close(1008, "Your token holds no more.")
                return
            if not news:
                # The cursor moves on though nothing passed: who comes back has less to look through.
                told = json.dumps({"cursor": hub.cursors.seal(asked.name, place)})
                await asyncio.wait_for(socket.send_text(told), SEND_SECONDS)
                continue
            page = await hub.after(asked.name, form, place, asked.site(form))
            for cursor, message in zip(page.cursors, page.messages, strict=True):
                line = as_line(cursor, form, message.content).decode().rstrip()
                await asyncio.wait_for(socket.send_text(line), SEND_SECONDS)
            place = page.end
        if not gone.done():
            await socket.close(1012, "The service restarts; go on from your cursor.")
    except TimeoutError:
        with suppress(Exception):
            await asyncio.wait_for(socket.close(1013, "You are too slow; go on from your cursor."), 1)
    finally:
        gone.cancel()


async def _until_gone(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass


async def _health(_: Request) -> Response:
    """Say that the process is alive."""
    return _json({"status": "ok"})


async def _ready(request: Request) -> Response:
    """Say whether the archive answers and listeners are taken."""
    gateway = _gateway(request)
    try:
        await asyncio.to_thread(gateway.archive.events, None, 0, 1)
    except Exception:
        return _json({"status": "the archive does not answer"}, 503)
    if gateway.hub.closing:
        return _json({"status": "closing"}, 503)
    return _json({"status": "ok", "listeners": len(gateway.listeners)})


async def tell_metrics(request: Request) -> Response:
    """Give metrics to who is on this machine, and to operators; for others there is nothing here."""
    gateway = _gateway(request)
    known = "authorization" in request.headers
    if not (_caller(request, "metrics").role == "operator" if known else _is_here(request)):
        raise HTTPException(404)
    return Response(await asyncio.to_thread(gateway.metrics.text), 200, HEADERS, MEDIA_TYPE)


_BROUGHT = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""Headers of requests that a proxy brings."""


def _is_here(request: Request) -> bool:
    """Whether somebody on this machine asks: by its own name, and through no proxy."""
    if _gateway(request).proxied or any(name in request.headers for name in _BROUGHT):
        return False
    names = [_address(request), (request.url.hostname or "").replace("localhost", "127.0.0.1")]
    try:
        return all(ipaddress.ip_address(name).is_loopback for name in names)
    except ValueError:
        return False


def _json(told: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(told, status, HEADERS | dict(headers or {}))


async def _refused(_: object, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "There is nothing here.", 405: "This cannot be done here."}
    text = said.get(error.status_code, error.detail) if error.detail in _USUAL else error.detail
    return _json({"error": text}, error.status_code, error.headers)


_USUAL = ("Not Found", "Method Not Allowed")


async def _invalid(_: object, error: Exception) -> Response:
    """Name the parameters that are wrong, and nothing of what reads them."""
    assert isinstance(error, RequestValidationError)
    wrong = sorted({str(one["loc"][-1]) for one in error.errors()})
    return _json({"error": f"These parameters cannot be used: {', '.join(wrong)}."}, 422)


async def _failed(request: Request, error: Exception) -> Response:
    """Say nothing of what failed but a number, under which it is in the log."""
    number = secrets.token_hex(4)
    _gateway(request).audit.note(
        "failure", who="", address=_address(request), number=number, error=f"{type(error).__name__}: {error}"
    )
    return _json({"error": f"Something failed; ask the operator for number {number}."}, 500)

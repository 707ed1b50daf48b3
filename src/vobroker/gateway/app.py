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
from enum import StrEnum
from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from vobroker.archive import Archive, files_of
from vobroker.filters import Filter
from vobroker.filters.compile import NAME
from vobroker.gateway import openapi
from vobroker.gateway.access import Audit, Listener, Listeners, Rate
from vobroker.gateway.cursor import CURSOR, Cursors
from vobroker.gateway.endless import EVENTS, HEARTBEAT, LINES, SEND_SECONDS, as_line
from vobroker.gateway.guard import Guarded, open_to_pages
from vobroker.gateway.hub import Hub
from vobroker.gateway.listening import (
    HEADERS,
    Asked,
    Gateway,
    address_of,
    base_of,
    caller_of,
    endless,
    gateway_of,
)
from vobroker.gateway.listening import asked as read_asked
from vobroker.gateway.messages import TEXTS, messages
from vobroker.gateway.metrics import MEDIA_TYPE, Counted, Metrics
from vobroker.gateway.pages import FILES
from vobroker.roles import Roles

MAX_LISTENERS = 20_000
"""Most listeners at a time, whoever they are."""

MAX_WAIT = 60
"""Most seconds that a page waits for its first alert."""

MAX_PAGE = 1000

MAX_SAID = 100
"""Messages of a listener after which it is let go: there is nothing to say."""


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


Name = Annotated[str, Path(pattern=NAME.pattern, max_length=64, description="Name of a stream")]
SinceText = Annotated[
    str,
    Query(
        alias="since",
        max_length=1000,
        description="A cursor, an ivorn, a span such as 2h, a time (UTC), or beginning; else what comes",
    ),
]


def create_streams(
    archive: Archive,
    roles: Roles,
    *,
    filters: Sequence[Filter] | Mapping[str, Filter] = (),
    title: str = "vobroker",
    audit: FilePath | None = None,
    requests_a_minute: float = 3000,
    address: str = "",
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
        The filters that are in use, which are told of in the list of streams; by name, where they change.
    title
        Name of the site.
    audit
        File for one line of JSON a request.
    requests_a_minute
        What one address may ask in the long run; a tenth of it at once.
    address
        Public address of the site, when it is not that of each request. A proxy brings requests then, so that
        metrics are only for operators' tokens.
    """
    gateway = Gateway(
        archive,
        filters if isinstance(filters, Mapping) else {each.name: each for each in filters},
        roles,
        Hub(archive, Cursors.of(files_of(archive.place))),
        Listeners(MAX_LISTENERS),
        Audit(audit),
        Rate(max(20, requests_a_minute / 10), requests_a_minute),
        Rate(5, 10),
        Metrics(archive),
        address.rstrip("/"),
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
        Route("/ready", tell_ready),
        Route("/metrics", tell_metrics),
        Mount("/streams", open_to_pages(streams)),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _refused})
    app.add_middleware(Guarded, failures=streams.state.gateway.failures)
    app.add_middleware(Counted, metrics=streams.state.gateway.metrics)
    app.state.gateway = streams.state.gateway
    app.state.close = streams.state.close
    return app


async def _asked_here(
    request: Request,
    name: Name,
    since: SinceText = "",
    last_event_id: Annotated[str, Header(max_length=1000, description="As since, and goes before it")] = "",
) -> Asked:
    return await read_asked(request, name, last_event_id or since)


AskedHere = Annotated[Asked, Depends(_asked_here)]


async def _streams(request: Request) -> Response:
    """List the streams that are in use."""
    caller_of(request)
    found = gateway_of(request).filters.values()
    return _json({"streams": [_about(request, each) for each in found]})


async def _stream(request: Request, name: Name) -> Response:
    """Tell what a stream is."""
    gateway = gateway_of(request)
    caller_of(request)
    if name not in gateway.filters:
        raise HTTPException(404, f"There is no stream “{name}”.")
    each = gateway.filters[name]
    columns = [
        {"name": one.name, "unit": one.unit, "ucd": one.ucd, "description": one.description}
        for one in each.columns
    ]
    return _json(_about(request, each) | {"query": each.text, "columns": columns})


def _about(request: Request, each: Filter) -> dict[str, Any]:
    here = f"{base_of(request)}{request.scope['root_path']}/{each.name}"
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
    return await endless(asked, request, format.value, EVENTS)


async def _lines(asked: AskedHere, request: Request, format: TextForm = TextForm.json) -> Response:
    """Follow a stream as lines of JSON."""
    return await endless(asked, request, format.value, LINES)


async def _page(
    asked: AskedHere,
    request: Request,
    format: PageForm = PageForm.json,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most alerts")] = 100,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for the first")] = 0,
    inclusive: Annotated[
        bool, Query(description="Begin with the alert of the cursor, not behind it")
    ] = False,
) -> Response:
    """Take a page of a stream, with the cursor of the next one."""
    hub = asked.gateway.hub
    await hub.look()
    place = max(asked.place - inclusive, 0)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        content, media_type, end, alerts = await _file(asked, format.value, place, limit)
        left = until - loop.time()
        if alerts or left <= 0 or hub.closing:
            break
        await hub.news(asked.stream, max(place, hub.newest(asked.stream)), left)
    cursor = hub.cursors.seal(asked.stream, end)
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
    if not CURSOR.fullmatch(cursor):
        raise HTTPException(404, "There is no alert of this cursor.")
    asked = await read_asked(request, name, cursor)
    hub, place = asked.gateway.hub, max(asked.place - 1, 0)
    if format.value in FILES:
        file = await asyncio.to_thread(FILES[format.value], hub.archive, name, place, 1)
        content, media_type, end = file.content, file.media_type, file.end
    else:
        site = asked.site(format)
        found = await asyncio.to_thread(messages, hub.archive, name, place, 1, format.value, site)
        content, media_type = (found[0].content if found else b""), _TYPES[format.value]
        end = found[0].place if found else 0
    if not content or end != asked.place:
        raise HTTPException(404, "There is no alert of this cursor.")
    asked.note(request, "alert", 200, format=format.value)
    return Response(content, 200, HEADERS, media_type)


_TYPES = {"json": "application/json", "voevent": "application/x-voevent+xml", "gcn": "application/json"}


async def _file(asked: Asked, form: str, place: int, limit: int) -> tuple[bytes, str, int, int]:
    hub = asked.gateway.hub
    if form in FILES:
        seal = partial(hub.cursors.seal, asked.stream)
        return await asyncio.to_thread(FILES[form], hub.archive, asked.stream, place, limit, seal)
    page = await hub.after(asked.stream, form, place, asked.site(form))
    kept = page.messages[:limit]
    end = page.end if len(kept) == len(page.messages) else kept[-1].place
    lines = [as_line(cursor, form, one.content) for cursor, one in zip(page.cursors, kept, strict=False)]
    cursor = hub.cursors.seal(asked.stream, end).encode()
    content = b'{"cursor":"%b","messages":[%b]}' % (cursor, b",".join(line.strip() for line in lines))
    return content, "application/json", end, len(kept)


async def _websocket(
    socket: WebSocket, name: Name, since: SinceText = "", format: TextForm = TextForm.json
) -> None:
    """Follow a stream over a WebSocket: the messages of its lines."""
    try:
        asked = await read_asked(socket, name, since)
    except HTTPException as error:
        await socket.send_denial_response(await _refused(None, error))
        return
    gateway = asked.gateway
    listener = asked.listener(socket, format.value)
    with gateway.listeners.one(asked.caller, listener) as room:
        if not room:
            asked.note(socket, "listen", 503)
            await socket.close(1013, "There are as many listeners as there may be.")
            return
        asked.note(socket, "listen", 101, format=format.value)
        await socket.accept()
        with suppress(WebSocketDisconnect, RuntimeError):
            await _follow(socket, asked, format.value, listener)


async def _follow(socket: WebSocket, asked: Asked, form: str, listener: Listener) -> None:
    hub = asked.gateway.hub
    place = asked.place
    gone = asyncio.create_task(_until_gone(socket))
    try:
        while not hub.closing and not gone.done():
            news = await hub.news(asked.stream, place, HEARTBEAT)
            if not asked.known():
                await socket.close(1008, "Your token holds no more.")
                return
            if not news:
                # The cursor moves on though nothing passed: who comes back has less to look through.
                told = json.dumps({"cursor": hub.cursors.seal(asked.stream, place)})
                await asyncio.wait_for(socket.send_text(told), SEND_SECONDS)
                continue
            page = await hub.after(asked.stream, form, place, asked.site(form))
            for cursor, message in zip(page.cursors, page.messages, strict=True):
                line = as_line(cursor, form, message.content).decode().rstrip()
                await asyncio.wait_for(socket.send_text(line), SEND_SECONDS)
                listener.took(len(line), message.place)
            place = page.end
        if not gone.done():
            await socket.close(1012, "The service restarts; go on from your cursor.")
    except TimeoutError:
        with suppress(Exception):
            await asyncio.wait_for(socket.close(1013, "You are too slow; go on from your cursor."), 1)
    finally:
        gone.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """Wait until the listener has left, or has said more than who listens has to say."""
    with suppress(WebSocketDisconnect, RuntimeError):
        for _ in range(MAX_SAID):
            if (await socket.receive())["type"] == "websocket.disconnect":
                return
        await socket.close(1008, "You are here to listen.")


async def _health(_: Request) -> Response:
    """Say that the process is alive."""
    return _json({"status": "ok"})


async def tell_ready(request: Request) -> Response:
    """Say whether the archive answers and listeners are taken."""
    gateway = gateway_of(request)
    try:
        await asyncio.to_thread(gateway.archive.events, None, 0, 1)
    except Exception:
        return _json({"status": "the archive does not answer"}, 503)
    if gateway.hub.closing:
        return _json({"status": "closing"}, 503)
    return _json({"status": "ok", "listeners": len(gateway.listeners)})


async def tell_metrics(request: Request) -> Response:
    """Give metrics to who is on this machine, and to operators; for others there is nothing here."""
    gateway = gateway_of(request)
    known = "authorization" in request.headers
    if not (caller_of(request, "metrics").role == "operator" if known else _is_here(request)):
        raise HTTPException(404)
    return Response(await asyncio.to_thread(gateway.metrics.text), 200, HEADERS, MEDIA_TYPE)


_BROUGHT = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""Headers of requests that a proxy brings."""


def _is_here(request: Request) -> bool:
    """Whether somebody on this machine asks: by its own name, and through no proxy."""
    if gateway_of(request).address or any(name in request.headers for name in _BROUGHT):
        return False
    names = [address_of(request), (request.url.hostname or "").replace("localhost", "127.0.0.1")]
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
    gateway_of(request).audit.note(
        "failure",
        who="",
        address=address_of(request),
        number=number,
        error=f"{type(error).__name__}: {error}",
    )
    return _json({"error": f"Something failed; ask the operator for number {number}."}, 500)

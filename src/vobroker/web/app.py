"""The web application: pages, files, and the rules that browsers are told to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vobroker.filters import Filter, Running
from vobroker.gateway import create_streams, tell_metrics, tell_ready
from vobroker.gateway.guard import Guarded, open_to_pages
from vobroker.gateway.metrics import Counted
from vobroker.sources.lag import Behind
from vobroker.tap import Service, running
from vobroker.tap import create_app as create_tap
from vobroker.web import openapi
from vobroker.web.oidc import Provider
from vobroker.web.pages import (
    alerts,
    catalogues,
    errors,
    events,
    filter_editor,
    filters,
    following,
    live,
    objects,
    operator,
    platform,
    platforms,
    query,
    search,
    signin,
    sky,
    status,
    streams,
    tokens,
    voevents,
    watchlists,
)
from vobroker.web.site import Site, with_saved

PAGES = (
    live,
    filter_editor,
    filters,
    following,
    objects,
    alerts,
    events,
    streams,
    voevents,
    query,
    search,
    sky,
    status,
    signin,
    tokens,
    catalogues,
    watchlists,
    operator,
    platform,
    platforms,
)

HEADERS = {
    # Everything comes from this server, and nothing that is written into a page can run.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # so that browsers say from where a form comes
    "Cross-Origin-Opener-Policy": "same-origin",
}

LARGE = ("tap", "catalogues", "watchlists")
"""First parts of addresses that take tables, and limit them by role."""

_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For SVG opened by itself: plots carry their styles, and run nothing."""


def create_app(
    tap: Service,
    *,
    filters: Sequence[Filter] | Running = (),
    title: str = "vobroker",
    audit: Path | None = None,
    backgrounds: Mapping[str, str] | None = None,
    lag: Callable[[], Sequence[Behind]] | None = None,
    oidc: Provider | None = None,
) -> Starlette:
    """Make the web application of a broker.

    Parameters
    ----------
    tap
        TAP service on the archive that the pages show; it stands beside them, at ``/tap``.
    filters
        The filters that run, with their texts; where only those of the operators are given, those that users
        keep beside the archive run too.
    title
        Name of the site.
    audit
        File for one line of JSON a request for a stream.
    backgrounds
        HiPS of elsewhere that a reader of the sky page may choose: addresses by name.
    lag
        Says how far the archive is behind Kafka.
    oidc
        Where people sign in besides.

    The streams of the gateway are beside them, at ``/streams``. ``state.close`` lets all who listen go; it is
    to be called before the server stops.
    """
    running_filters = filters if isinstance(filters, Running) else with_saved(tap, filters)
    streams = create_streams(
        tap.archive,
        tap.roles,
        filters=running_filters,
        title=title,
        audit=audit,
        address=tap.address.rpartition("/")[0],
    )
    gateway = streams.state.gateway
    pages = _pages(Site(tap.archive, running_filters, title, tap, gateway, backgrounds or {}, lag, oidc))

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with running(tap), streams.router.lifespan_context(streams):
            yield

    # What the pages put around their answers would hold back the rows of a long result.
    queries = create_tap(tap)
    routes: list[BaseRoute] = [
        Route("/tap", _with_slash),
        Mount("/tap", open_to_pages(queries)),
        Route("/streams", _with_slash),
        Mount("/streams", open_to_pages(streams)),
        Route("/ready", tell_ready),
        Route("/metrics", _metrics),
        Mount("/", pages),
    ]
    app = Starlette(routes=routes, lifespan=life)
    app.add_middleware(Guarded, failures=gateway.failures, large=LARGE)
    app.add_middleware(Counted, metrics=gateway.metrics)
    app.state.gateway = gateway

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        # No mount takes an address with a line break; who is meant says that there is nothing.
        await (queries if scope["path"].startswith("/tap/") else pages)(scope, receive, send)

    app.router.default = elsewhere
    app.state.site = pages.state.site

    def close() -> None:
        pages.state.site.closing.set()
        pages.state.site.uploads.close()
        streams.state.close()

    app.state.close = close
    return app


async def _with_slash(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path}/", 308)


async def _metrics(request: Request) -> Response:
    try:
        return await tell_metrics(request)
    except HTTPException as error:
        return PlainTextResponse(f"{error.detail}\n", error.status_code, dict(error.headers or {}))


def _pages(site: Site) -> FastAPI:
    """Make the application of the pages alone."""
    app = FastAPI(title=site.title, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.site = site
    app.state.gateway = site.gateway
    for page in PAGES:
        app.include_router(page.router)
    openapi.add_to(app, site.title)
    app.mount("/static", StaticFiles(directory=str(files("vobroker.web") / "static")), name="static")
    errors.add_to(app)
    app.add_middleware(_WithHeaders)
    app.add_middleware(GZipMiddleware, minimum_size=2048)
    return app


class _WithHeaders:
    """Puts the rules for browsers into every answer, and answers where a page fails.

    It hands on what is sent as it is sent: a reader who takes nothing holds up who sends to him.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("image/svg"):
                    headers["Content-Security-Policy"] = _PICTURE_POLICY
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if started:
                raise
            await errors.failed(Request(scope), error)(scope, receive, with_headers)

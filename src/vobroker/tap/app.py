"""The TAP service as an application of its own, to be mounted beside the web pages."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from html import escape

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from vobroker.archive import ArchiveError
from vobroker.tap import asynchronous, errors, examples, execute, openapi, uws, vosi, waited
from vobroker.tap.answer import in_thread
from vobroker.tap.errors import TapError
from vobroker.tap.service import Service, base_of, service_of

_log = logging.getLogger(__name__)

_RETRY = {"Retry-After": "10"}
_CHALLENGE = {"WWW-Authenticate": 'Bearer, Basic realm="vobroker"'}

router = APIRouter()


def create_app(service: Service) -> FastAPI:
    """Make the application of a TAP service; :func:`running` lets its jobs run meanwhile."""
    app = FastAPI(title=service.title, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    for part in (router, waited.router, asynchronous.router):
        app.include_router(part)
    app.add_exception_handler(TapError, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ArchiveError, _refused)
    app.add_exception_handler(Exception, _failed)
    return app


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Let the jobs of a service run until the block ends; those not done run after the next start."""
    service.jobs.start(partial(execute.do, service))
    try:
        yield
    finally:
        await in_thread(service.jobs.close)


@router.get("/")
async def about(request: Request) -> Response:
    """Say to a person what is here."""
    base = base_of(request)
    links = "".join(
        f'<li><a href="{escape(base)}/{name}">{name}</a>: {what}</li>'
        for name, what in (
            ("examples", "queries to start from"),
            ("tables", "tables and columns"),
            ("capabilities", "what the service can do, and its limits"),
            ("availability", "whether it is up"),
        )
    )
    title = escape(service_of(request).title)
    return HTMLResponse(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>TAP of {title}</title>'
        f"<h1>A TAP service</h1><p>Give the address <code>{escape(base)}</code> to TOPCAT, pyvo or any other"
        f" client of the Virtual Observatory.</p><ul>{links}</ul></html>\n"
    )


@router.get("/availability")
async def availability(request: Request) -> Response:
    """Say whether queries are answered."""
    service = service_of(request)
    up, note = True, "Queries are answered."
    try:
        await in_thread(lambda: service.archive.query("SELECT 1", seconds=5))
    except ArchiveError:
        up, note = False, "The archive does not answer."
    return Response(vosi.availability(up, service.started, note), media_type=uws.MEDIA_TYPE)


@router.get("/capabilities")
async def capabilities(request: Request) -> Response:
    """Say what the service can do."""
    service = service_of(request)
    return Response(vosi.capabilities(base_of(request), service.roles), media_type=uws.MEDIA_TYPE)


@router.get("/tables")
async def tables(request: Request, detail: str = "max") -> Response:
    """Describe the tables; ``detail=min`` leaves the columns out (VOSI 1.1, section 2.3)."""
    if detail.lower() not in ("min", "max"):
        raise TapError(f"detail is min or max, not '{detail[:20]}'")
    known = await in_thread(lambda: service_of(request).catalogue(base_of(request)))
    return Response(vosi.tables(known, detail=detail.lower() == "max"), media_type=uws.MEDIA_TYPE)


@router.get("/tables/{name}")
async def table(request: Request, name: str) -> Response:
    """Describe one table."""
    known = await in_thread(lambda: service_of(request).catalogue(base_of(request)))
    found = vosi.table(known, name)
    if found is None:
        raise TapError(f"there is no table '{name[:80]}'", 404)
    return Response(found, media_type=uws.MEDIA_TYPE)


@router.get("/openapi.json")
async def description(request: Request) -> Response:
    """Describe the service in the words of OpenAPI."""
    return JSONResponse(openapi.document(service_of(request).title, base_of(request)))


@router.get("/examples")
async def example_page(request: Request) -> Response:
    """Give queries to start from."""
    return HTMLResponse(examples.page(service_of(request).title, base_of(request)))


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, TapError):
        status, message = error.status, str(error)
    elif isinstance(error, HTTPException):
        status, message = error.status_code, f"{request.url.path[:100]}: {error.detail}"
    elif isinstance(error, RequestValidationError):
        status, message = 400, f"{error.errors()[0]['loc'][-1]} cannot be used"
    else:
        status, message = 503, "the archive does not answer"
        _log.error("%s failed", request.url.path, exc_info=error)
    headers = _RETRY if status == 503 else _CHALLENGE if status == 401 else None
    cone = "/cone/" in request.url.path
    return Response(errors.document(message, cone=cone), status, headers, errors.MEDIA_TYPE)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer where the service itself is wrong: the log has the reason, the caller an apology."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Response(
        errors.document("the service could not answer this; the reason is in its log"),
        500,
        None,
        errors.MEDIA_TYPE,
    )

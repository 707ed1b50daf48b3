"""What a reader sees when there is nothing to see: a plain sentence, never the inside of the program."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from vobroker.archive import overview
from vobroker.web.render import respond
from vobroker.web.site import Site, site_of

_log = logging.getLogger(__name__)

_HEADINGS = {
    **{303: "Sign in", 401: "Not with this", 403: "Not you", 404: "Not here", 405: "Not this way"},
    **{413: "Too much", 422: "Not understood", 429: "Not so often", 503: "Not now"},
}


def add_to(app: FastAPI) -> None:
    """Let the app answer errors with pages."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)


def failed(request: Request, error: Exception) -> Response:
    """Answer for a page that raised what it should not: the log has the reason, the reader an apology."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _page(request, 500, "The broker could not make this page. The reason is in its log.", [])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = error.status_code != 404 or error.detail != "Not Found"
    sentence = error.detail if known else f"There is no page {request.url.path[:100]}."
    near = await run_in_threadpool(_near, site_of(request), request) if error.status_code == 404 else []
    response = _page(request, error.status_code, sentence, near)
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    where = problem["loc"][-1]
    return _page(
        request, 422, f"“{where}” cannot be used: {problem['msg'][:1].lower()}{problem['msg'][1:]}.", []
    )


def _page(request: Request, status: int, sentence: str, near: list[dict[str, str]]) -> Response:
    data: dict[str, Any] = {
        "status": status,
        "heading": _HEADINGS.get(status, "Something went wrong"),
        "sentence": sentence,
        "near": near,
    }
    return respond(request, "error.html", data, status)


def _near(site: Site, request: Request) -> list[dict[str, str]]:
    """Suggest objects or filters that are called much like what was asked for."""
    parts = request.url.path.strip("/").split("/")
    if parts[0] == "objects" and len(parts) > 2:
        return [
            {"name": row["object_id"], "address": f"/objects/{row['survey']}/{row['object_id']}"}
            for row in overview.similar_names(site.archive, parts[2][:128])
        ]
    if parts[0] == "filters":
        return [{"name": name, "address": f"/filters/{name}"} for name in sorted(site.filters)]
    return []

"""The pages in the words of OpenAPI: what each address takes, and all that it can answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from vobroker.gateway.listening import base_of
from vobroker.timeseries.formats import FORMATS

Json = dict[str, Any]

_PAGE = ("text/html", "application/json")
_VOEVENT = ("application/x-voevent+xml",)
_FOLLOWED = ("/events", "/events/{stream}", "/voevents")
_GIVES: dict[str, tuple[str, ...]] = {
    "/live": ("text/event-stream",),
    "/objects/{survey}/{object_id}/lightcurve.{suffix}": tuple(
        dict.fromkeys(form.media_type for form in FORMATS.values())
    ),
    "/alerts/{survey}/{alert_id}/packet.avro": ("application/avro",),
    "/alerts/{survey}/{alert_id}/cutouts/{kind}.fits": ("application/fits",),
    "/alerts/{survey}/{alert_id}/cutouts/{kind}.png": ("image/png",),
    "/events/{stream}/{survey}-{alert_id}.xml": _VOEVENT,
    "/events/{stream}/{survey}-{alert_id}.json": ("application/json",),
    "/events/notice.schema.json": ("application/json",),
    **dict.fromkeys((f"{where}/stream" for where in _FOLLOWED), ("text/event-stream",)),
    **dict.fromkeys((f"{where}/stream.ndjson" for where in _FOLLOWED), ("application/x-ndjson",)),
    "/voevents/packet.xml": _VOEVENT,
    "/query/plot.{suffix}": ("image/svg+xml", "image/png", "application/json"),
    "/query/check": ("application/json",),
    "/query/language": ("application/json",),
    "/filters/check": ("application/json",),
    "/filters/language": ("application/json",),
    "/filters/trial": ("text/event-stream",),
    "/sky/hips/{night}/{stream}/properties": ("text/plain",),
    "/sky/hips/{night}/{stream}/Moc.fits": ("application/fits",),
    "/sky/hips/{night}/{stream}/Norder3/Allsky.png": ("image/png",),
    "/sky/hips/{night}/{stream}/Norder{order}/Dir0/Npix{pixel}.png": ("image/png",),
    "/sky/moc/night/{night}.json": ("application/json",),
    "/sky/moc/{kind}/{name}.json": ("application/json",),
    "/health": ("application/json",),
    "/platform/descriptor.{suffix}": ("application/json", "application/yaml"),
    "/platform/schema.json": ("application/schema+json",),
    "/platform/capabilities": ("text/xml",),
    "/platform/availability": ("text/xml",),
    "/platform/offersets": ("application/json",),
    "/platform/offersets/{uuid}": ("application/json",),
    "/platforms/plot.{suffix}": ("image/svg+xml", "image/png"),
    "/deadletters/{number}/data": ("application/octet-stream",),
}
"""Media types of what is no page: a page is HTML or JSON, as is asked for."""

_LEADS = {
    "/search": 303,
    "/filters/{name}/edit": 303,
    "/signin/oidc": 303,
    "/signin/oidc/done": 303,
    "/voevents/one": 307,
    "/platform/capabilities": 307,
    "/platform/availability": 307,
}
_WRONG = {
    400: "The query cannot run, or its result cannot be drawn",
    401: "Nobody has this token",
    403: "Somebody else may do this, or another site has sent the form",
    404: "There is no such thing",
    408: "It does not come in time",
    409: "Somebody else has this name",
    413: "More than may be sent",
    422: "A value cannot be",
    429: "Too many tokens that do not hold; wait",
    500: "The broker is wrong; its log has the reason",
    503: "Not now; come again",
}
_SAID = {
    **dict.fromkeys(
        (f"{where}/stream{suffix}" for where in _FOLLOWED for suffix in ("", ".ndjson")),
        (401, 404, 422, 500, 503),
    ),
    **dict.fromkeys(("/query/check", "/filters/check"), (400, 413, 500)),
    "/platform/offersets": (400, 404, 413, 422, 500, 503),
    "/platforms": (400, 404, 422, 500, 503),
    "/platforms/plot.{suffix}": (400, 404, 422, 500, 503),
    "/query": (400, 422, 500, 503),
    "/query/plot.{suffix}": (400, 404, 422, 500, 503),
}

_OWN = ("/tokens", "/operator", "/watchlists/new/{number}")
_FORMS = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503)
_FIELDS = {"type": "object", "additionalProperties": {"type": "string"}}


def add_to(app: FastAPI, title: str) -> None:
    """Let the app describe itself at ``/openapi.json``."""

    @app.get("/openapi.json", include_in_schema=False)
    def description(request: Request) -> Response:
        return JSONResponse(document(app, title, base_of(request)))


def document(app: FastAPI, title: str, base: str) -> Json:
    """Describe the pages: parameters as the app checks them, answers from the table."""
    found = get_openapi(title=f"Pages of {title}", version="1", openapi_version="3.1.0", routes=app.routes)
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            methods[method] = _operation(path, method, operation)
    return {key: found[key] for key in ("openapi", "info", "paths")} | {"servers": [{"url": base}]}


def _operation(path: str, method: str, operation: Json) -> Json:
    gives = _GIVES.get(path, _PAGE)
    parameters = list(operation.get("parameters", []))
    if gives == _PAGE:
        form = {"name": "format", "in": "query", "description": "json gives the data of the page"}
        parameters.append(form | {"schema": {"const": "json"}})
    answers = {200: _answer("What was asked for", gives)}
    if path in _LEADS:
        answers[_LEADS[path]] = {"description": "It is there"}
    posted = method == "post" and path not in _SAID
    if posted:
        answers[303] = {"description": "It is done; the page to go on with"}
    elif path in _OWN:
        answers |= {303: {"description": "Sign in first"}, 403: _answer(_WRONG[403], {*_PAGE})}
    for status in _FORMS if posted else _SAID.get(path, (401, 404, 422, 429, 500, 503)):
        answers[status] = _answer(_WRONG[status], {*_PAGE})
    described: Json = {
        "summary": operation["description"].partition("\n")[0],
        "parameters": parameters,
        "responses": {str(status): answer for status, answer in sorted(answers.items())},
    }
    if path == "/platform/offersets" and method == "post":
        content = {name: {"schema": {"type": "object"}} for name in ("application/json", "application/yaml")}
        described["requestBody"] = {"content": content}
    if path in ("/query/check", "/filters/check"):
        described["requestBody"] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    elif posted:
        described["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": _FIELDS}}}
    return described


def _answer(description: str, media_types: Iterable[str]) -> Json:
    return {"description": description, "content": {name: {} for name in sorted(media_types)}}

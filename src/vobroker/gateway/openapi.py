"""The gateway in the words of OpenAPI: all that each address can answer."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute

Json = dict[str, Any]

_ERROR: Json = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "What is wrong, in a sentence"}},
    "required": ["error"],
    "additionalProperties": False,
}
_REASONS = {
    401: "The token does not hold",
    404: "There is no such stream or alert",
    422: "A parameter cannot be used",
    429: "The address asks too often",
    500: "Something failed",
}
_TEXTS = ("application/json", "application/x-voevent+xml")
_FILES = (*_TEXTS, "application/avro", "application/x-votable+xml")
_GIVES: dict[str, tuple[str, ...]] = {
    "/": ("application/json",),
    "/{name}": ("application/json",),
    "/{name}/events": ("text/event-stream",),
    "/{name}/lines": ("application/x-ndjson",),
    "/{name}/page": ("application/json", *_FILES[2:]),
    "/{name}/at/{cursor}": _FILES,
}


def answers(path: str) -> dict[int | str, Json]:
    """Give the answers of an address."""
    found: dict[int | str, Json] = {
        status: {"description": reason, "content": {"application/json": {"schema": _ERROR}}}
        for status, reason in _REASONS.items()
    }
    found[200] = {"description": "What was asked for", "content": {kind: {} for kind in _GIVES[path]}}
    if path.endswith("/page"):
        found[204] = {"description": "There is nothing new"}
    if path.endswith(("/events", "/lines")):
        found[503] = found[429] | {"description": "There are as many listeners as there may be"}
    return found


def name(route: APIRoute) -> str:
    """Name an operation."""
    return route.name.strip("_")

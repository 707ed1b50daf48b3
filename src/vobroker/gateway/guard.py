"""What no honest client sends is refused before anything else looks at it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vobroker.gateway.access import Rate
from vobroker.gateway.listening import HEADERS

MAX_HEADERS = 100
"""Most headers of a request."""

MAX_HEADER_BYTES = 32_768
"""Most bytes of all headers together."""

MAX_TARGET = 65_536
"""Longest address of a request: a query can be in it."""

MAX_BODY = 2_000_000
"""Largest body of a request, in bytes, where nothing larger is expected."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Rules for browsers, where an answer has none of its own."""

_HOST = re.compile(r"[\w.-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?", re.ASCII)
_WATCHED = ("/health", "/ready")  # monitors of HTTP/1.0 name no host


def open_to_pages(app: ASGIApp) -> ASGIApp:
    """Let scripts in pages of other sites read what an application gives to everybody, or to a token.

    Cookies count for nothing there, so that nobody's session can be used.
    """
    return CORSMiddleware(
        app,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Last-Event-ID"],
        expose_headers=["Cursor", "Link", "Retry-After", "WWW-Authenticate"],
    )


class Guarded:
    """Stands before an application.

    Parameters
    ----------
    app
        The application.
    failures
        How often an address may come with a token that does not hold.
    large
        First parts of addresses that limit the size of what they are sent by themselves.
    """

    def __init__(self, app: ASGIApp, failures: Rate, large: Collection[str] = ()) -> None:
        self._app, self._failures, self._large = app, failures, large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address = (scope.get("client") or ("",))[0]
        known = "authorization" in headers
        if refused := self._refusal(scope, headers, address if known else None):
            await _answer(*refused, scope, receive, send)
            return

        private = known or "cookie" in headers

        async def guarded(message: Message) -> None:
            if known and message.get("status") == 401:
                self._failures.wait(address)
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in DEFAULTS.items():
                    answer.setdefault(name, value)
                if private and "etag" not in answer:  # what has a tag is a file, the same for everybody
                    answer.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, self._limited(scope, receive), guarded)

    def _refusal(
        self, scope: Scope, headers: Headers, address: str | None
    ) -> tuple[int, str, Mapping[str, str]] | None:
        """Give status, reason and headers of a refusal."""
        close = {"Connection": "close"}
        size = sum(len(name) + len(value) for name, value in headers.raw)
        if len(headers.raw) > MAX_HEADERS or size > MAX_HEADER_BYTES:
            return 431, "The request has too many headers.", close
        if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_TARGET:
            return 414, "The address is too long.", close
        if "transfer-encoding" in headers and "content-length" in headers:
            # Who stands before us may read another length than we do (RFC 9112, section 6.1).
            return 400, "The request says twice how long it is.", close
        if not _HOST.fullmatch(headers.get("host", "")) and scope["path"] not in _WATCHED:
            return 400, "The request names no host.", close
        if scope.get("method", "GET") not in METHODS:
            return 405, "This cannot be done here.", {"Allow": "GET, HEAD"}
        if address is not None and (wait := self._failures.exhausted(address)):
            return 429, "You ask too often.", {"Retry-After": f"{max(1, wait):.0f}"}
        if self._bounded(scope) and int(headers.get("content-length", "0")) > MAX_BODY:
            return 413, "That is more than may be sent here.", close
        return None

    def _bounded(self, scope: Scope) -> bool:
        return scope["path"].split("/", 2)[1:2] not in [[name] for name in self._large]

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """Count what comes where nothing said before how much it is."""
        if scope["type"] != "http" or not self._bounded(scope):
            return receive
        came = 0

        async def limited() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MAX_BODY:
                raise HTTPException(413, "That is more than may be sent here.", {"Connection": "close"})
            return message

        return limited


async def _answer(
    status: int, reason: str, headers: Mapping[str, str], scope: Scope, receive: Receive, send: Send
) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    answer = JSONResponse({"error": reason}, status, HEADERS | dict(headers))
    await answer(scope, receive, send)

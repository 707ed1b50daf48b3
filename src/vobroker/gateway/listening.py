"""Who asks for which stream, from where on, and the answer without end that is the same for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from vobroker.archive import Archive
from vobroker.filters import Filter
from vobroker.gateway.access import Audit, Listener, Listeners, Rate
from vobroker.gateway.cursor import CursorError
from vobroker.gateway.endless import Endless, followed, style
from vobroker.gateway.hub import Hub
from vobroker.gateway.messages import ALL, GCN, RECEIVED, UnknownEventError
from vobroker.gateway.metrics import Metrics
from vobroker.gateway.since import since
from vobroker.roles import Caller, Roles
from vobroker.tap.errors import TapError
from vobroker.tap.service import caller_with

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


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
    address: str = ""
    """Public address of the site without a slash at its end; that of each request when empty."""


def gateway_of(connection: HTTPConnection) -> Gateway:
    """Give the gateway that a request is for."""
    found: Gateway = connection.app.state.gateway
    return found


def base_of(connection: HTTPConnection) -> str:
    """Give the public address of the site without a slash at its end."""
    return gateway_of(connection).address or f"{connection.url.scheme}://{connection.url.netloc}"


def address_of(connection: HTTPConnection) -> str:
    """Give the address that a request comes from."""
    return connection.client.host if connection.client else ""


def caller_of(connection: HTTPConnection, scope: str = "streams") -> Caller:
    """Tell who asks, and refuse who asks too often or has no token for this."""
    gateway = gateway_of(connection)
    address = address_of(connection)
    if wait := gateway.requests.wait(address):
        raise HTTPException(429, "You ask too often.", {"Retry-After": f"{wait:.0f}"})
    try:
        return caller_with(gateway.roles, connection.headers.get("authorization", ""), scope)
    except TapError as error:
        gateway.audit.note("token", who="", address=address, status=401)
        raise HTTPException(401, f"{error}".capitalize() + ".", {"WWW-Authenticate": "Bearer"}) from None


@dataclass
class Asked:
    """Who asks for which stream, and behind which place it begins."""

    gateway: Gateway
    caller: Caller
    stream: str
    place: int
    address: str

    def site(self, form: str) -> str:
        """Give the public address where a format needs it; others have the same pages at each address."""
        return self.address if form == GCN else ""

    def known(self) -> bool:
        """Whether the caller still is who it was."""
        return self.gateway.roles.known(self.caller, "streams")

    def listener(self, connection: HTTPConnection, form: str) -> Listener:
        """Give who begins to listen, as operators see them."""
        return Listener(self.caller.name, address_of(connection), self.stream, form, self.place)

    def note(self, connection: HTTPConnection, what: str, status: int, **more: object) -> None:
        """Write into the audit log."""
        self.gateway.audit.note(
            what,
            who=self.caller.name,
            address=address_of(connection),
            stream=self.stream,
            status=status,
            **more,
        )


async def asked(connection: HTTPConnection, stream: str, text: str) -> Asked:
    """Read what is asked for: the stream of a filter, all of them, or what came from others.

    Parameters
    ----------
    connection
        The request.
    stream
        Name of a filter, :data:`~vobroker.gateway.messages.ALL` or
        :data:`~vobroker.gateway.messages.RECEIVED`.
    text
        Where to begin; see :func:`vobroker.gateway.since.since`.

    Raises
    ------
    HTTPException
        If the caller may not, or there is no such stream or place.
    """
    gateway = gateway_of(connection)
    caller = caller_of(connection)
    known = stream in (ALL, RECEIVED) or stream in gateway.filters
    if not known and not await asyncio.to_thread(gateway.archive.events, stream, 0, 1):
        raise HTTPException(404, f"There is no stream “{stream}”.")
    try:
        place = await gateway.hub.begin(stream, since(text, stream, gateway.hub.cursors))
    except CursorError as error:
        said = str(error)
        status = 404 if isinstance(error, UnknownEventError) else 422
        raise HTTPException(status, f"{said[0].upper()}{said[1:]}.") from None
    return Asked(gateway, caller, stream, place, base_of(connection))


async def endless(
    asked: Asked,
    connection: HTTPConnection,
    form: str,
    media_type: str,
    *,
    named: bool = False,
    follow: bool = True,
    headers: Mapping[str, str] = HEADERS,
) -> Response:
    """Let somebody follow a stream.

    Parameters
    ----------
    asked
        What is asked for.
    connection
        The request.
    form
        One of :data:`~vobroker.gateway.messages.TEXTS`.
    media_type
        :data:`~vobroker.gateway.endless.EVENTS` or :data:`~vobroker.gateway.endless.LINES`.
    named
        Whether the listener goes on by ivorns, not by cursors.
    follow
        Whether to wait for what comes.
    headers
        Of the answer.

    Raises
    ------
    HTTPException
        If there are as many listeners as there may be.
    """
    gateway = asked.gateway
    listener = asked.listener(connection, form)
    listening = gateway.listeners.one(asked.caller, listener)
    if not listening.__enter__():
        listening.__exit__(None, None, None)
        asked.note(connection, "listen", 503)
        raise HTTPException(503, "There are as many listeners as there may be.", {"Retry-After": "30"})
    asked.note(connection, "listen", 200, format=form)
    how = style(media_type, form, named=named)
    pieces = followed(
        gateway.hub,
        asked.stream,
        form,
        asked.site(form),
        asked.place,
        how,
        asked.known,
        listener.took,
        follow=follow,
    )
    return Endless(pieces, media_type, listening, headers)

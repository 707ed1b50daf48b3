"""What every part of the TAP service has at hand, and who is asking."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import cast

from fastapi import Request

from vobroker.archive import Archive
from vobroker.roles import Caller, Roles
from vobroker.tap.catalogue import Catalogue, catalogue
from vobroker.tap.errors import TapError
from vobroker.tap.fetch import Fence
from vobroker.tap.jobs import Jobs
from vobroker.votypes.columns import Table

AT_ONCE = 8
"""Queries that run at the same time for those who wait for them; more wait a moment."""

FRESH = 1.0
"""Seconds that the catalogue of an archive is believed before the archive is asked again."""

PATIENCE = 20.0
"""Seconds that a query waits for its turn before it is told to come again."""


@dataclass
class Service:
    """A TAP service on an archive.

    Attributes
    ----------
    archive
        What is asked.
    roles
        Who may do what.
    jobs
        Queries that are not waited for.
    fence
        What addresses of uploads may be.
    address
        Public address of the service without a slash at its end; that of each request when empty.
    site
        Public address of the web pages, likewise.
    """

    archive: Archive
    roles: Roles
    jobs: Jobs
    fence: Fence = field(default_factory=Fence)
    address: str = ""
    site: str = ""
    title: str = "vobroker"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))
    _known: tuple[float, Mapping[str, Table], Catalogue] | None = None

    def catalogue(self, base: str) -> Catalogue:
        """Give what can be asked, with links to the service at an address.

        It is what the archive had at most :data:`FRESH` seconds ago: a survey's tables grow with the schemas
        of its packets, which is seldom.
        """
        now = time.monotonic()
        known = self._known
        if known is None or now - known[0] > FRESH:
            native = self.archive.native_tables()
            same = known is not None and known[1] == native
            known = (now, native, known[2] if known and same else catalogue(self.archive, native))
            self._known = known
        return known[2].at(self.archive, base)


def service_of(request: Request) -> Service:
    """Give the service that a request is for."""
    return cast("Service", request.app.state.service)


def base_of(request: Request) -> str:
    """Give the address of the service as the caller reaches it, without a slash at its end."""
    here = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
    return service_of(request).address or here.rstrip("/")


def site_of(request: Request) -> str:
    """Give the address of the web pages as the caller reaches them, without a slash at its end."""
    return service_of(request).site or base_of(request).rpartition("/")[0]


def caller_of(request: Request) -> Caller:
    """Tell who asks; see :func:`caller_with`."""
    return caller_with(service_of(request).roles, request.headers.get("authorization", ""), "tap")


def caller_with(roles: Roles, authorization: str, scope: str) -> Caller:
    """Tell who asks: by a bearer token, or a token as the password of HTTP basic authentication.

    Parameters
    ----------
    roles
        Who may do what.
    authorization
        The header; empty where there is none.
    scope
        What is asked for, of :data:`vobroker.tokens.SCOPES`.

    Raises
    ------
    TapError
        If there is a token that nobody has, that has ended, or that is for something else, without saying
        which: its owner should not be served as a guest.
    """
    scheme, _, rest = authorization.partition(" ")
    if not scheme:
        return roles.guest
    token = rest.strip()
    if scheme.lower() == "basic":
        try:
            token = base64.b64decode(token, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            token = ""
    caller = roles.caller(token, scope) if scheme.lower() in ("bearer", "basic") else None
    if caller is None:
        raise TapError("this token does not hold here, or no more; leave it out to ask as a guest", 401)
    return caller

"""Who asks for a page, by the session of a browser or by a token, and whether a form is one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response

from vobroker.roles import Caller
from vobroker.tap.errors import TapError
from vobroker.tap.service import caller_with
from vobroker.web.sessions import HOURS, SCOPE
from vobroker.web.site import Site, site_of

MAX_FORM = 64_000
"""Most bytes of a form without files."""

_ELSEWHERE = "This form does not come from a page of this site; nothing was done."


def cookie_name(request: Request) -> str:
    """Give the name of the session's cookie, which over https no other site can set."""
    return "__Host-vobroker" if is_secure(request) else "vobroker"


def is_secure(request: Request) -> bool:
    """Whether the site is reached over https."""
    return (site_of(request).tap.address or str(request.url)).startswith("https://")


def signed_in(request: Request, response: Response, caller: Caller) -> Response:
    """Begin a session with an answer, never one that was there before."""
    signed_out(request, response)
    response.set_cookie(
        cookie_name(request),
        site_of(request).sessions.begin(caller),
        max_age=int(HOURS * 3600),
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return response


def signed_out(request: Request, response: Response) -> Response:
    """End the session with an answer."""
    name = cookie_name(request)
    if cookie := request.cookies.get(name):
        site_of(request).sessions.end(cookie)
    response.delete_cookie(name, secure=is_secure(request), httponly=True, samesite="lax")
    return response


def address_of(request: Request) -> str:
    """Give from where somebody asks."""
    return request.client.host if request.client else ""


def may_try(site: Site, address: str) -> None:
    """Refuse who came too often with what does not hold.

    Raises
    ------
    HTTPException
        With the time to wait.
    """
    if wait := site.gateway.failures.exhausted(address):
        raise HTTPException(429, "You ask too often; wait a minute.", {"Retry-After": f"{wait:.0f}"})


def failed(site: Site, address: str, what: str) -> None:
    """Count and write down that somebody came with what does not hold."""
    site.gateway.failures.wait(address)
    site.gateway.audit.note(what, who="", address=address, status=401)


def caller_of(request: Request) -> Caller:
    """Tell who asks: by a token, else by a session, else a guest.

    Raises
    ------
    HTTPException
        If there is a token that does not hold for pages.
    """
    site = site_of(request)
    header = request.headers.get("authorization")
    if header is None:
        return by_session(request)
    try:
        return caller_with(site.tap.roles, header, SCOPE)
    except TapError as error:
        # The guard before all pages counts it.
        site.gateway.audit.note("token", who="", address=address_of(request), status=401)
        raise HTTPException(401, f"{error}".capitalize() + ".", {"WWW-Authenticate": "Bearer"}) from None


def by_session(request: Request) -> Caller:
    """Tell whose session it is; a guest where there is none."""
    site = site_of(request)
    cookie = request.cookies.get(cookie_name(request), "")
    return (site.sessions.caller(cookie) if cookie else None) or site.tap.roles.guest


CallerHere = Annotated[Caller, Depends(caller_of)]
"""A parameter of a page that is who asks; guests have no name."""


def _user(request: Request, caller: CallerHere) -> Caller:
    if caller.name:
        return caller
    if "application/json" in request.headers.get("accept", ""):
        raise HTTPException(401, "This is for who is signed in.", {"WWW-Authenticate": "Bearer"})
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    after = f"?next={quote(where, safe='/')}" if request.method == "GET" else ""
    raise HTTPException(303, "Sign in first.", {"Location": f"/signin{after}"})


UserHere = Annotated[Caller, Depends(_user)]
"""The same for pages of one's own: a guest is sent to sign in."""


def _operator(caller: UserHere) -> Caller:
    if caller.role != "operator":
        raise HTTPException(403, "This page is for who runs the broker.")
    return caller


OperatorHere = Annotated[Caller, Depends(_operator)]
"""The same for pages of those who run the broker."""


def _own(request: Request) -> None:
    """Refuse what another site lets a browser send in the name of who is signed in here.

    A token comes with no request by itself. Browsers say from where a form comes, in ``Sec-Fetch-Site``
    (https://www.w3.org/TR/fetch-metadata/) or at least in ``Origin``.
    """
    said = request.headers.get("sec-fetch-site")
    if said is None and "authorization" in request.headers:
        return
    if said is not None:
        own = said == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        public = urlsplit(site_of(request).tap.address)
        own = bool(origin.netloc) and origin.netloc in (request.url.netloc, public.netloc)
    if not own:
        raise HTTPException(403, _ELSEWHERE)


OwnForm = Depends(_own)
"""What a route that changes something depends on: ``@router.post(..., dependencies=[OwnForm])``."""


async def _fields(request: Request) -> Mapping[str, list[str]]:
    """Read a form without files, of :data:`MAX_FORM` bytes at most."""
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_FORM:
            raise HTTPException(413, f"A form may have {MAX_FORM:,} bytes.")
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(content.decode("ascii"), errors="strict", max_num_fields=1000):
            found.setdefault(name, []).append(value)
    except ValueError:
        raise HTTPException(422, "This is no form.") from None
    return found


FieldsHere = Annotated[Mapping[str, list[str]], Depends(_fields)]
"""The fields of a form by their names, each with its values; those that are empty are left out."""


def field(fields: Mapping[str, list[str]], name: str) -> str:
    """Give the value of a field; empty where there is none."""
    return fields.get(name, [""])[0]


def local(where: str) -> str:
    """Give an address of this site as it is, and the first page instead of any other: no site is led to."""
    plain = where.startswith("/") and not where.startswith("//") and where.isascii() and where.isprintable()
    return where if plain and "\\" not in where else "/"

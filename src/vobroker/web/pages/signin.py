"""Signing in with a token, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from vobroker.web.render import respond
from vobroker.web.sessions import SCOPE
from vobroker.web.site import SiteHere
from vobroker.web.who import (
    CallerHere,
    FieldsHere,
    OwnForm,
    address_of,
    failed,
    field,
    local,
    may_try,
    signed_in,
    signed_out,
)

router = APIRouter()

_WRONG = "This token does not hold here, or no more."

Next = Annotated[str, Query(max_length=2000, description="Page of this site to go to afterwards")]


@router.get("/signin")
def form(request: Request, caller: CallerHere, next: Next = "/") -> Response:
    """Ask for a token."""
    return _page(request, caller.name, local(next))


@router.post("/signin", dependencies=[OwnForm])
def sign_in(request: Request, site: SiteHere, fields: FieldsHere) -> Response:
    """Begin a session with a token that holds."""
    address, after = address_of(request), local(field(fields, "next"))
    may_try(site, address)
    caller = site.tap.roles.caller(field(fields, "token").strip(), SCOPE)
    if caller is None:
        failed(site, address, "sign in")
        return _page(request, "", after, _WRONG, 401)
    site.gateway.audit.note("sign in", who=caller.name, address=address, status=303)
    return signed_in(request, RedirectResponse(after, 303), caller)


@router.post("/signout", dependencies=[OwnForm])
def sign_out(request: Request, site: SiteHere, caller: CallerHere) -> Response:
    """End the session."""
    site.gateway.audit.note("sign out", who=caller.name, address=address_of(request), status=303)
    return signed_out(request, RedirectResponse("/", 303))


def _page(request: Request, name: str, after: str, error: str = "", status: int = 200) -> Response:
    data = {"name": name or None, "next": after, "error": error or None}
    return respond(request, "signin.html", data, status)

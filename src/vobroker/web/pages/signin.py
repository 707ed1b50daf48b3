"""Signing in with a token or at a provider of OpenID Connect, and out."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from vobroker import tokens as files
from vobroker.gateway.listening import base_of
from vobroker.gateway.seal import SealError
from vobroker.roles import Caller
from vobroker.tokens import TokensError
from vobroker.web.oidc import Flow, OidcError, Person, Provider
from vobroker.web.render import respond
from vobroker.web.sessions import HOURS, SCOPE
from vobroker.web.site import Site, SiteHere, site_of
from vobroker.web.who import (
    CallerHere,
    FieldsHere,
    OwnForm,
    address_of,
    cookie_name,
    failed,
    field,
    is_secure,
    local,
    may_try,
    signed_in,
    signed_out,
)

router = APIRouter()

SESSION = "session"
"""Note of a token that a provider's answer made, which ends with its session."""

SESSIONS = 5
"""Sessions of one user at a provider; the oldest makes room for one more."""

_log = logging.getLogger(__name__)

_SEALED = ("web", "oidc")
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
    token, file = site.tap.roles.tokens.get(caller.digest), site.tap.roles.tokens.file
    if file is not None and token is not None and token.note == SESSION and token.scopes == (SCOPE,):
        files.revoke(file, token.digest)
        site.tap.roles.tokens.look()
    return signed_out(request, RedirectResponse("/", 303))


@router.get("/signin/oidc")
def go(request: Request, site: SiteHere, next: Next = "/") -> Response:
    """Go to the provider."""
    provider = _provider(site)
    may_try(site, address_of(request))
    flow = Flow.begin(local(next))
    try:
        answer = RedirectResponse(provider.address(flow, _back(request)), 303)
    except OidcError as error:
        return _failed(request, site, error, flow.after)
    sealed = site.sessions.seals.seal(json.dumps(asdict(flow)).encode(), *_SEALED)
    answer.set_cookie(
        _cookie(request), sealed, max_age=600, secure=is_secure(request), httponly=True, samesite="lax"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get("/signin/oidc/done")
def done(request: Request, site: SiteHere) -> Response:
    """Come back from the provider, and begin a session."""
    provider, address = _provider(site), address_of(request)
    may_try(site, address)
    after = "/"
    try:
        try:
            opened = site.sessions.seals.open(request.cookies.get(_cookie(request), ""), *_SEALED)
        except SealError:
            raise OidcError("this browser has not begun to sign in here; do it once more") from None
        flow = Flow(**json.loads(opened))
        after = flow.after
        person = provider.person(flow, request.query_params, _back(request))
        caller = _known(site, person)
    except OidcError as error:
        failed(site, address, "sign in")
        answer = _failed(request, site, error, after)
    else:
        site.gateway.audit.note("sign in", who=caller.name, address=address, status=303, by="oidc")
        answer = signed_in(request, RedirectResponse(after, 303), caller)
    # An attempt is good for one answer.
    answer.delete_cookie(_cookie(request), secure=is_secure(request), httponly=True, samesite="lax")
    return answer


def _known(site: Site, person: Person) -> Caller:
    """Give the caller that a person is here, by a token that holds as long as a session."""
    file = site.tap.roles.tokens.file
    if file is None:
        raise OidcError("this broker keeps no tokens")
    try:
        _, made = files.new_token(person.name, person.role, scopes=[SCOPE], days=HOURS / 24, note=SESSION)
    except TokensError:
        raise OidcError(f"nobody can be called {person.name[:80]!r} here") from None
    try:
        files.add(file, made)
        held = [one for one in files.read_tokens(file) if one.name == person.name and one.note == SESSION]
        for old in held[:-SESSIONS]:
            files.revoke(file, old.digest)
    except TokensError as error:
        _log.error("%s", error)
        raise OidcError("the tokens cannot be changed; the broker’s log has the reason") from None
    site.tap.roles.tokens.look()
    caller = site.tap.roles.holder(made.digest, SCOPE)
    if caller is None:
        raise OidcError("the token of the session does not hold")
    return caller


def _provider(site: Site) -> Provider:
    if site.oidc is None:
        raise HTTPException(404, "This broker has no provider to sign in at.")
    return site.oidc


def _back(request: Request) -> str:
    return f"{base_of(request)}/signin/oidc/done"


def _cookie(request: Request) -> str:
    return f"{cookie_name(request)}-oidc"


def _failed(request: Request, site: Site, error: OidcError, after: str) -> Response:
    reason = str(error)
    _log.warning("nobody is signed in: %s", error.__cause__ or reason)
    return _page(request, "", after, f"{reason[:1].upper()}{reason[1:]}.", 401)


def _page(request: Request, name: str, after: str, error: str = "", status: int = 200) -> Response:
    oidc = site_of(request).oidc
    provider = oidc.settings.title if oidc else None
    data = {"name": name or None, "next": after, "provider": provider, "error": error or None}
    return respond(request, "signin.html", data, status)

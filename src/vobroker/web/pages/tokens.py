"""One's own tokens: what there is, made, renewed and taken back; those of all for operators."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from vobroker import tokens as files
from vobroker.roles import Caller
from vobroker.tokens import ALL, SCOPES, Token, TokensError
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere
from vobroker.web.who import FieldsHere, OwnForm, UserHere, address_of, field

router = APIRouter()

OVERLAP = timedelta(hours=24)
"""How long a token still holds after it was renewed."""

_PRINT = 16  # letters of a fingerprint that tell tokens apart
_DAYS = 90
_OPERATORS = ("metrics",)

_log = logging.getLogger(__name__)


@router.get("/tokens")
def tokens(request: Request, site: SiteHere, caller: UserHere) -> Response:
    """List the tokens of who asks."""
    return _page(request, site, caller)


@router.post("/tokens", dependencies=[OwnForm])
def make(request: Request, site: SiteHere, caller: UserHere, fields: FieldsHere) -> Response:
    """Make a token, and show it, this once."""
    file, limits = _file(site), caller.limits
    operator = caller.role == "operator"
    name = (field(fields, "name") if operator else "") or caller.name
    role = field(fields, "role") if operator else "user"
    scopes = fields.get("scope", [])
    try:
        days = float(field(fields, "days") or min(_DAYS, limits.token_days))
        if not 0 < days <= limits.token_days:
            raise TokensError(f"a token holds for up to {limits.token_days:g} days here")
        if not scopes:
            raise TokensError("say what the token is good for")
        if refused := set(_OPERATORS) & set(scopes) - ({*scopes} if role == "operator" else set()):
            raise TokensError(f"{min(refused)} is for operators alone")
        token, made = files.new_token(
            name, role or "user", scopes=scopes, days=days, note=field(fields, "note").strip()
        )
    except (TokensError, ValueError) as error:
        sentence = str(error) if isinstance(error, TokensError) else "“days” is no number"
        return _page(request, site, caller, error=sentence, status=422)
    if full := _full(site, caller, name):
        return _page(request, site, caller, error=full, status=422)
    with _changed(site):
        files.add(file, made)
    _note(request, site, caller, "make token", made)
    return _page(request, site, caller, shown=(token, made), status=201)


@router.post("/tokens/renew", dependencies=[OwnForm])
def renew(request: Request, site: SiteHere, caller: UserHere, fields: FieldsHere) -> Response:
    """Put a new token in the place of one, which still holds for a day; show it, this once."""
    old = _chosen(site, caller, field(fields, "fingerprint"))
    if not old.holds():
        return _page(request, site, caller, error="this token has ended; make another", status=422)
    if full := _full(site, caller, old.name):
        return _page(request, site, caller, error=full, status=422)
    with _changed(site):
        token, made = files.rotate(_file(site), old.digest, overlap=OVERLAP)
    _note(request, site, caller, "renew token", made)
    return _page(request, site, caller, shown=(token, made), status=201)


@router.post("/tokens/revoke", dependencies=[OwnForm])
def revoke(request: Request, site: SiteHere, caller: UserHere, fields: FieldsHere) -> Response:
    """Let a token hold no more."""
    old = _chosen(site, caller, field(fields, "fingerprint"))
    with _changed(site):
        files.revoke(_file(site), old.digest)
    _note(request, site, caller, "revoke token", old)
    return _page(request, site, caller, gone=old)


def _of(site: Site, caller: Caller) -> list[Token]:
    """Give the tokens that somebody may see, the newest first; a user sees none of an operator."""
    site.tap.roles.tokens.look()
    found = [
        one
        for one in site.tap.roles.tokens.values()
        if caller.role == "operator" or (one.name, one.role) == (caller.name, "user")
    ]
    first = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: (one.name != caller.name, one.name, first - (one.made or first)))


def _chosen(site: Site, caller: Caller, fingerprint: str) -> Token:
    found = [one for one in _of(site, caller) if one.digest[:_PRINT] == fingerprint]
    if len(found) != 1:
        raise HTTPException(404, "You have no such token.")
    return found[0]


def _full(site: Site, caller: Caller, name: str) -> str:
    """Say why somebody may not have one more token; nothing where that may be."""
    held = sum(one.holds() for one in _of(site, caller) if one.name == name)
    most = caller.limits.tokens
    return f"{name} has {held} tokens that hold, and may have {most}; take one back" if held >= most else ""


def _file(site: Site) -> Path:
    file = site.tap.roles.tokens.file
    if file is None:
        raise HTTPException(404, "This broker has no tokens.")
    return file


@contextmanager
def _changed(site: Site) -> Iterator[None]:
    """Change the file of tokens; what it is now holds at once."""
    try:
        yield
    except TokensError as error:
        _log.error("%s", error)
        raise HTTPException(503, "The tokens cannot be changed; the broker’s log has the reason.") from None
    site.tap.roles.tokens.look()


def _note(request: Request, site: Site, caller: Caller, what: str, token: Token) -> None:
    site.gateway.audit.note(
        what, who=caller.name, address=address_of(request), owner=token.name, fingerprint=token.digest[:8]
    )


def _page(
    request: Request,
    site: Site,
    caller: Caller,
    *,
    shown: tuple[str, Token] | None = None,
    gone: Token | None = None,
    error: str = "",
    status: int = 200,
) -> Response:
    operator = caller.role == "operator"
    data: dict[str, Any] = {
        "tokens": [_told(one, caller) for one in _of(site, caller)],
        "made": {"token": shown[0], **_told(shown[1], caller)} if shown else None,
        "revoked": _told(gone, caller) if gone else None,
        "error": error[:1].upper() + error[1:] + "." if error else None,
    }
    form = {
        "scopes": {name: meaning for name, meaning in SCOPES.items() if operator or name not in _OPERATORS},
        "operator": operator,
        "limits": caller.limits,
        "days": min(_DAYS, caller.limits.token_days),
    }
    answer = respond(request, "tokens.html", data, status, page_only=form)
    answer.headers["Cache-Control"] = "no-store"  # for programs too, which have no session
    return answer


def _told(token: Token, caller: Caller) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role,
        "note": token.note or None,
        "scopes": list(token.scopes) or [ALL],
        "fingerprint": token.digest[:_PRINT],
        "made": f"{token.made:%Y-%m-%dT%H:%M:%SZ}" if token.made else None,
        "until": f"{token.until:%Y-%m-%dT%H:%M:%SZ}" if token.until else None,
        "holds": token.holds(),
        "in_use": token.digest == caller.digest,
    }

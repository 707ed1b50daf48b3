"""Watchlists of users: a table is brought, its columns are chosen, and alerts are compared with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

import anyio
from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from vobroker.enrich import EnrichError, catalogue, store
from vobroker.roles import Caller
from vobroker.web import overlays
from vobroker.web.limits import Name
from vobroker.web.pages.catalogues import listed, may_change, shown
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere
from vobroker.web.uploads import TooManyError, Upload, check_room
from vobroker.web.who import CallerHere, FieldsHere, OwnForm, UserHere, address_of, field

router = APIRouter()

SECONDS = 900
"""Time that a file may take to come."""

_MORE = 10_000  # bytes of a request besides the file
_ROLES = ("ra", "dec", "id", "radius_column")

Number = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


@router.get("/watchlists")
def watchlists(request: Request, site: SiteHere, caller: CallerHere) -> Response:
    """List the watchlists."""
    return _page(request, site, caller)


@router.post("/watchlists", dependencies=[OwnForm])
async def bring(request: Request, site: SiteHere, caller: UserHere) -> Response:
    """Take a file, and go on to its columns."""
    most = caller.limits.watchlist_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most + _MORE:
        raise HTTPException(413, f"A watchlist may have {most:,} bytes.")
    upload = None
    with anyio.move_on_after(SECONDS):
        upload = await _taken(request, site, caller, most)
    if upload is None:
        raise HTTPException(408, f"The file does not come within {SECONDS} s.")
    site.uploads.look(upload, caller)
    _note(request, site, caller, "bring table", upload.called)
    return RedirectResponse(f"/watchlists/new/{upload.number}", 303)


@router.get("/watchlists/new/{number}")
def one_upload(request: Request, site: SiteHere, caller: UserHere, number: Number) -> Response:
    """Show what a file seems to be, or how far its making is."""
    upload = _upload(site, caller, number)
    if upload.state == "made" and "application/json" not in request.headers.get("accept", ""):
        return RedirectResponse(f"/watchlists/{upload.name}", 303)
    return _chosen(request, caller, upload, {})


@router.post("/watchlists/new/{number}", dependencies=[OwnForm])
def make(request: Request, site: SiteHere, caller: UserHere, number: Number, fields: FieldsHere) -> Response:
    """Make the watchlist, or say what is wrong with what was chosen."""
    upload = _upload(site, caller, number)
    if upload.at_work or upload.look is None:
        return RedirectResponse(f"/watchlists/new/{number}", 303)
    name = upload.replaces or field(fields, "name")
    roles: dict[str, Any] = {role: field(fields, role) for role in _ROLES}
    try:
        roles["radius"] = _radius(field(fields, "radius"))
        if not upload.replaces:
            if name == "new":  # which is the address of what is brought
                raise EnrichError("a watchlist cannot be called new")
            catalogue.free_place(site.uploads.store, name, "watchlist")
            if f"watchlist_{name}" in site.archive.native_tables() and caller.role != "operator":
                raise EnrichError(
                    f"the archive has matches of an earlier watchlist {name}; take another name"
                )
        check_room(site.uploads.store, caller, upload.replaces)
    except (EnrichError, TooManyError) as error:
        upload.error = str(error)
        return _chosen(request, caller, upload, fields, 422)
    owner, description = caller.name, field(fields, "description").strip()[:500]
    if upload.replaces:
        old = _own(site, caller, upload.replaces)
        owner, description = old.owner, description or old.description
    site.uploads.make(upload, caller, name, roles, description=description, owner=owner)
    _note(request, site, caller, "make watchlist", name)
    return RedirectResponse(f"/watchlists/new/{number}", 303)


@router.post("/watchlists/new/{number}/drop", dependencies=[OwnForm])
def drop(request: Request, site: SiteHere, caller: UserHere, number: Number) -> Response:
    """Forget a file that was brought."""
    site.uploads.drop(_upload(site, caller, number))
    return RedirectResponse("/watchlists", 303)


@router.get("/watchlists/{name}")
def one_watchlist(request: Request, site: SiteHere, caller: CallerHere, name: Name) -> Response:
    """Show a watchlist: whence it comes, where it is on the sky, what its columns are."""
    return shown(request, site, caller, "watchlist", name)


@router.post("/watchlists/{name}/remove", dependencies=[OwnForm])
def remove(request: Request, site: SiteHere, caller: UserHere, name: Name) -> Response:
    """Remove a watchlist; what the archive has matched with it stays."""
    _own(site, caller, name)
    try:
        store.remove(site.uploads.store, name, "watchlist")
    except EnrichError:
        raise HTTPException(404, f"There is no watchlist “{name}”.") from None
    _note(request, site, caller, "remove watchlist", name)
    return RedirectResponse("/watchlists", 303)


async def _taken(request: Request, site: Site, caller: Caller, most: int) -> Upload:
    """Write the file of a form where it stays until it is used."""
    limited = Request(request.scope, _limited(request, most + _MORE))
    try:
        form = await limited.form(max_files=1, max_fields=5, max_part_size=_MORE)
    except MultiPartException:
        raise HTTPException(422, "This is no form with a file.") from None
    try:
        file, replaces = form.get("file"), form.get("replaces", "")
        if not isinstance(file, UploadFile) or not file.size or not isinstance(replaces, str):
            raise HTTPException(422, "Choose a file that is not empty.")
        if replaces:
            _own(site, caller, replaces)
        called = "".join(c for c in unquote(file.filename or "") if c.isprintable())[-100:] or "table"
        try:
            check_room(site.uploads.store, caller, replaces)
            upload = site.uploads.new(caller, called, replaces)
        except TooManyError as error:
            raise HTTPException(422, _sentence(str(error))) from None
        async with await anyio.open_file(upload.file, "wb") as kept:
            while piece := await file.read(2**20):
                await kept.write(piece)
    finally:
        await form.close()
    return upload


def _limited(request: Request, most: int) -> Receive:
    """Receive a body that does not grow beyond a limit, whatever its head announced."""
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"A watchlist may have {most - _MORE:,} bytes.")
        return message

    return receive


def _upload(site: Site, caller: Caller, number: str) -> Upload:
    upload = site.uploads.find(number, caller)
    if upload is None:
        raise HTTPException(404, "You have no such file here; it may have been forgotten. Bring it again.")
    return upload


def _own(site: Site, caller: Caller, name: str) -> catalogue.Info:
    """Give what is known of a watchlist that somebody may change."""
    folder = site.uploads.store / name
    if name not in store.names(folder.parent) or catalogue.kind_of(folder) != "watchlist":
        raise HTTPException(404, f"There is no watchlist “{name}”.")
    try:
        info = catalogue.read(folder)
    except EnrichError:
        raise HTTPException(
            503, f"The watchlist “{name}” is damaged; who runs the broker knows more."
        ) from None
    if not may_change(caller, info):
        raise HTTPException(403, f"The watchlist “{name}” is somebody else’s.")
    return info


def _radius(text: str) -> float:
    try:
        radius = float(text or "nan")
    except ValueError:
        radius = math.nan
    if not 0 < radius <= catalogue.MAX_RADIUS:
        raise EnrichError(f"a radius is a number of arcsec above 0 and up to {catalogue.MAX_RADIUS:g}")
    return radius


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _page(request: Request, site: Site, caller: Caller) -> Response:
    data = {
        "watchlists": listed(overlays.store_of(site.archive), "watchlist"),
        "waiting": [_told(one) for one in site.uploads.of(caller)] if caller.name else [],
    }
    return respond(request, "watchlists.html", data, page_only={"limits": caller.limits})


def _told(upload: Upload) -> dict[str, Any]:
    doing, done, total = upload.progress
    return {
        "number": upload.number,
        "file": upload.called,
        "replaces": upload.replaces or None,
        "state": upload.state,
        "name": upload.name or None,
        "progress": {"doing": doing, "done": done, "total": total},
        "error": _sentence(upload.error) if upload.error else None,
        "warnings": [_sentence(one) for one in upload.warnings],
    }


def _chosen(
    request: Request, caller: Caller, upload: Upload, fields: Mapping[str, list[str]], status: int = 200
) -> Response:
    look = upload.look
    found = look.roles if look else {}
    data = _told(upload) | {
        "columns": look.columns if look else [],
        "left": look.left if look else {},
        "rows": look.rows if look else None,
        "first": look.first if look else [],
        "recognised": found,
    }
    chosen = {role: field(fields, role) if fields else found.get(role, "") for role in _ROLES}
    chosen |= {
        "name": field(fields, "name") or _name_of(upload.called),
        "radius": field(fields, "radius") or "2",
        "description": field(fields, "description"),
    }
    return respond(
        request, "upload.html", data, status, page_only={"chosen": chosen, "limits": caller.limits}
    )


def _name_of(called: str) -> str:
    """Suggest a name out of that of a file."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in called.rpartition(".")[0].lower())
    return plain.strip("_0123456789")[:40]


def _note(request: Request, site: Site, caller: Caller, what: str, name: str) -> None:
    site.gateway.audit.note(what, who=caller.name, address=address_of(request), name=name)

"""Received VOEvents: the latest, one with its values and citations, its packet."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from vobroker.alerts.columns import EVENT
from vobroker.archive import citations
from vobroker.archive.rows import jsonable
from vobroker.tap.catalogue import PUBLIC_VOEVENT
from vobroker.voevent.columns import VOEVENT_PARAM
from vobroker.web import citations as picture
from vobroker.web.downloads import attachment
from vobroker.web.limits import Before, PageSize
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

Ivorn = Annotated[str, Query(min_length=1, max_length=1000)]
Role = Annotated[str, Query(max_length=32)]

_COLUMNS = ", ".join(PUBLIC_VOEVENT.names)
_LATEST = f"""
    SELECT {_COLUMNS} FROM voevent WHERE number < $1 AND role = coalesce($2, role)
    ORDER BY number DESC LIMIT $3
"""  # noqa: S608 -- names out of the column table
_ONE = f"SELECT {_COLUMNS} FROM voevent WHERE ivorn = $1"  # noqa: S608
_PARAMS = "SELECT * FROM voevent_param WHERE ivorn = $1 ORDER BY place LIMIT 2000"


@router.get("/voevents")
def latest(
    request: Request, site: SiteHere, limit: PageSize = 50, before: Before = None, role: Role = ""
) -> Response:
    """Show the events that were received last."""
    asked = [(1 << 62) if before is None else before, role or None, limit + 1]
    rows = site.archive.query(_LATEST, asked).to_pylist()
    shown = [jsonable(row, PUBLIC_VOEVENT) for row in rows[:limit]]
    data = {
        "events": shown,
        "role": role,
        "earlier": shown[-1]["number"] if len(rows) > limit else None,
    }
    return respond(request, "voevents.html", data)


@router.get("/voevents/one")
def one(request: Request, site: SiteHere, ivorn: Ivorn) -> Response:
    """Show an event: what it says, what it cites and what cites it."""
    row = _event(site, ivorn)
    if row is None:
        sent = site.archive.event(ivorn)
        if sent is None:
            raise HTTPException(404, f"The event {ivorn[:200]} was not received.")
        told = jsonable(sent, EVENT)
        return RedirectResponse(f"/alerts/{told['survey']}/{told['alert_id']}")
    around = citations.graph(site.archive, ivorn)
    params = [jsonable(param, VOEVENT_PARAM) for param in site.archive.query(_PARAMS, [ivorn]).to_pylist()]
    event = jsonable(row, PUBLIC_VOEVENT)
    data = {
        "event": event,
        "params": params,
        "citations": [asdict(citation) for citation in around.citations],
        "cut": around.cut,
    }
    shown = {
        "graph": picture.svg(around, ivorn),
        "groups": [(name, list(found)) for name, found in groupby(params, lambda param: param["group_name"])],
        "facts": _facts(event),
        "known": {name for name, told in around.events.items() if told},
    }
    return respond(request, "voevent.html", data, page_only=shown)


@router.get("/voevents/packet.xml")
def packet(site: SiteHere, ivorn: Ivorn) -> Response:
    """Give the packet as it arrived."""
    rows = site.archive.query("SELECT packet FROM voevent WHERE ivorn = $1", [ivorn])["packet"].to_pylist()
    if not rows:
        raise HTTPException(404, f"The event {ivorn[:200]} was not received.")
    return attachment(rows[0], "application/x-voevent+xml", f"{ivorn.removeprefix('ivo://')}.xml")


def _event(site: Site, ivorn: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = site.archive.query(_ONE, [ivorn]).to_pylist()
    return rows[0] if rows else None


def _facts(event: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Give the values that the event has, with what they mean and their unit."""
    return [
        (column.description, event[column.name], column.unit)
        for column in PUBLIC_VOEVENT
        if event[column.name] is not None and column.name not in ("number", "ivorn", "description")
    ]

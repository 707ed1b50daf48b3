"""A stream as it comes: what passes a filter, followed over the gateway as any other listener does."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.archive import ArchiveError, overview
from vobroker.archive.rows import jsonable
from vobroker.web import sparkline
from vobroker.web.asked import tap_address
from vobroker.web.limits import Name
from vobroker.web.render import fragment, respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

SHOWN = 30
"""Rows that the page keeps."""

BEGUN = 10
"""Matches that are there when it opens."""

_ALERT = re.compile(r"([a-z0-9_]{1,32}):(-?[0-9]{1,19})")


@router.get("/filters/{name}/live")
def following(request: Request, site: SiteHere, name: Name) -> Response:
    """Show the last matches of a filter, where its stream is, and from which cursor on it is followed."""
    running = site.filters.get(name)
    events = overview.latest_events(site.archive, name, BEGUN)
    if running is None and not events:
        raise HTTPException(404, f"There is no stream “{name}”.")
    home = tap_address(request).removesuffix("/tap")
    place = events[0]["sequence"] if events else 0
    data: dict[str, Any] = {
        "name": name,
        "title": running.title if running else name,
        "home": home,
        "address": f"/streams/{name}/events",
        "cursor": site.gateway.hub.cursors.seal(name, place),
        "listeners": site.tap.roles.guest.limits.listeners,
        "matches": [jsonable(row, EVENT) for row in events],
    }
    rows = _rows(site, [(row["survey"], row["alert_id"]) for row in events])
    return respond(request, "following.html", data, page_only={"rows": rows, "shown": SHOWN})


@router.get("/filters/{name}/live/rows")
def rows(
    site: SiteHere, name: Name, alert: Annotated[list[str], Query(min_length=1, max_length=SHOWN)]
) -> HTMLResponse:
    """Give the rows of alerts, each named as survey:number, in that order; what is not there is left out."""
    asked = []
    for text in alert:
        found = _ALERT.fullmatch(text)
        if not found or not -(2**63) <= (number := int(found[2])) < 2**63:
            raise HTTPException(422, "An alert is named as survey:number.")
        asked.append((found[1], number))
    return HTMLResponse(fragment("following_rows.html", rows=_rows(site, asked)))


def _rows(site: Site, asked: list[tuple[str, int]]) -> list[dict[str, Any]]:
    found = []
    for survey, number in asked:
        row = site.archive.alert(survey, number)
        if row is not None:
            found.append(jsonable(row, ALERT) | {"curve": _curve(site, survey, row["object_id"])})
    return found


def _curve(site: Site, survey: str, object_id: str | None) -> str | None:
    if object_id is None:
        return None
    try:
        return sparkline.light_curve(site.archive.light_curve(object_id, survey))
    except ArchiveError:
        return None

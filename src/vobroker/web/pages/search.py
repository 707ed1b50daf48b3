"""Search: an object or alert by its identifier, or what is near a place."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from vobroker.alerts.columns import ALERT, OBJECT
from vobroker.archive import overview
from vobroker.archive.rows import jsonable
from vobroker.web.render import respond, wants_json
from vobroker.web.site import Site, SiteHere

router = APIRouter()

MAX_RADIUS = 10.0
"""Largest radius of a cone, degrees."""

DEFAULT_RADIUS = 60.0
"""Radius of a cone where none is given, arcsec."""

_FOUND = 100
_SEXAGESIMAL = re.compile(
    r"(\d{1,2})[:h ](\d{1,2})[:m ](\d{1,2}(?:\.\d*)?)s?[\s,]+"
    r"([+\-−]?)(\d{1,2})[:d° ](\d{1,2})[:m′' ](\d{1,2}(?:\.\d*)?)[s″\"]?"
)
_DECIMAL = re.compile(r"([+]?\d{1,3}(?:\.\d*)?)[\s,]+([+\-−]?\d{1,2}(?:\.\d*)?)")


@router.get("/search")
def search(
    request: Request,
    site: SiteHere,
    q: Annotated[str, Query(max_length=128)] = "",
    radius: Annotated[float, Query(gt=0, le=MAX_RADIUS * 3600)] = DEFAULT_RADIUS,
) -> Response:
    """Find objects and alerts: ``q`` is an identifier or a position, ``radius`` in arcsec."""
    text = q.strip()
    data: dict[str, Any] = {"q": text, "radius": radius, "position": None, "objects": [], "alerts": []}
    place = position(text)
    if place is not None:
        data["position"] = {"ra": place[0], "dec": place[1]}
        near = overview.objects_near(site.archive, *place, radius / 3600, _FOUND)
        data["objects"] = [jsonable(row, OBJECT) for row in near]
    elif text:
        data["objects"] = [
            jsonable(row, OBJECT) for row in overview.objects_named(site.archive, text, _FOUND)
        ]
        data["alerts"] = _alerts(site, text)
        if not wants_json(request) and (only := _only(data, text)):
            return RedirectResponse(request.url_for(only[0], **only[1]).path, 303)
    return respond(request, "search.html", data)


def position(text: str) -> tuple[float, float] | None:
    """Read a position in degrees or sexagesimal; None where the text is none.

    >>> position("150.1 -2.2")
    (150.1, -2.2)
    >>> position("10:00:00 -00:30:00")
    (150.0, -0.5)
    """
    if found := _DECIMAL.fullmatch(text):
        ra, dec = float(found[1]), float(found[2].replace("−", "-"))
    elif found := _SEXAGESIMAL.fullmatch(text):
        hours, minutes, seconds = (float(found[number]) for number in (1, 2, 3))
        ra = 15 * (hours + minutes / 60 + seconds / 3600)
        degrees, minutes, seconds = (float(found[number]) for number in (5, 6, 7))
        dec = (degrees + minutes / 60 + seconds / 3600) * (1 if found[4] in ("", "+") else -1)
    else:
        return None
    return (ra, dec) if 0 <= ra < 360 and math.fabs(dec) <= 90 else None


def _alerts(site: Site, text: str) -> list[dict[str, Any]]:
    """Alerts with just this identifier."""
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= 2**63:
        return []
    return [jsonable(row, ALERT) for row in overview.alerts_numbered(site.archive, int(text))]


def _only(data: dict[str, Any], text: str) -> tuple[str, dict[str, str]] | None:
    """Give the route, and its parameters, of the one thing that is called just so."""
    objects = [row for row in data["objects"] if row["object_id"].lower() == text.lower()]
    if len(objects) == 1 and not data["alerts"]:
        return "one_object", {name: objects[0][name] for name in ("survey", "object_id")}
    if len(data["alerts"]) == 1 and not objects:
        return "one_alert", {name: data["alerts"][0][name] for name in ("survey", "alert_id")}
    return None

"""One object: its light curve, its images, where it is, its alerts."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import Response

from vobroker.alerts.columns import ALERT, EVENT, MEASUREMENT, OBJECT
from vobroker.archive import overview
from vobroker.archive.rows import jsonable
from vobroker.timeseries import LightCurve
from vobroker.timeseries.formats import FORMATS, format_of, write
from vobroker.timeseries.plot import describe
from vobroker.web import finder
from vobroker.web.asked import tap_address
from vobroker.web.downloads import attachment
from vobroker.web.known import NOTHING, of_alert
from vobroker.web.limits import Name
from vobroker.web.render import respond, wants_json
from vobroker.web.site import Site, SiteHere

router = APIRouter()

MAX_ALERTS = 200
"""Most alerts that the page of an object lists: the last ones."""

_CURVE = "SELECT * FROM measurement\nWHERE object_id = '{}' AND survey = '{}'\nORDER BY mjd"


@router.get("/objects/{survey}/{object_id}")
def one_object(
    request: Request, site: SiteHere, survey: Name, object_id: Name, flux: bool = False
) -> Response:
    """Show an object."""
    found = _object(site, survey, object_id)
    curve = site.archive.light_curve(object_id, survey)
    alerts = site.archive.alerts_of(survey, object_id)[::-1]
    shown = [jsonable(row, ALERT) for row in alerts[:MAX_ALERTS]]
    events = overview.events_of(site.archive, [(survey, row["alert_id"]) for row in alerts[:MAX_ALERTS]])
    data: dict[str, Any] = {
        "object": jsonable(found, OBJECT),
        "latest": shown[0] if shown else None,
        "alerts": shown,
        "alerts_in_all": len(alerts),
        "events": [jsonable(row, EVENT) for row in events],
        **(of_alert(site.archive, alerts[0]) if alerts else NOTHING),
        "queries": _queries(request, survey, object_id),
        "description": describe(curve),
        "counts": {
            "detection": len(curve.detections),
            "forced": len(curve.forced),
            "limit": len(curve.limits),
        },
    }
    if wants_json(request):
        measurements = [jsonable(row, MEASUREMENT) for row in curve.points.to_pylist()]
        return respond(request, "object.html", data | {"light_curve": measurements})
    chart = finder.svg(found, alerts[:MAX_ALERTS], data["crossmatch"]) if found["ra"] is not None else ""
    return respond(request, "object.html", data | {"flux": flux}, page_only={"finder": chart})


def _queries(request: Request, survey: str, object_id: str) -> dict[str, str]:
    """Give the query of the light curve, where to write on it, and its answer as VOTable over TAP."""
    name, of = (text.replace("'", "''") for text in (object_id, survey))
    adql = _CURVE.format(name, of)
    asked = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable", "QUERY": adql}
    return {
        "adql": adql,
        "editor": f"/query?{urlencode({'q': adql}, quote_via=quote)}",
        "tap": f"{tap_address(request)}/sync?{urlencode(asked, quote_via=quote)}",
    }


@router.get("/objects/{survey}/{object_id}/lightcurve.{suffix}")
def light_curve(
    site: SiteHere,
    survey: Name,
    object_id: Name,
    suffix: Annotated[str, Path(max_length=8)],
    flux: bool = False,
    dark: bool = False,
) -> Response:
    """Give the light curve as a table or a picture, by the suffix."""
    name = format_of(f".{suffix}")
    if name is None:
        known = ", ".join(one.suffixes[0] for one in FORMATS.values())
        raise HTTPException(404, f"A light curve comes as {known}, not as .{suffix}.")
    _object(site, survey, object_id)
    curve: LightCurve = site.archive.light_curve(object_id, survey)
    content = write(curve, name, flux=flux, dark=dark)
    media_type = FORMATS[name].media_type
    if media_type.startswith("image/"):
        return Response(content, media_type=media_type)
    return attachment(content, media_type, f"{survey}_{object_id}.{suffix}")


def _object(site: Site, survey: str, object_id: str) -> dict[str, Any]:
    found = site.archive.object(survey, object_id)
    if found is None:
        raise HTTPException(404, f"There is no {survey} object “{object_id}” in this archive.")
    return found

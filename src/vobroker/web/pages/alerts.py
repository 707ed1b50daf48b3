"""One alert: every column of it, its packet and its images."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import Response

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.alerts.cutouts import KINDS
from vobroker.archive import ArchiveError, overview
from vobroker.archive.rows import jsonable
from vobroker.votypes.columns import Table
from vobroker.web import images
from vobroker.web.downloads import attachment
from vobroker.web.known import of_alert
from vobroker.web.limits import Identifier, Name
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # an archived alert does not change

Kind = Annotated[str, Path(pattern=f"^({'|'.join(KINDS)})$")]


@router.get("/alerts/{survey}/{alert_id}")
def one_alert(request: Request, site: SiteHere, survey: Name, alert_id: Identifier) -> Response:
    """Show an alert with its common and native columns."""
    row = _alert(site, survey, alert_id)
    native = site.archive.native(survey, alert_id) or {}
    table = site.archive.tables().get(survey, Table(survey, ()))
    events = overview.events_of(site.archive, [(survey, alert_id)])
    data = {
        "alert": jsonable(row, ALERT),
        "events": [jsonable(event, EVENT) for event in events],
        **of_alert(site.archive, row),
        "common": _described(jsonable(row, ALERT), ALERT),
        "native": _described(jsonable(native, table), table),
    }
    return respond(request, "alert.html", data)


@router.get("/alerts/{survey}/{alert_id}/packet.avro")
def packet(site: SiteHere, survey: Name, alert_id: Identifier) -> Response:
    """Give the packet as it arrived."""
    _alert(site, survey, alert_id)
    return attachment(site.archive.packet(survey, alert_id), "application/avro", f"{survey}_{alert_id}.avro")


@router.get("/alerts/{survey}/{alert_id}/cutouts/{kind}.fits")
def cutout_fits(site: SiteHere, survey: Name, alert_id: Identifier, kind: Kind) -> Response:
    """Give an image stamp."""
    stamp = _stamp(site, survey, alert_id, kind)
    if stamp is None:
        raise HTTPException(404, f"The {survey} alert {alert_id} has no {kind} image.")
    return attachment(stamp, "application/fits", f"{survey}_{alert_id}_{kind}.fits")


@router.get("/alerts/{survey}/{alert_id}/cutouts/{kind}.png")
def cutout_png(site: SiteHere, survey: Name, alert_id: Identifier, kind: Kind) -> Response:
    """Give an image stamp as a picture; a cross where there is none or it cannot be drawn."""
    stamp = _stamp(site, survey, alert_id, kind)
    picture = images.png(stamp) if stamp is not None else None
    return Response(picture or images.placeholder(), media_type="image/png", headers=_FOR_EVER)


def _alert(site: Site, survey: str, alert_id: int) -> dict[str, Any]:
    row = site.archive.alert(survey, alert_id)
    if row is None:
        raise HTTPException(404, f"There is no {survey} alert {alert_id} in this archive.")
    return row


def _stamp(site: Site, survey: str, alert_id: int, kind: str) -> bytes | None:
    _alert(site, survey, alert_id)
    try:
        stamps = site.archive.cutouts(survey, alert_id)
    except ArchiveError:
        return None
    return next((stamp.fits for stamp in stamps if stamp.kind == kind), None)


def _described(row: dict[str, Any], table: Table) -> list[dict[str, Any]]:
    """Give each value with the unit and description of its column."""
    return [
        {
            "name": name,
            "value": value,
            "unit": table[name].unit if name in table else "",
            "description": table[name].description if name in table else "",
        }
        for name, value in row.items()
    ]

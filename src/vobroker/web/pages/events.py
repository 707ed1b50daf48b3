"""An event as the VOEvent that subscribers get."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from vobroker.archive import files_of
from vobroker.publish.folder import embedding
from vobroker.publish.render import render
from vobroker.web.downloads import attachment
from vobroker.web.limits import Identifier, Name
from vobroker.web.site import SiteHere

router = APIRouter()


@router.get("/events/{stream}/{survey}-{alert_id}.xml")
def voevent(site: SiteHere, stream: Name, survey: Name, alert_id: Identifier) -> Response:
    """Give the VOEvent of an alert that passed a filter."""
    ivorn = f"ivo://{site.archive.authority}/{stream}#{survey}-{alert_id}"
    if site.archive.event(ivorn) is None:
        raise HTTPException(404, f"The {survey} alert {alert_id} has no event in “{stream}”.")
    name = f"{stream}_{survey}-{alert_id}.xml"
    form = embedding(files_of(site.archive.place) / "voevents")
    return attachment(render(site.archive, ivorn, form=form), "application/x-voevent+xml", name)

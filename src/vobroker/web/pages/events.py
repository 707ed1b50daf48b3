"""An event as subscribers get it: a VOEvent, or a notice in JSON."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from vobroker.archive import files_of
from vobroker.gateway.messages import GCN, encoder
from vobroker.publish import gcn
from vobroker.publish.folder import embedding
from vobroker.publish.render import render
from vobroker.web.asked import tap_address
from vobroker.web.downloads import attachment
from vobroker.web.limits import Identifier, Name
from vobroker.web.site import Site, SiteHere

router = APIRouter()


@router.get("/events/{stream}/{survey}-{alert_id}.xml")
def voevent(site: SiteHere, stream: Name, survey: Name, alert_id: Identifier) -> Response:
    """Give the VOEvent of an alert that passed a filter."""
    ivorn = _ivorn(site, stream, survey, alert_id)
    name = f"{stream}_{survey}-{alert_id}.xml"
    form = embedding(files_of(site.archive.place) / "voevents")
    return attachment(render(site.archive, ivorn, form=form), "application/x-voevent+xml", name)


@router.get("/events/{stream}/{survey}-{alert_id}.json")
def notice(request: Request, site: SiteHere, stream: Name, survey: Name, alert_id: Identifier) -> Response:
    """Give the event of an alert that passed a filter as a notice in JSON."""
    ivorn = _ivorn(site, stream, survey, alert_id)
    encode = encoder(GCN, tap_address(request).rpartition("/")[0])
    return Response(render(site.archive, ivorn, encode=encode), media_type=gcn.MEDIA_TYPE)


def _ivorn(site: Site, stream: str, survey: str, alert_id: int) -> str:
    ivorn = f"ivo://{site.archive.authority}/{stream}#{survey}-{alert_id}"
    if site.archive.event(ivorn) is None:
        raise HTTPException(404, f"The {survey} alert {alert_id} has no event in “{stream}”.")
    return ivorn

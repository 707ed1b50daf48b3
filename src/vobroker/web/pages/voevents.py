"""Received VOEvents: the latest, one with its values, citations and light curve, its packet."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from vobroker.alerts.columns import EVENT
from vobroker.archive import citations
from vobroker.archive.rows import jsonable
from vobroker.publish.lightcurve import series_of, votable_of
from vobroker.tap.catalogue import PUBLIC_VOEVENT
from vobroker.timeseries import LightCurve
from vobroker.timeseries.plot import describe, render
from vobroker.timeseries.series import Series
from vobroker.voevent import VOEvent, VOEventError, read
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
def one(request: Request, site: SiteHere, ivorn: Ivorn, flux: bool = False) -> Response:
    """Show an event: what it says, what it cites and what cites it, its light curve."""
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
    try:
        curve, damage = series_of(_parsed(site, ivorn)), None
    except VOEventError as error:
        curve, damage = None, str(error)
    data = {
        "event": event,
        "params": params,
        "citations": [asdict(citation) for citation in around.citations],
        "cut": around.cut,
        "light_curve": None if curve is None else describe(curve),
        "light_curve_damage": damage,
    }
    shown = {
        "graph": picture.svg(around, ivorn),
        "groups": [(name, list(found)) for name, found in groupby(params, lambda param: param["group_name"])],
        "facts": _facts(event),
        "known": {name for name, told in around.events.items() if told},
        "flux": flux or (curve is not None and not _has(curve, "mag")),
        "both": curve is not None and _has(curve, "mag") and _has(curve, "flux"),
    }
    return respond(request, "voevent.html", data, page_only=shown)


@router.get("/voevents/packet.xml")
def packet(site: SiteHere, ivorn: Ivorn) -> Response:
    """Give the packet as it arrived."""
    return attachment(_packet(site, ivorn), "application/x-voevent+xml", f"{_file_name(ivorn)}.xml")


@router.get("/voevents/lightcurve.{suffix}")
def light_curve(
    site: SiteHere,
    suffix: Annotated[str, Path(max_length=8)],
    ivorn: Ivorn,
    flux: bool = False,
    dark: bool = False,
) -> Response:
    """Give the light curve inside an event: as the VOTable that it carries, or as a picture."""
    if suffix not in ("svg", "png", "vot"):
        raise HTTPException(404, f"The light curve of an event comes as .svg, .png, .vot, not as .{suffix}.")
    event = _parsed(site, ivorn)
    try:
        found = series_of(event)
        if found is None:
            raise HTTPException(404, f"The event {ivorn[:200]} carries no light curve.")
        if suffix == "vot":
            return attachment(
                votable_of(event) or b"", "application/x-votable+xml", f"{_file_name(ivorn)}.vot"
            )
    except VOEventError as error:
        raise HTTPException(404, str(error)) from error
    if suffix == "svg":
        return Response(render(found, "svg", flux=flux, dark=dark), media_type="image/svg+xml")
    return Response(render(found, "png", flux=flux, dark=dark), media_type="image/png")


def _parsed(site: Site, ivorn: str) -> VOEvent:
    return read(_packet(site, ivorn))


def _packet(site: Site, ivorn: str) -> bytes:
    rows = site.archive.query("SELECT packet FROM voevent WHERE ivorn = $1", [ivorn])["packet"].to_pylist()
    if not rows:
        raise HTTPException(404, f"The event {ivorn[:200]} was not received.")
    packet: bytes = rows[0]
    return packet


def _file_name(ivorn: str) -> str:
    return ivorn.removeprefix("ivo://")


def _has(curve: LightCurve | Series, role: str) -> bool:
    return isinstance(curve, LightCurve) or role in curve.roles


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

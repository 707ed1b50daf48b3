"""The filters: what they ask, how they judged, what passed last."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from vobroker.alerts.columns import EVENT
from vobroker.archive import Archive, ArchiveError, overview
from vobroker.archive.rows import jsonable
from vobroker.web import sparkline
from vobroker.web.limits import Before, Name, PageSize
from vobroker.web.pulse import account
from vobroker.web.render import respond, wants_json
from vobroker.web.site import SiteHere

router = APIRouter()

_GLIMPSE = 3  # matches of each filter in the list of all


@router.get("/filters")
def filters(request: Request, site: SiteHere) -> Response:
    """List all filters with their counts."""
    lines = account(site.archive, site.filters)
    for line in lines:
        running = site.filters.get(line["name"])
        line["description"] = running.description if running else "This filter does not run any more."
        line["survey"] = running.survey if running else None
    data = {"filters": lines}
    if wants_json(request):
        return respond(request, "filters.html", data)
    latest = {line["name"]: _latest(site.archive, line["name"]) for line in lines}
    return respond(request, "filters.html", data | {"latest": latest})


@router.get("/filters/{name}")
def one_filter(
    request: Request, site: SiteHere, name: Name, limit: PageSize = 24, before: Before = None
) -> Response:
    """Show one filter: its text, its account by night, its latest matches."""
    running = site.filters.get(name)
    nights = overview.judged_by_night(site.archive, name)
    if running is None and not nights:
        raise HTTPException(404, f"There is no filter “{name}”.")
    events = overview.latest_events(site.archive, name, limit + 1, before)
    matches = [jsonable(row, EVENT) for row in events[:limit]]
    data: dict[str, Any] = {
        "name": name,
        "title": running.title if running else name,
        "description": running.description if running else "This filter does not run any more.",
        "running": running is not None,
        "survey": running.survey if running else None,
        "version": running.version if running else nights[0]["version"],
        "text": running.text if running else None,
        "columns": [
            {"name": column.name, "type": column.type, "unit": column.unit, "description": column.description}
            for column in (running.columns if running else ())
        ],
        "nights": nights,
        "totals": {
            count: sum(row[count] for row in nights) for count in ("seen", "passed", "rejected", "failed")
        },
        "matches": matches,
        "earlier": matches[-1]["sequence"] if len(events) > limit else None,
    }
    if wants_json(request):
        return respond(request, "filter.html", data)
    curves = {row["sequence"]: _curve(site.archive, row["survey"], row["object_id"]) for row in matches}
    return respond(request, "filter.html", data | {"curves": curves})


def _latest(archive: Archive, name: str) -> list[dict[str, Any]]:
    """Give the last matches of a filter with their light curves."""
    events = overview.latest_events(archive, name, _GLIMPSE)
    return [
        jsonable(row, EVENT) | {"curve": _curve(archive, row["survey"], row["object_id"])} for row in events
    ]


def _curve(archive: Archive, survey: str, object_id: str | None) -> str | None:
    """Draw the light curve of an object; None where there is none, as for an alert without object."""
    if object_id is None:
        return None
    try:
        return sparkline.light_curve(archive.light_curve(object_id, survey))
    except ArchiveError:
        return None

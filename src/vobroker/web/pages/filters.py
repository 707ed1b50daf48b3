"""The filters: what they ask, how they judged, what passed last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from vobroker.alerts.columns import EVENT
from vobroker.archive import Archive, ArchiveError, overview
from vobroker.archive.rows import jsonable
from vobroker.filters import Budget, Filter, Kept, cost
from vobroker.filters.compile import header
from vobroker.filters.database import DatabaseError
from vobroker.web import sparkline
from vobroker.web.limits import Before, Name, PageSize
from vobroker.web.pulse import account
from vobroker.web.render import respond, wants_json
from vobroker.web.site import Site, SiteHere
from vobroker.web.who import CallerHere

router = APIRouter()

_GLIMPSE = 3  # matches of each filter in the list of all


@router.get("/filters")
def filters(request: Request, site: SiteHere) -> Response:
    """List all filters with their counts."""
    kept = _all_kept(site)
    lines = account(site.archive, site.filters)
    known = {line["name"] for line in lines}
    lines += [_unseen(name) for name, why in site.filters.left_out.items() if name not in known and why]
    for line in lines:
        running = site.filters.get(line["name"])
        line["description"] = running.description if running else _gone(site, line["name"])
        line["survey"] = running.survey if running else None
        line["owner"] = kept[line["name"]].owner if line["name"] in kept else None
    data = {"filters": lines}
    if wants_json(request):
        return respond(request, "filters.html", data)
    latest = {line["name"]: _latest(site.archive, line["name"]) for line in lines}
    return respond(request, "filters.html", data | {"latest": latest})


@router.get("/filters/{name}")
def one_filter(
    request: Request,
    site: SiteHere,
    caller: CallerHere,
    name: Name,
    limit: PageSize = 24,
    before: Before = None,
) -> Response:
    """Show a filter with its query, its account by night, what it costs, and what passed last."""
    running = site.filters.get(name)
    kept = _all_kept(site).get(name)
    nights = overview.judged_by_night(site.archive, name)
    if running is None and kept is None and not nights:
        raise HTTPException(404, f"There is no filter “{name}”.")
    events = overview.latest_events(site.archive, name, limit + 1, before)
    matches = [jsonable(row, EVENT) for row in events[:limit]]
    text = running.text if running else kept.now.text if kept else None
    title, description = header(text) if text is not None else ("", "")
    data: dict[str, Any] = {
        "name": name,
        "title": title or name,
        "description": description if running else _gone(site, name),
        "running": running is not None,
        "owner": kept.owner if kept else None,
        "survey": running.survey if running else None,
        "version": running.version if running else kept.now.version if kept else nights[0]["version"],
        "versions": [
            {"version": one.version, "saved": one.at, "by": one.by, **_judged(nights, one.version)}
            for one in reversed(kept.versions if kept else ())
        ],
        "text": text,
        "columns": [
            {"name": column.name, "type": column.type, "unit": column.unit, "description": column.description}
            for column in (running.columns if running else ())
        ],
        "nights": nights,
        "totals": _sums(nights),
        "cost": _cost(site, name, running),
        "matches": matches,
        "earlier": matches[-1]["sequence"] if len(events) > limit else None,
    }
    if wants_json(request):
        return respond(request, "filter.html", data)
    page = {
        "curves": {row["sequence"]: _curve(site.archive, row["survey"], row["object_id"]) for row in matches},
        "may_change": kept is not None and kept.belongs_to(caller),
        "withdrawn": kept.withdrawn if kept else "",
    }
    return respond(request, "filter.html", data, page_only=page)


_COUNTS = ("seen", "passed", "rejected", "failed")


def _sums(nights: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {count: sum(row[count] for row in nights) for count in _COUNTS}


def _judged(nights: Iterable[Mapping[str, Any]], version: str) -> dict[str, int]:
    """Give the counts of one version."""
    return _sums([row for row in nights if row["version"] == version])


def _all_kept(site: Site) -> Mapping[str, Kept]:
    """Give the filters of users; a page without them is better than none."""
    try:
        return site.filters.saved.all()
    except DatabaseError:
        return {}


def _gone(site: Site, name: str) -> str:
    """Say why a filter does not run."""
    why = site.filters.left_out.get(name)
    return f"This filter does not run now: {why}" if why else "This filter does not run any more."


def _unseen(name: str) -> dict[str, Any]:
    """Give the line of a filter that does not run and never did."""
    return {"name": name, "title": name, "running": False, **dict.fromkeys(_COUNTS, 0), "last_night": None}


def _cost(site: Site, name: str, running: Filter | None) -> dict[str, Any] | None:
    """Give what a filter costs, and may; None where nothing is known of it."""
    try:
        noted = cost.cost_of(site.filters.saved.files, name)
    except DatabaseError:
        noted = []
    if not noted and running is None:
        return None
    budget = (running.budget if running else None) or Budget()
    alerts, seconds = sum(one.alerts for one in noted), sum(one.seconds for one in noted)
    return {
        "seconds": seconds,
        "per_thousand": 1000 * seconds / alerts if alerts else None,
        "batches": sum(one.batches for one in noted),
        "failed": sum(one.failed for one in noted),
        "paused": sum(one.paused for one in noted),
        "state": noted[0].state if noted else None,
        "reason": next((one.reason for one in noted if one.reason), None),
        "budget": {"seconds": budget.seconds, "rows": budget.rows, "bytes": budget.nbytes},
    }


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

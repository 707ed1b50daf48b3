"""What alerts are compared with: catalogues, watchlists, regions and sky maps, and how each is used."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from vobroker.enrich import EnrichError, catalogue, store
from vobroker.enrich.catalogue import Info
from vobroker.enrich.match import Matcher
from vobroker.roles import Caller
from vobroker.web import overlays, sky
from vobroker.web.limits import Name
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere
from vobroker.web.who import CallerHere

router = APIRouter()

SHOWN = 1500
"""Entries that are drawn."""


@router.get("/catalogues")
def catalogues(request: Request, site: SiteHere) -> Response:
    """List all that alerts are compared with, but for watchlists."""
    folder = overlays.store_of(site.archive)
    data = {"catalogues": listed(folder, "catalogue"), "areas": overlays.listed(folder)}
    return respond(request, "catalogues.html", data)


@router.get("/catalogues/{name}")
def one_catalogue(request: Request, site: SiteHere, caller: CallerHere, name: Name) -> Response:
    """Show a catalogue: whence it comes, where it is on the sky, what its columns are."""
    return shown(request, site, caller, "catalogue", name)


def listed(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Give what is known of the things of a kind; one that is damaged is left out."""
    found = []
    for name in store.names(folder):
        if catalogue.kind_of(folder / name) == kind:
            try:
                found.append(summary(catalogue.read(folder / name)))
            except EnrichError:
                continue
    return found


def summary(info: Info) -> dict[str, Any]:
    """Give what is known of one, ready for JSON."""
    return {
        "name": info.name,
        "kind": info.kind,
        "table": info.table,
        "description": info.description,
        "source": info.source,
        "added": info.added.replace("+00:00", "Z"),
        "owner": info.owner or None,
        "rows": info.rows,
        "left_out": info.missing + info.outside,
        "radius": max(radius for radius, _ in info.classes),
    }


def shown(
    request: Request,
    site: Site,
    caller: Caller,
    kind: str,
    name: str,
    *,
    error: str = "",
    status: int = 200,
) -> Response:
    """Answer with the page of a catalogue or of a watchlist."""
    folder = overlays.store_of(site.archive) / name
    if name not in store.names(folder.parent) or catalogue.kind_of(folder) != kind:
        raise HTTPException(404, f"There is no {kind} “{name}”.")
    try:
        matcher = Matcher(folder)
    except EnrichError:
        raise HTTPException(503, f"The {kind} “{name}” is damaged; who runs the broker knows more.") from None
    info = matcher.info
    matched = site.archive.native_tables().get(info.table)
    data = {
        **summary(info),
        "roles": {key: value for key, value in asdict(info.roles).items() if value != ""},
        "columns": [
            {part: getattr(column, part) for part in ("name", "type", "unit", "ucd", "description")}
            for column in matcher.table
        ],
        "matched": matched is not None,
        "error": error or None,
    }
    ra, dec = _places(folder)
    only = {
        "map": sky.places(ra, dec, f"Map of the sky with {len(ra)} of the entries"),
        "drawn": len(ra),
        "filter": _FILTER.format(description=info.description, table=info.table),
        "query": _QUERY.format(table=info.table),
        "may_change": kind == "watchlist" and may_change(caller, info),
    }
    return respond(request, "catalogue.html", data, status, page_only=only)


def may_change(caller: Caller, info: Info) -> bool:
    """Whether somebody may replace and remove a watchlist: its owner and operators may."""
    return caller.role == "operator" or (bool(caller.name) and caller.name == info.owner)


def _places(folder: Path) -> tuple[Any, Any]:
    """Give some of the positions, evenly out of all."""
    found: list[list[Any]] = [[], []]
    indices = [index for index in sorted((folder / "index").iterdir()) if index.is_dir()]
    for index in indices:
        for axis, values in zip(("ra", "dec"), found, strict=True):
            column = np.load(index / f"{axis}.npy", mmap_mode="r")
            values.append(np.array(column[:: max(1, len(column) * len(indices) // SHOWN)], np.float64))
    return np.concatenate(found[0]), np.concatenate(found[1])


_FILTER = """\
-- Alerts in: {description}
SELECT alert.alert_id, alert.object_id, alert.mag, m.separation, m.n_matches
FROM alert JOIN {table} AS m USING (survey, alert_id)
"""
_QUERY = """\
SELECT TOP 100 alert.survey, alert.object_id, alert.mjd, alert.mag, m.separation
FROM alert JOIN {table} AS m USING (survey, alert_id)
ORDER BY alert.mjd DESC"""

"""The sky: where the alerts are, over their density, with the regions and sky maps of the archive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from vobroker.alerts.columns import ALERT
from vobroker.archive import QueryStopped, heavens, overview
from vobroker.archive.heavens import Chosen
from vobroker.archive.rows import jsonable
from vobroker.enrich import EnrichError
from vobroker.web import hips, overlays
from vobroker.web.asked import tap_address
from vobroker.web.limits import Name
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

MAX_ALERTS = 2000
"""Most alerts that are drawn one by one; the density shows the others."""

SHOWN = 50
"""Alerts in the table."""

MAX_RADIUS = 60.0
"""Largest cone, degrees; a wider view is the whole sky."""

_SEARCHED = 10.0  # degrees: largest cone of the page of search
_NIGHTS = 60
_POINT = ("survey", "alert_id", "object_id", "ra", "dec", "band", "mag")
_ANY = "-"
_NIGHT = r"-|[0-9]{8}"

# Other sites may show the density; it is no secret.
_SHARED = {"Cache-Control": f"max-age={hips.KEPT:.0f}", "Access-Control-Allow-Origin": "*"}

Night = Annotated[int | None, Query(ge=10_000_101, le=99_991_231)]
Filter = Annotated[str | None, Query(alias="filter", max_length=128)]
Degrees = float | None


def selection(night: Night = None, stream: Filter = None) -> Chosen:
    """Read which alerts are meant."""
    return Chosen(night, stream or None)


def named(night: Annotated[str, Path(pattern=f"^({_NIGHT})$")], stream: Name) -> Chosen:
    """Read which alerts are meant from the path: ``-`` is any."""
    return Chosen(None if night == _ANY else int(night), None if stream == _ANY else stream)


def cone(
    ra: Annotated[Degrees, Query(ge=0, le=360)] = None,
    dec: Annotated[Degrees, Query(ge=-90, le=90)] = None,
    radius: Annotated[Degrees, Query(gt=0, le=180)] = None,
) -> tuple[float, float, float] | None:
    """Read a cone, degrees; none where it is wider than :data:`MAX_RADIUS`."""
    given = [value for value in (ra, dec, radius) if value is not None]
    if 0 < len(given) < 3:
        raise HTTPException(422, "A cone has ra, dec and radius, in degrees.")
    if ra is None or dec is None or radius is None or radius > MAX_RADIUS:
        return None
    return ra, dec, radius


Selected = Annotated[Chosen, Depends(selection)]
Named = Annotated[Chosen, Depends(named)]
Cone = Annotated[tuple[float, float, float] | None, Depends(cone)]


@router.get("/sky")
def sky(
    request: Request,
    site: SiteHere,
    chosen: Selected,
    cone: Cone,
    limit: Annotated[int, Query(ge=1, le=MAX_ALERTS)] = 500,
) -> Response:
    """Show the sky, and list the latest alerts of a filter, a night and a cone."""
    try:
        found, more = heavens.alerts(site.archive, chosen, limit, cone)
    except QueryStopped:
        raise HTTPException(503, "There are too many alerts; choose a night or a smaller part.") from None
    rows = [jsonable(row, ALERT) for row in found]
    streams: dict[tuple[str, str], list[str]] = {}
    for event in overview.events_of(site.archive, [(row["survey"], row["alert_id"]) for row in found]):
        streams.setdefault((event["survey"], str(event["alert_id"])), []).append(event["stream"])
    for row in rows:
        row["streams"] = streams.get((row["survey"], row["alert_id"]), [])
    folder = overlays.store_of(site.archive)
    data: dict[str, Any] = {
        "night": chosen.night,
        "filter": chosen.stream,
        "cone": dict(zip(("ra", "dec", "radius"), cone, strict=True)) if cone else None,
        "alerts": rows,
        "more": more,
        "layers": overlays.listed(folder),
        "adql": _adql(chosen, cone),
        "search": _search(cone),
        "hips": f"/sky/hips/{chosen.night or _ANY}/{quote(chosen.stream or _ANY, safe='')}",
    }
    page = {
        "shown": SHOWN,
        "nights": sorted({row["night"] for row in overview.nights(site.archive, _NIGHTS)}, reverse=True),
        "filters": sorted({*site.filters, *([chosen.stream] if chosen.stream else [])}),
        "backgrounds": site.backgrounds,
        "points": [[row[name] for name in _POINT] + [bool(row["streams"])] for row in rows],
    }
    response = respond(request, "sky.html", data, page_only=page)
    response.headers["Content-Security-Policy"] = policy(site.backgrounds)
    return response


def policy(elsewhere: Mapping[str, str]) -> str:
    """Write the rule of this page: Aladin Lite runs WebAssembly, a worker of its own, and pictures it makes.

    Nothing comes from elsewhere but the tiles that the operator has named.
    """
    origins = sorted({"{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in elsewhere.values()})
    others = "".join(f" {origin}" for origin in origins)
    return (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; style-src 'self';"
        f" img-src 'self' data: blob:{others}; connect-src 'self'{others}; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )


@router.get("/sky/hips/{night}/{stream}/properties")
def hips_properties(request: Request, site: SiteHere, chosen: Named) -> Response:
    """Describe the density of alerts as a HiPS."""
    home = tap_address(request).removesuffix("/tap")
    address = f"{home}/sky/hips/{chosen.night or _ANY}/{quote(chosen.stream or _ANY, safe='')}"
    of = [f"of the filter {chosen.stream}"] if chosen.stream else []
    of += [f"of the night {chosen.night}"] if chosen.night else []
    title = " ".join(["Density of alerts", *of])
    identifier = f"ivo://{site.archive.authority}/hips?{chosen.night or _ANY}/{chosen.stream or _ANY}"
    return PlainTextResponse(
        hips.properties(title.replace("\n", " "), address, identifier.replace("\n", " ")),
        headers=_SHARED,
    )


@router.get("/sky/hips/{night}/{stream}/Moc.fits")
def hips_coverage(site: SiteHere, chosen: Named) -> Response:
    """Give where the density has tiles."""
    return Response(hips.coverage(_counts(site, chosen)), media_type="application/fits", headers=_SHARED)


@router.get(f"/sky/hips/{{night}}/{{stream}}/Norder{hips.ORDER}/Allsky.png")
def hips_allsky(site: SiteHere, chosen: Named) -> Response:
    """Draw all tiles of the highest order in one picture."""
    return Response(hips.allsky(_counts(site, chosen)), media_type="image/png", headers=_SHARED)


@router.get("/sky/hips/{night}/{stream}/Norder{order}/Dir0/Npix{pixel}.png")
def hips_tile(
    site: SiteHere,
    chosen: Named,
    order: Annotated[int, Path(ge=0, le=hips.ORDER)],
    pixel: Annotated[int, Path(ge=0, lt=12 * 4**hips.ORDER)],
) -> Response:
    """Draw a tile of the density; one without alerts is transparent."""
    if pixel >= 12 * 4**order:
        raise HTTPException(404, f"Order {order} has no tile {pixel}.")
    return Response(hips.png(_counts(site, chosen), order, pixel), media_type="image/png", headers=_SHARED)


@router.get("/sky/moc/night/{night}.json")
def footprint(
    site: SiteHere,
    night: Annotated[int, Path(ge=10_000_101, le=99_991_231)],
    order: Annotated[int, Query(ge=0, le=hips.ORDER + hips.INSIDE)] = overlays.FOOTPRINT,
) -> JSONResponse:
    """Give where the alerts of a night are, as MOC."""
    cell = _counts(site, Chosen(night)).cell >> 2 * (hips.ORDER + hips.INSIDE - order)
    if not len(cell):
        raise HTTPException(404, f"There is no alert of the night {night}.")
    return JSONResponse(overlays.of_cells(np.unique(cell), order))


@router.get("/sky/moc/{kind}/{name}.json")
def layer(
    site: SiteHere,
    kind: Annotated[str, Path(pattern="^(region|skymap)$")],
    name: Name,
    order: Annotated[int, Query(ge=0, le=overlays.FINEST)] = 8,
    level: Annotated[float, Query(ge=0.01, le=1)] = overlays.LEVEL,
) -> JSONResponse:
    """Give a region, or the credible region of a sky map, as MOC; coarser where it would be too large."""
    try:
        found = overlays.of_layer(overlays.store_of(site.archive), kind, name, order, round(level, 2))
    except KeyError:
        raise HTTPException(404, f"There is no {kind} “{name}”.") from None
    except EnrichError:
        raise HTTPException(503, f"The {kind} “{name}” cannot be read.") from None
    return JSONResponse(found)


def _counts(site: Site, chosen: Chosen) -> hips.Counts:
    try:
        return site.density.of(chosen)
    except QueryStopped:
        raise HTTPException(503, "There are too many alerts to count.") from None


def _adql(chosen: Chosen, cone: tuple[float, float, float] | None) -> str:
    """Write what is in view as a query."""
    table, tests = "alert", []
    if chosen.stream is not None:
        table += " JOIN event USING (survey, alert_id)"
        tests.append("stream = '" + chosen.stream.replace("'", "''") + "'")
    if cone is not None:
        ra, dec, radius = cone
        tests.append(
            f"1 = CONTAINS(POINT(alert.ra, alert.dec), CIRCLE({ra:.6f}, {dec:.6f}, {_rounded(radius)}))"
        )
    if chosen.night is not None:
        tests.append(f"night = {chosen.night}")
    where = "\nWHERE " + "\n  AND ".join(tests) if tests else ""
    return (
        "SELECT TOP 1000 survey, alert_id, alert.object_id, alert.mjd, ra, dec, band, mag, mag_error"
        f"\nFROM {table}{where}\nORDER BY mjd DESC"
    )


def _search(cone: tuple[float, float, float] | None) -> str | None:
    """Give the address of a search for the objects in view; None where that is too much of the sky."""
    if cone is None or cone[2] > _SEARCHED:
        return None
    ra, dec, radius = cone
    asked = {"q": f"{ra:.6f} {dec:+.6f}", "radius": f"{math.ceil(radius * 3600)}"}
    return f"/search?{urlencode(asked, quote_via=quote)}"


def _rounded(radius: float) -> str:
    return f"{max(radius, 1e-6):.6f}"

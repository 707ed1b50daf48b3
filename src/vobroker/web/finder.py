"""A small chart around an object: its alerts and what catalogues have there, north up, east to the left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

SMALLEST, LARGEST = 2.0, 60.0
"""Radius of a chart, arcsec: at least, and at most."""

_HALF = 100.0
_STEPS = (0.5, 1, 2, 5, 10, 20, 30)


def svg(place: Mapping[str, Any], alerts: Iterable[Mapping[str, Any]], catalogues: Sequence[Any]) -> Markup:
    """Draw a chart.

    Parameters
    ----------
    place
        ``ra`` and ``dec`` of the middle, degrees.
    alerts
        Rows with ``ra``, ``dec`` and ``band``.
    catalogues
        Matches of :func:`vobroker.web.known.of_alert`; those without a position angle are left out.
    """
    entries = [
        (number, catalogue["description"], match)
        for number, catalogue in enumerate(catalogues)
        for match in catalogue["matches"]
        if match["position_angle"] is not None
    ]
    reach = max((match["separation"] for *_, match in entries), default=0.0)
    radius = min(max(1.25 * reach, SMALLEST), LARGEST)
    scale = _HALF / radius
    rings = Markup("").join(
        Markup('<circle class="finder-ring" r="{:.1f}"/>').format(_HALF * part) for part in (0.5, 1)
    )
    dots = Markup("").join(
        Markup('<circle class="band-{}" cx="{:.1f}" cy="{:.1f}" r="2"/>').format(row["band"] or "none", x, y)
        for row in alerts
        if (offset := _offset(place, row, scale)) and math.hypot(x := offset[0], y := offset[1]) <= _HALF
    )
    marks = Markup("").join(_mark(*entry, scale) for entry in entries)
    step = max((one for one in _STEPS if one <= radius / 2), default=_STEPS[0])
    bar = Markup(
        '<path class="finder-bar" d="M-100 112h{0:.1f}"/><text x="{1:.1f}" y="115.5">{2:g}″</text>'
        '<text class="finder-side" x="0" y="-104">N</text><text class="finder-side" x="-107" y="4">E</text>'
    ).format(step * scale, step * scale - 95, step)
    label = f"Chart of {2 * radius:.3g} arcsec around the object, with {len(entries)} entries of catalogues"
    return Markup(
        '<svg class="finder" viewBox="-116 -116 232 236" role="img" aria-label="{}">{}'
        '<path class="finder-cross" d="M-100 0h90M10 0h90M0-100v90M0 10v90"/>{}<g>{}</g>{}</svg>'
    ).format(label, rings, marks, dots, bar)


def _offset(place: Mapping[str, Any], row: Mapping[str, Any], scale: float) -> tuple[float, float] | None:
    """Give the place of a position on the chart; the chart is small enough to be flat."""
    if row["ra"] is None or row["dec"] is None:
        return None
    east = (row["ra"] - place["ra"] + 180) % 360 - 180
    return (
        -east * math.cos(math.radians(place["dec"])) * 3600 * scale,
        -(row["dec"] - place["dec"]) * 3600 * scale,
    )


def _mark(number: int, description: str, match: Mapping[str, Any], scale: float) -> Markup:
    angle, apart = math.radians(match["position_angle"]), match["separation"] * scale
    if apart > _HALF:
        return Markup("")
    return Markup(
        '<g class="mark mark-{}" transform="translate({:.1f} {:.1f})"><title>{}: {}, {:.2f}″</title>'
        '<path d="M0-5 5 0 0 5-5 0z"/></g>'
    ).format(
        number % 5 + 1,
        -apart * math.sin(angle),
        -apart * math.cos(angle),
        description,
        match["source_id"],
        match["separation"],
    )

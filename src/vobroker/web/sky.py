"""The whole sky as a small map: Mollweide's equal-area projection, 12h in the middle, east to the left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_RADIUS = 100.0
_CENTRE = 180.0  # right ascension in the middle of the map, degrees
_GALACTIC_POLE = (192.85948, 27.12825)  # ICRS, degrees (Hipparcos catalogue, vol. 1, section 1.5.3)
_ECLIPTIC_POLE = (270.0, 66.56071)  # obliquity at J2000 (IAU 2006)


def project(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Give places on the map.

    Parameters
    ----------
    ra, dec
        Degrees, shape (n,).

    Returns
    -------
    x, y : array of float64
        Within an ellipse of half axes 200 and 100; y grows downwards.
    """
    longitude = np.radians((np.asarray(ra, np.float64) - _CENTRE + 180) % 360 - 180)
    latitude = np.radians(np.asarray(dec, np.float64))
    theta = latitude.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(12):  # Newton; slow at the poles only, where the result is known
            change = (2 * theta + np.sin(2 * theta) - np.pi * np.sin(latitude)) / (2 + 2 * np.cos(2 * theta))
            theta = theta - np.nan_to_num(change)
    theta = np.clip(theta, -np.pi / 2, np.pi / 2)
    x = -2 * _RADIUS / np.pi * longitude * np.cos(theta)
    return x, -_RADIUS * np.sin(theta)


def svg(alerts: Iterable[Mapping[str, Any]], matched: Iterable[Mapping[str, Any]]) -> Markup:
    """Draw alerts as dots, and those that passed a filter as rings; rows have ``ra`` and ``dec``."""
    shown, marked = list(alerts), [row for row in matched if row["ra"] is not None]
    label = f"Map of the sky with the last {len(shown)} alerts, {len(marked)} of the latest matches ringed"
    return Markup(
        '<svg class="sky" viewBox="-206 -106 412 212" role="img" aria-label="{}">{}'
        '<g class="sky-alerts">{}</g><g class="sky-matches">{}</g></svg>'
    ).format(label, _ground(), _dots(shown, 1.6), _dots(marked, 4.2))


def places(ra: ArrayLike, dec: ArrayLike, label: str) -> Markup:
    """Draw positions, degrees, of shape (n,), as small dots."""
    x, y = project(ra, dec)
    dots = " ".join(f"M{cx:.1f} {cy:.1f}h0" for cx, cy in zip(x.tolist(), y.tolist(), strict=True))
    return Markup(
        '<svg class="sky" viewBox="-206 -106 412 212" role="img" aria-label="{}">{}'
        '<path class="sky-places" d="{}"/></svg>'
    ).format(label, _ground(), dots)


def _dots(rows: list[Mapping[str, Any]], radius: float) -> Markup:
    if not rows:
        return Markup("")
    x, y = project([row["ra"] for row in rows], [row["dec"] for row in rows])
    return Markup("").join(
        Markup('<circle class="band-{}" cx="{:.1f}" cy="{:.1f}" r="{:g}"/>').format(
            row.get("band") or "none", cx, cy, radius
        )
        for row, cx, cy in zip(rows, x.tolist(), y.tolist(), strict=True)
    )


@cache
def _ground() -> Markup:
    """Outline, meridians and parallels, the plane of the Galaxy and the ecliptic."""
    along = np.linspace(-179.999, 179.999, 181) + _CENTRE
    up = np.linspace(-90, 90, 91)
    lines = [_path("grid", np.full(91, ra), up) for ra in (60.0, 120.0, 180.0, 240.0, 300.0)]
    lines += [_path("grid", along, np.full(181, dec)) for dec in (-60, -30, 0, 30, 60)]
    lines += [
        _path("galaxy", *_great_circle(*_GALACTIC_POLE)),
        _path("ecliptic", *_great_circle(*_ECLIPTIC_POLE)),
    ]
    hours = [
        Markup('<text x="{:.0f}" y="10">{}h</text>').format(project([15.0 * hour], [0.0])[0][0], hour)
        for hour in (4, 8, 12, 16, 20)
    ]
    return Markup('<ellipse class="sky-edge" rx="200" ry="100"/>') + Markup("").join([*lines, *hours])


def _great_circle(ra: float, dec: float) -> tuple[Floats, Floats]:
    """Positions 90 degrees from a pole."""
    a, d = np.radians([ra, dec])
    pole = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    across = np.array([-np.sin(a), np.cos(a), 0.0])
    angle = np.linspace(0, 2 * np.pi, 361)[:, None]
    points = np.cos(angle) * across + np.sin(angle) * np.cross(pole, across)
    return np.degrees(np.arctan2(points[:, 1], points[:, 0])), np.degrees(np.arcsin(points[:, 2]))


def _path(name: str, ra: Floats, dec: Floats) -> Markup:
    """Line through positions, lifted where it would cross the map from edge to edge."""
    x, y = project(ra, dec)
    jump = np.abs(np.diff(x, prepend=x[:1])) > _RADIUS
    steps = " ".join(
        f"{'M' if lifted or not number else 'L'}{px:.1f} {py:.1f}"
        for number, (px, py, lifted) in enumerate(zip(x.tolist(), y.tolist(), jump.tolist(), strict=True))
    )
    return Markup('<path class="sky-{}" d="{}"/>').format(name, steps)

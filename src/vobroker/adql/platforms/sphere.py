"""The little geometry that is done before a query runs: polygons of constant vertices."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

Vector = tuple[float, float, float]

_TINY = 1e-12


def direction(lon: float, lat: float) -> Vector:
    """Give the unit vector of a longitude and latitude in degrees."""
    a, d = radians(lon), radians(lat)
    return cos(d) * cos(a), cos(d) * sin(a), sin(d)


def convex_edges(vertices: Sequence[Vector]) -> list[Vector] | None:
    """Give the inward normals of the edges of a convex polygon smaller than a hemisphere.

    None where the polygon is not convex, or two neighbouring vertices leave the edge between them open
    (equal or opposite).
    """
    middle = (sum(v[0] for v in vertices), sum(v[1] for v in vertices), sum(v[2] for v in vertices))
    inward = []
    side = 0.0
    for number, start in enumerate(vertices):
        after = (number + 1) % len(vertices)
        x, y, z = _cross(start, vertices[after])
        side = side or (1.0 if _dot((x, y, z), middle) > 0 else -1.0)
        normal = (side * x, side * y, side * z)
        others = (v for other, v in enumerate(vertices) if other not in (number, after))
        if _dot(normal, middle) < _TINY or any(_dot(normal, v) < -_TINY for v in others):
            return None
        inward.append(normal)
    return inward


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

"""The geometry that is done before a query runs: shapes of constant coordinates.

A convex shape is a list of inward normals: a direction is inside when its product with none of them is
negative. Any simple polygon within a hemisphere is cut into convex parts. Edges are great circles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import acos, atan, atan2, cos, degrees, fsum, hypot, radians, sin, sqrt, tan

Vector = tuple[float, float, float]
Convex = list[Vector]
Cap = tuple[float, float, float]
"""Longitude, latitude and radius of a circle, degrees."""
_Flat = tuple[float, float]

MAX_VERTICES = 500
"""Most vertices of a polygon that is not convex; cutting takes a time that grows with their square."""

_TINY = 1e-12
_NEAR_HORIZON = 0.05


def direction(lon: float, lat: float) -> Vector:
    """Give the unit vector of a longitude and latitude in degrees."""
    a, d = radians(lon), radians(lat)
    return cos(d) * cos(a), cos(d) * sin(a), sin(d)


def convex_edges(vertices: Sequence[Vector]) -> Convex | None:
    """Give the inward normals of the edges of a convex polygon smaller than a hemisphere.

    None where the polygon is not convex, or two neighbouring vertices leave the edge between them open
    (equal or opposite).
    """
    middle = _sum(vertices)
    inward = []
    side = 0.0
    for number, start in enumerate(vertices):
        after = (number + 1) % len(vertices)
        x, y, z = _cross(start, vertices[after])
        side = side or (1.0 if dot((x, y, z), middle) > 0 else -1.0)
        normal = (side * x, side * y, side * z)
        others = (v for other, v in enumerate(vertices) if other not in (number, after))
        if dot(normal, middle) < _TINY or any(dot(normal, v) < -_TINY for v in others):
            return None
        inward.append(normal)
    return inward


def convex_parts(vertices: Sequence[Vector]) -> list[Convex] | None:
    """Cut a simple polygon into convex parts; None where it crosses itself or leaves its hemisphere."""
    whole = convex_edges(vertices)
    if whole is not None:
        return [whole]
    flat = _flattened(vertices)
    if flat is None or len(flat) > MAX_VERTICES or _crosses_itself(flat):
        return None
    triangles = _triangles(flat)
    parts = [convex_edges([vertices[i] for i in corners]) for corners in triangles or ()]
    if not parts or any(part is None for part in parts):
        return None
    return [part for part in parts if part is not None]


def box(lon: float, lat: float, width: float, height: float) -> Convex | None:
    """Give the inward normals of a BOX (ADQL 2.1 section 4.2): great circles across the ends of its arms.

    None where an arm is longer than a hemisphere.
    """
    if not (0 < width < 180 and 0 < height < 180):
        return None
    a, d = radians(lon), radians(lat)
    centre = direction(lon, lat)
    east = (-sin(a), cos(a), 0.0)
    north = (-sin(d) * cos(a), -sin(d) * sin(a), cos(d))
    return [
        _add(_scaled(centre, sin(radians(size / 2))), _scaled(arm, sign * cos(radians(size / 2))))
        for arm, size in ((east, width), (north, height))
        for sign in (1.0, -1.0)
    ]


def cap(vertices: Sequence[Vector]) -> Cap:
    """Give a circle around the vertices; of more than 90 degrees if there is none."""
    x, y, z = _sum(vertices)
    length = sqrt(x * x + y * y + z * z)
    if length < _TINY:
        return 0.0, 0.0, 180.0
    middle = (x / length, y / length, z / length)
    lowest = min(dot(middle, v) for v in vertices)
    return degrees(atan2(y, x)), degrees(atan2(z, sqrt(x * x + y * y))), degrees(acos(max(-1.0, lowest)))


def box_cap(lon: float, lat: float, width: float, height: float) -> Cap:
    """Give the circle through the corners of a box."""
    return lon, lat, degrees(atan(hypot(tan(radians(width / 2)), tan(radians(height / 2)))))


def area(vertices: Sequence[Vector]) -> float | None:
    """Give the area of a convex polygon in square degrees, as a fan of triangles."""
    if convex_edges(vertices) is None:
        return None
    first = vertices[0]
    excess = fsum(
        2 * atan2(abs(dot(first, _cross(b, c))), 1 + dot(first, b) + dot(b, c) + dot(c, first))
        for b, c in pairwise(vertices[1:])
    )
    return excess * degrees(1.0) ** 2


def dot(a: Vector, b: Vector) -> float:
    """Multiply two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _add(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _scaled(a: Vector, by: float) -> Vector:
    return a[0] * by, a[1] * by, a[2] * by


def _sum(vertices: Sequence[Vector]) -> Vector:
    return (fsum(v[0] for v in vertices), fsum(v[1] for v in vertices), fsum(v[2] for v in vertices))


def _flattened(vertices: Sequence[Vector]) -> list[_Flat] | None:
    """Project from the sphere's centre to a plane, which makes great circles straight lines."""
    x, y, z = _sum(vertices)
    length = sqrt(x * x + y * y + z * z)
    if length < _TINY:
        return None
    middle = (x / length, y / length, z / length)
    axis = min(range(3), key=lambda i: abs(middle[i]))
    right = _cross(middle, (float(axis == 0), float(axis == 1), float(axis == 2)))
    up = _cross(middle, right)
    heights = [dot(v, middle) for v in vertices]
    if min(heights) < _NEAR_HORIZON:
        return None
    return [(dot(v, right) / h, dot(v, up) / h) for v, h in zip(vertices, heights, strict=True)]


def _turn(a: _Flat, b: _Flat, c: _Flat) -> float:
    """Twice the area of a triangle, positive where it turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _crosses_itself(points: Sequence[_Flat]) -> bool:
    n = len(points)
    edges = [(points[i], points[(i + 1) % n]) for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            if j - i in (1, n - 1):
                continue
            (a, b), (c, d) = edges[i], edges[j]
            if _turn(a, b, c) * _turn(a, b, d) <= 0 and _turn(c, d, a) * _turn(c, d, b) <= 0:
                return True
    return False


def _triangles(points: Sequence[_Flat]) -> list[tuple[int, int, int]] | None:
    """Cut a simple polygon into triangles, ear by ear."""
    around = fsum(_turn((0.0, 0.0), a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True))
    left = list(range(len(points))) if around > 0 else list(range(len(points) - 1, -1, -1))
    ears = []
    while len(left) > 3:
        for place in range(len(left)):
            i, j, k = left[place - 1], left[place], left[(place + 1) % len(left)]
            a, b, c = points[i], points[j], points[k]
            others = (points[m] for m in left if m not in (i, j, k))
            if _turn(a, b, c) > 0 and not any(_within(p, a, b, c) for p in others):
                ears.append((i, j, k))
                del left[place]
                break
        else:
            return None
    return [*ears, (left[0], left[1], left[2])]


def _within(p: _Flat, a: _Flat, b: _Flat, c: _Flat) -> bool:
    return _turn(a, b, p) >= 0 and _turn(b, c, p) >= 0 and _turn(c, a, p) >= 0

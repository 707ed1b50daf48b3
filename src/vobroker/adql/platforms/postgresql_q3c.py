"""PostgreSQL with q3c: cones use an index ``q3c_ang2ipix(ra, dec)``.

The index finds candidates a little beyond the radius and the exact condition decides, so that the rows are
those of every other engine.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.spherical import Circle, Point

MAX_RADIUS = 20.0
"""Largest radius, degrees, for which the index is asked; beyond it most of the sky is read anyway."""

_MARGIN = 1e-6  # degrees; far more than the rounding of q3c's own test


class PostgreSQLq3c(PostgreSQL):
    """Translator for PostgreSQL with the extension q3c."""

    name: ClassVar[str] = "PostgreSQL with q3c"

    def in_circle(self, point: Point, circle: Circle) -> str:
        """Write whether a point is in a circle, the index first."""
        exact = super().in_circle(point, circle)
        if circle.size is None or circle.size > MAX_RADIUS or not self._false_is_null:
            return exact
        place, centre = self.stored_place(point), circle.centre
        if not all(place):
            return exact
        radius = self.float_literal(circle.size + _MARGIN)
        if circle.fixed is not None:
            candidate = f"q3c_radial_query({place[0]}, {place[1]}, {centre[0]}, {centre[1]}, {radius})"
        else:
            candidate = f"q3c_join({centre[0]}, {centre[1]}, {place[0]}, {place[1]}, {radius})"
        return f"({candidate} AND {exact})"

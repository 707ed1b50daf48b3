"""PostgreSQL with pgSphere: cones use a GiST index on ``spoint(radians(ra), radians(dec))``.

The index finds candidates a little beyond the radius and the exact condition decides, so that the rows are
those of every other engine.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.spherical import Circle, Point

MAX_RADIUS = 89.0
"""Largest radius, degrees: pgSphere has no circle larger than a hemisphere."""

_MARGIN = 1e-6  # degrees; far more than the rounding of pgSphere's own test


class PostgreSQLpgSphere(PostgreSQL):
    """Translator for PostgreSQL with the extension pgSphere."""

    name: ClassVar[str] = "PostgreSQL with pgSphere"

    def in_circle(self, point: Point, circle: Circle) -> str:
        """Write whether a point is in a circle, the index first."""
        exact = super().in_circle(point, circle)
        if circle.size is None or circle.size > MAX_RADIUS or not self._false_is_null:
            return exact
        place = self.stored_place(point)
        if not all(place):
            return exact
        centre = f"spoint(radians({circle.centre[0]}), radians({circle.centre[1]}))"
        around = f"scircle({centre}, radians({self.float_literal(circle.size + _MARGIN)}))"
        return f"(spoint(radians({place[0]}), radians({place[1]})) <@ {around} AND {exact})"

"""PostgreSQL with pgSphere: cones use a GiST index on ``spoint(radians(ra), radians(dec))``.

The index finds candidates a little beyond the radius and the exact condition decides, so that the rows are
those of every other engine.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.spherical import Circle, Point, Polygon

MAX_RADIUS = 89.0
"""Largest radius, degrees: pgSphere has no circle larger than a hemisphere."""

_MARGIN = 1e-6  # degrees; far more than the rounding of pgSphere's own test


class PostgreSQLpgSphere(PostgreSQL):
    """Translator for PostgreSQL with the extension pgSphere."""

    name: ClassVar[str] = "PostgreSQL with pgSphere"

    def by_zones(self, radius: float) -> bool:
        """Whether joins of a radius are done by zones: those that the index is not asked for."""
        return radius > MAX_RADIUS and super().by_zones(radius)

    def candidate(self, point: Point, shape: Circle | Polygon, node: tree.Function) -> str:
        """Write the condition that the index answers."""
        place = self.stored_place(point)
        small = isinstance(shape, Circle) and shape.size is not None and shape.size <= MAX_RADIUS
        if not (small and all(place)):
            return super().candidate(point, shape, node)
        assert isinstance(shape, Circle)
        centre = f"spoint(radians({shape.centre[0]}), radians({shape.centre[1]}))"
        around = f"scircle({centre}, radians({self.float_literal((shape.size or 0.0) + _MARGIN)}))"
        return f"spoint(radians({place[0]}), radians({place[1]})) <@ {around}"

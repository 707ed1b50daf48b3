"""PostgreSQL with q3c: cones use an index ``q3c_ang2ipix(ra, dec)``.

The index finds candidates a little beyond the radius and the exact condition decides, so that the rows are
those of every other engine.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.postgresql import PostgreSQL
from vobroker.adql.platforms.spherical import Circle, Point, Polygon

MAX_RADIUS = 20.0
"""Largest radius, degrees, for which the index is asked; beyond it most of the sky is read anyway."""

_MARGIN = 1e-6  # degrees; far more than the rounding of q3c's own test


class PostgreSQLq3c(PostgreSQL):
    """Translator for PostgreSQL with the extension q3c."""

    name: ClassVar[str] = "PostgreSQL with q3c"

    def by_zones(self, radius: float) -> bool:
        """Whether joins of a radius are done by zones: those that the index is not asked for."""
        return radius > MAX_RADIUS and super().by_zones(radius)

    def candidate(self, point: Point, shape: Circle | Polygon, node: tree.Function) -> str:
        """Write the condition that the index answers; the second place of q3c_join is that of the index."""
        place = self.stored_place(point)
        small = isinstance(shape, Circle) and shape.size is not None and shape.size <= MAX_RADIUS
        if not (small and all(place)):
            return super().candidate(point, shape, node)
        assert isinstance(shape, Circle)
        if shape.fixed is not None and (cells := super().candidate(point, shape, node)):
            return cells  # a few ranges are planned in a quarter of the time that q3c's hundred take
        centre, radius = shape.centre, self.float_literal((shape.size or 0.0) + _MARGIN)
        if shape.fixed is not None:
            return f"q3c_radial_query({place[0]}, {place[1]}, {centre[0]}, {centre[1]}, {radius})"
        return f"q3c_join({centre[0]}, {centre[1]}, {place[0]}, {place[1]}, {radius})"

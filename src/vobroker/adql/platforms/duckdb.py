"""DuckDB: what differs from the common SQL.

DuckDB's floating point follows IEEE 754 (``ieee_floating_point_ops``, on by default) but orders NaN above all
numbers and equal to itself, hence NaN becomes NULL where it can arise.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, cos, degrees, radians, sin
from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.errors import AdqlError
from vobroker.adql.platforms.base import Translation
from vobroker.adql.platforms.cells import Range, joined, within
from vobroker.adql.platforms.expressions import COMMON
from vobroker.adql.platforms.sphere import Cap
from vobroker.adql.platforms.spherical import FAR, Point
from vobroker.adql.platforms.zones import Zones
from vobroker.votypes.types import TYPES

_HOLE = 0.75  # of what is between two limits; less empty room between two ranges is not worth a test
MAX_WEIGHT = 3000
"""Most functions in a query, those counted anew that are within another: some take a second to prepare."""

_FOURFOLD = frozenset({"ASIN", "ACOS"})

_STEEP = 0.999  # sine of half the width in longitude of a circle; one wider is at a pole


def _defined(call: str) -> str:
    """Give NULL for a result outside the function's domain."""
    return f"nullif({call}, 'nan'::DOUBLE)"


def weight(node: tree.Node) -> int:
    """Say how many functions DuckDB has to prepare.

    It writes out what a function is of as often as it asks whether that is in the function's domain, and
    nothing can interrupt it.
    """
    inside = sum(map(weight, tree.children(node)))
    if isinstance(node, tree.Function):
        return 1 + (4 if node.name in _FOURFOLD else 2) * inside
    if isinstance(node, tree.Arithmetic) and any(operator == "/" for operator, _ in node.steps):
        return 1 + 2 * inside
    return inside


class DuckDB(Zones):
    """Translator for DuckDB."""

    name: ClassVar[str] = "DuckDB"
    types: ClassVar[dict[str, str]] = {adql: row.duckdb for adql, row in TYPES.items() if adql != "BLOB"}
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "random()",
        **{f"{name.upper()}/1": _defined(f"{name}({{0}})") for name in ("sin", "cos", "tan")},
        "COT/1": f"(1 / nullif({_defined('tan({0})')}, 0))",
    }

    def translate(self) -> Translation:
        """Write the whole query, unless it would take long to prepare."""
        query = self.checked.query
        translation = super().translate()
        if weight(query) > MAX_WEIGHT:
            message = "The query has too many functions for the engine, or one within another too often."
            raise AdqlError("unsupported", message, query.text, query.body.span)
        return translation

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"nullif({sql}, 'nan')"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: below NaN is infinity, and NaN is below nothing."""
        if operator in (">", ">="):
            return f"({column} {operator} {value} AND {column} <= 'inf')"
        return f"({column} {operator} {value})" if operator != "<>" else ""

    def among(self, cell: str, ranges: Sequence[Range]) -> str:
        """Write that a cell is not before the first range nor behind the last.

        Blocks of rows are skipped, and others searched fast, by plain limits of single columns; alternatives
        cost more than they save, unless most of what is between the limits is between two ranges.
        """
        if not ranges:
            return within(cell, ranges)
        limits = within(cell, joined(ranges, 1))
        low, high = joined(ranges, 2)[0], joined(ranges, 2)[-1]
        if high[0] - low[1] < _HOLE * (high[1] - low[0]):
            return limits
        return f"{limits} AND {within(cell, [low, high])}"

    def about(self, point: Point, cap: Cap) -> str:
        """Write limits for the longitude too, where a table promises that it is from 0 to 360."""
        limits = super().about(point, cap)
        lon, lat, reach = cap
        if not self.home(point) or not self._false_is_null or abs(lon) > FAR or abs(lat) >= 90 - reach:
            return limits
        ratio = sin(radians(reach)) / cos(radians(lat))
        if ratio > _STEEP:
            return limits
        half = degrees(asin(ratio)) * (1 + 1e-9)
        column = self.stored_place(point)[0]
        west, east = lon % 360 - half, lon % 360 + half
        tie = "OR" if west <= 0 or east >= 360 else "AND"
        first, last = (self.float_literal(end % 360) for end in (west, east))
        return f"{limits} AND ({column} >= {first} {tie} {column} <= {last})"

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; ``//`` cuts toward zero."""
        return f"({left} {'//' if integer else '/'} nullif({right}, 0))"

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too."""
        return f"({left} % nullif({right}, 0))"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"strftime({self.value(node)}, '%Y-%m-%dT%H:%M:%S.%f')"

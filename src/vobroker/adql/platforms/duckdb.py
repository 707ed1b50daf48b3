"""DuckDB: what differs from the common SQL.

DuckDB's floating point follows IEEE 754 (``ieee_floating_point_ops``, on by default) but orders NaN above all
numbers and equal to itself, hence NaN becomes NULL where it can arise.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.expressions import COMMON
from vobroker.adql.platforms.zones import Zones
from vobroker.votypes.types import TYPES


def _defined(call: str) -> str:
    """Give NULL for a result outside the function's domain."""
    return f"nullif({call}, 'nan'::DOUBLE)"


class DuckDB(Zones):
    """Translator for DuckDB."""

    name: ClassVar[str] = "DuckDB"
    types: ClassVar[dict[str, str]] = {adql: row.duckdb for adql, row in TYPES.items() if adql != "BLOB"}
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "random()",
        **{f"{name.upper()}/1": _defined(f"{name}({{0}})") for name in ("sin", "cos", "tan")},
        "COT/1": f"(1 / nullif({_defined('tan({0})')}, 0))",
    }

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"nullif({sql}, 'nan')"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: below NaN is infinity, and NaN is below nothing."""
        if operator in (">", ">="):
            return f"({column} {operator} {value} AND {column} <= 'inf')"
        return f"({column} {operator} {value})" if operator != "<>" else ""

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; ``//`` cuts toward zero."""
        return f"({left} {'//' if integer else '/'} nullif({right}, 0))"

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too."""
        return f"({left} % nullif({right}, 0))"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"strftime({self.value(node)}, '%Y-%m-%dT%H:%M:%S.%f')"

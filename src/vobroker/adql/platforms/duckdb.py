"""DuckDB: what differs from the common SQL.

DuckDB's floating point follows IEEE 754 (``ieee_floating_point_ops``, on by default) but orders NaN above all
numbers and equal to itself, hence NaN becomes NULL where it can arise.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql.platforms.base import Translator
from vobroker.votypes.types import TYPES


def _defined(call: str) -> str:
    """Give NULL for a result outside the function's domain."""
    return f"nullif({call}, 'nan'::DOUBLE)"


class DuckDB(Translator):
    """Translator for DuckDB."""

    name: ClassVar[str] = "DuckDB"
    types: ClassVar[dict[str, str]] = {adql: row.duckdb for adql, row in TYPES.items() if adql != "BLOB"}
    functions: ClassVar[dict[str, str]] = {
        "ABS/1": "abs({0})",
        "CEILING/1": "ceil({0})",
        "FLOOR/1": "floor({0})",
        "ROUND/1": "round({0})",
        "ROUND/2": "round({0}, {1})",
        "TRUNCATE/1": "trunc({0})",
        "TRUNCATE/2": "trunc({0}, {1})",
        "DEGREES/1": "degrees({0})",
        "RADIANS/1": "radians({0})",
        "EXP/1": "exp({0})",
        "LOG/1": f"nullif({_defined('ln({0})')}, '-inf'::DOUBLE)",
        "LOG10/1": f"nullif({_defined('log10({0})')}, '-inf'::DOUBLE)",
        "SQRT/1": _defined("sqrt({0})"),
        "POWER/2": _defined("pow({0}, {1})"),
        "MOD/2": "({0} % nullif({1}, 0))",
        "PI/0": "pi()",
        "RAND/0": "random()",
        "ACOS/1": _defined("acos({0})"),
        "ASIN/1": _defined("asin({0})"),
        "ATAN/1": "atan({0})",
        "ATAN2/2": "atan2({0}, {1})",
        "COS/1": _defined("cos({0})"),
        "COT/1": _defined("cot({0})"),
        "SIN/1": _defined("sin({0})"),
        "TAN/1": _defined("tan({0})"),
        "LOWER/1": "lower({0})",
        "UPPER/1": "upper({0})",
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

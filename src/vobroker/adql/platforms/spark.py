"""Spark SQL: what differs from the common SQL; from version 3.5, in ANSI mode (on by itself since 4.0).

NaN is above all numbers and equal to itself. Strings are compared by code point. Times are ``TIMESTAMP_NTZ``.
Parameters are named p1, p2 ... and are given to ``SparkSession.sql`` as ``args``.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.expressions import COMMON

# floor and ceil give 64-bit integers; from 2^52 on a DOUBLE is whole.
_WHOLE = "CASE WHEN abs({{0}}) < 4503599627370496 THEN double({function}({{0}})) ELSE {{0}} END"


class Spark(Translator):
    """Translator for Spark SQL."""

    name: ClassVar[str] = "Spark"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "SMALLINT",
        "INTEGER": "INT",
        "BIGINT": "BIGINT",
        "REAL": "FLOAT",
        "DOUBLE": "DOUBLE",
        "VARCHAR": "STRING",
        "CHAR": "STRING",
        "TIMESTAMP": "TIMESTAMP_NTZ",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "rand()",
        "FLOOR/1": _WHOLE.format(function="floor"),
        "CEILING/1": _WHOLE.format(function="ceil"),
    }
    reads_text_as_numbers = False  # outside ANSI mode it gives NULL

    def identifier(self, name: str) -> str:
        """Quote a name."""
        return "`" + super().identifier(name)[1:-1].replace('""', '"').replace("`", "``") + "`"

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter."""
        return f":p{number}"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"nullif({sql}, float('NaN'))"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: below NaN is infinity, and NaN is below nothing."""
        if operator in (">", ">="):
            return f"({column} {operator} {value} AND {column} <= double('Infinity'))"
        return f"({column} {operator} {value})" if operator != "<>" else ""

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; ``div`` cuts toward zero."""
        return f"({left} {'div' if integer else '/'} nullif({right}, 0))"

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too."""
        return f"({left} % nullif({right}, 0))"

    def truncated(self, sql: str) -> str:
        """Cut a floating number toward zero; ``trunc`` is for dates, and floor gives a 64-bit integer."""
        return f"({sql} - {sql} % 1)"

    def rounded(self, sql: str) -> str:
        """Round a DOUBLE to the next integer, halves away from zero."""
        return f"round({sql})"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE or ILIKE; the escape character that Spark has by itself stands for itself."""
        return super().like(subject, rf"replace({pattern}, '\\', '\\\\')", negated=negated, any_case=any_case)

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"date_format({self.value(node)}, \"yyyy-MM-dd'T'HH:mm:ss.SSSSSS\")"

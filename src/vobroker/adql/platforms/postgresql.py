"""PostgreSQL: what differs from the common SQL; runs on any server from version 12, with no extension.

NaN is above all numbers and equal to itself. Functions outside their domain are errors, hence the guards.
Strings are compared in the server's collation, so where order matters it is said to be by code point.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.expressions import COMMON


class PostgreSQL(Translator):
    """Translator for PostgreSQL."""

    name: ClassVar[str] = "PostgreSQL"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "smallint",
        "INTEGER": "integer",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "double precision",
        "VARCHAR": "text",
        "CHAR": "text",
        "TIMESTAMP": "timestamp",
    }
    orders_by = "value"  # a collation cannot be added to a place
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "random()",
        "LOG10/1": "log({0})",
    }

    def text(self, node: tree.String) -> str:
        """Write a string; the server stores none with a NUL."""
        if "\0" in node.text:
            self.refuse(node, "a string with a NUL character")
        return super().text(node)

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter with its type, since the server cannot always tell."""
        return f"CAST(${number} AS text)"

    def float_literal(self, value: float) -> str:
        """Write a DOUBLE: a plain literal would be NUMERIC."""
        return f"'{value!r}'::float8"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"nullif({sql}, 'NaN')"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: below NaN is infinity, and NaN is below nothing."""
        if operator in (">", ">="):
            return f"({column} {operator} {value} AND {column} <= 'Infinity')"
        return f"({column} {operator} {value})" if operator != "<>" else ""

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE or ILIKE without the escape character that PostgreSQL has by itself."""
        return f"{super().like(subject, pattern, negated=negated, any_case=any_case)[:-1]} ESCAPE '')"

    def in_order(self, sql: str) -> str:
        """Put strings in order by code point."""
        return f'{sql} COLLATE "C"'

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"""to_char({self.value(node)}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""

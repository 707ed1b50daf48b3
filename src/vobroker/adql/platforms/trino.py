"""Trino: what differs from the common SQL.

NaN is unequal to everything and compares as false. Strings are compared by code point.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.expressions import COMMON
from vobroker.adql.platforms.positional import Positional


class Trino(Positional):
    """Translator for Trino."""

    name: ClassVar[str] = "Trino"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "smallint",
        "INTEGER": "integer",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "double",
        "VARCHAR": "varchar",
        "CHAR": "varchar",
        "TIMESTAMP": "timestamp(6)",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {"RAND/0": "random()"}
    set_operators = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT")

    def placeholder(self, number: int) -> str:
        """Write the place of a string."""
        return f"CAST({super().placeholder(number)} AS varchar)"

    def timestamp(self, text: str) -> str:
        """Write a time; the server reads it with a blank between day and hour."""
        return f"CAST({self.parameter(text.replace('T', ' '))} AS timestamp(6))"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"date_format({self.value(node)}, '%Y-%m-%dT%H:%i:%s.%f')"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"if(is_nan({sql}), NULL, {sql})"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: with NaN only ``<>`` is true."""
        return super().bound(column, operator, value) if operator != "<>" else ""

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too."""
        return f"({left} % nullif({right}, 0))"

    def truncated(self, sql: str) -> str:
        """Cut a floating number toward zero."""
        return f"truncate({sql})"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE."""
        if any_case:
            subject, pattern = f"lower({subject})", f"lower({pattern})"
        return super().like(subject, pattern, negated=negated, any_case=False)

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET, the latter first."""
        sql += f" OFFSET {offset:d}" if offset else ""
        return sql + (f" LIMIT {top:d}" if top is not None else "")

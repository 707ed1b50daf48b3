"""SQLite: what differs from the common SQL; needs version 3.39 built with its mathematical functions.

It has no NaN: one that is stored or computed is NULL. REAL columns are computed with in double precision.
Integers have 64 bits; one that would need more is NULL. LOWER, UPPER and ILIKE know the letters A to Z only.
Times are stored as text ``2026-01-31T23:59:59.000000``, so that their order is that of time.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.expressions import COMMON, IN_RANGE, NOT_NEGATIVE, POSITIVE


class SQLite(Translator):
    """Translator for SQLite."""

    name: ClassVar[str] = "SQLite"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "INTEGER",
        "INTEGER": "INTEGER",
        "BIGINT": "INTEGER",
        "REAL": "REAL",
        "DOUBLE": "REAL",
        "VARCHAR": "TEXT",
        "CHAR": "TEXT",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "(random() / 18446744073709551616.0 + 0.5)",
    }
    not_negative = NOT_NEGATIVE.replace("greatest", "max")
    positive = POSITIVE.replace("greatest", "max")
    in_range = IN_RANGE.replace("greatest", "max").replace("least", "min")
    within_one = "{0}"  # NULL outside the domain by itself
    reads_text_as_numbers = False
    set_operators = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT")

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter."""
        return f"?{number}"

    def arithmetic(self, node: tree.Arithmetic) -> str:
        """Write arithmetic; a sum or product of integers that leaves their range would go on as a REAL."""
        sql = super().arithmetic(node)
        if not self.type(node).is_integer:
            return sql
        if any(isinstance(n, tree.Aggregate) for n in tree.walk(node)):
            return f"CASE WHEN typeof({sql}) <> 'real' THEN {sql} END"
        return f"(SELECT CASE WHEN typeof(v) <> 'real' THEN v END FROM (SELECT {sql} AS v))"  # noqa: S608

    def cast(self, node: tree.Cast) -> str:
        """Write CAST; there is no type of 32-bit numbers to round to."""
        kind, source = self.type(node).type, self.type(node.value).type
        if kind == "REAL" and source not in ("REAL", "SMALLINT", "NULL"):
            self.refuse(node, f"CAST of a {source} to REAL")
        return super().cast(node)

    def coerced(self, node: tree.Value, other: tree.Value) -> str:
        """Write a value as it is compared; a BIGINT as DOUBLE beside one, as elsewhere."""
        if self.type(node).type == "BIGINT" and self.type(other).type in ("REAL", "DOUBLE"):
            return self.as_double(node)
        return super().coerced(node, other)

    def timestamp(self, text: str) -> str:
        """Write a time as it is stored."""
        return self.parameter(text)

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time as text, which it is."""
        return self.value(node)

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too."""
        return f"({left} % nullif({right}, 0))" if integer else f"mod({left}, {right})"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE as GLOB, which alone minds upper and lower case whatever the connection is set to."""
        if any_case:
            subject, pattern = f"lower({subject})", f"lower({pattern})"
        for character, written in (("[", "[[]"), ("*", "[*]"), ("?", "[?]"), ("%", "*"), ("_", "?")):
            pattern = f"replace({pattern}, '{character}', '{written}')"
        return f"({subject} {'NOT ' if negated else ''}GLOB {pattern})"

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET; an OFFSET needs a LIMIT."""
        top = -1 if top is None and offset else top
        return super().limited(sql, top, offset, in_order=in_order)

    def operand(self, sql: str) -> str:
        """Write an operand of a set operator, which may not stand in brackets."""
        return f"SELECT * FROM ({sql})"  # noqa: S608

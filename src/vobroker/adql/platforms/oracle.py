"""Oracle Database: what differs from the common SQL; from version 12.

Floating columns are BINARY_FLOAT and BINARY_DOUBLE, in which NaN is above all numbers and equal to itself;
booleans are NUMBER(1). An empty string is NULL, hence none can be written. Parameters are called p1, p2 ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.expressions import COMMON

_ISO = 'YYYY-MM-DD"T"HH24:MI:SS.FF6'


class Oracle(Translator):
    """Translator for Oracle Database."""

    name: ClassVar[str] = "Oracle"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "NUMBER(5)",
        "INTEGER": "NUMBER(10)",
        "BIGINT": "NUMBER(19)",
        "REAL": "BINARY_FLOAT",
        "DOUBLE": "BINARY_DOUBLE",
        "VARCHAR": "VARCHAR2(4000)",
        "CHAR": "VARCHAR2(4000)",
        "TIMESTAMP": "TIMESTAMP(6)",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {
        "PI/0": "to_binary_double('3.141592653589793')",
        "RADIANS/1": "({0} * to_binary_double('0.017453292519943295'))",
        "DEGREES/1": "({0} * to_binary_double('57.29577951308232'))",
        "LOG10/1": "log(10, {0})",
        "RAND/0": "dbms_random.value",
    }
    not_negative = "nullif(greatest({0}, to_binary_double('-4.9E-324')), to_binary_double('-4.9E-324'))"
    not_in_names = '\0"'
    reads_text_as_numbers = False
    set_operators = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT")

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter."""
        return f":p{number}"

    def text(self, node: tree.String) -> str:
        """Write a string."""
        if not node.text:
            self.refuse(node, "an empty string")
        return super().text(node)

    def float_literal(self, value: float) -> str:
        """Write a BINARY_DOUBLE: a plain literal would be NUMBER."""
        return f"to_binary_double('{value!r}')"

    def boolean(self, value: bool) -> str:
        """Write what a boolean column is compared with."""
        return "1" if value else "0"

    def timestamp(self, text: str) -> str:
        """Write a time."""
        return f"to_timestamp({self.parameter(text)}, '{_ISO}')"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"to_char({self.value(node)}, '{_ISO}')"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        return f"nullif({sql}, BINARY_DOUBLE_NAN)"

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored column with a number: below NaN is infinity, and NaN is below nothing."""
        if operator in (">", ">="):
            return f"({column} {operator} {value} AND {column} <= BINARY_DOUBLE_INFINITY)"
        return f"({column} {operator} {value})" if operator != "<>" else ""

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; integers are NUMBER, whose quotient is not whole."""
        quotient = super().divide(left, right, integer=integer)
        return f"trunc{quotient}" if integer else quotient

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD, of floating numbers too; by zero it would be the first argument."""
        return f"mod({left}, nullif({right}, 0))"

    def concatenate(self, parts: Sequence[str]) -> str:
        """Write ``||``; NULL would count as an empty string."""
        missing = " OR ".join(f"{part} IS NULL" for part in parts)
        return f"CASE WHEN {missing} THEN NULL ELSE {' || '.join(parts)} END"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE."""
        if any_case:
            subject, pattern = f"lower({subject})", f"lower({pattern})"
        return super().like(subject, pattern, negated=negated, any_case=False)

    def truth_as_number(self, condition: str) -> str:
        """Write a condition as 1, 0 or NULL."""
        return f"CASE WHEN {condition} THEN 1 WHEN NOT {condition} THEN 0 END"

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET."""
        sql += f" OFFSET {offset:d} ROWS" if offset else ""
        return sql + (f" FETCH FIRST {top:d} ROWS ONLY" if top is not None else "")

    def alias(self, sql: str, name: str) -> str:
        """Give a table its name, without AS."""
        return f"{sql} {name}"

    def set_operator(self, operator: str) -> str:
        """Write a set operator."""
        return "MINUS" if operator == "EXCEPT" else operator

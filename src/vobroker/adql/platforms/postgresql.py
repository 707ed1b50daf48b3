"""PostgreSQL: what differs from the common SQL; runs on any server from version 12, with no extension.

NaN is above all numbers and equal to itself. Functions outside their domain are errors, hence the guards.
Strings are compared in the server's collation, so where order matters it is said to be by code point.
"""

from __future__ import annotations

from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.platforms.expressions import COMMON
from vobroker.adql.platforms.zones import Zones


class PostgreSQL(Zones):
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

    def join_condition(self, join: tree.Join) -> str:
        """Write ON; the server has no plan for a FULL JOIN unless an equality ties its sides together."""
        if join.kind == "FULL" and isinstance(join.condition, tree.Node):
            both = isinstance(join.condition, tree.Logical) and join.condition.operator == "AND"
            tests = list(tree.children(join.condition)) if both else [join.condition]
            if self._sides(join.condition, join) and not any(self._is_tie(test, join) for test in tests):
                self.refuse(join, "a FULL JOIN without an equality between its sides")
        return super().join_condition(join)

    def _is_tie(self, test: tree.Node, join: tree.Join) -> bool:
        """Whether a condition sets columns of one side of a join equal to columns of the other."""
        if not isinstance(test, tree.Comparison) or test.operator != "=":
            return False
        left, right = self._sides(test.left, join), self._sides(test.right, join)
        return len(left) == len(right) == 1 and left != right

    def _sides(self, node: tree.Node, join: tree.Join) -> set[bool]:
        """Tell from which sides of a join the columns in a node are; True is the right one."""
        sources = self.checked.sources
        right = {id(sources[id(n)]) for n in tree.walk(join.table) if id(n) in sources}
        fields = (self.checked.field_of(n) for n in tree.walk(node) if isinstance(n, tree.ColumnReference))
        return {id(source) in right for field in fields if field for source, _ in field.places}

    def in_order(self, sql: str) -> str:
        """Put strings in order by code point."""
        return f'{sql} COLLATE "C"'

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"""to_char({self.value(node)}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""

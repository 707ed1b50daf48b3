"""MariaDB and MySQL: what differs from the common SQL.

They have no NaN. REAL columns are computed with in double precision. Strings are compared by code point, with
``utf8mb4_nopad_bin``, whatever the collation of a column is; columns that have it can use their indexes.
Times are ``DATETIME(6)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.check import Field
from vobroker.adql.platforms.expressions import COMMON, IN_RANGE
from vobroker.adql.platforms.positional import Positional

_COLLATION = "COLLATE utf8mb4_nopad_bin"


class MariaDB(Positional):
    """Translator for MariaDB, from version 10.5."""

    name: ClassVar[str] = "MariaDB"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "SIGNED",
        "INTEGER": "SIGNED",
        "BIGINT": "SIGNED",
        "REAL": "FLOAT",
        "DOUBLE": "DOUBLE",
        "VARCHAR": "CHAR CHARACTER SET utf8mb4",
        "CHAR": "CHAR CHARACTER SET utf8mb4",
        "TIMESTAMP": "DATETIME(6)",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {
        "RAND/0": "rand()",
        # Without CAST a temporary table keeps whole numbers in 17 digits.
        "FLOOR/1": "CAST(floor({0}) AS DOUBLE)",
        "CEILING/1": "CAST(ceil({0}) AS DOUBLE)",
    }
    in_range = IN_RANGE
    reads_text_as_numbers = False
    orders_by = "name"
    joins = ("INNER", "LEFT", "RIGHT")

    def identifier(self, name: str) -> str:
        """Quote a name."""
        return "`" + super().identifier(name)[1:-1].replace('""', '"').replace("`", "``") + "`"

    def placeholder(self, number: int) -> str:
        """Write the place of a string."""
        return f"(CONVERT({super().placeholder(number)} USING utf8mb4) {_COLLATION})"

    def timestamp(self, text: str) -> str:
        """Write a time."""
        return f"CAST({self.parameter(text)} AS DATETIME(6))"

    def stored(self, column: Field) -> str:
        """Write a column; strings by code point."""
        sql = super().stored(column)
        return f"({sql} {_COLLATION})" if column.type.type in ("VARCHAR", "CHAR") else sql

    def typed(self, sql: str, kind: str) -> str:
        """Give a value an ADQL type."""
        sql = super().typed(sql, kind)
        return f"({sql} {_COLLATION})" if kind in ("VARCHAR", "CHAR") else sql

    def as_text(self, node: tree.Value) -> str:
        """Write an operand of ``||``."""
        sql = super().as_text(node)
        return f"({sql} {_COLLATION})" if self.type(node).is_integer else sql

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; DIV cuts toward zero, and by zero both are NULL."""
        return f"({left} {'DIV' if integer else '/'} nullif({right}, 0))"

    def truncated(self, sql: str) -> str:
        """Cut a floating number toward zero."""
        return f"CAST(truncate({sql}, 0) AS DOUBLE)"

    def concatenate(self, parts: Sequence[str]) -> str:
        """Write ``||``, which may mean OR here."""
        return f"concat({', '.join(parts)})"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE; strings are by code point, so that case counts unless both are lowered."""
        if any_case:
            subject, pattern = f"lower({subject})", f"lower({pattern})"
        return f"({subject} {'NOT ' if negated else ''}LIKE {pattern} ESCAPE '')"

    def chosen(self, query: tree.QueryBody, kind: str) -> str:
        """Write the query of IN; one with LIMIT is allowed a level down only."""
        return f"SELECT * FROM ({super().chosen(query, kind)}) AS u"  # noqa: S608

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"date_format({self.value(node)}, '%Y-%m-%dT%H:%i:%s.%f')"

    def order_term(self, key: str, direction: str) -> str:
        """Write one term of ORDER BY; NULL would come first."""
        return f"{key} IS NULL, {key} {direction}"

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET; an OFFSET needs a LIMIT."""
        top = 2**64 - 1 if top is None and offset else top
        return super().limited(sql, top, offset, in_order=in_order)

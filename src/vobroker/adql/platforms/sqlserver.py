"""Microsoft SQL Server: what differs from the common SQL; from version 2022 (GREATEST, LEAST).

It has no NaN, no boolean values and no NULLS LAST. Trailing spaces do not count when strings are compared,
which no setting changes. Parameters are called @p1, @p2 ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vobroker.adql import tree
from vobroker.adql.check import Field
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.expressions import COMMON

_COLLATION = "COLLATE Latin1_General_100_BIN2_UTF8"


class SQLServer(Translator):
    """Translator for SQL Server."""

    name: ClassVar[str] = "SQL Server"
    types: ClassVar[dict[str, str]] = {
        "SMALLINT": "smallint",
        "INTEGER": "int",
        "BIGINT": "bigint",
        "REAL": "real",
        "DOUBLE": "float",
        "VARCHAR": "varchar(max)",
        "CHAR": "varchar(max)",
        "TIMESTAMP": "datetime2(6)",
    }
    functions: ClassVar[dict[str, str]] = COMMON | {
        "CEILING/1": "ceiling({0})",
        "LOG/1": "log({0})",
        "ATAN2/2": "atn2({0}, {1})",
    }
    not_negative = "nullif(greatest({0}, -2.3e-308), -2.3e-308)"  # it has no smaller numbers
    reads_text_as_numbers = False
    orders_by = "value"
    set_operators = ("UNION", "UNION ALL", "EXCEPT", "INTERSECT")

    def identifier(self, name: str) -> str:
        """Quote a name."""
        return "[" + super().identifier(name)[1:-1].replace('""', '"').replace("]", "]]") + "]"

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter."""
        return f"(@p{number} {_COLLATION})"

    def boolean(self, value: bool) -> str:
        """Write what a bit column is compared with."""
        return "1" if value else "0"

    def timestamp(self, text: str) -> str:
        """Write a time."""
        return f"CAST({self.parameter(text)} AS datetime2(6))"

    def stored(self, column: Field) -> str:
        """Write a column; strings by code point."""
        sql = super().stored(column)
        return f"({sql} {_COLLATION})" if column.type.type in ("VARCHAR", "CHAR") else sql

    def concatenate(self, parts: Sequence[str]) -> str:
        """Write ``||``."""
        return "(" + " + ".join(parts) + ")"

    def truncated(self, sql: str) -> str:
        """Cut a floating number toward zero."""
        return f"round({sql}, 0, 1)"

    def truth_as_number(self, condition: str) -> str:
        """Write a condition as 1, 0 or NULL."""
        return f"CASE WHEN {condition} THEN 1 WHEN NOT {condition} THEN 0 END"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE; a bracket would begin a set of characters."""
        if any_case:
            subject, pattern = f"lower({subject})", f"lower({pattern})"
        return f"({subject} {'NOT ' if negated else ''}LIKE replace({pattern}, '[', '[[]'))"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time in the form of DALI."""
        return f"convert(varchar(26), {self.value(node)}, 126)"

    def order_term(self, key: str, direction: str) -> str:
        """Write one term of ORDER BY; NULL would come first."""
        return f"CASE WHEN {key} IS NULL THEN 1 ELSE 0 END, {key} {direction}"

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET; ORDER BY in a subquery needs one of them, and OFFSET needs ORDER BY."""
        if in_order:
            fetch = f" FETCH NEXT {top:d} ROWS ONLY" if top else ""
            sql = f"{sql} OFFSET {offset or 0:d} ROWS{fetch}"
            return f"SELECT TOP (0) * FROM ({sql}) AS u" if top == 0 else sql  # noqa: S608
        if offset:
            sql = f"SELECT * FROM ({sql}) AS u ORDER BY (SELECT NULL)"  # noqa: S608
            return self.limited(sql, top, offset, in_order=True)
        return sql if top is None else f"SELECT TOP ({top:d}) * FROM ({sql}) AS u"  # noqa: S608

    def beginning(self, sql: str, length: int) -> str:
        """Cut a string to a length."""
        return f"left({sql}, {length:d})"

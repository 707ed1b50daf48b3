"""What all engines share of a query: a checked tree written in SQL.

No text of the user gets into the SQL: tables and columns are written with their catalogue names, subqueries
and their columns are called ``t1``, ``c1`` and so on, numbers are written anew from their value, strings are
parameters. The one exception is the output names of the outermost SELECT, as quoted identifiers.

Rows are ordered with NULL last, whatever the direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from vobroker.adql import tree
from vobroker.adql.check import Field, Output
from vobroker.adql.errors import AdqlError
from vobroker.adql.platforms.spherical import Spherical


@dataclass(frozen=True, slots=True)
class Translation:
    """SQL of an engine, and the values of its parameters in order."""

    sql: str
    parameters: list[Any] = field(default_factory=list)


class Translator(Spherical):
    """Write a checked query in SQL.

    An engine is a subclass with its tables of functions and types and the few methods that differ.
    """

    set_operators: ClassVar[tuple[str, ...]] = (
        *("UNION", "UNION ALL", "EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL"),
    )
    orders_by: ClassVar[Literal["place", "name", "value"]] = "place"
    """How ORDER BY names an output column."""
    joins: ClassVar[tuple[str, ...]] = ("INNER", "LEFT", "RIGHT", "FULL")

    def translate(self) -> Translation:
        """Write the whole query.

        Raises
        ------
        AdqlError
            Code ``unsupported``, if the engine cannot do exactly what the query asks.
        """
        query = self.checked.query
        try:
            ctes = ", ".join(
                f"{self.checked.with_names[id(cte)]} AS ({self.body(cte.query)})" for cte in query.ctes
            )
            sql = self.body(query.body, [column.name for column in self.checked.columns])
        except RecursionError:
            raise AdqlError("too-deep", "The query is nested too deeply.", query.text, query.span) from None
        return Translation(f"WITH {ctes} {sql}" if ctes else sql, self.parameters)

    # --- what engines may change ---

    def limited(self, sql: str, top: int | None, offset: int | None, *, in_order: bool) -> str:
        """Add TOP and OFFSET to a query; ``in_order`` tells whether it has ORDER BY."""
        limit = f" LIMIT {top:d}" if top is not None else ""
        return sql + limit + (f" OFFSET {offset:d}" if offset else "")

    def alias(self, sql: str, name: str) -> str:
        """Give a table its name in the query."""
        return f"{sql} AS {name}"

    def order_term(self, key: str, direction: str) -> str:
        """Write one term of ORDER BY; ``key`` is an expression, or a column's place."""
        return f"{key} {direction} NULLS LAST"

    def operand(self, sql: str) -> str:
        """Write a query as operand of a set operator."""
        return f"({sql})"

    def set_operator(self, operator: str) -> str:
        """Write a set operator."""
        return operator

    # --- queries ---

    def body(self, body: tree.QueryBody, names: list[str] | None = None) -> str:
        """Write a query; its columns are called ``names``, or c1, c2 ..."""
        match body:
            case tree.Select():
                return self.select(body, names)
            case tree.Ordered(body=tree.Select() as select, order=order, offset=offset):
                return self.select(select, names, order or (), offset)
            case tree.Ordered(body=inner, order=order, offset=offset):
                outputs = self.checked.outputs[id(inner)]
                names = names or self.default_names(outputs)
                plain = isinstance(inner, tree.SetExpression)
                sql = self.body(inner, names) if plain else self.operand(self.body(inner, names))
                sql = self.ordered(sql, order or (), outputs, names)
                return self.limited(sql, None, offset, in_order=bool(order))
            case tree.SetExpression(first=first, steps=steps):
                kinds = [output.type.type for output in self.checked.outputs[id(body)]]
                sql = self.operand(self.widened(first, kinds, names))
                for number, step in enumerate(steps):
                    operator = f"{step.operator}{' ALL' if step.all else ''}"
                    if operator not in self.set_operators:
                        self.refuse(step, operator)
                    sql = self.operand(sql) if number else sql
                    other = self.operand(self.widened(step.operand, kinds))
                    sql = f"{sql} {self.set_operator(operator)} {other}"
                    self.bounded(sql, step)
                return sql

    def select(
        self,
        select: tree.Select,
        names: list[str] | None,
        order: tuple[tree.OrderTerm, ...] = (),
        offset: int | None = None,
    ) -> str:
        """Write one SELECT with the ORDER BY that follows it."""
        outputs = self.checked.outputs[id(select)]
        names = names or self.default_names(outputs)
        items = ", ".join(
            f"{self.item(output)} AS {self.identifier(name)}"
            for output, name in zip(outputs, names, strict=True)
        )
        distinct = "DISTINCT " if select.quantifier == "DISTINCT" else ""
        sql = f"SELECT {distinct}{items} FROM {', '.join(map(self.table, select.tables))}"  # noqa: S608
        self._outputs.append(outputs)
        if select.where:
            sql += f" WHERE {self.within(select.where, false_is_null=True)}"
        if select.group:
            sql += f" GROUP BY {', '.join(map(self.group_key, select.group))}"
        if select.having:
            sql += f" HAVING {self.within(select.having, false_is_null=True)}"
        sql = self.ordered(sql, order, outputs, names, select)
        self._outputs.pop()
        return self.bounded(self.limited(sql, select.top, offset, in_order=bool(order)), select)

    def chosen(self, query: tree.QueryBody, kind: str) -> str:
        """Write the query of IN, its column in a type."""
        return self.widened(query, [kind])

    def widened(self, body: tree.QueryBody, kinds: list[str], names: list[str] | None = None) -> str:
        """Write a query, its columns in some types; engines make a REAL of an integer that meets one."""
        outputs = self.checked.outputs[id(body)]
        names = names or self.default_names(outputs)
        sql = self.body(body, names)
        wider = [
            kind == "DOUBLE" and output.type.type not in ("DOUBLE", "NULL")
            for kind, output in zip(kinds, outputs, strict=True)
        ]
        if not any(wider):
            return sql
        columns = ", ".join(
            f"{self.double(f'u.{name}', output.type)} AS {name}" if wide else f"u.{name}"
            for name, output, wide in zip(map(self.identifier, names), outputs, wider, strict=True)
        )
        return f"SELECT {columns} FROM {self.alias(f'({sql})', 'u')}"  # noqa: S608

    def default_names(self, outputs: tuple[Output, ...]) -> list[str]:
        """Name the columns of a subquery."""
        return [f"c{number}" for number in range(1, len(outputs) + 1)]

    def item(self, output: Output) -> str:
        """Write the value of a column of the SELECT list."""
        return self.output(output)

    def group_key(self, value: tree.Value) -> str:
        """Write a GROUP BY term; a bare constant would be a column's place or an error to many engines."""
        named = isinstance(value, tree.ColumnReference) and self.checked.field_of(value) is None
        meant = self.named_output(value).value if named else value  # type: ignore[arg-type]
        if isinstance(meant, tree.Node) and not any(
            isinstance(n, tree.ColumnReference) for n in tree.walk(meant)
        ):
            self.refuse(value, "GROUP BY with a constant")
        return self.value(value)

    def ordered(
        self,
        sql: str,
        terms: tuple[tree.OrderTerm, ...],
        outputs: tuple[Output, ...],
        names: list[str],
        select: tree.Select | None = None,
    ) -> str:
        """Add ORDER BY to a query; ``select`` is None for one with set operators."""
        if not terms:
            return sql
        places = [self.output_place(term.value, outputs) for term in terms]
        closed = select is None or select.quantifier == "DISTINCT"  # only output columns can be named
        if closed and None in places:
            what = "a set operator" if select is None else "DISTINCT"
            self.refuse(terms[places.index(None)], f"ORDER BY with an expression after {what}")
        if closed and self.orders_by != "place":
            sql = f"SELECT * FROM {self.alias(f'({sql})', 'u')}"  # noqa: S608
        keys = []
        for term, place in zip(terms, places, strict=True):
            if place is None:
                key, kind = self.sort_key(term.value), self.type(term.value).type
            else:
                kind = outputs[place - 1].type.type
                if self.orders_by == "place" or _is_constant(outputs[place - 1].value):
                    key = str(place)  # a number by itself would be taken for a place
                elif self.orders_by == "name" or closed:
                    key = self.identifier(names[place - 1])
                else:
                    key = self.output(outputs[place - 1])
            key = self.in_order(key) if kind in ("VARCHAR", "CHAR") else key
            keys.append(self.order_term(key, term.direction or "ASC"))
        return f"{sql} ORDER BY {', '.join(keys)}"

    def output_place(self, value: tree.Value, outputs: tuple[Output, ...]) -> int | None:
        """Give the number of the output column that an ORDER BY term means, from 1."""
        if isinstance(value, tree.Number) and value.is_integer:
            return int(value.text)
        if not isinstance(value, tree.ColumnReference):
            return None
        found = self.checked.field_of(value)
        if found is None:
            return next((n for n, o in enumerate(outputs, 1) if value.path[-1].matches(o.name)), None)
        return next((n for n, o in enumerate(outputs, 1) if self.is_field(o.value, found)), None)

    def is_field(self, value: tree.Value | Field, column: Field) -> bool:
        """Whether an output column is just a column."""
        if isinstance(value, tree.ColumnReference):
            return self.checked.field_of(value) is column
        return value is column

    # --- tables ---

    def table(self, table: tree.TableExpression) -> str:
        """Write one part of FROM."""
        match table:
            case tree.TableName():
                source = self.checked.sources[id(table)]
                stored = self.stored_names.get(source.table, source.table)
                if stored.startswith("("):
                    return self.alias(stored, source.alias)
                return self.alias(".".join(map(self.identifier, stored.split("."))), source.alias)
            case tree.DerivedTable(query=query):
                return self.alias(f"({self.body(query)})", self.checked.sources[id(table)].alias)
            case tree.JoinedTable(first=first, joins=joins):
                sql = self.table(first)
                for join in joins:
                    if join.kind not in self.joins:
                        self.refuse(join, f"{join.kind} JOIN")
                    inner = self.table(join.table)
                    inner = f"({inner})" if isinstance(join.table, tree.JoinedTable) else inner
                    sql = f"{sql} {join.kind} JOIN {inner} ON {self.join_condition(join)}"
                return sql

    def join_condition(self, join: tree.Join) -> str:
        """Write ON; USING and NATURAL become equalities."""
        if isinstance(join.condition, tree.Node):
            return self.within(join.condition, false_is_null=True)
        pairs = self.checked.merged[id(join)]
        return " AND ".join(f"{self.field(a)} = {self.field(b)}" for a, b in pairs) or "1 = 1"


def _is_constant(value: tree.Value | Field) -> bool:
    operand = value.operand if isinstance(value, tree.Signed) else value
    return isinstance(operand, tree.Number | tree.Null)

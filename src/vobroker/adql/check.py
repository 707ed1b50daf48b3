"""Names, types and units: everything that can be known to be wrong before an engine sees the query.

Each value gets its type, unit and UCD; each column reference the column it means (ADQL 2.1 section 2.1.3
for upper and lower case); each ``*`` its columns. The result is what the translators work from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import chain
from typing import Any, NoReturn

from vobroker.adql import tree, units
from vobroker.adql.errors import AdqlError, nearest
from vobroker.adql.functions import ANY, FUNCTIONS, NUMBER, POSITION, SHAPE, TEXT, Parameter, Signature
from vobroker.votypes.columns import Column, Table

_NUMERIC = ("SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE")
_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")
_TEXTS = ("VARCHAR", "CHAR")
_SHAPES = ("POINT", "CIRCLE", "POLYGON", "BOX", "REGION")
_UNKNOWN = "UNKNOWN"
_SYSTEM_TYPES = {"DOUBLE PRECISION": "DOUBLE"}


@dataclass(frozen=True, slots=True)
class ValueType:
    """Type, unit and UCD of a value; ``unit`` is None where it is not known."""

    type: str
    unit: str | None = None
    ucd: str = ""
    description: str = ""
    utype: str = ""

    @property
    def is_integer(self) -> bool:
        """Whether the type is an exact number."""
        return self.type in _INTEGERS

    @property
    def is_numeric(self) -> bool:
        """Whether the type is a number."""
        return self.type in _NUMERIC


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """One column that a FROM clause offers.

    ``places`` are pairs of a source and a column in it; there are two where a FULL JOIN merged them.
    """

    name: str
    places: tuple[tuple[Source, str], ...]
    type: ValueType


@dataclass(eq=False, slots=True)
class Source:
    """One table in a FROM clause.

    ``alias`` is the name translators give it (``t1``, ``t2`` ...); ``table`` is its name in the catalogue, or
    in the WITH clause, or empty for a subquery.
    """

    alias: str
    names: tuple[tree.Identifier, ...]
    table: str = ""
    fields: list[Field] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a SELECT: its name, its value (a :class:`Field` where it came from ``*``), its type."""

    name: str
    value: tree.Value | Field
    type: ValueType


@dataclass(slots=True)
class CheckedQuery:
    """A query with all that was found out about it.

    Attributes
    ----------
    query
        The tree.
    columns
        Output columns with type, unit, UCD; names are unique.
    used
        Columns of catalogue tables that the query names, by table.
    """

    query: tree.Query
    columns: tuple[Column, ...] = ()
    used: dict[str, set[str]] = field(default_factory=dict)
    types: dict[int, ValueType] = field(default_factory=dict)
    fields: dict[int, Field] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    merged: dict[int, list[tuple[Field, Field]]] = field(default_factory=dict)
    outputs: dict[int, tuple[Output, ...]] = field(default_factory=dict)
    with_names: dict[int, str] = field(default_factory=dict)

    def type_of(self, value: tree.Node) -> ValueType:
        """Type, unit and UCD of a value in the tree."""
        return self.types[id(value)]

    def field_of(self, reference: tree.ColumnReference) -> Field | None:
        """Column that a reference means; None where it means an output column (ORDER BY, GROUP BY)."""
        return self.fields.get(id(reference))


def check(
    query: tree.Query,
    tables: Mapping[str, Table],
    functions: Mapping[str, Signature] | None = None,
) -> CheckedQuery:
    """Check a query against tables.

    Parameters
    ----------
    query
        Tree from :func:`vobroker.adql.parse`.
    tables
        Tables by name; a name may have dots for schema and catalog.
    functions
        User-defined functions by name.

    Raises
    ------
    AdqlError
        For an unknown or ambiguous name, a value of the wrong type, units that certainly do not fit, a
        misplaced aggregate.
    """
    checker = _Checker(query, tables, functions or {})
    try:
        return checker.run()
    except RecursionError:
        raise AdqlError("too-deep", "The query is nested too deeply.", query.text, query.span) from None


@dataclass(slots=True)
class _Relation:
    """What a FROM clause, or a part of it, offers: its tables, and its columns in the order of ``*``."""

    sources: list[Source]
    columns: list[Field]


@dataclass(slots=True)
class _Scope:
    """Where names are looked up: the relation, then the query around."""

    relation: _Relation
    outer: _Scope | None = None
    outputs: tuple[Output, ...] = ()
    aggregates: str = ""  # why a set function may not stand here; empty where it may


_CteColumns = tuple[Output, ...]


class _Checker:
    def __init__(
        self, query: tree.Query, tables: Mapping[str, Table], functions: Mapping[str, Signature]
    ) -> None:
        self.text = query.text
        self.tables = tables
        self.functions = {name.upper(): signature for name, signature in functions.items()}
        self.function_names = [*FUNCTIONS, *functions]
        self.checked = CheckedQuery(query)
        self.ctes: list[tuple[tree.Identifier, str, _CteColumns]] = []
        self.count = 0

    def run(self) -> CheckedQuery:
        query = self.checked.query
        for number, cte in enumerate(query.ctes, 1):
            if any(_same_name(cte.name, other) for other, _, _ in self.ctes):
                self.fail("duplicate-name", f"WITH names {cte.name.text} twice.", cte.name)
            outputs = self.body(cte.query, None)
            self.checked.with_names[id(cte)] = f"w{number}"
            self.ctes.append((cte.name, f"w{number}", outputs))
        outputs = self.body(query.body, None)
        self.checked.columns = tuple(
            Column(name, o.type.type, o.type.unit or "", o.type.ucd, o.type.description, o.type.utype)
            for name, o in zip(_unique([o.name for o in outputs]), outputs, strict=True)
        )
        return self.checked

    def fail(self, code: str, message: str, node: tree.Node, suggestion: str = "") -> NoReturn:
        raise AdqlError(code, message, self.text, node.span, suggestion)

    # --- queries ---

    def body(self, body: tree.QueryBody, outer: _Scope | None) -> tuple[Output, ...]:
        match body:
            case tree.Select():
                outputs, _ = self.select(body, outer)
            case tree.SetExpression():
                outputs = self.set_expression(body, outer)
            case tree.Ordered(body=inner, order=order):
                if isinstance(inner, tree.Select):
                    outputs, scope = self.select(inner, outer)
                    self.order(order or (), scope, inner)
                else:
                    outputs = self.body(inner, outer)
                    self.order(order or (), _Scope(_Relation([], []), outer, outputs), None)
        self.checked.outputs[id(body)] = outputs
        return outputs

    def set_expression(self, body: tree.SetExpression, outer: _Scope | None) -> tuple[Output, ...]:
        outputs = self.body(body.first, outer)
        for step in body.steps:
            others = self.body(step.operand, outer)
            if len(others) != len(outputs):
                message = f"{step.operator} joins queries of {len(outputs)} and {len(others)} columns."
                self.fail("set-columns", message, step)
            for mine, other in zip(outputs, others, strict=True):
                if _common(mine.type.type, other.type.type) is None:
                    message = (
                        f"{step.operator} joins column {mine.name} of type {mine.type.type} "
                        f"with {other.name} of type {other.type.type}."
                    )
                    self.fail("type", message, step)
            outputs = tuple(
                Output(mine.name, mine.value, _merge_types(mine.type, other.type))
                for mine, other in zip(outputs, others, strict=True)
            )
        return outputs

    def select(self, select: tree.Select, outer: _Scope | None) -> tuple[tuple[Output, ...], _Scope]:
        relation = _Relation([], [])
        for table in select.tables:
            part = self.table(table, outer)
            self.distinct_sources(relation, part, table)
            relation = _Relation(relation.sources + part.sources, relation.columns + part.columns)
        scope = _Scope(relation, outer)
        if select.where:
            self.condition(select.where, _Scope(relation, outer, (), "in WHERE"))
        outputs = tuple(chain.from_iterable(self.item(item, scope) for item in select.items))
        self.checked.outputs[id(select)] = outputs
        grouping = _Scope(relation, outer, outputs, "in GROUP BY")
        for value in select.group or ():
            self.value(value, grouping)
        if select.having:
            self.condition(select.having, _Scope(relation, outer))
        self.grouping(select, outputs)
        return outputs, _Scope(relation, outer, outputs)

    def item(self, item: tree.AllColumns | tree.DerivedColumn, scope: _Scope) -> Iterator[Output]:
        if isinstance(item, tree.AllColumns):
            columns = scope.relation.columns
            if item.qualifier:
                columns = self.source(item.qualifier, scope.relation, item).fields
            for column in columns:
                self.use(column)
                yield Output(column.name, column, column.type)
            return
        kind = self.value(item.value, scope)
        if item.alias:
            name = item.alias.text
        elif isinstance(item.value, tree.ColumnReference):
            name = self.checked.fields[id(item.value)].name
        else:
            name = _default_name(item.value)
        yield Output(name, item.value, kind)

    def order(self, terms: Iterable[tree.OrderTerm], scope: _Scope, select: tree.Select | None) -> None:
        for term in terms:
            if isinstance(term.value, tree.Number) and term.value.is_integer:
                if not 1 <= int(term.value.text) <= len(scope.outputs):
                    message = f"ORDER BY {term.value.text}: there are {len(scope.outputs)} columns."
                    self.fail("order", message, term)
                self.checked.types[id(term.value)] = ValueType("INTEGER")
                continue
            kind = self.value(term.value, scope, outputs_first=True)
            if kind.type in _SHAPES:
                self.fail("type", f"ORDER BY needs a value with an order, not a {kind.type}.", term)
            if select is not None and self.aggregated(select):
                self.only_grouped(term.value, select)

    def aggregated(self, select: tree.Select) -> bool:
        values = [item.value for item in select.items if isinstance(item, tree.DerivedColumn)]
        return bool(select.group or select.having) or any(_has_aggregate(value) for value in values)

    def grouping(self, select: tree.Select, outputs: tuple[Output, ...]) -> None:
        """Check that what is not aggregated is grouped (section 2.2)."""
        if not self.aggregated(select):
            return
        for item in select.items:
            if isinstance(item, tree.AllColumns):
                self.fail("grouping", "SELECT * cannot stand with GROUP BY or a set function.", item)
            self.only_grouped(item.value, select)
        if select.having:
            self.only_grouped(select.having, select)

    def only_grouped(self, node: tree.Node, select: tree.Select) -> None:
        keys = list(select.group or ())
        for key in select.group or ():
            output = self.output_named(key, self.checked.outputs[id(select)])
            if output is not None and isinstance(output.value, tree.Node):
                keys.append(output.value)
        self._only_grouped(node, keys, select)

    def _only_grouped(self, node: tree.Node, keys: list[tree.Value], select: tree.Select) -> None:
        if isinstance(node, tree.Aggregate) or any(self.same(node, key) for key in keys):
            return
        if isinstance(node, tree.ColumnReference):
            found = self.checked.field_of(node)
            local = {id(s) for s in self.local_sources(select)}
            if found is not None and all(id(source) in local for source, _ in found.places):
                message = f"{node.path[-1].text} is neither in GROUP BY nor in a set function."
                self.fail("grouping", message, node)
            return
        for child in tree.children(node):
            if not isinstance(child, (tree.Select, tree.SetExpression, tree.Ordered)):
                self._only_grouped(child, keys, select)

    def local_sources(self, select: tree.Select) -> Iterator[Source]:
        todo: list[tree.Node] = list(select.tables)
        while todo:
            table = todo.pop()
            if id(table) in self.checked.sources:
                yield self.checked.sources[id(table)]
            elif isinstance(table, tree.JoinedTable):
                todo += [table.first, *(join.table for join in table.joins)]

    def output_named(self, value: tree.Value, outputs: tuple[Output, ...]) -> Output | None:
        """Output column that a name alone means, where it is no input column."""
        if isinstance(value, tree.ColumnReference) and id(value) not in self.checked.fields:
            return next((o for o in outputs if value.path[-1].matches(o.name)), None)
        return None

    def same(self, left: Any, right: Any) -> bool:
        """Whether two values mean the same, names resolved."""
        if type(left) is not type(right):
            return False
        if isinstance(left, tree.ColumnReference):
            mine = self.checked.field_of(left)
            return mine is not None and mine is self.checked.field_of(right)
        if isinstance(left, tree.Node):
            names = [f.name for f in fields(left) if f.name != "span"]
            return all(self.same(getattr(left, name), getattr(right, name)) for name in names)
        if isinstance(left, tuple):
            return len(left) == len(right) and all(map(self.same, left, right))
        return bool(left == right)

    # --- tables ---

    def table(self, table: tree.TableExpression, outer: _Scope | None) -> _Relation:
        match table:
            case tree.TableName():
                source = self.named_table(table)
            case tree.DerivedTable(query=query, alias=alias):
                source = self.new_source((alias,), "")
                source.fields += _fields(source, self.body(query, outer))
            case tree.JoinedTable():
                return self.joined(table, outer)
        self.checked.sources[id(table)] = source
        return _Relation([source], list(source.fields))

    def new_source(self, names: tuple[tree.Identifier, ...], table: str) -> Source:
        self.count += 1
        return Source(f"t{self.count}", names, table)

    def named_table(self, node: tree.TableName) -> Source:
        names = (node.alias,) if node.alias else node.path
        if len(node.path) == 1:
            for name, with_name, outputs in self.ctes:
                if _same_name(name, node.path[0]):
                    source = self.new_source(names, with_name)
                    source.fields += _fields(source, outputs)
                    return source
        found = next(
            (t for name, t in self.tables.items() if _path_matches(node.path, name.split("."))), None
        )
        if found is None:
            written = ".".join(part.text for part in node.path)
            near = nearest(written, [*self.tables, *(name.text for name, _, _ in self.ctes)])
            message = f"There is no table {written}."
            self.fail("unknown-table", message, node.path[-1], _did_you_mean(near, list(self.tables)))
        key = next(name for name, t in self.tables.items() if t is found)
        source = self.new_source(names, key)
        for column in found:
            kind = ValueType(column.type, column.unit, column.ucd, column.description, column.utype)
            source.fields.append(Field(column.name, ((source, column.name),), kind))
        return source

    def joined(self, table: tree.JoinedTable, outer: _Scope | None) -> _Relation:
        relation = self.table(table.first, outer)
        for join in table.joins:
            right = self.table(join.table, outer)
            self.distinct_sources(relation, right, join.table)
            both = _Relation(relation.sources + right.sources, relation.columns + right.columns)
            if join.natural:
                names = [
                    tree.Identifier(join.span, column.name, True)
                    for column in relation.columns
                    if any(column.name == other.name for other in right.columns)
                ]
                relation = self.merge(join, relation, right, names)
            elif isinstance(join.condition, tuple):
                relation = self.merge(join, relation, right, join.condition)
            elif join.condition is None:
                self.fail("join", "JOIN needs ON or USING.", join, "Write NATURAL JOIN, or ON a.id = b.id.")
            else:
                self.condition(join.condition, _Scope(both, outer, (), "in ON"))
                relation = both
        return relation

    def distinct_sources(self, left: _Relation, right: _Relation, node: tree.Node) -> None:
        for mine in left.sources:
            for other in right.sources:
                if len(mine.names) == len(other.names) and all(map(_same_name, mine.names, other.names)):
                    name = ".".join(part.text for part in other.names)
                    self.fail(
                        "duplicate-name",
                        f"FROM has {name} twice.",
                        node,
                        "Give one of them another name: AS b.",
                    )

    def merge(
        self, join: tree.Join, left: _Relation, right: _Relation, names: Iterable[tree.Identifier]
    ) -> _Relation:
        """Join by equal names: each merged column comes first and once (SQL92 7.5)."""
        merged: list[Field] = []
        pairs: list[tuple[Field, Field]] = []
        for name in names:
            mine, other = (self.one(name, side.columns, join) for side in (left, right))
            if _common(mine.type.type, other.type.type) is None:
                self.fail("type", f"{name.text} is {mine.type.type} here and {other.type.type} there.", name)
            places = {"RIGHT": other.places, "FULL": mine.places + other.places}.get(join.kind, mine.places)
            merged.append(Field(mine.name, places, _merge_types(mine.type, other.type)))
            pairs.append((mine, other))
            self.use(mine)
            self.use(other)
        self.checked.merged[id(join)] = pairs
        gone = {id(column) for pair in pairs for column in pair}
        rest = [column for column in left.columns + right.columns if id(column) not in gone]
        return _Relation(left.sources + right.sources, merged + rest)

    def one(self, name: tree.Identifier, columns: list[Field], node: tree.Node) -> Field:
        found = [column for column in columns if name.matches(column.name)]
        if len(found) != 1:
            what = "more than one" if found else "no"
            at = name if name.span != node.span else node
            near = "" if found else nearest(name.text, [column.name for column in columns])
            self.fail(
                "unknown-column", f"One side of the join has {what} column {name.text}.", at, _near(near)
            )
        return found[0]

    # --- names ---

    def source(self, qualifier: tree.Path, relation: _Relation, node: tree.Node) -> Source:
        found = [s for s in relation.sources if _qualifies(qualifier, s.names)]
        if len(found) == 1:
            return found[0]
        written = ".".join(part.text for part in qualifier)
        if found:
            self.fail("ambiguous", f"{written} means more than one table in FROM.", node)
        known = [".".join(part.text for part in s.names) for s in relation.sources]
        suggestion = _did_you_mean(nearest(written, known), known)
        self.fail("unknown-table", f"FROM has no table {written}.", qualifier[0], suggestion)

    def find(self, path: tree.Path, scope: _Scope, node: tree.Node) -> Field | None:
        """Look a column up in one scope; None where the scope has none of that name."""
        *qualifier, name = path
        if not qualifier:
            found = [column for column in scope.relation.columns if name.matches(column.name)]
            if len(found) > 1:
                places = [p for column in found for p in column.places]
                tables = ", ".join(".".join(n.text for n in source.names) for source, _ in places)
                message = f"{name.text} is in more than one table: {tables}."
                suggestion = f"Write {places[0][0].names[-1].text}.{name.text}."
                self.fail("ambiguous", message, node, suggestion)
            return found[0] if found else None
        sources = [s for s in scope.relation.sources if _qualifies(tuple(qualifier), s.names)]
        if not sources:
            return None
        source = self.source(tuple(qualifier), scope.relation, node)
        found = [column for column in source.fields if name.matches(column.name)]
        if not found:
            known = [column.name for column in source.fields]
            table = ".".join(n.text for n in source.names)
            message = f"{table} has no column {name.text}."
            self.fail("unknown-column", message, name, _near(nearest(name.text, known)))
        return found[0]

    def column(self, node: tree.ColumnReference, scope: _Scope, outputs_first: bool) -> ValueType:
        name = node.path[-1]
        named = [o for o in scope.outputs if len(node.path) == 1 and name.matches(o.name)]
        if named and outputs_first:
            return named[0].type
        inner: _Scope | None = scope
        while inner is not None:
            found = self.find(node.path, inner, node)
            if found is not None:
                self.checked.fields[id(node)] = found
                self.use(found)
                return found.type
            inner = inner.outer
        if named:
            return named[0].type
        self.unknown_column(node, scope)

    def unknown_column(self, node: tree.ColumnReference, scope: _Scope) -> NoReturn:
        if len(node.path) > 1:
            self.source(node.path[:-1], scope.relation, node)
        name = node.path[-1]
        known = [column.name for column in scope.relation.columns] + [o.name for o in scope.outputs]
        if name.delimited:
            different_case = next((k for k in known if k.lower() == name.text.lower()), "")
            if different_case:
                suggestion = f"A name in double quotes keeps its case: write {different_case}."
            else:
                suggestion = f"A string is written in single quotes: '{name.text}'."
            self.fail("unknown-column", f'There is no column "{name.text}".', node, suggestion)
        suggestion = _near(nearest(name.text, known))
        if not suggestion:
            homes = [key for key, table in self.tables.items() if name.text in table]
            quoted = f"If it is text, write it in single quotes: '{name.text}'."
            suggestion = f"Table {homes[0]} has one; is it missing in FROM?" if homes else quoted
        self.fail("unknown-column", f"There is no column {name.text}.", node, suggestion)

    def use(self, column: Field) -> None:
        for source, name in column.places:
            if source.table in self.tables:
                self.checked.used.setdefault(source.table, set()).add(name)

    # --- values ---

    def value(self, node: tree.Value, scope: _Scope, *, outputs_first: bool = False) -> ValueType:
        """Find the type of a value and of all in it."""
        kind = self.value_type(node, scope, outputs_first)
        self.checked.types[id(node)] = kind
        return kind

    def value_type(self, node: tree.Value, scope: _Scope, outputs_first: bool) -> ValueType:
        match node:
            case tree.ColumnReference():
                return self.column(node, scope, outputs_first)
            case tree.Number():
                return ValueType(_number_type(node))
            case tree.String():
                return ValueType("VARCHAR")
            case tree.Null():
                return ValueType("NULL")
            case tree.Signed(operand=operand):
                return self.numeric(operand, scope, f"{node.sign} needs")
            case tree.Arithmetic():
                return self.arithmetic(node, scope)
            case tree.Concatenation(operands=operands):
                for operand in operands:
                    kind = self.value(operand, scope)
                    if kind.type not in (*_TEXTS, *_NUMERIC, "NULL", _UNKNOWN):
                        self.fail("type", f"|| joins strings, not a {kind.type}.", operand)
                return ValueType("VARCHAR")
            case tree.Function(name="COALESCE", arguments=arguments):
                return self.common([(a, self.value(a, scope)) for a in arguments], "COALESCE")
            case tree.Function():
                return self.function(node, scope)
            case tree.Aggregate():
                return self.aggregate(node, scope)
            case tree.Case():
                return self.case(node, scope)
            case tree.Cast():
                return self.cast(node, scope)
            case tree.InUnit():
                return self.in_unit(node, scope)
            case _:
                return self.geometry(node, scope)

    def numeric(self, node: tree.Value, scope: _Scope, who: str, unit: str = "") -> ValueType:
        kind = self.value(node, scope)
        if not (kind.is_numeric or kind.type in ("NULL", _UNKNOWN)):
            self.fail("type", f"{who} a number, not a {kind.type}.", node)
        if unit and units.differ(unit, kind.unit):
            suggestion = f"Write IN_UNIT(..., '{unit}')."
            if unit == "rad" and kind.unit == "deg":
                suggestion = "Write RADIANS(...)."
            self.fail("unit", f"{who} a number in {unit}, and this is in {kind.unit}.", node, suggestion)
        return kind

    def arithmetic(self, node: tree.Arithmetic, scope: _Scope) -> ValueType:
        result = self.numeric(node.first, scope, f"{node.steps[0][0]} needs")
        for operator, operand in node.steps:
            kind = self.numeric(operand, scope, f"{operator} needs")
            type_ = arithmetic_type(result.type, kind.type)
            if operator in "+-":
                if units.differ(result.unit, kind.unit):
                    word = "added to" if operator == "+" else "taken from"
                    pair = (kind.unit, result.unit)
                    message = f"A value in {pair[0]} cannot be {word} one in {pair[1]}."
                    self.fail("unit", message, operand, _convertible(*pair))
                keep = kind if result.unit is None else result
                result = ValueType(type_, keep.unit, keep.ucd if result.ucd == kind.ucd else "")
            else:
                # Only a ratio of equal units is sure: a factor such as 3600 may be a conversion by hand.
                ratio = operator == "/" and result.unit == kind.unit and result.unit in units.UNITS
                result = ValueType(type_, "" if ratio else None)
        return result

    def function(self, node: tree.Function, scope: _Scope) -> ValueType:
        signature = self.functions.get(node.name.upper()) if node.user_defined else FUNCTIONS[node.name]
        if signature is None:
            near = nearest(node.name, self.function_names)
            self.fail("unknown-function", f"There is no function {node.name}.", node, _near(near))
        most = len(signature.parameters)
        least = most - signature.optional
        if not least <= len(node.arguments) <= most:
            wanted = str(most) if least == most else f"{least} to {most}"
            message = f"{node.name} takes {wanted} arguments, not {len(node.arguments)}."
            self.fail("arguments", message, node)
        kinds = [
            self.argument(node.name, argument, parameter, scope)
            for argument, parameter in zip(node.arguments, signature.parameters, strict=False)
        ]
        if signature.result:
            return ValueType(signature.result, signature.unit)
        type_ = arithmetic_type(kinds[0].type, kinds[1].type) if node.name == "MOD" else kinds[0].type
        return ValueType("DOUBLE" if type_ == "NULL" else type_, kinds[0].unit, kinds[0].ucd)

    def argument(self, who: str, node: tree.Value, parameter: Parameter, scope: _Scope) -> ValueType:
        if parameter.kind == NUMBER:
            return self.numeric(node, scope, f"{who} needs", parameter.unit)
        kind = self.value(node, scope)
        fits = {
            TEXT: kind.type in _TEXTS,
            SHAPE: kind.type in _SHAPES,
            POSITION: kind.type == "POINT",
            ANY: True,
        }[parameter.kind]
        if not fits and kind.type not in ("NULL", _UNKNOWN):
            self.fail("type", f"{who} needs {parameter.kind}, not a {kind.type}.", node)
        return kind

    def aggregate(self, node: tree.Aggregate, scope: _Scope) -> ValueType:
        if scope.aggregates:
            suggestion = "Put it in HAVING." if "WHERE" in scope.aggregates else ""
            self.fail("aggregate", f"{node.name} cannot stand {scope.aggregates}.", node, suggestion)
        inner = _Scope(scope.relation, scope.outer, (), "in another set function")
        if node.argument is None:
            return ValueType("BIGINT", "", "meta.number")
        if node.name in ("AVG", "SUM"):
            kind = self.numeric(node.argument, inner, f"{node.name} needs")
            exact = kind.is_integer and node.name == "SUM"
            return ValueType("BIGINT" if exact else "DOUBLE", kind.unit, _with_ucd(node.name, kind.ucd))
        kind = self.value(node.argument, inner)
        if node.name == "COUNT":
            return ValueType("BIGINT", "", "meta.number")
        if kind.type in (*_SHAPES, "BLOB"):
            self.fail("type", f"{node.name} needs values with an order, not a {kind.type}.", node.argument)
        return ValueType(kind.type, kind.unit, _with_ucd(node.name, kind.ucd))

    def case(self, node: tree.Case, scope: _Scope) -> ValueType:
        subject = self.value(node.subject, scope) if node.subject is not None else None
        results = []
        for test, result in node.branches:
            if subject is not None and isinstance(test, tree.Value):
                self.comparable(node.subject, subject, test, self.value(test, scope), node)  # type: ignore[arg-type]
            elif subject is None and isinstance(test, tree.Condition):
                self.condition(test, scope)
            else:
                what = "a value" if subject is not None else "a condition"
                self.fail("type", f"WHEN needs {what} in this CASE.", test)
            results.append((result, self.value(result, scope)))
        if node.default is not None:
            results.append((node.default, self.value(node.default, scope)))
        return self.common(results, "CASE")

    def common(self, values: list[tuple[tree.Value, ValueType]], who: str) -> ValueType:
        result = values[0][1]
        for node, kind in values[1:]:
            type_ = _common(result.type, kind.type)
            if type_ is None:
                self.fail("type", f"{who} mixes {result.type} and {kind.type}.", node)
            if units.differ(result.unit, kind.unit):
                self.fail("unit", f"{who} mixes {result.unit} and {kind.unit}.", node)
            result = _merge_types(result, kind)
        return result

    def cast(self, node: tree.Cast, scope: _Scope) -> ValueType:
        kind = self.value(node.value, scope)
        target = _SYSTEM_TYPES.get(node.target.name, node.target.name)
        if target in _NUMERIC:
            fits = kind.type in (*_NUMERIC, *_TEXTS, "BOOLEAN")
        elif target == "TIMESTAMP":
            fits = kind.type in (*_TEXTS, "TIMESTAMP")
        elif target in _TEXTS:
            fits = kind.type not in (*_SHAPES, "BLOB")
        else:
            fits = kind.type == target
        if not fits and kind.type not in ("NULL", _UNKNOWN):
            self.fail("type", f"A {kind.type} cannot be cast to {node.target.name}.", node)
        keeps = target in _NUMERIC and kind.is_numeric
        return ValueType("VARCHAR" if target == "CHAR" else target, kind.unit if keeps else None, kind.ucd)

    def in_unit(self, node: tree.InUnit, scope: _Scope) -> ValueType:
        kind = self.numeric(node.value, scope, "IN_UNIT needs")
        target = node.unit.text
        if target not in units.UNITS:
            near = _near(nearest(target, units.UNITS))
            self.fail("unit", f"The unit '{target}' is not known here.", node.unit, near)
        if not kind.unit:
            self.fail("unit", "IN_UNIT needs a value whose unit is known.", node.value)
        if units.factor(kind.unit, target) is None:
            self.fail("unit", f"A value in {kind.unit} cannot be given in {target}.", node)
        return ValueType("DOUBLE", target, kind.ucd)

    def geometry(self, node: tree.Geometry, scope: _Scope) -> ValueType:
        match node:
            case tree.Point(coordinates=pair):
                self.coordinates(pair, scope, "POINT")
                return ValueType("POINT", "deg", "pos.eq")
            case tree.Circle(centre=centre, radius=radius):
                self.position(centre, scope, "CIRCLE")
                self.numeric(radius, scope, "The radius of a CIRCLE is", "deg")
                return ValueType("CIRCLE", "deg")
            case tree.Box(centre=centre, size=size):
                self.position(centre, scope, "BOX")
                self.coordinates(size, scope, "BOX")
                return ValueType("BOX", "deg")
            case tree.Polygon(vertices=vertices):
                for vertex in vertices:
                    self.position(vertex, scope, "POLYGON")
                return ValueType("POLYGON", "deg")
            case tree.Centroid(shape=shape):
                self.argument("CENTROID", shape, Parameter(SHAPE), scope)
                return ValueType("POINT", "deg", "pos.eq")
            case tree.Region():
                return ValueType("REGION", "deg")

    def coordinates(self, pair: tree.Pair, scope: _Scope, who: str) -> None:
        for value in pair:
            self.numeric(value, scope, f"A coordinate of {who} is", "deg")

    def position(self, place: tree.Pair | tree.Value, scope: _Scope, who: str) -> None:
        if isinstance(place, tuple):
            self.coordinates(place, scope, who)
        else:
            self.argument(who, place, Parameter(POSITION), scope)

    # --- conditions ---

    def condition(self, node: tree.Condition, scope: _Scope) -> None:
        match node:
            case tree.Logical(operands=operands):
                for operand in operands:
                    self.condition(operand, scope)
            case tree.Not(operand=operand):
                self.condition(operand, scope)
            case tree.Comparison(left=left, right=right):
                kinds = self.value(left, scope), self.value(right, scope)
                self.comparable(left, kinds[0], right, kinds[1], node)
            case tree.Between(subject=subject, low=low, high=high):
                kind = self.value(subject, scope)
                for bound in (low, high):
                    self.comparable(subject, kind, bound, self.value(bound, scope), node)
            case tree.In(subject=subject, choices=tuple() as choices):
                kind = self.value(subject, scope)
                for choice in choices:
                    self.comparable(subject, kind, choice, self.value(choice, scope), node)
            case tree.In(subject=subject, choices=query):
                kind = self.value(subject, scope)
                outputs = self.body(query, scope)  # type: ignore[arg-type]
                if len(outputs) != 1:
                    self.fail("subquery", f"IN needs a query of one column, not {len(outputs)}.", query)  # type: ignore[arg-type]
                if _common(kind.type, outputs[0].type.type) is None:
                    message = f"IN looks for a {kind.type} among values of type {outputs[0].type.type}."
                    self.fail("type", message, node)
            case tree.Like(subject=subject, pattern=pattern):
                for side in (subject, pattern):
                    self.argument(node.operator, side, Parameter(TEXT), scope)
            case tree.IsNull(subject=subject):
                self.value(subject, scope)
            case tree.Exists(query=query):
                self.body(query, scope)

    def comparable(
        self,
        left: tree.Value,
        left_type: ValueType,
        right: tree.Value,
        right_type: ValueType,
        node: tree.Node,
    ) -> None:
        """Fail where two values cannot be compared."""
        types = (left_type.type, right_type.type)
        for kind, other, literal in ((left_type, right_type, right), (right_type, left_type, left)):
            if kind.type == "BOOLEAN" and other.is_numeric:
                if isinstance(literal, tree.Number) and literal.text in ("0", "1"):
                    return
                self.fail("type", "A BOOLEAN is compared with 1 (true) or 0 (false).", literal)
            if kind.type == "TIMESTAMP" and isinstance(literal, tree.String):
                if _is_timestamp(literal.text):
                    return
                message = f"'{literal.text}' is not a time."
                self.fail("type", message, literal, "Write it as '2026-11-24T03:15:00'.")
        if _common(*types) is None or set(types) & {*_SHAPES, "BLOB"}:
            suggestion = ""
            for kind, literal in ((left_type, right), (right_type, left)):
                if kind.is_numeric and isinstance(literal, tree.String) and _is_number(literal.text):
                    suggestion = f"Leave the quotes away: {literal.text}."
                elif kind.type in _TEXTS and isinstance(literal, tree.Number):
                    suggestion = f"Put it in quotes: '{literal.text}'."
            self.fail("type", f"A {types[0]} cannot be compared with a {types[1]}.", node, suggestion)
        if units.differ(left_type.unit, right_type.unit):
            pair = (right_type.unit, left_type.unit)
            message = f"A value in {left_type.unit} is compared with one in {right_type.unit}."
            self.fail("unit", message, node, _convertible(*pair))


# --- small rules ------------------------------------------------------------------------------------------


def _same_name(left: tree.Identifier, right: tree.Identifier) -> bool:
    if left.delimited and right.delimited:
        return left.text == right.text
    return left.text.lower() == right.text.lower()


def _path_matches(path: tree.Path, names: list[str]) -> bool:
    return len(path) == len(names) and all(part.matches(name) for part, name in zip(path, names, strict=True))


def _qualifies(qualifier: tree.Path, names: tuple[tree.Identifier, ...]) -> bool:
    """Whether a qualifier means a table: all of its name, or the last parts of it."""
    tail = names[-len(qualifier) :]
    return len(tail) == len(qualifier) and all(map(_same_name, qualifier, tail))


def _fields(source: Source, outputs: tuple[Output, ...]) -> list[Field]:
    return [Field(o.name, ((source, f"c{number}"),), o.type) for number, o in enumerate(outputs, 1)]


def _has_aggregate(node: tree.Node) -> bool:
    if isinstance(node, tree.Aggregate):
        return True
    queries = (tree.Select, tree.SetExpression, tree.Ordered)
    return any(_has_aggregate(child) for child in tree.children(node) if not isinstance(child, queries))


def _number_type(node: tree.Number) -> str:
    if not node.is_integer:
        return "DOUBLE"
    value = int(node.text) if len(node.text) < 20 else 2**64
    return "INTEGER" if value < 2**31 else "BIGINT" if value < 2**63 else "DOUBLE"


def arithmetic_type(left: str, right: str) -> str:
    """Type of an operation: the wider one; a REAL with an integer is a DOUBLE, since a REAL loses digits."""
    types = {left, right} & set(_NUMERIC)
    if not types or (types & {"REAL", "DOUBLE"} and types & set(_INTEGERS)):
        return "DOUBLE"
    return max(types, key=_NUMERIC.index)


def _common(left: str, right: str) -> str | None:
    """Type that holds values of both types; None where there is none."""
    if left == right or right in ("NULL", _UNKNOWN):
        return left
    if left in ("NULL", _UNKNOWN):
        return right
    if left in _NUMERIC and right in _NUMERIC:
        return arithmetic_type(left, right)
    return "VARCHAR" if {left, right} <= set(_TEXTS) else None


def _merge_types(left: ValueType, right: ValueType) -> ValueType:
    type_ = _common(left.type, right.type) or left.type
    unit = left.unit if left.unit is not None else right.unit
    return ValueType(type_, unit, left.ucd or right.ucd, left.description, left.utype)


def _with_ucd(name: str, ucd: str) -> str:
    word = {"AVG": "stat.mean", "MIN": "stat.min", "MAX": "stat.max"}.get(name, "")
    return f"{ucd};{word}" if ucd and word else ucd


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _default_name(value: tree.Value) -> str:
    if isinstance(value, (tree.Function, tree.Aggregate)):
        return value.name.lower()
    return type(value).__name__.lower()


def _unique(names: list[str]) -> list[str]:
    """Make names different for engines that ignore case: the second ``ra`` becomes ``ra_2``."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate.lower())
        result.append(candidate)
    return result


def _near(name: str) -> str:
    return f"Did you mean {name}?" if name else ""


def _did_you_mean(name: str, known: list[str]) -> str:
    return _near(name) or (f"Known: {', '.join(known[:12])}." if known else "")


def _convertible(unit: str | None, target: str | None) -> str:
    known = unit is not None and target is not None and units.factor(unit, target) is not None
    return f"Write IN_UNIT(..., '{target}')." if known else ""

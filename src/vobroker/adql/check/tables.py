"""FROM: tables, subqueries and joins, and the columns that they offer (section 2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable

from vobroker.adql import tree
from vobroker.adql.check.advice import did_you_mean, did_you_mean_of
from vobroker.adql.check.context import Context, Relation, Scope
from vobroker.adql.check.model import Field, Output, Source, ValueType
from vobroker.adql.check.names import path_matches, same_name, use
from vobroker.adql.check.types import common_type, merge_types
from vobroker.adql.errors import nearest


def offered(context: Context, table: tree.TableExpression, outer: Scope | None) -> Relation:
    """Check what stands between commas in FROM, and give what it offers."""
    match table:
        case tree.TableName():
            source = _named_table(context, table)
        case tree.DerivedTable(query=query, alias=alias):
            source = _new_source(context, (alias,), "")
            source.fields += _fields(source, context.query(query, outer))
        case tree.JoinedTable():
            return _joined(context, table, outer)
    context.checked.sources[id(table)] = source
    return Relation([source], list(source.fields))


def _new_source(context: Context, names: tuple[tree.Identifier, ...], table: str) -> Source:
    context.count += 1
    return Source(f"t{context.count}", names, table)


def _named_table(context: Context, node: tree.TableName) -> Source:
    names = (node.alias,) if node.alias else node.path
    if len(node.path) == 1:
        for cte in context.ctes:
            if same_name(cte.name, node.path[0]):
                source = _new_source(context, names, cte.table)
                source.fields += _fields(source, cte.outputs)
                return source
    found = next((t for name, t in context.tables.items() if path_matches(node.path, name.split("."))), None)
    if found is None:
        written = ".".join(part.text for part in node.path)
        near = nearest(written, [*context.tables, *(cte.name.text for cte in context.ctes)])
        message = f"There is no table {written}."
        context.fail("unknown-table", message, node.path[-1], did_you_mean_of(near, list(context.tables)))
    key = next(name for name, t in context.tables.items() if t is found)
    source = _new_source(context, names, key)
    source.position = found.position
    for column in found:
        kind = ValueType(
            column.type, column.unit, column.ucd, column.description, column.utype, column.system
        )
        source.fields.append(Field(column.name, ((source, column.name),), kind))
    return source


def _joined(context: Context, table: tree.JoinedTable, outer: Scope | None) -> Relation:
    relation = offered(context, table.first, outer)
    for join in table.joins:
        right = offered(context, join.table, outer)
        distinct_sources(context, relation, right, join.table)
        both = Relation(relation.sources + right.sources, relation.columns + right.columns)
        if join.natural:
            names = [
                tree.Identifier(join.span, column.name, True)
                for column in relation.columns
                if any(column.name == other.name for other in right.columns)
            ]
            relation = _merge(context, join, relation, right, names)
        elif isinstance(join.condition, tuple):
            relation = _merge(context, join, relation, right, join.condition)
        elif join.condition is None:
            context.fail("join", "JOIN needs ON or USING.", join, "Write NATURAL JOIN, or ON a.id = b.id.")
        else:
            context.condition(join.condition, Scope(both, outer, (), "in ON"))
            relation = both
    return relation


def distinct_sources(context: Context, left: Relation, right: Relation, node: tree.Node) -> None:
    """Fail where two tables of one FROM have the same name."""
    for mine in left.sources:
        for other in right.sources:
            if len(mine.names) == len(other.names) and all(map(same_name, mine.names, other.names)):
                name = ".".join(part.text for part in other.names)
                context.fail(
                    "duplicate-name",
                    f"FROM has {name} twice.",
                    node,
                    "Give one of them another name: AS b.",
                )


def _merge(
    context: Context, join: tree.Join, left: Relation, right: Relation, names: Iterable[tree.Identifier]
) -> Relation:
    """Join by equal names: each merged column comes first and once (SQL92 7.5)."""
    merged: list[Field] = []
    pairs: list[tuple[Field, Field]] = []
    for name in names:
        mine, other = (_one(context, name, side.columns, join) for side in (left, right))
        if common_type(mine.type.type, other.type.type) is None:
            context.fail("type", f"{name.text} is {mine.type.type} here and {other.type.type} there.", name)
        places = {"RIGHT": other.places, "FULL": mine.places + other.places}.get(join.kind, mine.places)
        merged.append(Field(mine.name, places, merge_types(mine.type, other.type)))
        pairs.append((mine, other))
        use(context, mine)
        use(context, other)
    context.checked.merged[id(join)] = pairs
    gone = {id(column) for pair in pairs for column in pair}
    rest = [column for column in left.columns + right.columns if id(column) not in gone]
    return Relation(left.sources + right.sources, merged + rest)


def _one(context: Context, name: tree.Identifier, columns: list[Field], node: tree.Node) -> Field:
    found = [column for column in columns if name.matches(column.name)]
    if len(found) != 1:
        what = "more than one" if found else "no"
        at = name if name.span != node.span else node
        near = "" if found else nearest(name.text, [column.name for column in columns])
        context.fail(
            "unknown-column", f"One side of the join has {what} column {name.text}.", at, did_you_mean(near)
        )
    return found[0]


def _fields(source: Source, outputs: tuple[Output, ...]) -> list[Field]:
    return [Field(o.name, ((source, f"c{number}"),), o.type) for number, o in enumerate(outputs, 1)]

"""Names: which table and which column each one means (ADQL 2.1 section 2.1.3 for upper and lower case)."""

from __future__ import annotations

from typing import NoReturn

from vobroker.adql import tree
from vobroker.adql.check.advice import did_you_mean, did_you_mean_of
from vobroker.adql.check.context import Context, Relation, Scope
from vobroker.adql.check.model import Field, Source, ValueType
from vobroker.adql.errors import nearest


def column(context: Context, node: tree.ColumnReference, scope: Scope, outputs_first: bool) -> ValueType:
    """Find the column that a reference means, here or in a query around, and give its type."""
    name = node.path[-1]
    named = [o for o in scope.outputs if len(node.path) == 1 and name.matches(o.name)]
    if named and outputs_first:
        return named[0].type
    inner: Scope | None = scope
    while inner is not None:
        found = _find(context, node.path, inner, node)
        if found is not None:
            context.checked.fields[id(node)] = found
            use(context, found)
            return found.type
        inner = inner.outer
    if named:
        return named[0].type
    _unknown_column(context, node, scope)


def use(context: Context, column: Field) -> None:
    """Note that the query needs a column of the catalogue."""
    for source, name in column.places:
        if source.table in context.tables:
            context.checked.used.setdefault(source.table, set()).add(name)


def source_named(context: Context, qualifier: tree.Path, relation: Relation, node: tree.Node) -> Source:
    """Give the table of FROM that a qualifier means."""
    found = [s for s in relation.sources if qualifies(qualifier, s.names)]
    if len(found) == 1:
        return found[0]
    written = ".".join(part.text for part in qualifier)
    if found:
        context.fail("ambiguous", f"{written} means more than one table in FROM.", node)
    known = [".".join(part.text for part in s.names) for s in relation.sources]
    suggestion = did_you_mean_of(nearest(written, known), known)
    context.fail("unknown-table", f"FROM has no table {written}.", qualifier[0], suggestion)


def _find(context: Context, path: tree.Path, scope: Scope, node: tree.Node) -> Field | None:
    """Look a column up in one scope; None where the scope has none of that name."""
    *qualifier, name = path
    if not qualifier:
        found = [column for column in scope.relation.columns if name.matches(column.name)]
        if len(found) > 1:
            places = [p for column in found for p in column.places]
            tables = ", ".join(".".join(n.text for n in source.names) for source, _ in places)
            message = f"{name.text} is in more than one table: {tables}."
            suggestion = f"Write {places[0][0].names[-1].text}.{name.text}."
            context.fail("ambiguous", message, node, suggestion)
        return found[0] if found else None
    sources = [s for s in scope.relation.sources if qualifies(tuple(qualifier), s.names)]
    if not sources:
        return None
    source = source_named(context, tuple(qualifier), scope.relation, node)
    found = [column for column in source.fields if name.matches(column.name)]
    if not found:
        known = [column.name for column in source.fields]
        table = ".".join(n.text for n in source.names)
        message = f"{table} has no column {name.text}."
        context.fail("unknown-column", message, name, did_you_mean(nearest(name.text, known)))
    return found[0]


def _unknown_column(context: Context, node: tree.ColumnReference, scope: Scope) -> NoReturn:
    if len(node.path) > 1:
        source_named(context, node.path[:-1], scope.relation, node)
    name = node.path[-1]
    known = [column.name for column in scope.relation.columns] + [o.name for o in scope.outputs]
    if name.delimited:
        different_case = next((k for k in known if k.lower() == name.text.lower()), "")
        if different_case:
            suggestion = f"A name in double quotes keeps its case: write {different_case}."
        else:
            suggestion = f"A string is written in single quotes: '{name.text}'."
        context.fail("unknown-column", f'There is no column "{name.text}".', node, suggestion)
    suggestion = did_you_mean(nearest(name.text, known))
    if not suggestion:
        homes = [key for key, table in context.tables.items() if name.text in table]
        quoted = f"If it is text, write it in single quotes: '{name.text}'."
        suggestion = f"Table {homes[0]} has one; is it missing in FROM?" if homes else quoted
    context.fail("unknown-column", f"There is no column {name.text}.", node, suggestion)


def same_name(left: tree.Identifier, right: tree.Identifier) -> bool:
    """Whether two names mean the same (section 2.1.3)."""
    if left.delimited and right.delimited:
        return left.text == right.text
    return left.text.lower() == right.text.lower()


def path_matches(path: tree.Path, names: list[str]) -> bool:
    """Whether a dotted name means a table of the catalogue."""
    return len(path) == len(names) and all(part.matches(name) for part, name in zip(path, names, strict=True))


def qualifies(qualifier: tree.Path, names: tuple[tree.Identifier, ...]) -> bool:
    """Whether a qualifier means a table: all of its name, or the last parts of it."""
    tail = names[-len(qualifier) :]
    return len(tail) == len(qualifier) and all(map(same_name, qualifier, tail))

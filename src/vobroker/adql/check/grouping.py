"""GROUP BY: what is not in a set function must be grouped (section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from typing import Any

from vobroker.adql import tree
from vobroker.adql.check.context import Context
from vobroker.adql.check.model import Output, Source


def is_aggregated(select: tree.Select) -> bool:
    """Whether a query gives one row for each group."""
    values = [item.value for item in select.items if isinstance(item, tree.DerivedColumn)]
    return bool(select.group or select.having) or any(_has_aggregate(value) for value in values)


def check_grouping(context: Context, select: tree.Select) -> None:
    """Check that what is not aggregated is grouped (section 2.2)."""
    if not is_aggregated(select):
        return
    for item in select.items:
        if isinstance(item, tree.AllColumns):
            context.fail("grouping", "SELECT * cannot stand with GROUP BY or a set function.", item)
        only_grouped(context, item.value, select)
    if select.having:
        only_grouped(context, select.having, select)


def only_grouped(context: Context, node: tree.Node, select: tree.Select) -> None:
    """Fail where a column is neither a key of the groups nor in a set function."""
    keys = list(select.group or ())
    for key in select.group or ():
        output = _output_named(context, key, context.checked.outputs[id(select)])
        if output is not None and isinstance(output.value, tree.Node):
            keys.append(output.value)
    _only_grouped(context, node, keys, select)


def _only_grouped(context: Context, node: tree.Node, keys: list[tree.Value], select: tree.Select) -> None:
    if isinstance(node, tree.Aggregate) or any(_same(context, node, key) for key in keys):
        return
    if isinstance(node, tree.ColumnReference):
        found = context.checked.field_of(node)
        local = {id(s) for s in _local_sources(context, select)}
        if found is not None and all(id(source) in local for source, _ in found.places):
            message = f"{node.path[-1].text} is neither in GROUP BY nor in a set function."
            context.fail("grouping", message, node)
        return
    for child in tree.children(node):
        if not isinstance(child, (tree.Select, tree.SetExpression, tree.Ordered)):
            _only_grouped(context, child, keys, select)


def _local_sources(context: Context, select: tree.Select) -> Iterator[Source]:
    todo: list[tree.Node] = list(select.tables)
    while todo:
        table = todo.pop()
        if id(table) in context.checked.sources:
            yield context.checked.sources[id(table)]
        elif isinstance(table, tree.JoinedTable):
            todo += [table.first, *(join.table for join in table.joins)]


def _output_named(context: Context, value: tree.Value, outputs: tuple[Output, ...]) -> Output | None:
    """Output column that a name alone means, where it is no input column."""
    if isinstance(value, tree.ColumnReference) and id(value) not in context.checked.fields:
        return next((o for o in outputs if value.path[-1].matches(o.name)), None)
    return None


def _same(context: Context, left: Any, right: Any) -> bool:
    """Whether two values mean the same, names resolved."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tree.ColumnReference):
        mine = context.checked.field_of(left)
        return mine is not None and mine is context.checked.field_of(right)
    if isinstance(left, tree.Node):
        names = [f.name for f in fields(left) if f.name != "span"]
        return all(_same(context, getattr(left, name), getattr(right, name)) for name in names)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(partial(_same, context), left, right))
    return bool(left == right)


def _has_aggregate(node: tree.Node) -> bool:
    if isinstance(node, tree.Aggregate):
        return True
    queries = (tree.Select, tree.SetExpression, tree.Ordered)
    return any(_has_aggregate(child) for child in tree.children(node) if not isinstance(child, queries))

"""Queries: SELECT and its clauses in the order in which they are evaluated, set operators, ORDER BY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vobroker.adql import tree
from vobroker.adql.check.context import Context, Relation, Scope
from vobroker.adql.check.grouping import check_grouping, is_aggregated, only_grouped
from vobroker.adql.check.model import SHAPES, Output, ValueType
from vobroker.adql.check.names import source_named, use
from vobroker.adql.check.tables import distinct_sources, offered
from vobroker.adql.check.types import common_type, merge_types


def query(context: Context, body: tree.QueryBody, outer: Scope | None) -> tuple[Output, ...]:
    """Check a query and give its columns."""
    match body:
        case tree.Select():
            outputs, _ = _select(context, body, outer)
        case tree.SetExpression():
            outputs = _set_expression(context, body, outer)
        case tree.Ordered(body=inner, order=order):
            if isinstance(inner, tree.Select):
                outputs, scope = _select(context, inner, outer)
                _order(context, order or (), scope, inner)
            else:
                outputs = context.query(inner, outer)
                _order(context, order or (), Scope(Relation([], []), outer, outputs), None)
    return outputs


def _set_expression(context: Context, body: tree.SetExpression, outer: Scope | None) -> tuple[Output, ...]:
    outputs = context.query(body.first, outer)
    for step in body.steps:
        others = context.query(step.operand, outer)
        if len(others) != len(outputs):
            message = f"{step.operator} joins queries of {len(outputs)} and {len(others)} columns."
            context.fail("set-columns", message, step)
        for mine, other in zip(outputs, others, strict=True):
            if common_type(mine.type.type, other.type.type) is None:
                message = (
                    f"{step.operator} joins column {mine.name} of type {mine.type.type} "
                    f"with {other.name} of type {other.type.type}."
                )
                context.fail("type", message, step)
        outputs = tuple(
            Output(mine.name, mine.value, merge_types(mine.type, other.type))
            for mine, other in zip(outputs, others, strict=True)
        )
    return outputs


def _select(context: Context, select: tree.Select, outer: Scope | None) -> tuple[tuple[Output, ...], Scope]:
    relation = Relation([], [])
    for table in select.tables:
        part = offered(context, table, outer)
        distinct_sources(context, relation, part, table)
        relation = Relation(relation.sources + part.sources, relation.columns + part.columns)
    scope = Scope(relation, outer)
    if select.where:
        context.condition(select.where, Scope(relation, outer, (), "in WHERE"))
    outputs = tuple(chain.from_iterable(_item(context, item, scope) for item in select.items))
    context.checked.outputs[id(select)] = outputs
    grouping = Scope(relation, outer, outputs, "in GROUP BY")
    for value in select.group or ():
        context.value(value, grouping)
    if select.having:
        context.condition(select.having, Scope(relation, outer))
    check_grouping(context, select)
    return outputs, Scope(relation, outer, outputs)


def _item(context: Context, item: tree.AllColumns | tree.DerivedColumn, scope: Scope) -> Iterator[Output]:
    if isinstance(item, tree.AllColumns):
        columns = scope.relation.columns
        if item.qualifier:
            columns = source_named(context, item.qualifier, scope.relation, item).fields
        for column in columns:
            use(context, column)
            yield Output(column.name, column, column.type)
        return
    kind = context.value(item.value, scope)
    if item.alias:
        name = item.alias.text
    elif isinstance(item.value, tree.ColumnReference):
        name = context.checked.fields[id(item.value)].name
    else:
        name = _default_name(item.value)
    yield Output(name, item.value, kind)


def _order(
    context: Context, terms: Iterable[tree.OrderTerm], scope: Scope, select: tree.Select | None
) -> None:
    for term in terms:
        if isinstance(term.value, tree.Number) and term.value.is_integer:
            if not 1 <= int(term.value.text) <= len(scope.outputs):
                message = f"ORDER BY {term.value.text}: there are {len(scope.outputs)} columns."
                context.fail("order", message, term)
            context.checked.types[id(term.value)] = ValueType("INTEGER")
            continue
        kind = context.value(term.value, scope, outputs_first=True)
        if kind.type in SHAPES:
            context.fail("type", f"ORDER BY needs a value with an order, not a {kind.type}.", term)
        if select is not None and is_aggregated(select):
            only_grouped(context, term.value, select)


def _default_name(value: tree.Value) -> str:
    if isinstance(value, (tree.Function, tree.Aggregate)):
        return value.name.lower()
    return type(value).__name__.lower()

"""Conditions: what is compared must be comparable (section 2.2.3)."""

from __future__ import annotations

from vobroker.adql import tree
from vobroker.adql.check.context import Context, Scope
from vobroker.adql.check.operands import argument, comparable
from vobroker.adql.check.types import common_type
from vobroker.adql.functions import TEXT, Parameter


def condition(context: Context, node: tree.Condition, scope: Scope) -> None:
    """Check a condition and all in it."""
    match node:
        case tree.Logical(operands=operands):
            for operand in operands:
                context.condition(operand, scope)
        case tree.Not(operand=operand):
            context.condition(operand, scope)
        case tree.Comparison(left=left, right=right):
            kinds = context.value(left, scope), context.value(right, scope)
            comparable(context, left, kinds[0], right, kinds[1], node)
        case tree.Between(subject=subject, low=low, high=high):
            kind = context.value(subject, scope)
            for bound in (low, high):
                comparable(context, subject, kind, bound, context.value(bound, scope), node)
        case tree.In(subject=subject, choices=tuple() as choices):
            kind = context.value(subject, scope)
            for choice in choices:
                comparable(context, subject, kind, choice, context.value(choice, scope), node)
        case tree.In(subject=subject, choices=query):
            kind = context.value(subject, scope)
            outputs = context.query(query, scope)  # type: ignore[arg-type]
            if len(outputs) != 1:
                context.fail("subquery", f"IN needs a query of one column, not {len(outputs)}.", query)  # type: ignore[arg-type]
            if common_type(kind.type, outputs[0].type.type) is None:
                message = f"IN looks for a {kind.type} among values of type {outputs[0].type.type}."
                context.fail("type", message, node)
        case tree.Like(subject=subject, pattern=pattern):
            for side in (subject, pattern):
                argument(context, node.operator, side, Parameter(TEXT), scope)
        case tree.IsNull(subject=subject):
            context.value(subject, scope)
        case tree.Exists(query=query):
            context.query(query, scope)

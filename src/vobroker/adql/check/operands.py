"""What stands beside an operator or in a function: its type and its unit must fit."""

from __future__ import annotations

from vobroker.adql import tree, units
from vobroker.adql.check.advice import convertible
from vobroker.adql.check.context import Context, Scope
from vobroker.adql.check.model import SHAPES, TEXTS, UNDECIDED, ValueType
from vobroker.adql.check.types import common_type, is_number, is_timestamp, merge_types
from vobroker.adql.functions import ANY, NUMBER, POSITION, SHAPE, TEXT, Parameter


def numeric(context: Context, node: tree.Value, scope: Scope, who: str, unit: str = "") -> ValueType:
    """Find the type of what must be a number, in ``unit`` where one is wanted."""
    kind = context.value(node, scope)
    if not (kind.is_numeric or kind.type in UNDECIDED):
        context.fail("type", f"{who} a number, not a {kind.type}.", node)
    if unit and units.differ(unit, kind.unit):
        suggestion = f"Write IN_UNIT(..., '{unit}')."
        if unit == "rad" and kind.unit == "deg":
            suggestion = "Write RADIANS(...)."
        context.fail("unit", f"{who} a number in {unit}, and this is in {kind.unit}.", node, suggestion)
    return kind


def argument(context: Context, who: str, node: tree.Value, parameter: Parameter, scope: Scope) -> ValueType:
    """Find the type of what must fit a parameter of a function."""
    if parameter.kind == NUMBER:
        return numeric(context, node, scope, f"{who} needs", parameter.unit)
    kind = context.value(node, scope)
    fits = {
        TEXT: kind.type in TEXTS,
        SHAPE: kind.type in SHAPES,
        POSITION: kind.type == "POINT",
        ANY: True,
    }[parameter.kind]
    if not fits and kind.type not in UNDECIDED:
        context.fail("type", f"{who} needs {parameter.kind}, not a {kind.type}.", node)
    return kind


def common(context: Context, values: list[tuple[tree.Value, ValueType]], who: str) -> ValueType:
    """Give the type that holds all of some values."""
    result = values[0][1]
    for node, kind in values[1:]:
        type_ = common_type(result.type, kind.type)
        if type_ is None:
            context.fail("type", f"{who} mixes {result.type} and {kind.type}.", node)
        if units.differ(result.unit, kind.unit):
            context.fail("unit", f"{who} mixes {result.unit} and {kind.unit}.", node)
        result = merge_types(result, kind)
    return result


def comparable(
    context: Context,
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
            context.fail("type", "A BOOLEAN is compared with 1 (true) or 0 (false).", literal)
        if kind.type == "TIMESTAMP" and isinstance(literal, tree.String):
            if is_timestamp(literal.text):
                return
            message = f"'{literal.text}' is not a time."
            context.fail("type", message, literal, "Write it as '2026-11-24T03:15:00'.")
    if common_type(*types) is None or set(types) & {*SHAPES, "BLOB"}:
        suggestion = ""
        for kind, literal in ((left_type, right), (right_type, left)):
            if kind.is_numeric and isinstance(literal, tree.String) and is_number(literal.text):
                suggestion = f"Leave the quotes away: {literal.text}."
            elif kind.type in TEXTS and isinstance(literal, tree.Number):
                suggestion = f"Put it in quotes: '{literal.text}'."
        context.fail("type", f"A {types[0]} cannot be compared with a {types[1]}.", node, suggestion)
    if units.differ(left_type.unit, right_type.unit):
        pair = (right_type.unit, left_type.unit)
        message = f"A value in {left_type.unit} is compared with one in {right_type.unit}."
        context.fail("unit", message, node, convertible(*pair))

"""Values: the type, unit and UCD of each expression (section 2.2.3)."""

from __future__ import annotations

from vobroker.adql import tree, units
from vobroker.adql.check.advice import convertible, did_you_mean
from vobroker.adql.check.context import Context, Scope
from vobroker.adql.check.functions import aggregate, function
from vobroker.adql.check.geometry import geometry
from vobroker.adql.check.model import NUMERIC, SHAPES, TEXTS, UNDECIDED, ValueType
from vobroker.adql.check.names import column
from vobroker.adql.check.operands import common, comparable, numeric
from vobroker.adql.check.types import arithmetic_type, number_type
from vobroker.adql.errors import nearest

_SYSTEM_TYPES = {"DOUBLE PRECISION": "DOUBLE"}


def value(context: Context, node: tree.Value, scope: Scope, outputs_first: bool) -> ValueType:
    """Find the type of a value and of all in it."""
    match node:
        case tree.ColumnReference():
            return column(context, node, scope, outputs_first)
        case tree.Number():
            return ValueType(number_type(node))
        case tree.String():
            return ValueType("VARCHAR")
        case tree.Null():
            return ValueType("NULL")
        case tree.Signed(operand=operand):
            kind = numeric(context, operand, scope, f"{node.sign} needs")
            return kind if node.sign == "+" else ValueType(kind.type, kind.unit, kind.ucd)
        case tree.Arithmetic():
            return _arithmetic(context, node, scope)
        case tree.Concatenation(operands=operands):
            for operand in operands:
                kind = context.value(operand, scope)
                if kind.type not in (*TEXTS, *NUMERIC, *UNDECIDED):
                    context.fail("type", f"|| joins strings, not a {kind.type}.", operand)
            return ValueType("VARCHAR")
        case tree.Function(name="COALESCE", arguments=arguments):
            return common(context, [(a, context.value(a, scope)) for a in arguments], "COALESCE")
        case tree.Function():
            return function(context, node, scope)
        case tree.Aggregate():
            return aggregate(context, node, scope)
        case tree.Case():
            return _case(context, node, scope)
        case tree.Cast():
            return _cast(context, node, scope)
        case tree.InUnit():
            return _in_unit(context, node, scope)
        case _:
            return geometry(context, node, scope)


def _arithmetic(context: Context, node: tree.Arithmetic, scope: Scope) -> ValueType:
    result = numeric(context, node.first, scope, f"{node.steps[0][0]} needs")
    for operator, operand in node.steps:
        kind = numeric(context, operand, scope, f"{operator} needs")
        type_ = arithmetic_type(result.type, kind.type)
        if operator in "+-":
            if units.differ(result.unit, kind.unit):
                word = "added to" if operator == "+" else "taken from"
                pair = (kind.unit, result.unit)
                message = f"A value in {pair[0]} cannot be {word} one in {pair[1]}."
                context.fail("unit", message, operand, convertible(*pair))
            keep = kind if result.unit is None else result
            result = ValueType(type_, keep.unit, keep.ucd if result.ucd == kind.ucd else "")
        else:
            # Only a ratio of equal units is sure: a factor such as 3600 may be a conversion by hand.
            ratio = operator == "/" and result.unit == kind.unit and result.unit in units.UNITS
            result = ValueType(type_, "" if ratio else None)
    return result


def _case(context: Context, node: tree.Case, scope: Scope) -> ValueType:
    subject = context.value(node.subject, scope) if node.subject is not None else None
    results = []
    for test, result in node.branches:
        if subject is not None and isinstance(test, tree.Value):
            comparable(context, node.subject, subject, test, context.value(test, scope), node)  # type: ignore[arg-type]
        elif subject is None and isinstance(test, tree.Condition):
            context.condition(test, scope)
        else:
            what = "a value" if subject is not None else "a condition"
            context.fail("type", f"WHEN needs {what} in this CASE.", test)
        results.append((result, context.value(result, scope)))
    if node.default is not None:
        results.append((node.default, context.value(node.default, scope)))
    return common(context, results, "CASE")


def _cast(context: Context, node: tree.Cast, scope: Scope) -> ValueType:
    kind = context.value(node.value, scope)
    target = _SYSTEM_TYPES.get(node.target.name, node.target.name)
    if target in NUMERIC:
        fits = kind.type in (*NUMERIC, *TEXTS, "BOOLEAN")
    elif target == "TIMESTAMP":
        fits = kind.type in (*TEXTS, "TIMESTAMP")
    elif target in TEXTS:
        fits = kind.type not in (*SHAPES, "BLOB")
    else:
        fits = kind.type == target
    if not fits and kind.type not in UNDECIDED:
        context.fail("type", f"A {kind.type} cannot be cast to {node.target.name}.", node)
    keeps = (target in NUMERIC and kind.is_numeric) or target == kind.type
    unit = kind.unit if keeps else None
    system = kind.system if keeps else ""
    return ValueType("VARCHAR" if target == "CHAR" else target, unit, kind.ucd, system=system)


def _in_unit(context: Context, node: tree.InUnit, scope: Scope) -> ValueType:
    kind = numeric(context, node.value, scope, "IN_UNIT needs")
    target = node.unit.text
    if target not in units.UNITS:
        near = did_you_mean(nearest(target, units.UNITS))
        context.fail("unit", f"The unit '{target}' is not known here.", node.unit, near)
    if not kind.unit:
        context.fail("unit", "IN_UNIT needs a value whose unit is known.", node.value)
    if units.factor(kind.unit, target) is None:
        context.fail("unit", f"A value in {kind.unit} cannot be given in {target}.", node)
    return ValueType("DOUBLE", target, kind.ucd, system=kind.system)

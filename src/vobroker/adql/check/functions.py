"""Functions of a row and of a set: how many arguments, of which types, and what they give (section 2.3)."""

from __future__ import annotations

from vobroker.adql import tree
from vobroker.adql.check.advice import did_you_mean
from vobroker.adql.check.context import Context, Scope
from vobroker.adql.check.model import SHAPES, ValueType
from vobroker.adql.check.operands import argument, numeric
from vobroker.adql.check.types import arithmetic_type
from vobroker.adql.errors import nearest
from vobroker.adql.functions import FUNCTIONS

_ROUNDING = ("ROUND", "TRUNCATE", "FLOOR", "CEILING")


def function(context: Context, node: tree.Function, scope: Scope) -> ValueType:
    """Find the type of what a function gives."""
    signature = context.declared.get(node.name.upper()) if node.user_defined else FUNCTIONS[node.name]
    if signature is None:
        near = nearest(node.name, context.function_names)
        context.fail("unknown-function", f"There is no function {node.name}.", node, did_you_mean(near))
    most = len(signature.parameters)
    least = most - signature.optional
    if not least <= len(node.arguments) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        message = f"{node.name} takes {wanted} arguments, not {len(node.arguments)}."
        context.fail("arguments", message, node)
    kinds = [
        argument(context, node.name, given, parameter, scope)
        for given, parameter in zip(node.arguments, signature.parameters, strict=False)
    ]
    if signature.result:
        return ValueType(signature.result, signature.unit)
    type_ = arithmetic_type(kinds[0].type, kinds[1].type) if node.name == "MOD" else kinds[0].type
    system = kinds[0].system if node.name in _ROUNDING else ""
    return ValueType("DOUBLE" if type_ == "NULL" else type_, kinds[0].unit, kinds[0].ucd, system=system)


def aggregate(context: Context, node: tree.Aggregate, scope: Scope) -> ValueType:
    """Find the type of what a set function gives."""
    if scope.aggregates:
        suggestion = "Put it in HAVING." if "WHERE" in scope.aggregates else ""
        context.fail("aggregate", f"{node.name} cannot stand {scope.aggregates}.", node, suggestion)
    inner = Scope(scope.relation, scope.outer, (), "in another set function")
    if node.argument is None:
        return ValueType("BIGINT", "", "meta.number")
    if node.name in ("AVG", "SUM"):
        kind = numeric(context, node.argument, inner, f"{node.name} needs")
        exact = kind.is_integer and node.name == "SUM"
        system = kind.system if node.name == "AVG" else ""
        ucd = _with_ucd(node.name, kind.ucd)
        return ValueType("BIGINT" if exact else "DOUBLE", kind.unit, ucd, system=system)
    kind = context.value(node.argument, inner)
    if node.name == "COUNT":
        return ValueType("BIGINT", "", "meta.number")
    if kind.type in (*SHAPES, "BLOB"):
        context.fail("type", f"{node.name} needs values with an order, not a {kind.type}.", node.argument)
    return ValueType(kind.type, kind.unit, _with_ucd(node.name, kind.ucd), system=kind.system)


def _with_ucd(name: str, ucd: str) -> str:
    word = {"AVG": "stat.mean", "MIN": "stat.min", "MAX": "stat.max"}.get(name, "")
    return f"{ucd};{word}" if ucd and word else ucd

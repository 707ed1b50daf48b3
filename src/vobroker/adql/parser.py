"""ADQL text to tree: the grammar's builders and the advice given when a text does not parse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from vobroker.adql import tree
from vobroker.adql.errors import AdqlError
from vobroker.adql.hints import syntax_error
from vobroker.adql.peg import Limits, Parser, Span, SyntaxFailureError

VERSIONS = ("2.1",)
LIMITS = Limits()
MAX_CHAIN = 1_000
"""Operators in one chain of arithmetic, joins or set operators."""


def parse(text: str, *, version: str = "2.1") -> tree.Query:
    """Parse an ADQL query.

    Parameters
    ----------
    text
        The query.
    version
        ADQL version; one of :data:`VERSIONS`.

    Raises
    ------
    AdqlError
        If the text is not a query of that version, or is longer or deeper than :data:`LIMITS`.
    """
    if version not in VERSIONS:
        raise ValueError(f"ADQL {version} is not known; known: {', '.join(VERSIONS)}")
    try:
        query: tree.Query = parser().parse(text)
    except SyntaxFailureError as failure:
        raise syntax_error(text, failure, parser().limits) from None
    except _ChainError as error:
        raise AdqlError(
            "too-long", f"More than {MAX_CHAIN} operators in one expression.", text, error.span
        ) from None
    return replace(query, text=text)


@cache
def parser() -> Parser:
    """Compile the grammar, once per process."""
    grammar = files("vobroker.adql").joinpath("adql.peg").read_text(encoding="utf-8")
    return Parser(grammar, BUILDERS, "Query", LIMITS)


class _ChainError(Exception):
    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


def _string(span: Span, text: str) -> tree.String:
    return tree.String(span, text[1:-1].replace("''", "'"))


def _delimited(span: Span, text: str) -> tree.Identifier:
    return tree.Identifier(span, text[1:-1].replace('""', '"'), True)


def _path(_: Span, *parts: tree.Identifier | None) -> tree.Path:
    return tuple(part for part in parts if part is not None)


def _chain(make: Callable[[Span, Any, tuple[Any, ...]], Any]) -> Callable[[Span, Any, tuple[Any, ...]], Any]:
    """Make a builder of ``first`` and steps which leaves ``first`` alone when no step follows."""

    def build(span: Span, first: Any, steps: tuple[Any, ...]) -> Any:
        if not steps:
            return first
        if len(steps) > MAX_CHAIN:
            raise _ChainError(span)
        return make(span, first, steps)

    return build


def _operands(make: Callable[[Span, tuple[Any, ...]], Any]) -> Callable[[Span, tuple[Any, ...]], Any]:
    return lambda span, operands: make(span, operands) if len(operands) > 1 else operands[0]


def _logical(operator: str) -> Callable[[Span, tuple[Any, ...]], Any]:
    return _operands(lambda span, operands: tree.Logical(span, operator, operands))


def _not(span: Span, negation: str | None, operand: tree.Condition) -> tree.Condition:
    return tree.Not(span, operand) if negation else operand


def _signed(span: Span, sign: str | None, operand: tree.Value) -> tree.Value:
    return tree.Signed(span, sign, operand) if sign else operand


def _comparison(_: Span, operator: str, right: tree.Value) -> Callable[..., tree.Condition]:
    operator = "<>" if operator == "!=" else operator
    return lambda span, left: tree.Comparison(span, left, operator, right)


def _between(
    _: Span, negation: str | None, low: tree.Value, high: tree.Value
) -> Callable[..., tree.Condition]:
    return lambda span, subject: tree.Between(span, subject, negation is not None, low, high)


def _in(_: Span, negation: str | None, choices: Any) -> Callable[..., tree.Condition]:
    return lambda span, subject: tree.In(span, subject, negation is not None, choices)


def _like(_: Span, negation: str | None, operator: str, pattern: tree.Value) -> Callable[..., tree.Condition]:
    return lambda span, subject: tree.Like(span, subject, negation is not None, operator, pattern)


def _is_null(_: Span, negation: str | None) -> Callable[..., tree.Condition]:
    return lambda span, subject: tree.IsNull(span, subject, negation is not None)


def _function(span: Span, name: str, first: Any, second: Any) -> tree.Function:
    return tree.Function(span, name, tuple(a for a in (first, second) if a is not None))


def _geometry_function(span: Span, name: str, first: Any, second: Any, positions: Any) -> tree.Function:
    if positions is None:
        return _function(span, name, first, second)
    # DISTANCE of four numbers is the distance of two points (section 4.2.14).
    points = tuple(tree.Point(span, None, p) if isinstance(p, tuple) else p for p in positions)
    return tree.Function(span, name, points)


def _user_function(span: Span, name: tree.Identifier, arguments: tuple[Any, ...] | None) -> tree.Function:
    return tree.Function(span, name.text, arguments or (), True)


def _list_with_more(_: Span, first: Any, second: Any, third: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    return (first, second, third, *more)


def _ordered(span: Span, body: Any, order: Any, offset: Any) -> tree.QueryBody:
    query: tree.QueryBody = tree.Ordered(span, body, order, offset) if order or offset is not None else body
    return query


def _query(span: Span, ctes: Any, body: Any, order: Any, offset: Any) -> tree.Query:
    return tree.Query(span, ctes or (), _ordered(span, body, order, offset))


BUILDERS: dict[str, Callable[..., Any]] = {
    "Regular": tree.Identifier,
    "Delimited": _delimited,
    "String": _string,
    "Query": _query,
    "WithQuery": tree.WithQuery,
    "SelectExpression": _ordered,
    "SetExpression": _chain(tree.SetExpression),
    "SetTerm": _chain(tree.SetExpression),
    "Union": lambda span, operator, every, operand: tree.SetStep(span, operator, every is not None, operand),
    "Intersect": lambda span, operator, every, operand: tree.SetStep(
        span, operator, every is not None, operand
    ),
    "Select": tree.Select,
    "AllColumns": tree.AllColumns,
    "Qualifier": _path,
    "DerivedColumn": tree.DerivedColumn,
    "OrderTerm": tree.OrderTerm,
    "Count": lambda _, digits: int(digits),
    "TableReference": _chain(tree.JoinedTable),
    "JoinedTable": _chain(tree.JoinedTable),
    "TablePath": _path,
    "TableName": tree.TableName,
    "DerivedTable": tree.DerivedTable,
    "Join": lambda span, natural, kind, table, condition: tree.Join(
        span, natural is not None, kind or "INNER", table, condition
    ),
    "OuterKind": lambda _, kind, __: kind,
    "Condition": _logical("OR"),
    "And": _logical("AND"),
    "Not": _not,
    "Exists": tree.Exists,
    "Predicate": lambda span, subject, test: test(span, subject),
    "Comparison": _comparison,
    "Between": _between,
    "In": _in,
    "Like": _like,
    "IsNull": _is_null,
    "Concatenation": _operands(tree.Concatenation),
    "Sum": _chain(tree.Arithmetic),
    "Term": _chain(tree.Arithmetic),
    "Factor": _signed,
    "Number": tree.Number,
    "WholeNumber": tree.Number,
    "SignedInteger": _signed,
    "Null": tree.Null,
    "ColumnReference": tree.ColumnReference,
    "Path": _path,
    "CountAll": lambda span: tree.Aggregate(span, "COUNT", None, None),
    "Aggregate": tree.Aggregate,
    "Case": tree.Case,
    "Cast": tree.Cast,
    "CastTarget": tree.CastTarget,
    "Length": lambda _, digits: int(digits),
    "Coalesce": lambda span, arguments: tree.Function(span, "COALESCE", arguments),
    "InUnit": tree.InUnit,
    "Function": _function,
    "UserFunction": _user_function,
    "GeometryFunction": _geometry_function,
    "Point": tree.Point,
    "Circle": tree.Circle,
    "Box": tree.Box,
    "Polygon": tree.Polygon,
    "Centroid": tree.Centroid,
    "Region": tree.Region,
    "CoordinateList": _list_with_more,
    "PositionList": _list_with_more,
}

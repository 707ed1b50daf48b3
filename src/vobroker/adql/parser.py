"""ADQL text to tree: the grammar's builders and the advice given when a text does not parse."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from vobroker.adql import tree
from vobroker.adql.errors import AdqlError
from vobroker.adql.features import FEATURES, features
from vobroker.adql.hints import syntax_error
from vobroker.adql.peg import Limits, Parser, Span, SyntaxFailureError

VERSIONS = ("2.1", "2.0")
EXTENSIONS = {"irsa": "predicates without = 1, as IRSA's services accept them"}
LIMITS = Limits()
MAX_CHAIN = 1_000
"""Operators in one chain of arithmetic, joins or set operators."""


MAX_WAITING_JOINS = 40
"""Joins that wait for their conditions at one time: as many as brackets that can be nested."""


def parse(text: str, *, version: str = "2.1", extensions: Collection[str] = ()) -> tree.Query:
    """Parse an ADQL query.

    Parameters
    ----------
    text
        The query.
    version
        ADQL version; one of :data:`VERSIONS`.
    extensions
        What is accepted beyond the standard; of :data:`EXTENSIONS`.

    Raises
    ------
    AdqlError
        If the text is not a query of that version, or is longer or deeper than :data:`LIMITS`.
    """
    grammar = parser(version, frozenset(extensions))
    try:
        query: tree.Query = grammar.parse(text)
    except SyntaxFailureError as failure:
        error = syntax_error(text, failure, grammar.limits)
        raise (error if version == "2.1" else _too_new(error, extensions)) from None
    except _LimitError as error:
        raise AdqlError(error.code, error.message, text, error.span) from None
    return replace(query, text=text)


@cache
def parser(version: str = "2.1", extensions: frozenset[str] = frozenset()) -> Parser:
    """Compile the grammar of a version with extensions, once per process."""
    if version not in VERSIONS:
        raise ValueError(f"ADQL {version} is not known; known: {', '.join(VERSIONS)}")
    if unknown := sorted(extensions - EXTENSIONS.keys()):
        raise ValueError(f"no extension {unknown[0]}; known: {', '.join(EXTENSIONS)}")
    names = ["adql", *(["adql-2.0"] if version == "2.0" else []), *sorted(extensions)]
    folder = files("vobroker.adql")
    grammar = "\n".join(folder.joinpath(f"{name}.peg").read_text(encoding="utf-8") for name in names)
    return Parser(grammar, BUILDERS, "Query", LIMITS)


def _too_new(error: AdqlError, extensions: Collection[str]) -> AdqlError:
    """Say that a query which is no ADQL 2.0 is ADQL 2.1, and by what, if it is."""
    try:
        used = features(parse(error.text, extensions=extensions))
    except AdqlError:
        return error
    new = [name for name in FEATURES if name in used and FEATURES[name].since == "2.1"]
    what = (
        f"{', '.join(new)} {'is' if len(new) == 1 else 'are'} new in ADQL 2.1" if new else "This is ADQL 2.1"
    )
    return AdqlError(
        "version", f"{what}; the query is read as ADQL 2.0.", error.text, error.span, error.message
    )


class _LimitError(Exception):
    def __init__(self, code: str, message: str, span: Span) -> None:
        super().__init__()
        self.code, self.message, self.span = code, message, span


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
            raise _LimitError("too-long", f"More than {MAX_CHAIN} operators in one expression.", span)
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


def _join(span: Span, natural: str | None, kind: str | None, table: Any, condition: Any) -> tree.Join:
    level, waiting = 0, [table]
    while waiting:
        level += 1
        if level > MAX_WAITING_JOINS:
            message = f"More than {MAX_WAITING_JOINS} joins wait for their conditions."
            raise _LimitError("too-deep", message, span)
        joined = [one for one in waiting if isinstance(one, tree.JoinedTable)]
        waiting = [join.table for one in joined for join in one.joins]
    return tree.Join(span, natural is not None, kind or "INNER", table, condition)


def _all_of_join(span: Span, joined: tree.JoinedTable) -> tree.Select:
    """Make ``(a JOIN b ...) AS c`` the query that it stands for (query_expression of the standard)."""
    return tree.Select(span, None, None, (tree.AllColumns(span, None),), (joined,), None, None, None)


def _holds(span: Span, value: tree.Value) -> tree.Condition:
    return tree.Comparison(span, tree.Number((span[0], span[0]), "1"), "=", value)


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
    "Join": _join,
    "AllOfJoin": _all_of_join,
    "SortColumn": lambda span, name: tree.ColumnReference(span, (name,)),
    "Holds": _holds,
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

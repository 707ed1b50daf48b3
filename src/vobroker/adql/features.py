"""The features of the language, by name: one vocabulary for the corpus, the platforms and query logs.

Groups are those in which a service declares what it has beyond the core of the language (ADQL 2.1
section 4.1; TAPRegExt ``features-...``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vobroker.adql import tree
from vobroker.adql.functions import FUNCTIONS


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that a query can use.

    Attributes
    ----------
    name
        Its keyword where it has one.
    group
        ``core``, or what follows ``features-`` in the TAPRegExt feature type: ``adqlgeo``, ``adql-sets`` ...;
        ``beyond`` for what no grammar of the standard has.
    since
        First version of ADQL that has it; empty where none does.
    """

    name: str
    group: str
    since: str


_CORE = (
    "SELECT *", "DISTINCT", "TOP", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "subquery in FROM",
    "comma join", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "NATURAL JOIN", "USING", "nested join",
    "AND", "OR", "NOT", "comparison", "BETWEEN", "IN list", "IN subquery", "LIKE", "IS NULL", "EXISTS",
    "arithmetic", "||", "delimited identifier", "COUNT(*)", "COUNT", "AVG", "MAX", "MIN", "SUM",
    "DISTINCT in an aggregate",
)  # fmt: skip
_GEOMETRY = (
    "POINT", "CIRCLE", "BOX", "POLYGON", "REGION", "CENTROID", "CONTAINS", "INTERSECTS", "DISTANCE", "AREA",
    "COORD1", "COORD2", "COORDSYS", "coordinate system argument",
    "DISTANCE of four numbers",
)  # fmt: skip
_NEW_GEOMETRY = ("DISTANCE of four numbers",)
_SETS = ("UNION", "UNION ALL", "EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL")
_STRINGS = ("LOWER", "UPPER", "ILIKE")
_NEW_FUNCTIONS = ("COT",)


def _all() -> Iterator[Feature]:
    for name in _CORE:
        yield Feature(name, "core", "2.0")
    for name in FUNCTIONS:
        if name not in _GEOMETRY and name not in _STRINGS:
            yield Feature(name, "core", "2.1" if name in _NEW_FUNCTIONS else "2.0")
    for name in _GEOMETRY:
        yield Feature(name, "adqlgeo", "2.1" if name in _NEW_GEOMETRY else "2.0")
    yield Feature("user-defined function", "udf", "2.0")
    for name in _STRINGS:
        yield Feature(name, "adql-string", "2.1")
    for name in _SETS:
        yield Feature(name, "adql-sets", "2.1")
    yield Feature("WITH", "adql-common-table", "2.1")
    yield Feature("COALESCE", "adql-conditional", "2.1")
    yield Feature("CAST", "adql-type", "2.1")
    yield Feature("IN_UNIT", "adql-unit", "2.1")
    yield Feature("OFFSET", "adql-offset", "2.1")
    yield Feature("CASE", "beyond", "")


FEATURES: dict[str, Feature] = {feature.name: feature for feature in _all()}
"""Every feature by name, in the order in which people would list them."""


def features(query: tree.Query) -> frozenset[str]:
    """Name what a query uses; the names are keys of :data:`FEATURES`."""
    return frozenset(_of(query))


def _of(node: tree.Node) -> Iterator[str]:
    if isinstance(node, tree.Function) and node.name == "DISTANCE" and _of_numbers(node):
        yield "DISTANCE of four numbers"
        below: Iterable[tree.Node] = (n for point in node.arguments for n in tree.children(point))
    else:
        yield from _OF.get(type(node), _none)(node)
        below = tree.children(node)
    for child in below:
        yield from _of(child)


def _of_numbers(distance: tree.Function) -> bool:
    """Whether the points of a DISTANCE were written as four numbers: they then have its own span."""
    return all(isinstance(a, tree.Point) and a.span == distance.span for a in distance.arguments)


def _none(node: Any) -> Iterable[str]:
    return ()


def _query(node: tree.Query) -> Iterable[str]:
    return ("WITH",) if node.ctes else ()


def _select(node: tree.Select) -> Iterator[str]:
    if node.quantifier == "DISTINCT":
        yield "DISTINCT"
    if node.top is not None:
        yield "TOP"
    if len(node.tables) > 1:
        yield "comma join"
    clauses = (("WHERE", node.where), ("GROUP BY", node.group), ("HAVING", node.having))
    yield from (name for name, clause in clauses if clause)


def _ordered(node: tree.Ordered) -> Iterator[str]:
    if node.order:
        yield "ORDER BY"
    if node.offset is not None:
        yield "OFFSET"


def _join(node: tree.Join) -> Iterator[str]:
    yield "JOIN" if node.kind == "INNER" else f"{node.kind} JOIN"
    if node.natural:
        yield "NATURAL JOIN"
    if isinstance(node.condition, tuple):
        yield "USING"
    if isinstance(node.table, tree.JoinedTable):
        yield "nested join"


def _set_step(node: tree.SetStep) -> Iterable[str]:
    return (f"{node.operator} ALL" if node.all else node.operator,)


def _function(node: tree.Function) -> Iterable[str]:
    return ("user-defined function",) if node.user_defined else (node.name,)


def _aggregate(node: tree.Aggregate) -> Iterator[str]:
    yield "COUNT(*)" if node.argument is None else node.name
    if node.quantifier == "DISTINCT":
        yield "DISTINCT in an aggregate"


def _in(node: tree.In) -> Iterable[str]:
    return ("IN list",) if isinstance(node.choices, tuple) else ("IN subquery",)


def _shape(node: tree.Point | tree.Circle | tree.Box | tree.Polygon) -> Iterator[str]:
    yield type(node).__name__.upper()
    if node.system is not None:
        yield "coordinate system argument"


def _always(name: str) -> Callable[[Any], Iterable[str]]:
    return lambda node: (name,)


_OF: dict[type, Callable[[Any], Iterable[str]]] = {
    tree.Query: _query,
    tree.Select: _select,
    tree.Ordered: _ordered,
    tree.SetStep: _set_step,
    tree.AllColumns: _always("SELECT *"),
    tree.DerivedTable: _always("subquery in FROM"),
    tree.Join: _join,
    tree.Logical: lambda node: (node.operator,),
    tree.Not: _always("NOT"),
    tree.Comparison: _always("comparison"),
    tree.Between: _always("BETWEEN"),
    tree.In: _in,
    tree.Like: lambda node: (node.operator,),
    tree.IsNull: _always("IS NULL"),
    tree.Exists: _always("EXISTS"),
    tree.Arithmetic: _always("arithmetic"),
    tree.Concatenation: _always("||"),
    tree.Identifier: lambda node: ("delimited identifier",) if node.delimited else (),
    tree.Function: _function,
    tree.Aggregate: _aggregate,
    tree.Case: _always("CASE"),
    tree.Cast: _always("CAST"),
    tree.InUnit: _always("IN_UNIT"),
    tree.Point: _shape,
    tree.Circle: _shape,
    tree.Box: _shape,
    tree.Polygon: _shape,
    tree.Region: _always("REGION"),
    tree.Centroid: _always("CENTROID"),
}

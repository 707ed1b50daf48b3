"""What of ADQL 2.1 would have said a query more simply: small patterns of the tree."""

from __future__ import annotations

from collections.abc import Iterator

from vobroker.adql import tree
from vobroker.adql.features import features


def advice(query: tree.Query) -> tuple[str, ...]:
    """Name the features of ADQL 2.1 that would have helped, each with its section and why."""
    return tuple(dict.fromkeys(_found(query)))


def _found(query: tree.Query) -> Iterator[str]:
    used = features(query)
    seen: list[tree.QueryBody] = []
    for node in tree.walk(query):
        match node:
            case tree.Like(subject=tree.Function(name="LOWER" | "UPPER"), operator="LIKE"):
                yield "ILIKE (4.4): LIKE on LOWER(...) or UPPER(...)"
            case tree.In(negated=True, choices=choices) if not isinstance(choices, tuple):
                yield "EXCEPT (4.5): NOT IN a subquery"
            case tree.DerivedTable(query=inner):
                if inner in seen:
                    yield "WITH (4.6): the same subquery twice"
                seen.append(inner)
            case tree.Point(system=tree.String()) | tree.Circle(system=tree.String()):
                yield "shapes without coordinate system (4.2): the argument is deprecated"
            case tree.Polygon(system=tree.String()) | tree.Box(system=tree.String()):
                yield "shapes without coordinate system (4.2): the argument is deprecated"
            case tree.Box():
                yield "POLYGON (4.2): BOX is deprecated"
            case tree.Function(name="DISTANCE", arguments=(tree.Point() as a, tree.Point() as b)):
                if node.span not in (a.span, b.span):
                    yield "DISTANCE of four numbers (4.2): the preferred form of a match on the sky"
            case tree.Select(top=int() as top) if top >= 100_000 and "OFFSET" not in used:
                yield "OFFSET (4.9): very many rows at once"

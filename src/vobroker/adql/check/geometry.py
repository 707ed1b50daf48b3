"""Shapes: what they are made of, in degrees (section 4.2)."""

from __future__ import annotations

from vobroker.adql import tree
from vobroker.adql.check.context import Context, Scope
from vobroker.adql.check.model import ValueType
from vobroker.adql.check.operands import argument, numeric
from vobroker.adql.functions import POSITION, SHAPE, Parameter


def geometry(context: Context, node: tree.Geometry, scope: Scope) -> ValueType:
    """Find the type of a shape and check what it is made of."""
    match node:
        case tree.Point(coordinates=pair):
            _coordinates(context, pair, scope, "POINT")
            return ValueType("POINT", "deg", "pos.eq")
        case tree.Circle(centre=centre, radius=radius):
            _position(context, centre, scope, "CIRCLE")
            numeric(context, radius, scope, "The radius of a CIRCLE is", "deg")
            return ValueType("CIRCLE", "deg")
        case tree.Box(centre=centre, size=size):
            _position(context, centre, scope, "BOX")
            _coordinates(context, size, scope, "BOX")
            return ValueType("BOX", "deg")
        case tree.Polygon(vertices=vertices):
            for vertex in vertices:
                _position(context, vertex, scope, "POLYGON")
            return ValueType("POLYGON", "deg")
        case tree.Centroid(shape=shape):
            argument(context, "CENTROID", shape, Parameter(SHAPE), scope)
            return ValueType("POINT", "deg", "pos.eq")
        case tree.Region():
            return ValueType("REGION", "deg")


def _coordinates(context: Context, pair: tree.Pair, scope: Scope, who: str) -> None:
    for value in pair:
        numeric(context, value, scope, f"A coordinate of {who} is", "deg")


def _position(context: Context, place: tree.Pair | tree.Value, scope: Scope, who: str) -> None:
    if isinstance(place, tuple):
        _coordinates(context, place, scope, who)
    else:
        argument(context, who, place, Parameter(POSITION), scope)

"""The syntax tree: one frozen node for each thing the grammar names, with its place in the text.

Spans do not take part in comparison: two trees are equal when they mean the same text, however spaced.
Chains (``a + b - c``, ``p AND q``, joins, set operators) are flat, so the depth of a tree is bounded by the
nesting of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

Span = tuple[int, int]
"""Start and end in the query text, in characters."""


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in the tree."""

    span: Span = field(compare=False, repr=False)


# --- names and values (ADQL 2.1 sections 2.1, 2.3, 3) -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A name; ``delimited`` names were in double quotes and keep their case (section 2.1.3)."""

    text: str
    delimited: bool = False

    def matches(self, name: str) -> bool:
        """Whether this identifier means ``name``."""
        return self.text == name if self.delimited else self.text.lower() == name.lower()


Path = tuple[Identifier, ...]
"""A dotted name, outermost first."""


@dataclass(frozen=True, slots=True)
class Number(Node):
    """Unsigned number as written."""

    text: str

    @property
    def is_integer(self) -> bool:
        """Whether it is written without point and exponent."""
        return self.text.isdigit()


@dataclass(frozen=True, slots=True)
class String(Node):
    """Character string; ``text`` has quotes removed and doubled quotes undone."""

    text: str


@dataclass(frozen=True, slots=True)
class Null(Node):
    """NULL as a value."""


@dataclass(frozen=True, slots=True)
class ColumnReference(Node):
    """``[[[catalog.]schema.]table.]column``."""

    path: Path


@dataclass(frozen=True, slots=True)
class Signed(Node):
    """``-a`` or ``+a``."""

    sign: str
    operand: Value


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``first`` then steps of an operator (all of ``+ -`` or all of ``* /``) and its right operand."""

    first: Value
    steps: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Concatenation(Node):
    """``a || b || ...``."""

    operands: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A function of the standard or a user-defined one; standard names are in upper case."""

    name: str
    arguments: tuple[Value, ...]
    user_defined: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """A set function; ``argument`` is None for ``COUNT(*)``."""

    name: str
    quantifier: str | None
    argument: Value | None


@dataclass(frozen=True, slots=True)
class Case(Node):
    """``CASE [subject] WHEN .. THEN .. [ELSE ..] END``; without a subject the branches hold conditions."""

    subject: Value | None
    branches: tuple[tuple[Condition | Value, Value], ...]
    default: Value | None


@dataclass(frozen=True, slots=True)
class CastTarget(Node):
    """Type of a CAST, with the length of a character type."""

    name: str
    length: int | None


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """``CAST(value AS target)``."""

    value: Value
    target: CastTarget


@dataclass(frozen=True, slots=True)
class InUnit(Node):
    """``IN_UNIT(value, 'unit')``."""

    value: Value
    unit: String


# --- geometry (section 4.2) -------------------------------------------------------------------------------

System = String | Null
"""Deprecated coordinate system argument."""


@dataclass(frozen=True, slots=True)
class Point(Node):
    """``POINT([system,] longitude, latitude)``, degrees."""

    system: System | None
    coordinates: Pair


@dataclass(frozen=True, slots=True)
class Circle(Node):
    """``CIRCLE([system,] centre, radius)``; the centre is a pair of coordinates or a POINT value."""

    system: System | None
    centre: Pair | Value
    radius: Value


@dataclass(frozen=True, slots=True)
class Box(Node):
    """``BOX([system,] centre, width, height)``."""

    system: System | None
    centre: Pair | Value
    size: Pair


@dataclass(frozen=True, slots=True)
class Polygon(Node):
    """``POLYGON([system,] vertices)``; the vertices are pairs of coordinates or POINT values."""

    system: System | None
    vertices: tuple[Pair | Value, ...]


@dataclass(frozen=True, slots=True)
class Centroid(Node):
    """``CENTROID(shape)``."""

    shape: Value


@dataclass(frozen=True, slots=True)
class Region(Node):
    """``REGION('STC-S text')``."""

    text: String


# --- conditions (section 2.2.3) ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """``p AND q AND ...`` or ``p OR q OR ...``."""

    operator: str
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """``NOT p``."""

    operand: Condition


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``a = b`` and its kin; ``!=`` is kept as ``<>``."""

    left: Value
    operator: str
    right: Value


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``a [NOT] BETWEEN low AND high``."""

    subject: Value
    negated: bool
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class In(Node):
    """``a [NOT] IN (choices)``."""

    subject: Value
    negated: bool
    choices: tuple[Value, ...] | QueryBody


@dataclass(frozen=True, slots=True)
class Like(Node):
    """``a [NOT] LIKE pattern`` or ILIKE."""

    subject: Value
    negated: bool
    operator: str
    pattern: Value


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """``a IS [NOT] NULL``."""

    subject: Value
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists(Node):
    """``EXISTS (query)``."""

    query: QueryBody


# --- queries (section 2.2) --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllColumns(Node):
    """``*`` or ``table.*``."""

    qualifier: Path | None


@dataclass(frozen=True, slots=True)
class DerivedColumn(Node):
    """One value of the SELECT list, with its name."""

    value: Value
    alias: Identifier | None


@dataclass(frozen=True, slots=True)
class TableName(Node):
    """A table by its name, with its correlation name."""

    path: Path
    alias: Identifier | None


@dataclass(frozen=True, slots=True)
class DerivedTable(Node):
    """A subquery in FROM."""

    query: QueryBody
    alias: Identifier


@dataclass(frozen=True, slots=True)
class Join(Node):
    """One join step; ``condition`` is a condition (ON), names (USING) or None."""

    natural: bool
    kind: str
    table: TableExpression
    condition: Condition | tuple[Identifier, ...] | None


@dataclass(frozen=True, slots=True)
class JoinedTable(Node):
    """``first`` and the joins that follow, from left to right."""

    first: TableExpression
    joins: tuple[Join, ...]


@dataclass(frozen=True, slots=True)
class Select(Node):
    """``SELECT ... FROM ... WHERE ...``."""

    quantifier: str | None
    top: int | None
    items: tuple[AllColumns | DerivedColumn, ...]
    tables: tuple[TableExpression, ...]
    where: Condition | None
    group: tuple[Value, ...] | None
    having: Condition | None


@dataclass(frozen=True, slots=True)
class SetStep(Node):
    """One set operator and its right operand."""

    operator: str
    all: bool
    operand: QueryBody


@dataclass(frozen=True, slots=True)
class SetExpression(Node):
    """``first UNION | EXCEPT ...`` or ``first INTERSECT ...``, from left to right."""

    first: QueryBody
    steps: tuple[SetStep, ...]


@dataclass(frozen=True, slots=True)
class OrderTerm(Node):
    """One term of ORDER BY."""

    value: Value
    direction: str | None


@dataclass(frozen=True, slots=True)
class Ordered(Node):
    """A query with ORDER BY or OFFSET."""

    body: QueryBody
    order: tuple[OrderTerm, ...] | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class WithQuery(Node):
    """One common table expression."""

    name: Identifier
    query: QueryBody


@dataclass(frozen=True, slots=True)
class Query(Node):
    """A whole query; ``text`` is what it was parsed from."""

    ctes: tuple[WithQuery, ...]
    body: QueryBody
    text: str = field(default="", compare=False, repr=False)


Pair = tuple["Value", "Value"]
"""Longitude and latitude, or width and height."""

Geometry = Point | Circle | Box | Polygon | Centroid | Region
Value = (
    Number | String | Null | ColumnReference | Signed | Arithmetic | Concatenation | Function | Aggregate
    | Case | Cast | InUnit | Geometry
)  # fmt: skip
Condition = Logical | Not | Comparison | Between | In | Like | IsNull | Exists
QueryBody = Select | SetExpression | Ordered
TableExpression = TableName | DerivedTable | JoinedTable


def children(node: Node) -> Iterator[Node]:
    """Give the nodes directly below one."""
    for name in (f.name for f in fields(node)):
        yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all below it, in order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)

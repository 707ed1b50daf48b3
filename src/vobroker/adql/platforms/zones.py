"""Joins on the sky by zones, for engines that join fast on equality alone.

The sky is cut into zones of declination and each zone into pieces of right ascension, so large that a circle
of the join's radius lies in at most two zones and in at most two pieces of each. One table is given four
times, once for each zone and piece that a circle around its place may touch; the other's place is in one. The
engine joins by the numbers of zone and piece, and the exact test decides. A pair of places meets in exactly
one of the four, so that no row is lost or doubled (after Gray, Nieto-Santisteban and Szalay 2007,
arXiv:cs/0701171).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vobroker.adql import tree
from vobroker.adql.check import CheckedQuery, Source
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.cells import Cells
from vobroker.adql.platforms.expressions import MIRRORED
from vobroker.adql.platforms.spherical import Circle, Place, Point, Polygon

MAX_RADIUS = 10.0
"""Largest radius, degrees, that zones are made for."""

_SLACK = 1e-9  # degrees; more than rounding can move a place
_ROOMY = 20.0  # height of a zone in radii: few circles touch two
_TALL = 0.1  # degrees; no zone is taller unless the radius needs it
_LOW = 1e-4  # degrees


@dataclass(frozen=True, slots=True)
class Zone:
    """One join by zones: the name of the table of the four, which side has them, and the radius.

    ``flat`` zones go around the sky in one piece: there are two of the table then, not four.
    """

    name: str
    given_often: Source
    radius: float
    flat: bool


class Zones(Translator):
    """Translator that joins by zones."""

    def __init__(
        self,
        checked: CheckedQuery,
        stored_names: Mapping[str, str] | None = None,
        cells: Cells | None = None,
    ) -> None:
        super().__init__(checked, stored_names, cells)
        self._zones: dict[int, Zone] = {}  # by the function that compares the places

    def by_zones(self, radius: float) -> bool:
        """Whether joins of a radius are done by zones; an index may be better."""
        return 0 <= radius <= MAX_RADIUS

    # --- which conditions of a query are joins on the sky ---

    def select(
        self,
        select: tree.Select,
        names: list[str] | None,
        order: tuple[tree.OrderTerm, ...] = (),
        offset: int | None = None,
    ) -> str:
        """Write one SELECT, its joins on the sky by zones."""
        everything = set[int]()
        for table in select.tables:
            everything |= self._plan_joins(table)
        # A row that WHERE keeps has places on both sides, whatever kind of join brought them together.
        for function, first, second, radius in self._tests(select.where):
            if {id(first), id(second)} <= everything:
                self._plan(function, _often(first, second), radius)
        return super().select(select, names, order, offset)

    def _plan_joins(self, table: tree.TableExpression) -> set[int]:
        """Plan the joins within one part of FROM; give its sources."""
        if not isinstance(table, tree.JoinedTable):
            return {id(self.checked.sources[id(table)])}
        left = self._plan_joins(table.first)
        for join in table.joins:
            right = self._plan_joins(join.table)
            condition = join.condition if isinstance(join.condition, tree.Node) else None
            for function, one, other, radius in self._tests(condition):
                first, second = (other, one) if id(one) in right else (one, other)
                if not (id(first) in left and id(second) in right):
                    continue
                # The side all of whose rows are kept must not be given more often than once.
                if join.kind == "INNER":
                    self._plan(function, _often(first, second), radius)
                elif join.kind in ("LEFT", "RIGHT"):
                    self._plan(function, second if join.kind == "LEFT" else first, radius, flat=True)
            left |= right
        return left

    def _plan(self, function: tree.Function, often: Source, radius: float, *, flat: bool = False) -> None:
        self._zones[id(function)] = Zone(f"z{len(self._zones) + 1}", often, radius, flat)

    def _tests(
        self, condition: tree.Condition | None
    ) -> Iterator[tuple[tree.Function, Source, Source, float]]:
        """Give the tests that must hold for each row and compare places of two tables."""
        if isinstance(condition, tree.Logical) and condition.operator == "AND":
            for operand in condition.operands:
                yield from self._tests(operand)
        elif isinstance(condition, tree.Comparison):
            found = self._compared(condition)
            if found is None or not self.by_zones(found[3]):
                return
            function, first, second, radius = found
            one, other = self._source(first), self._source(second)
            if one and other and one is not other:
                yield function, one, other, radius

    def _compared(
        self, test: tree.Comparison
    ) -> tuple[tree.Function, tree.Node | tree.Pair, tree.Node | tree.Pair, float] | None:
        """Take CONTAINS(point, circle) = 1 and DISTANCE(a, b) < r apart."""
        left, operator, right = test.left, test.operator, test.right
        if isinstance(right, tree.Function):
            left, right, operator = right, left, MIRRORED[operator]
        if not isinstance(left, tree.Function):
            return None
        number = self.constant(right)
        if left.name == "DISTANCE" and operator in ("<", "<=") and number is not None:
            return left, left.arguments[0], left.arguments[1], number
        if left.name not in ("CONTAINS", "INTERSECTS") or (operator, number) not in (("=", 1), ("<>", 0)):
            return None
        point, circle = left.arguments
        if left.name == "INTERSECTS" and isinstance(point, tree.Circle):
            point, circle = circle, point
        if not isinstance(circle, tree.Circle):
            return None
        radius = self.constant(circle.radius)
        return None if radius is None else (left, point, circle.centre, radius)

    def _source(self, place: tree.Node | tree.Pair) -> Source | None:
        """Give the table that both columns of a place are of."""
        return self.columns_of(self.pair(place))[0]  # type: ignore[arg-type]

    # --- how they are written ---

    def table(self, table: tree.TableExpression) -> str:
        """Write one part of FROM, a table as often as its circles may touch a zone."""
        sql = super().table(table)
        source = self.checked.sources.get(id(table))
        for zone in self._zones.values():
            if zone.given_often is source:
                rows = "(0), (1)" if zone.flat else "(0, 0), (0, 1), (1, 0), (1, 1)"
                columns = "up" if zone.flat else "up, further"
                sql = f"({sql} CROSS JOIN (VALUES {rows}) AS {zone.name}({columns}))"
        return sql

    def candidate(self, point: Point, shape: Circle | Polygon, node: tree.Function) -> str:
        """Write that two places are in the same zone."""
        zone = self._zones.get(id(node))
        if zone is None or not isinstance(shape, Circle):
            return super().candidate(point, shape, node)
        small, large = point.nodes, shape.nodes
        if self.columns_of(small)[0] is not zone.given_often:
            small, large = large, small
        within_turn = self.home(Point(("", ""), large)) is not None
        return self.same_zone(zone, self._numbers_of(small), self._numbers_of(large), within_turn=within_turn)

    def _numbers_of(self, pair: tree.Pair | None) -> Place:
        """Write the columns of a place as stored: NaN is found by no test, and guards cost time."""
        columns = [self.checked.fields[id(node)] for node in pair or ()]
        lon, lat = (self.double(self.stored(column), column.type) for column in columns)
        return lon, lat

    def same_zone(self, zone: Zone, small: Place, large: Place, *, within_turn: bool) -> str:
        """Write that a zone and piece around the one place are those of the other.

        What is done to the other place is done for millions of rows, hence without a cosine; ``within_turn``
        is whether its longitude is surely from 0 to 360. It is then not brought there, but 360 is taken for a
        little less: a circle that reaches the one reaches the other.
        """
        number, reach = self.float_literal, zone.radius + _SLACK
        tall = max(2.02 * reach, min(_ROOMY * zone.radius, _TALL), _LOW)
        height, arm, turn, one = number(tall), number(reach), number(360.0), number(1.0)

        # The edge of zone n that is nearer to a pole is |n + 1/2| + 1/2 heights from the equator. A circle in
        # it may reach as far as that and its diameter; 1 - x/90 is never more than the cosine of x.
        most = 360 / tall * (1 - (tall / 2 + 2 * reach) / 90)

        def pieces(row: str) -> str:
            """Write how many pieces a zone has; one where a circle in it may hold a pole."""
            return f"greatest({one}, floor({number(most)} - {number(4.0)} * abs({row} + {number(0.5)})))"

        def remainder(whole: str, by: str) -> str:
            return f"({whole} - {by} * floor({whole} / {by}))"

        lowest = f"floor(({small[1]} - {arm}) / {height})"
        row = f"({lowest} + {zone.name}.up)"
        there = f"floor({large[1]} / {height})"
        tests = [
            f"{row} = {there}",
            f"({zone.name}.up = 0 OR {row} * {height} <= {small[1]} + {arm})",
        ]
        if not zone.flat:
            sine = number(1.000001) + f" * sin({self.radians(arm)})"
            shrunk = f"greatest(cos({self.radians(small[1])}), {number(1e-12)})"
            half = self.functions["DEGREES/1"].format(f"asin(least({one}, {sine} / {shrunk}))")
            of = pieces(row)
            west, east = (f"floor(({small[0]} {sign} {half}) / {turn} * {of})" for sign in "-+")
            piece = f"({west} + {zone.name}.further)"
            lon = f"least({large[0]}, {number(360.0 - _SLACK / 100)})" if within_turn else large[0]
            part = f"floor({lon} / {turn} * {pieces(there)})"
            part = part if within_turn else remainder(part, pieces(there))
            tests[1:1] = [f"{remainder(piece, of)} = {part}"]
            tests += [f"({zone.name}.further = 0 OR ({of} > 1 AND {west} < {east}))"]
        return " AND ".join(tests)


def _often(first: Source, second: Source) -> Source:
    """Choose which of two tables is given often: one that is not of the archive, which is the small one."""
    return first if first.position is None or second.position is not None else second

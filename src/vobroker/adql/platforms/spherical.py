"""Geometry, exact on the sphere; all angles in degrees.

Shapes whose coordinates are numbers are worked out before the query runs (:mod:`.sphere`), so that what the
engine has to do for a row is a few products. A condition on the latitude alone comes first: it is cheap and
lets an engine use an index or skip blocks of rows. Where a table keeps the HEALPix cells of its positions
and the caller can tell those under a shape, ranges of cells come first (:mod:`.cells`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

from vobroker.adql import tree
from vobroker.adql.check import Source
from vobroker.adql.platforms import moc, sphere, stcs
from vobroker.adql.platforms.cells import Range, joined, within
from vobroker.adql.platforms.expressions import Expressions

Place = tuple[str, str]
"""SQL of a longitude and a latitude."""

_SQUARE_DEGREES = 41252.96124941927  # of the whole sphere
_ROUNDING = 1e-9  # degrees; more than rounding can move a place
FAR = 1e4  # degrees; beyond it turns of the circle cost digits


@dataclass(frozen=True, slots=True)
class Point:
    """A place, with the nodes of its coordinates where there are any."""

    sql: Place
    nodes: tree.Pair | None


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle; ``fixed`` is its centre and ``size`` its radius where they are numbers.

    ``nodes`` are those of the coordinates of the centre where there are any.
    """

    centre: Place
    fixed: tuple[float, float] | None
    radius: str
    size: float | None
    nodes: tree.Pair | None = None


@dataclass(frozen=True, slots=True)
class Polygon:
    """A shape of constant coordinates, as convex parts, and a circle around it."""

    parts: Sequence[sphere.Convex]
    corners: Sequence[sphere.Vector]
    around: sphere.Cap


@dataclass(frozen=True, slots=True)
class Coverage:
    """A coverage map, as ranges of nested cells of order 29."""

    ranges: list[Range]


Shape = Point | Circle | Polygon | Coverage


class Spherical(Expressions):
    """Write geometry functions."""

    def geometric(self, node: tree.Function) -> str:
        """Write a geometry function."""
        first = node.arguments[0]
        match node.name:
            case "CONTAINS" | "INTERSECTS":
                before, self._false_is_null = self._false_is_null, False
                sql = self.truth_as_number(self.shape_test(node))
                self._false_is_null = before
                return sql
            case "DISTANCE":
                one, other = self.ends(node)
                sql = self.distance(one.sql, other.sql, self.fixed(other.nodes))
                return sql if self.is_number(one) and self.is_number(other) else self.without_nan(sql)
            case "COORD1":
                return self.position(first)[0]
            case "COORD2":
                return self.position(first)[1]
            case "AREA":
                return self.area(node)
            case _:
                self.refuse(node, f"{node.name} of a {self.type(first).type}")

    def ends(self, distance: tree.Function) -> tuple[Point, Point]:
        """Give the places of DISTANCE; one that is written out in numbers comes second."""
        one, other = (self.point(argument) for argument in distance.arguments)
        return (other, one) if self.fixed(one.nodes) else (one, other)

    def is_number(self, point: Point) -> bool:
        """Whether the coordinates of a point are finite numbers, or null."""
        return self.fixed(point.nodes) is not None or self.home(point) is not None

    def sort_key(self, value: tree.Value) -> str:
        """Write what rows are put in order by: of a distance something smaller that grows with it."""
        if isinstance(value, tree.Function) and value.name == "DISTANCE":
            one, other = self.ends(value)
            if self.is_number(one) and self.is_number(other):
                return self.haversine(one.sql, other.sql, self.fixed(other.nodes))
        return super().sort_key(value)

    def area(self, node: tree.Function) -> str:
        """Write AREA, in square degrees."""
        shape = self.shape(node.arguments[0])
        match shape:
            case Point():
                return self.float_literal(0.0)
            case Circle():
                # A cap of radius r covers 2 pi (1 - cos r) = 4 pi sin^2(r/2) steradian.
                half = f"sin({self.radians(shape.radius)} / 2)"
                return self.without_nan(f"({self.float_literal(_SQUARE_DEGREES)} * power({half}, 2))")
            case Polygon(corners=corners) if corners and (size := sphere.area(corners)) is not None:
                return self.float_literal(size)
            case Coverage(ranges=ranges):
                cells = sum(stop - start for start, stop in ranges)
                return self.float_literal(_SQUARE_DEGREES * cells / (12 * 4**moc.ORDER))
        self.refuse(node, f"AREA of this {self.type(node.arguments[0]).type}")

    # --- conditions ---

    def shape_test(self, node: tree.Function) -> str:
        """Write CONTAINS or INTERSECTS as a condition."""
        first, second = map(self.shape, node.arguments)
        if node.name == "INTERSECTS" and isinstance(second, Point):
            first, second = second, first
        match first, second:
            case Point(), Circle():
                return self.bounded(self.selected(first, second, self.in_circle(first, second), node), node)
            case Point(), Polygon():
                return self.bounded(self.selected(first, second, self.in_polygon(first, second), node), node)
            case Point(), Coverage():
                return self.bounded(self.in_coverage(first, second, node), node)
            case Circle(), Circle():
                distance = self.distance(first.centre, second.centre)
                if node.name == "INTERSECTS":
                    return f"({distance} <= {first.radius} + {second.radius})"
                return f"({distance} + {first.radius} <= {second.radius})"
        kinds = [self.type(argument).type for argument in node.arguments]
        self.refuse(node, f"{node.name} of a {kinds[0]} and a {kinds[1]}")

    def selected(self, point: Point, shape: Circle | Polygon, exact: str, node: tree.Function) -> str:
        """Write an exact test behind what preselects rows for it, where there is such a thing."""
        candidate = self.candidate(point, shape, node) if self._false_is_null else ""
        return f"({candidate} AND {exact})" if candidate else exact

    def candidate(self, point: Point, shape: Circle | Polygon, node: tree.Function) -> str:
        """Write a condition that is cheap for the engine and true where that of ``node`` is; or nothing."""
        cell = self.cell(point)
        if self.cells is None or not cell:
            return ""
        if isinstance(shape, Polygon):
            return self.among(cell, self.cells.polygon_ranges(shape.parts))
        if shape.fixed is None or shape.size is None or abs(shape.fixed[0]) > FAR:
            return ""
        ra, dec = shape.fixed
        return self.among(cell, self.cells.cone_ranges(ra % 360, dec, min(shape.size, 180.0)))

    def among(self, cell: str, ranges: Sequence[Range]) -> str:
        """Write that a cell may be in one of some ranges, cheaply for the engine."""
        return within(cell, joined(ranges))

    def cell(self, point: Point) -> str:
        """Write the column with the cell of a point; empty where the table of the point has none."""
        home = self.home(point)
        return self.place(home, home.position.cell) if home and home.position else ""

    def home(self, point: Point) -> Source | None:
        """Give the table whose position a point is, as its ``position`` has it."""
        source, ra, dec = self.columns_of(point.nodes)
        return source if source and source.position and source.position[:2] == (ra, dec) else None

    def columns_of(self, pair: tree.Pair | None) -> tuple[Source | None, str, str]:
        """Give the table that a pair of columns is of, and their names; None where they are not of one."""
        places: list[tuple[Source, str]] = []
        for node in pair or ():
            column = self.checked.field_of(node) if isinstance(node, tree.ColumnReference) else None
            places += column.places if column else ()
        if len(places) != 2 or places[0][0] is not places[1][0]:
            return None, "", ""
        return places[0][0], places[0][1], places[1][1]

    def in_coverage(self, point: Point, coverage: Coverage, node: tree.Function) -> str:
        """Write whether a point is in a coverage map: exact, since both are cells."""
        cell = self.cell(point)
        if not cell:
            self.refuse(node, "a MOC and a POINT that is not the position of a table with HEALPix cells")
        exact = within(cell, coverage.ranges)
        cheap = self.among(cell, coverage.ranges) if self._false_is_null else exact
        return exact if cheap == exact else f"({cheap} AND {exact})"

    def in_circle(self, point: Point, circle: Circle) -> str:
        """Write whether a point is in a circle: haversine of the distance against that of the radius.

        It is right at the poles and across longitude 0 and needs no inverse function.
        """
        latitude = point.sql[1]
        centre, radius = circle.centre[1], circle.radius
        if circle.size is None:
            half = f"power(sin({self.radians(radius)} / 2), 2)"
            limit = f"CASE WHEN {radius} < 180 THEN {half} WHEN {radius} >= 180 THEN 2 END"
            slack = self.float_literal(_ROUNDING)
            band = f"{radius} >= 0 AND abs({latitude} - {centre}) <= {radius} + {slack}"
        else:
            limit = self.float_literal(sin(radians(circle.size) / 2) ** 2 if circle.size < 180 else 2.0)
            reach = circle.size + _ROUNDING
            if circle.fixed is None:
                band = f"abs({latitude} - {centre}) <= {self.float_literal(reach)}"
            else:
                band = self.about(point, (*circle.fixed, reach))
        return f"({band} AND {self.haversine(point.sql, circle.centre, circle.fixed)} <= {limit})"

    def in_polygon(self, point: Point, polygon: Polygon) -> str:
        """Write whether a point is in a polygon: on the inner side of the plane of each edge of one part.

        The outward normals are written, since NaN, which an infinite coordinate gives, is not below zero.
        """
        lon, lat = map(self.radians, point.sql)
        x, y, z = f"cos({lat}) * cos({lon})", f"cos({lat}) * sin({lon})", f"sin({lat})"
        number = self.float_literal
        parts = [
            " AND ".join(
                f"{number(-a)} * {x} + {number(-b)} * {y} + {number(-c)} * {z} <= 0" for a, b, c in part
            )
            for part in polygon.parts
        ]
        inside = parts[0] if len(parts) == 1 else "(" + " OR ".join(f"({part})" for part in parts) + ")"
        lon0, lat0, reach = polygon.around
        if reach >= 90:
            return f"({inside})"
        return f"({self.about(point, (lon0, lat0, reach + _ROUNDING))} AND {inside})"

    def near(self, distance: tree.Function, operator: str, limit: tree.Value) -> str:
        """Write ``DISTANCE(...) < limit`` with a condition on the latitudes, for joins on the sky."""
        reach = self.constant(limit)
        if operator not in ("<", "<=") or reach is None:
            return ""
        first, second = self.ends(distance)
        fixed = self.fixed(second.nodes)
        possible = 0 <= reach <= 180
        if fixed is not None and possible:
            band = self.about(first, (*fixed, reach + _ROUNDING))
        else:
            slack = self.float_literal(reach + _ROUNDING)
            band = (
                f"{first.sql[1]} >= {second.sql[1]} - {slack} AND {first.sql[1]} <= {second.sql[1]} + {slack}"
            )
        away = self.distance(first.sql, second.sql, fixed)
        exact = f"({band} AND {away} {operator} {self.float_literal(reach)})"
        if not possible:
            return exact
        if fixed is None and self.home(second) and not self.home(first):
            first, second = second, first
        circle = Circle(second.sql, fixed, self.float_literal(reach), reach, second.nodes)
        return self.selected(first, circle, exact, distance)

    def about(self, point: Point, cap: sphere.Cap) -> str:
        """Write what is true of all points in a circle by their coordinates alone."""
        _, lat, reach = cap
        return self.between(point, lat - reach, lat + reach)

    def between(self, point: Point, low: float, high: float) -> str:
        """Write that the latitude of a point is between two numbers."""
        limits = ((">=", low), ("<=", high))
        stored = self.stored_place(point)[1] if point.nodes and self._false_is_null else ""
        if stored:
            plain = [self.bound(stored, operator, self.float_literal(limit)) for operator, limit in limits]
            if all(plain):
                return " AND ".join(plain)
        return " AND ".join(
            f"{point.sql[1]} {operator} {self.float_literal(limit)}" for operator, limit in limits
        )

    def stored_place(self, point: Point) -> Place:
        """Write the columns of a place as stored, for an index; empty for what is no DOUBLE column."""
        columns = [
            self.checked.field_of(node) if isinstance(node, tree.ColumnReference) else None
            for node in point.nodes or (None, None)
        ]
        lon, lat = (self.stored(c) if c and c.type.type == "DOUBLE" else "" for c in columns)
        return lon, lat

    # --- formulae ---

    def radians(self, sql: str) -> str:
        """Write degrees as radians."""
        return self.functions["RADIANS/1"].format(sql)

    def haversine(self, first: Place, second: Place, fixed: tuple[float, float] | None) -> str:
        """Write the square of the sine of half the distance."""
        cosine = self.float_literal(cos(radians(fixed[1]))) if fixed else f"cos({self.radians(second[1])})"
        across, along = (self.radians(f"({first[i]} - {second[i]})") for i in (0, 1))
        shrunk = f"cos({self.radians(first[1])}) * {cosine}"
        return f"(power(sin({along} / 2), 2) + {shrunk} * power(sin({across} / 2), 2))"

    def distance(self, first: Place, second: Place, fixed: tuple[float, float] | None = None) -> str:
        """Write the angular distance (Vincenty's formula: right for near, far and opposite points).

        ``fixed`` is the second place where it is numbers.
        """
        (lon1, lat1), (lon2, lat2) = first, second
        across = f"({lon2} - {lon1})"
        sin1, cos1 = f"sin({self.radians(lat1)})", f"cos({self.radians(lat1)})"
        sin2, cos2 = f"sin({self.radians(lat2)})", f"cos({self.radians(lat2)})"
        if fixed is not None:
            sin2, cos2 = (self.float_literal(function(radians(fixed[1]))) for function in (sin, cos))
        sin_lon, cos_lon = f"sin({self.radians(across)})", f"cos({self.radians(across)})"
        opposite = (
            f"sqrt(power({cos2} * {sin_lon}, 2) + power({cos1} * {sin2} - {sin1} * {cos2} * {cos_lon}, 2))"
        )
        along = f"{sin1} * {sin2} + {cos1} * {cos2} * {cos_lon}"
        return self.functions["DEGREES/1"].format(self.functions["ATAN2/2"].format(opposite, along))

    # --- shapes ---

    def shape(self, node: tree.Value) -> Shape:
        """Read a geometry."""
        match node:
            case tree.Circle():
                return self.circle(node)
            case tree.Polygon():
                return self.polygon(node, [self.vertex(vertex, node) for vertex in node.vertices])
            case tree.Box():
                return self.box(node)
            case tree.Region():
                return self.region(node)
        return self.point(node)

    def point(self, node: tree.Value) -> Point:
        """Read a POINT value."""
        match node:
            case tree.Point(coordinates=coordinates):
                self.system(node)
                return Point(self.coordinates(coordinates), coordinates)
            case tree.Centroid(shape=tree.Circle() as circle):
                return Point(self.circle(circle).centre, None)
            case tree.Centroid(shape=tree.Box() as box):
                self.system(box)
                return Point(self.centre(box.centre), None)
            case tree.Centroid(shape=tree.Point() as point):
                return self.point(point)
        kind = self.type(node).type
        if kind == "POINT":
            self.refuse(node, "a POINT other than POINT(...) and CENTROID of a POINT, CIRCLE or BOX")
        self.refuse(node, f"a {kind} other than one written out")

    def position(self, node: tree.Value) -> Place:
        """Write longitude and latitude of a POINT value."""
        return self.point(node).sql

    def circle(self, circle: tree.Circle) -> Circle:
        """Read a CIRCLE."""
        self.system(circle)
        size = self.constant(circle.radius)
        if size is not None and size < 0:
            self.fail("radius", "The radius of a CIRCLE is negative.", circle.radius)
        return Circle(
            self.centre(circle.centre),
            self.fixed(circle.centre),
            self.as_double(circle.radius),
            size,
            self.pair(circle.centre),
        )

    def polygon(self, node: tree.Value, corners: list[sphere.Vector]) -> Polygon:
        """Cut a polygon of constant corners into convex parts."""
        parts = sphere.convex_parts(corners)
        if parts is None:
            self.refuse(node, "a POLYGON that crosses itself or is larger than a hemisphere")
        return Polygon(parts, corners, sphere.cap(corners))

    def box(self, node: tree.Box) -> Polygon:
        """Read a BOX of numbers."""
        self.system(node)
        centre = self.fixed(node.centre)
        width, height = map(self.constant, node.size)
        if centre is None or width is None or height is None:
            self.refuse(node, "a BOX whose centre and size are not numbers")
        return self.fixed_box(node, *centre, width, height)

    def fixed_box(self, node: tree.Value, lon: float, lat: float, width: float, height: float) -> Polygon:
        """Make a box."""
        part = sphere.box(lon, lat, width, height)
        if part is None:
            self.refuse(node, "a BOX that is not between 0 and 180 degrees wide and high")
        return Polygon([part], [], sphere.box_cap(lon, lat, width, height))

    def region(self, node: tree.Region) -> Shape:
        """Read a REGION: a shape in STC-S, or MOC and a coverage map."""
        kind, _, rest = node.text.text.strip().partition(" ")
        if kind.upper() == "MOC":
            try:
                return Coverage(moc.read(rest))
            except moc.MocError as error:
                self.refuse(node, f"a MOC that {error}")
        try:
            shape = stcs.read(node.text.text)
        except stcs.StcsError as error:
            self.refuse(node, f"a REGION that {error}")
        numbers = shape.numbers
        pairs = (
            [(numbers[0], numbers[1])]
            if shape.kind != "POLYGON"
            else list(zip(numbers[::2], numbers[1::2], strict=True))
        )
        for _, lat in pairs:
            self.latitude(lat, node)
        literal = self.float_literal
        if shape.kind == "BOX":
            return self.fixed_box(node, *numbers)
        if shape.kind == "POLYGON":
            return self.polygon(node, [sphere.direction(*pair) for pair in pairs])
        place = (literal(numbers[0]), literal(numbers[1]))
        if shape.kind == "POSITION":
            return Point(place, None)
        if numbers[2] < 0:
            self.fail("radius", "The radius of a circle is negative.", node)
        return Circle(place, pairs[0], literal(numbers[2]), numbers[2])

    def vertex(self, vertex: tree.Pair | tree.Value, polygon: tree.Polygon) -> sphere.Vector:
        """Give the direction of a vertex written out in numbers."""
        self.system(polygon)
        if isinstance(vertex, tree.Point):
            self.system(vertex)
            vertex = vertex.coordinates
        fixed = self.fixed(vertex)
        if fixed is None:
            self.refuse(polygon, "a POLYGON whose vertices are not numbers")
        return sphere.direction(*fixed)

    def centre(self, centre: tree.Pair | tree.Value) -> Place:
        """Write longitude and latitude of a centre."""
        return self.coordinates(centre) if isinstance(centre, tuple) else self.position(centre)

    def pair(self, place: tree.Pair | tree.Value) -> tree.Pair | None:
        """Give the nodes of a place's coordinates."""
        place = place.coordinates if isinstance(place, tree.Point) else place
        return place if isinstance(place, tuple) else None

    def fixed(self, place: tree.Pair | tree.Value | None) -> tuple[float, float] | None:
        """Give a place written out in numbers."""
        pair = self.pair(place) if place is not None else None
        if pair is None:
            return None
        self.coordinates(pair)
        lon, lat = map(self.constant, pair)
        return None if lon is None or lat is None else (lon, lat)

    def coordinates(self, pair: tree.Pair) -> Place:
        """Write a pair of coordinates; a latitude beyond a pole is a mistake."""
        latitude = self.constant(pair[1])
        if latitude is not None:
            self.latitude(latitude, pair[1])
        return self.as_double(pair[0]), self.as_double(pair[1])

    def latitude(self, latitude: float, node: tree.Node) -> None:
        """Refuse a latitude beyond a pole."""
        if not -90 <= latitude <= 90:
            self.fail("latitude", f"The latitude {latitude:g} is not between -90 and 90.", node)

    def system(self, node: tree.Point | tree.Circle | tree.Polygon | tree.Box) -> None:
        """Refuse a coordinate system that would need a conversion (deprecated argument, section 4.2)."""
        if isinstance(node.system, tree.String) and node.system.text.strip().upper() not in ("", "ICRS"):
            self.refuse(node.system, f"the coordinate system '{node.system.text}' (only ICRS)")

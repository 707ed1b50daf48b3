"""What all engines share: a checked tree written in SQL.

No text of the user gets into the SQL: tables and columns are written with their catalogue names, subqueries
and their columns are called ``t1``, ``c1`` and so on, numbers are written anew from their value, strings are
parameters. The one exception is the output names of the outermost SELECT, as quoted identifiers.

A missing value is NULL. NaN is read as NULL and every operation outside its domain (``SQRT(-1)``, ``1/0``)
gives NULL, on all engines alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, isfinite, radians, sin
from typing import Any, ClassVar, NoReturn

from vobroker.adql import tree, units
from vobroker.adql.check import CheckedQuery, Field, Output, Source, ValueType, arithmetic_type
from vobroker.adql.errors import AdqlError
from vobroker.adql.platforms.sphere import Vector, convex_edges, direction

MAX_SQL = 1_000_000
"""Length of the SQL that a query may grow to, in characters."""

Place = tuple[str, str]
"""SQL of a longitude and a latitude."""


@dataclass(frozen=True, slots=True)
class Translation:
    """SQL of an engine, and the values of its numbered parameters in order."""

    sql: str
    parameters: list[Any] = field(default_factory=list)


class Translator:
    """Write a checked query in SQL.

    An engine is a subclass with its tables of functions and types and the few methods that differ.
    """

    name: ClassVar[str] = "SQL"
    functions: ClassVar[dict[str, str]] = {}
    """Template of each function the engine does exactly, by ADQL name; arguments are {0}, {1}. Each argument
    appears once in its template, so that nesting cannot blow up the SQL."""
    types: ClassVar[dict[str, str]] = {}
    """Engine type of each ADQL type that can be the target of CAST."""

    def __init__(self, checked: CheckedQuery, parameters: list[Any] | None = None) -> None:
        self.checked = checked
        self.parameters: list[Any] = [] if parameters is None else parameters
        self._outputs: list[tuple[Output, ...]] = []
        self._false_is_null = True  # whether FALSE and NULL of the condition in hand mean the same

    def translate(self) -> Translation:
        """Write the whole query."""
        query = self.checked.query
        try:
            ctes = ", ".join(
                f"{self.checked.with_names[id(cte)]} AS ({self.body(cte.query)})" for cte in query.ctes
            )
            sql = self.body(query.body, [column.name for column in self.checked.columns])
        except RecursionError:
            raise AdqlError("too-deep", "The query is nested too deeply.", query.text, query.span) from None
        return Translation(f"WITH {ctes} {sql}" if ctes else sql, self.parameters)

    # --- what engines may change ---

    def identifier(self, name: str) -> str:
        """Quote a name."""
        if "\0" in name:
            raise AdqlError(
                "unsupported", "A name cannot hold a NUL character.", self.checked.query.text, (0, 0)
            )
        return '"' + name.replace('"', '""') + '"'

    def parameter(self, value: object) -> str:
        """Add a parameter and give its place holder."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def place(self, source: Source, column: str) -> str:
        """Write one column of one source."""
        return f"{source.alias}.{self.identifier(column)}"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL."""
        raise NotImplementedError

    def limit(self, top: int | None, offset: int | None) -> str:
        """Write TOP and OFFSET; comes after ORDER BY."""
        return (f" LIMIT {top:d}" if top is not None else "") + (f" OFFSET {offset:d}" if offset else "")

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; that of two integers is cut toward zero (SQL92 6.12), by zero it is NULL."""
        raise NotImplementedError

    # --- queries ---

    def body(self, body: tree.QueryBody, names: list[str] | None = None) -> str:
        """Write a query; its columns are called ``names``, or c1, c2 ..."""
        match body:
            case tree.Select():
                return self.select(body, names)
            case tree.Ordered(body=tree.Select() as select, order=order, offset=offset):
                return self.select(select, names, order or (), offset)
            case tree.Ordered(body=inner, order=order, offset=offset):
                outputs = self.checked.outputs[id(inner)]
                sql = (
                    self.body(inner, names)
                    if isinstance(inner, tree.SetExpression)
                    else f"({self.body(inner, names)})"
                )
                return sql + self.order(order or (), outputs, within=False) + self.limit(None, offset)
            case tree.SetExpression(first=first, steps=steps):
                sql = f"({self.body(first, names)})"
                for number, step in enumerate(steps):
                    operator = f"{step.operator}{' ALL' if step.all else ''}"
                    sql = f"({sql})" if number else sql
                    sql = f"{sql} {operator} ({self.body(step.operand)})"
                    self.bounded(sql, step)
                return sql

    def select(
        self,
        select: tree.Select,
        names: list[str] | None,
        order: tuple[tree.OrderTerm, ...] = (),
        offset: int | None = None,
    ) -> str:
        """Write one SELECT with the ORDER BY that follows it."""
        outputs = self.checked.outputs[id(select)]
        names = names or [f"c{number}" for number in range(1, len(outputs) + 1)]
        items = ", ".join(
            f"{self.output(output)} AS {self.identifier(name)}"
            for output, name in zip(outputs, names, strict=True)
        )
        distinct = "DISTINCT " if select.quantifier == "DISTINCT" else ""
        sql = f"SELECT {distinct}{items} FROM {', '.join(map(self.table, select.tables))}"  # noqa: S608
        self._outputs.append(outputs)
        if select.where:
            sql += f" WHERE {self.within(select.where, false_is_null=True)}"
        if select.group:
            sql += f" GROUP BY {', '.join(map(self.group_key, select.group))}"
        if select.having:
            sql += f" HAVING {self.within(select.having, false_is_null=True)}"
        sql += self.order(order, outputs, within=True)
        self._outputs.pop()
        return self.bounded(sql + self.limit(select.top, offset), select)

    def output(self, output: Output) -> str:
        """Write the value of one output column."""
        if isinstance(output.value, Field):
            return self.field(output.value)
        if output.type.type in ("POINT", "CIRCLE", "POLYGON", "BOX", "REGION"):
            self.refuse(output.value, f"a {output.type.type} in the SELECT list")
        return self.value(output.value)

    def group_key(self, value: tree.Value) -> str:
        """Write a GROUP BY term; a bare number would be a column's place to many engines."""
        if isinstance(value, tree.Number):
            self.refuse(value, "GROUP BY with a constant")
        return self.value(value)

    def order(self, terms: tuple[tree.OrderTerm, ...], outputs: tuple[Output, ...], *, within: bool) -> str:
        """Write ORDER BY; names of output columns become their places."""
        if not terms:
            return ""
        written = []
        for term in terms:
            place = self.output_place(term.value, outputs)
            if place is None and not within:
                self.refuse(term, "ORDER BY with an expression after a set operator")
            key = str(place) if place is not None else self.value(term.value)
            written.append(f"{key} {term.direction or 'ASC'}")
        return f" ORDER BY {', '.join(written)}"

    def output_place(self, value: tree.Value, outputs: tuple[Output, ...]) -> int | None:
        """Give the number of the output column that an ORDER BY term means, from 1."""
        if isinstance(value, tree.Number) and value.is_integer:
            return int(value.text)
        if isinstance(value, tree.ColumnReference) and self.checked.field_of(value) is None:
            named = (n for n, o in enumerate(outputs, 1) if value.path[-1].matches(o.name))
            return next(named, None)
        return None

    # --- tables ---

    def table(self, table: tree.TableExpression) -> str:
        """Write one part of FROM."""
        match table:
            case tree.TableName():
                source = self.checked.sources[id(table)]
                name = ".".join(map(self.identifier, source.table.split(".")))
                return f"{name} AS {source.alias}"
            case tree.DerivedTable(query=query):
                return f"({self.body(query)}) AS {self.checked.sources[id(table)].alias}"
            case tree.JoinedTable(first=first, joins=joins):
                sql = self.table(first)
                for join in joins:
                    inner = self.table(join.table)
                    inner = f"({inner})" if isinstance(join.table, tree.JoinedTable) else inner
                    sql = f"{sql} {join.kind} JOIN {inner} ON {self.join_condition(join)}"
                return sql

    def join_condition(self, join: tree.Join) -> str:
        """Write ON; USING and NATURAL become equalities."""
        if isinstance(join.condition, tree.Node):
            return self.within(join.condition, false_is_null=True)
        pairs = self.checked.merged[id(join)]
        return " AND ".join(f"{self.field(a)} = {self.field(b)}" for a, b in pairs) or "TRUE"

    # --- values ---

    def field(self, column: Field) -> str:
        """Write a column."""
        sql = self.stored(column)
        return self.without_nan(sql) if column.type.type in ("REAL", "DOUBLE") else sql

    def stored(self, column: Field) -> str:
        """Write a column as it is stored, NaN included."""
        places = [self.place(source, name) for source, name in column.places]
        return places[0] if len(places) == 1 else f"coalesce({', '.join(places)})"

    def value(self, node: tree.Value) -> str:
        """Write a value."""
        return self.bounded(self._value(node), node)

    def _value(self, node: tree.Value) -> str:
        match node:
            case tree.ColumnReference():
                return self.column(node)
            case tree.Number():
                return self.number(node)
            case tree.String(text=text):
                return self.parameter(text)
            case tree.Null():
                return "NULL"
            case tree.Signed(sign=sign, operand=operand):
                return f"({sign} {self.value(operand)})"
            case tree.Arithmetic():
                return self.arithmetic(node)
            case tree.Concatenation(operands=operands):
                return "(" + " || ".join(map(self.as_text, operands)) + ")"
            case tree.Function():
                return self.function(node)
            case tree.Aggregate():
                return self.aggregate(node)
            case tree.Case():
                return self.case(node)
            case tree.Cast():
                return self.cast(node)
            case tree.InUnit(value=value, unit=unit):
                factor = units.factor(self.type(value).unit or "", unit.text)
                assert factor is not None  # the checker saw to it
                return f"({self.as_double(value)} * {_double(factor)})"
            case _:
                self.refuse(node, f"a {self.type(node).type} as a value")

    def column(self, node: tree.ColumnReference) -> str:
        """Write a column reference; one that means an output column becomes its value."""
        found = self.checked.field_of(node)
        if found is not None:
            return self.field(found)
        named = (o for outputs in reversed(self._outputs) for o in outputs if node.path[-1].matches(o.name))
        output = next(named, None)
        if output is None:
            self.refuse(node, f"the output column {node.path[-1].text} here")
        return self.output(output)

    def number(self, node: tree.Number) -> str:
        """Write a number anew from its value."""
        if self.type(node).is_integer:
            return str(int(node.text))
        value = float(node.text)
        if not isfinite(value):
            self.fail("number", f"{node.text} is too large.", node)
        return _double(value)

    def arithmetic(self, node: tree.Arithmetic) -> str:
        """Write a chain from left to right; an operand is made DOUBLE where the step's result is."""
        sql, kind = self.value(node.first), self.type(node.first)
        for operator, operand in node.steps:
            right, other = self.value(operand), self.type(operand)
            result = arithmetic_type(kind.type, other.type)
            if result == "DOUBLE":
                sql, right = self.double(sql, kind), self.double(right, other)
            integer = kind.is_integer and other.is_integer
            if operator == "/":
                sql = self.divide(sql, right, integer=integer)
            else:
                sql = f"({sql} {operator} {right})"
            kind = ValueType(result)
        return sql

    def double(self, sql: str, kind: ValueType) -> str:
        """Make a number a DOUBLE."""
        return sql if kind.type == "DOUBLE" else f"CAST({sql} AS {self.types['DOUBLE']})"

    def as_double(self, node: tree.Value) -> str:
        """Write a value as DOUBLE."""
        return self.double(self.value(node), self.type(node))

    def as_text(self, node: tree.Value) -> str:
        """Write an operand of ``||``; engines write floating numbers differently, so those are refused."""
        kind = self.type(node)
        if kind.type in ("REAL", "DOUBLE"):
            self.refuse(node, "|| with a floating number")
        return f"CAST({self.value(node)} AS {self.types['VARCHAR']})" if kind.is_integer else self.value(node)

    def function(self, node: tree.Function) -> str:
        """Write a function by its template."""
        if node.name in _GEOMETRIC and not node.user_defined:
            return self.geometric(node)
        if node.name == "COALESCE" and not node.user_defined:
            return f"coalesce({', '.join(map(self.value, node.arguments))})"
        template = self.functions.get(f"{node.name.upper()}/{len(node.arguments)}")
        if template is None:
            arguments = f" with {len(node.arguments)} arguments" if node.arguments else ""
            self.refuse(node, f"{node.name.upper()}{arguments}")
        return template.format(*map(self.value, node.arguments))

    def aggregate(self, node: tree.Aggregate) -> str:
        """Write a set function in the type that the checker gave it."""
        if node.argument is None:
            return "count(*)"
        distinct = "DISTINCT " if node.quantifier == "DISTINCT" else ""
        argument = self.as_double(node.argument) if node.name == "AVG" else self.value(node.argument)
        sql = f"{node.name.lower()}({distinct}{argument})"
        return f"CAST({sql} AS {self.types[self.type(node).type]})" if node.name == "SUM" else sql

    def case(self, node: tree.Case) -> str:
        """Write CASE."""
        sql = "CASE"
        for test, result in node.branches:
            subject = node.subject
            if subject is None:
                written = self.within(test, false_is_null=True)  # type: ignore[arg-type]
            else:
                written = self.compare(subject, "=", test)  # type: ignore[arg-type]
            sql += f" WHEN {written} THEN {self.value(result)}"
        return sql + (f" ELSE {self.value(node.default)}" if node.default is not None else "") + " END"

    def cast(self, node: tree.Cast) -> str:
        """Write CAST."""
        target = node.target
        kind = self.type(node).type
        if kind not in self.types or (target.name == "CHAR" and target.length is not None):
            self.refuse(
                node, f"CAST to {target.name}{f'({target.length})' if target.length is not None else ''}"
            )
        sql = f"CAST({self.value(node.value)} AS {self.types[kind]})"
        return f"left({sql}, {target.length:d})" if target.length is not None else sql

    # --- conditions ---

    def condition(self, node: tree.Condition) -> str:
        """Write a condition."""
        return self.bounded(self._condition(node), node)

    def _condition(self, node: tree.Condition) -> str:
        match node:
            case tree.Logical(operator=operator, operands=operands):
                return "(" + f" {operator} ".join(map(self.condition, operands)) + ")"
            case tree.Not(operand=operand):
                return f"(NOT {self.within(operand, false_is_null=False)})"
            case tree.Comparison(left=left, operator=operator, right=right):
                return self.compare(left, operator, right)
            case tree.Between(subject=subject, low=low, high=high):
                if node.negated:
                    return f"({self.compare(subject, '<', low)} OR {self.compare(subject, '>', high)})"
                return f"({self.compare(subject, '>=', low)} AND {self.compare(subject, '<=', high)})"
            case tree.In(subject=subject, choices=tuple() as choices):
                listed = ", ".join(self.coerced(choice, subject) for choice in choices)
                return f"({self.value(subject)} {_not(node.negated)}IN ({listed}))"
            case tree.In(subject=subject, choices=query):
                return f"({self.value(subject)} {_not(node.negated)}IN ({self.body(query)}))"  # type: ignore[arg-type]
            case tree.Like(subject=subject, operator=operator, pattern=pattern):
                return f"({self.value(subject)} {_not(node.negated)}{operator} {self.value(pattern)})"
            case tree.IsNull(subject=subject):
                return f"({self.value(subject)} IS {_not(node.negated)}NULL)"
            case tree.Exists(query=query):
                return f"EXISTS ({self.body(query)})"

    def within(self, node: tree.Condition, *, false_is_null: bool) -> str:
        """Write a condition in another context: NOT tells FALSE from NULL, WHERE and WHEN do not."""
        before, self._false_is_null = self._false_is_null, false_is_null
        sql = self.condition(node)
        self._false_is_null = before
        return sql

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored floating column with a number, if the engine can leave NaN out by itself.

        Other than with a guard around the column, it can then skip blocks of rows. The result for NaN is
        FALSE, not NULL. Empty where the engine cannot.
        """
        return ""

    def compare_column(self, left: tree.Value, operator: str, right: tree.Value) -> str:
        """Compare a floating column with a number by :meth:`bound`; empty where it is none of that."""
        found = isinstance(left, tree.ColumnReference) and self.checked.field_of(left)
        if not found or found.type.type not in ("REAL", "DOUBLE") or self.constant(right) is None:
            return ""
        if found.type.type == "REAL" and self.type(right).is_integer and not _fits_real(right):
            return ""
        return self.bound(self.stored(found), operator, self.value(right))

    def compare(self, left: tree.Value, operator: str, right: tree.Value) -> str:
        """Write a comparison; ``1 = CONTAINS(...)`` becomes the bare condition."""
        for test, literal in ((left, right), (right, left)):
            if (
                isinstance(test, tree.Function)
                and test.name in ("CONTAINS", "INTERSECTS")
                and not test.user_defined
                and isinstance(literal, tree.Number)
                and literal.text in ("0", "1")
                and operator in ("=", "<>")
            ):
                condition = self.shape_test(test)
                return condition if (literal.text == "1") == (operator == "=") else f"(NOT {condition})"
        if self._false_is_null:
            plain = self.compare_column(left, operator, right)
            plain = plain or self.compare_column(right, _MIRRORED[operator], left)
            if plain:
                return plain
        return f"({self.coerced(left, right)} {operator} {self.coerced(right, left)})"

    def coerced(self, node: tree.Value, other: tree.Value) -> str:
        """Write a value in the type in which it is compared with another."""
        kind, against = self.type(node), self.type(other)
        if against.type == "BOOLEAN" and isinstance(node, tree.Number):
            return "TRUE" if node.text == "1" else "FALSE"
        if against.type == "TIMESTAMP" and isinstance(node, tree.String):
            return f"CAST({self.value(node)} AS {self.types['TIMESTAMP']})"
        inexact = "REAL" in (kind.type, against.type) and (kind.is_integer or against.is_integer)
        if inexact and not (_fits_real(node) or _fits_real(other)):
            return self.as_double(node)
        return self.value(node)

    # --- geometry: exact on the sphere, all angles in degrees ---

    def geometric(self, node: tree.Function) -> str:
        """Write a geometry function."""
        match node.name:
            case "CONTAINS" | "INTERSECTS":
                return f"CAST({self.shape_test(node)} AS {self.types['INTEGER']})"
            case "DISTANCE":
                return self.distance(self.position(node.arguments[0]), self.position(node.arguments[1]))
            case "COORD1":
                return self.position(node.arguments[0])[0]
            case "COORD2":
                return self.position(node.arguments[0])[1]
            case "AREA" if isinstance(node.arguments[0], tree.Circle):
                self.system(node.arguments[0])
                # A cap of radius r covers 2 pi (1 - cos r) = 4 pi sin^2(r/2) steradian.
                half = f"sin(radians({self.as_double(node.arguments[0].radius)}) / 2)"
                return f"({_double(41252.96124941927)} * pow({half}, 2))"
            case _:
                self.refuse(node, f"{node.name} of a {self.type(node.arguments[0]).type}")

    def shape_test(self, node: tree.Function) -> str:
        """Write CONTAINS or INTERSECTS as a condition."""
        first, second = node.arguments
        if node.name == "INTERSECTS" and self.type(second).type == "POINT":
            first, second = second, first
        kinds = (self.type(first).type, self.type(second).type)
        if kinds == ("POINT", "CIRCLE") and isinstance(second, tree.Circle):
            return self.bounded(self.in_circle(first, second), node)
        if kinds == ("POINT", "POLYGON") and isinstance(second, tree.Polygon):
            return self.bounded(self.in_polygon(first, second), node)
        if (
            kinds == ("CIRCLE", "CIRCLE")
            and isinstance(first, tree.Circle)
            and isinstance(second, tree.Circle)
        ):
            distance = self.distance(self.centre(first), self.centre(second))
            r1, r2 = self.as_double(first.radius), self.as_double(second.radius)
            if node.name == "INTERSECTS":
                return f"({distance} <= {r1} + {r2})"
            return f"({distance} + {r1} <= {r2})"
        self.refuse(node, f"{node.name} of a {kinds[0]} and a {kinds[1]}")

    def in_circle(self, point: tree.Value, circle: tree.Circle) -> str:
        """Write whether a point is in a circle: haversine of the distance against that of the radius.

        It is right at the poles and across longitude 0 and needs no inverse function. The band of latitudes
        comes first because it is cheap and lets an engine skip blocks of rows.
        """
        lon, lat = self.position(point)
        centre_lon, centre_lat = self.centre(circle)
        radius = self.as_double(circle.radius)
        fixed = self.constant(circle.radius)
        if fixed is None:
            limit = f"pow(sin(radians({radius}) / 2), 2)"
            limit = f"CASE WHEN {radius} < 180 THEN {limit} WHEN {radius} >= 180 THEN 2 END"
            band = f"{radius} >= 0 AND abs({lat} - {centre_lat}) <= {radius} + 1e-9"
        else:
            if fixed < 0:
                self.fail("radius", "The radius of a CIRCLE is negative.", circle.radius)
            limit = _double(sin(radians(fixed) / 2) ** 2 if fixed < 180 else 2.0)
            band = self.band(lat, circle, centre_lat, fixed)
        return f"({band} AND {self.haversine((lon, lat), (centre_lon, centre_lat), circle)} <= {limit})"

    def in_polygon(self, point: tree.Value, polygon: tree.Polygon) -> str:
        """Write whether a point is in a polygon: on the inner side of the plane of each edge.

        The vertices must be numbers and the polygon convex and smaller than a hemisphere; its edges are great
        circles, and the order of the vertices does not matter.
        """
        self.system(polygon)
        planes = convex_edges([self.vertex(vertex, polygon) for vertex in polygon.vertices])
        if planes is None:
            self.refuse(polygon, "a POLYGON that is not convex")
        lon, lat = (f"radians({part})" for part in self.position(point))
        x, y, z = f"cos({lat}) * cos({lon})", f"cos({lat}) * sin({lon})", f"sin({lat})"
        sides = (f"{_double(a)} * {x} + {_double(b)} * {y} + {_double(c)} * {z} >= 0" for a, b, c in planes)
        return f"({' AND '.join(sides)})"

    def vertex(self, vertex: tree.Pair | tree.Value, polygon: tree.Polygon) -> Vector:
        """Give the direction of a vertex written out in numbers."""
        if isinstance(vertex, tree.Point):
            self.system(vertex)
            vertex = vertex.coordinates
        if isinstance(vertex, tuple):
            self.coordinates(vertex)
            lon, lat = map(self.constant, vertex)
            if lon is not None and lat is not None:
                return direction(lon, lat)
        self.refuse(polygon, "a POLYGON whose vertices are not numbers")

    def band(self, lat: str, circle: tree.Circle, centre_lat: str, radius: float) -> str:
        """Write the condition that a latitude is within ``radius`` of the centre's."""
        fixed = self.constant(circle.centre[1]) if isinstance(circle.centre, tuple) else None
        if fixed is None:
            return f"abs({lat} - {centre_lat}) <= {_double(radius + 1e-9)}"
        low, high = fixed - radius - 1e-9, fixed + radius + 1e-9
        return f"{lat} >= {_double(low)} AND {lat} <= {_double(high)}"

    def haversine(self, first: Place, second: Place, circle: tree.Circle) -> str:
        """Write the square of the sine of half the distance."""
        fixed = self.constant(circle.centre[1]) if isinstance(circle.centre, tuple) else None
        cosine = _double(cos(radians(fixed))) if fixed is not None else f"cos(radians({second[1]}))"
        return (
            f"(pow(sin(radians({first[1]} - {second[1]}) / 2), 2)"
            f" + cos(radians({first[1]})) * {cosine} * pow(sin(radians({first[0]} - {second[0]}) / 2), 2))"
        )

    def distance(self, first: Place, second: Place) -> str:
        """Write the angular distance (Vincenty's formula: right for near, far and opposite points)."""
        (lon1, lat1), (lon2, lat2) = first, second
        sin1, cos1 = f"sin(radians({lat1}))", f"cos(radians({lat1}))"
        sin2, cos2 = f"sin(radians({lat2}))", f"cos(radians({lat2}))"
        sin_lon, cos_lon = f"sin(radians({lon2} - {lon1}))", f"cos(radians({lon2} - {lon1}))"
        return (
            f"degrees(atan2(sqrt(pow({cos2} * {sin_lon}, 2)"
            f" + pow({cos1} * {sin2} - {sin1} * {cos2} * {cos_lon}, 2)),"
            f" {sin1} * {sin2} + {cos1} * {cos2} * {cos_lon}))"
        )

    def position(self, node: tree.Value) -> Place:
        """Write longitude and latitude of a POINT value."""
        match node:
            case tree.Point(coordinates=coordinates):
                self.system(node)
                return self.coordinates(coordinates)
            case tree.Centroid(shape=tree.Circle() as circle):
                return self.centre(circle)
            case tree.Centroid(shape=tree.Point() as point):
                return self.position(point)
            case _:
                self.refuse(node, "a POINT other than POINT(...) and CENTROID(CIRCLE(...))")

    def centre(self, circle: tree.Circle) -> Place:
        """Write longitude and latitude of a circle's centre."""
        self.system(circle)
        if isinstance(circle.centre, tuple):
            return self.coordinates(circle.centre)
        return self.position(circle.centre)

    def coordinates(self, pair: tree.Pair) -> Place:
        """Write a pair of coordinates; a latitude beyond a pole is a mistake."""
        latitude = self.constant(pair[1])
        if latitude is not None and not -90 <= latitude <= 90:
            self.fail("latitude", f"The latitude {latitude:g} is not between -90 and 90.", pair[1])
        return self.as_double(pair[0]), self.as_double(pair[1])

    def constant(self, node: tree.Value) -> float | None:
        """Give the value of a number written out."""
        match node:
            case tree.Number(text=text):
                return float(text)
            case tree.Signed(sign=sign, operand=tree.Number(text=text)):
                return -float(text) if sign == "-" else float(text)
        return None

    def system(self, node: tree.Point | tree.Circle | tree.Polygon) -> None:
        """Refuse a coordinate system that would need a conversion (deprecated argument, section 4.2.2)."""
        if isinstance(node.system, tree.String) and node.system.text.strip().upper() not in ("", "ICRS"):
            self.refuse(node.system, f"the coordinate system '{node.system.text}' (only ICRS)")

    # --- errors ---

    def type(self, node: tree.Node) -> ValueType:
        """Type that the checker found."""
        return self.checked.type_of(node)

    def bounded(self, sql: str, node: tree.Node) -> str:
        """Stop a query whose SQL grows beyond :data:`MAX_SQL`."""
        if len(sql) > MAX_SQL:
            self.fail("too-long", f"The query becomes more than {MAX_SQL} characters of SQL.", node)
        return sql

    def refuse(self, node: tree.Node, what: str) -> NoReturn:
        """Refuse what the engine cannot do exactly."""
        message = f"{what[0].upper()}{what[1:]} cannot be done exactly on {self.name}."
        raise AdqlError("unsupported", message, self.checked.query.text, node.span)

    def fail(self, code: str, message: str, node: tree.Node) -> NoReturn:
        """Raise an error at a node."""
        raise AdqlError(code, message, self.checked.query.text, node.span)


_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_GEOMETRIC = ("CONTAINS", "INTERSECTS", "DISTANCE", "AREA", "COORD1", "COORD2", "COORDSYS")


def _double(value: float) -> str:
    """Write a number so that an engine reads exactly this DOUBLE; an exponent keeps it from being DECIMAL."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _fits_real(node: tree.Value) -> bool:
    """Whether a value is a whole number that a 32-bit float holds exactly."""
    return isinstance(node, tree.Number) and node.is_integer and len(node.text) <= 7


def _not(negated: bool) -> str:
    return "NOT " if negated else ""

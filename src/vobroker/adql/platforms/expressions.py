"""What all engines share of values and conditions, and the places where they differ.

A missing value is NULL. NaN is read as NULL and every operation outside its domain (``SQRT(-1)``, ``1/0``)
gives NULL, on all engines alike. Halves are rounded away from zero; CAST to an integer cuts toward zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf, isfinite, nextafter
from typing import Any, ClassVar, NoReturn

from vobroker.adql import tree, units
from vobroker.adql.check import CheckedQuery, Field, Output, Source, ValueType, arithmetic_type
from vobroker.adql.errors import AdqlError
from vobroker.adql.platforms.cells import Cells

MAX_SQL = 1_000_000
"""Length of the SQL that a query may grow to, in characters."""

COMMON = {
    "ABS/1": "abs({0})",
    "CEILING/1": "ceil({0})",
    "FLOOR/1": "floor({0})",
    "DEGREES/1": "degrees({0})",
    "RADIANS/1": "radians({0})",
    "EXP/1": "exp({0})",
    "PI/0": "pi()",
    "ATAN/1": "atan({0})",
    "ATAN2/2": "atan2({0}, {1})",
    "COS/1": "cos({0})",
    "SIN/1": "sin({0})",
    "TAN/1": "tan({0})",
    "COT/1": "(1 / nullif(tan({0}), 0))",
    "LOWER/1": "lower({0})",
    "UPPER/1": "upper({0})",
    "SQRT/1": "sqrt({0})",
    "LOG/1": "ln({0})",
    "LOG10/1": "log10({0})",
    "ACOS/1": "acos({0})",
    "ASIN/1": "asin({0})",
}
"""Templates that suit most engines; arguments are {0}, {1}, each once: nesting cannot blow up the SQL."""

NOT_NEGATIVE = "nullif(greatest({0}, -5e-324), -5e-324)"
POSITIVE = "nullif(greatest({0}, 0e0), 0e0)"
WITHIN_ONE = "nullif(nullif(greatest(least({0}, {1}), -{1}), {1}), -{1})".replace(
    "{1}", "1.0000000000000002e0"
)
IN_RANGE = "nullif(nullif(greatest(least({0}, {1}), {2}), {1}), {2})"
"""Guards: the number next outside a domain stands for all that are, and becomes NULL."""

_LAST = {"SMALLINT": 2**15 - 1, "INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1}
_EXACT = tuple(_LAST)
_FLOATING = ("REAL", "DOUBLE")
_TEXTS = ("VARCHAR", "CHAR")
_DOMAINS = {
    "SQRT": "not_negative",
    "LOG": "positive",
    "LOG10": "positive",
    "ACOS": "within_one",
    "ASIN": "within_one",
}
_WHOLE = ("CEILING", "FLOOR", "ROUND", "TRUNCATE")
_GEOMETRIC = ("CONTAINS", "INTERSECTS", "DISTANCE", "AREA", "COORD1", "COORD2", "COORDSYS")
MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_HALF = (
    "0.49999999999999994"  # the largest number below a half: adding it never rounds up to the next integer
)


class Expressions(ABC):
    """Write values and conditions of a checked query."""

    name: ClassVar[str]
    """Name of the engine as people write it."""
    functions: ClassVar[dict[str, str]]
    """Template of each function the engine does exactly, by ADQL name and number of arguments."""
    types: ClassVar[dict[str, str]]
    """Engine type of each ADQL type that can be the target of CAST."""
    not_negative: ClassVar[str] = NOT_NEGATIVE
    positive: ClassVar[str] = POSITIVE
    within_one: ClassVar[str] = WITHIN_ONE
    """What makes an argument outside a function's domain NULL; ``{0}`` where the engine does that itself."""
    not_in_names: ClassVar[str] = "\0"
    """Characters that no quotes can hold."""
    in_range: ClassVar[str] = "{0}"
    """What makes a number NULL that CAST would turn into the last of a type; most engines refuse to."""
    reads_text_as_numbers: ClassVar[bool] = True
    """Whether CAST refuses text that is no number; engines that read it as 0 do not."""

    def __init__(
        self,
        checked: CheckedQuery,
        stored_names: Mapping[str, str] | None = None,
        cells: Cells | None = None,
    ) -> None:
        self.checked = checked
        self.stored_names = stored_names or {}
        self.cells = cells
        self.parameters: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._outputs: list[tuple[Output, ...]] = []
        self._false_is_null = True  # whether FALSE and NULL of the condition in hand mean the same

    # --- what engines may change ---

    def identifier(self, name: str) -> str:
        """Quote a name."""
        for character in self.not_in_names:
            if character in name:
                message = f"A name with {character!r} cannot be written on {self.name}."
                raise AdqlError("unsupported", message, self.checked.query.text, (0, 0))
        return '"' + name.replace('"', '""') + '"'

    def parameter(self, value: str) -> str:
        """Add a parameter and give its place holder; the same value has the same place."""
        if value not in self._numbers:
            self.parameters.append(value)
            self._numbers[value] = len(self.parameters)
        return self.placeholder(self._numbers[value])

    def placeholder(self, number: int) -> str:
        """Write the place of a parameter, counted from 1."""
        return f"${number}"

    def text(self, node: tree.String) -> str:
        """Write a string."""
        return self.parameter(node.text)

    def float_literal(self, value: float) -> str:
        """Write a number so that the engine reads exactly this DOUBLE; an exponent keeps it from DECIMAL."""
        written = repr(float(value))
        return written if "e" in written else f"{written}e0"

    def boolean(self, value: bool) -> str:
        """Write what a boolean column is compared with."""
        return "TRUE" if value else "FALSE"

    def timestamp(self, text: str) -> str:
        """Write a time, given in ISO 8601."""
        return f"CAST({self.parameter(text)} AS {self.types['TIMESTAMP']})"

    def place(self, source: Source, column: str) -> str:
        """Write one column of one source."""
        return f"{source.alias}.{self.identifier(column)}"

    def without_nan(self, sql: str) -> str:
        """Read NaN as NULL; an engine that cannot store NaN has nothing to do."""
        return sql

    def bound(self, column: str, operator: str, value: str) -> str:
        """Compare a stored floating column with a number, if the engine can leave NaN out by itself.

        Other than with a guard around the column, it can then use an index or skip blocks of rows. The result
        for NaN is FALSE, not NULL. Empty where the engine cannot.
        """
        return f"({column} {operator} {value})"

    def divide(self, left: str, right: str, *, integer: bool) -> str:
        """Write a quotient; that of two integers is cut toward zero (SQL92 6.12), by zero it is NULL."""
        return f"({left} / nullif({right}, 0))"

    def remainder(self, node: tree.Function, left: str, right: str, *, integer: bool) -> str:
        """Write MOD; the sign is that of the first argument, by zero it is NULL."""
        if not integer:
            self.refuse(node, "MOD of a floating number")
        return f"({left} % nullif({right}, 0))"

    def like(self, subject: str, pattern: str, *, negated: bool, any_case: bool) -> str:
        """Write LIKE or ILIKE; there is no escape character (ADQL 2.1 section 2.2.3)."""
        return f"({subject} {_not(negated)}{'ILIKE' if any_case else 'LIKE'} {pattern})"

    def concatenate(self, parts: Sequence[str]) -> str:
        """Write ``||``; NULL if a part is."""
        return "(" + " || ".join(parts) + ")"

    def in_order(self, sql: str) -> str:
        """Write a string where it is put in order: by code point."""
        return sql

    def beginning(self, sql: str, length: int) -> str:
        """Cut a string to a length, characters."""
        return f"substr({sql}, 1, {length:d})"

    def truth_as_number(self, condition: str) -> str:
        """Write a condition as 1, 0 or NULL."""
        return f"CAST({condition} AS {self.types['INTEGER']})"

    def truncated(self, sql: str) -> str:
        """Cut a floating number toward zero."""
        return f"trunc({sql})"

    def time_as_text(self, node: tree.Value) -> str:
        """Write a time as text in the form of DALI 1.1 section 3.3.3."""
        self.refuse(node, "a TIMESTAMP as text")

    @abstractmethod
    def body(self, body: tree.QueryBody, names: list[str] | None = None) -> str:
        """Write a subquery."""

    @abstractmethod
    def chosen(self, query: tree.QueryBody, kind: str) -> str:
        """Write the query of IN, its column in a type."""

    @abstractmethod
    def geometric(self, node: tree.Function) -> str:
        """Write a geometry function."""

    @abstractmethod
    def shape_test(self, node: tree.Function) -> str:
        """Write CONTAINS or INTERSECTS as a condition."""

    @abstractmethod
    def near(self, distance: tree.Function, operator: str, limit: tree.Value) -> str:
        """Write ``DISTANCE(...) < limit``; empty to compare it as any number."""

    # --- values ---

    def field(self, column: Field) -> str:
        """Write a column."""
        sql = self.stored(column)
        numbers = column.type.type in _FLOATING and not _is_position(column)
        return self.without_nan(sql) if numbers else sql

    def stored(self, column: Field) -> str:
        """Write a column as it is stored, NaN included."""
        places = [self.place(source, name) for source, name in column.places]
        return places[0] if len(places) == 1 else f"coalesce({', '.join(places)})"

    def value(self, node: tree.Value) -> str:
        """Write a value."""
        return self.bounded(self._value(node), node)

    def sort_key(self, value: tree.Value) -> str:
        """Write what rows are put in order by, or something that has the same order."""
        return self.value(value)

    def _value(self, node: tree.Value) -> str:
        match node:
            case tree.ColumnReference():
                return self.column(node)
            case tree.Number():
                return self.number(node)
            case tree.String():
                return self.text(node)
            case tree.Null():
                return "NULL"
            case tree.Signed(sign=sign, operand=tree.Number() as operand):
                return f"({sign.strip('+')}{self.number(operand)})"
            case tree.Signed(sign=sign, operand=operand):
                return f"({sign} {self.value(operand)})"
            case tree.Arithmetic():
                return self.arithmetic(node)
            case tree.Concatenation(operands=operands):
                return self.concatenate([self.as_text(operand) for operand in operands])
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
                return f"({self.as_double(value)} * {self.float_literal(factor)})"
            case _:
                self.refuse(node, f"a {self.type(node).type} as a value")

    def column(self, node: tree.ColumnReference) -> str:
        """Write a column reference; one that means an output column becomes its value."""
        found = self.checked.field_of(node)
        if found is not None:
            return self.field(found)
        return self.output(self.named_output(node))

    def named_output(self, node: tree.ColumnReference) -> Output:
        """Give the output column that a name alone means."""
        named = (o for outputs in reversed(self._outputs) for o in outputs if node.path[-1].matches(o.name))
        output = next(named, None)
        if output is None:
            self.refuse(node, f"the output column {node.path[-1].text} here")
        return output

    def output(self, output: Output) -> str:
        """Write the value of one output column."""
        if isinstance(output.value, Field):
            return self.field(output.value)
        if output.type.type in ("POINT", "CIRCLE", "POLYGON", "BOX", "REGION"):
            self.refuse(output.value, f"a {output.type.type} in the SELECT list")
        return self.value(output.value)

    def number(self, node: tree.Number) -> str:
        """Write a number anew from its value."""
        if self.type(node).is_integer:
            return str(int(node.text))
        value = float(node.text)
        if not isfinite(value):
            self.fail("number", f"{node.text} is too large.", node)
        return self.float_literal(value)

    def arithmetic(self, node: tree.Arithmetic) -> str:
        """Write a chain from left to right; an operand is made DOUBLE where the step's result is.

        NaN goes through all steps, hence it is enough to make it NULL once, in the end: there also where
        infinities gave it.
        """
        sql, kind = "", self.type(node.first)
        for operator, operand in node.steps:
            other = self.type(operand)
            result = arithmetic_type(kind.type, other.type)
            if not sql:
                sql = self.term(node.first, result)
            elif result == "DOUBLE":
                sql = self.double(sql, kind)
            right = self.term(operand, result)
            integer = kind.is_integer and other.is_integer
            if operator == "/":
                sql = self.divide(sql, right, integer=integer)
            else:
                sql = f"({sql} {operator} {right})"
            kind = ValueType(result)
        return self.without_nan(sql) if kind.type in _FLOATING else sql

    def term(self, node: tree.Value, result: str) -> str:
        """Write an operand of arithmetic in the type of the result; a column as it is stored."""
        column = self.checked.field_of(node) if isinstance(node, tree.ColumnReference) else None
        if column is not None:
            sql = self.stored(column)
            return self.double(sql, column.type) if result == "DOUBLE" else sql
        return self.as_double(node) if result == "DOUBLE" else self.value(node)

    def double(self, sql: str, kind: ValueType) -> str:
        """Make a number a DOUBLE."""
        return sql if kind.type == "DOUBLE" else f"CAST({sql} AS {self.types['DOUBLE']})"

    def as_double(self, node: tree.Value) -> str:
        """Write a value as DOUBLE."""
        fixed = self.constant(node)
        if fixed is not None and isfinite(fixed):
            return self.float_literal(fixed)
        return self.double(self.value(node), self.type(node))

    def as_text(self, node: tree.Value) -> str:
        """Write an operand of ``||``; engines write floating numbers differently, so those are refused."""
        kind = self.type(node)
        if kind.type in _FLOATING:
            self.refuse(node, "|| with a floating number")
        if kind.type == "TIMESTAMP":
            return self.time_as_text(node)
        return f"CAST({self.value(node)} AS {self.types['VARCHAR']})" if kind.is_integer else self.value(node)

    # --- functions ---

    def function(self, node: tree.Function) -> str:
        """Write a function, most by its template."""
        if node.user_defined:
            self.refuse(node, f"the function {node.name}")
        if node.name in _GEOMETRIC:
            return self.geometric(node)
        if node.name == "COALESCE":
            return f"coalesce({', '.join(self.choice(a, node) for a in node.arguments)})"
        if node.name in _WHOLE:
            return self.whole(node)
        if node.name == "MOD":
            left, right = node.arguments
            integer = self.type(left).is_integer and self.type(right).is_integer
            if integer:
                return self.remainder(node, self.value(left), self.value(right), integer=True)
            doubles = self.as_double(left), self.as_double(right)
            return self.without_nan(self.remainder(node, *doubles, integer=False))
        if node.name == "POWER":
            return self.power(*node.arguments)
        template = self.functions.get(f"{node.name}/{len(node.arguments)}")
        if template is None:
            self.refuse(node, node.name + (" with an argument" if node.name == "RAND" else ""))
        write = self.as_double if self.type(node).type == "DOUBLE" else self.value
        arguments = list(map(write, node.arguments))
        if node.name in _DOMAINS:
            guard: str = getattr(self, _DOMAINS[node.name])
            arguments = [guard.format(arguments[0])]
        return template.format(*arguments)

    def whole(self, node: tree.Function) -> str:
        """Write CEILING, FLOOR, ROUND and TRUNCATE; the number of digits is always a literal."""
        value = node.arguments[0]
        digits = int(self.constant(node.arguments[1]) or 0) if len(node.arguments) > 1 else 0
        if not -300 <= digits <= 300:
            self.fail("number", f"{node.name} cannot keep {digits} digits.", node)
        if self.type(value).is_integer:
            if digits >= 0:
                return self.value(value)
            self.refuse(node, f"{node.name} of an integer to {digits} digits")
        sql = self.value(value)
        if node.name in ("CEILING", "FLOOR"):
            return self.functions[f"{node.name}/1"].format(sql)
        if any(isinstance(n, tree.Function) and n.name == "RAND" for n in tree.walk(value)):
            self.refuse(node, f"{node.name} of a random number")
        kind = self.type(value)
        scaled = self.double(sql, kind)
        scale = self.float_literal(10.0 ** abs(digits))
        if digits:
            scaled = f"({scaled} {'*' if digits > 0 else '/'} {scale})"
        scaled = self.rounded(scaled) if node.name == "ROUND" else self.truncated(scaled)
        if digits:
            scaled = f"({scaled} {'/' if digits > 0 else '*'} {scale})"
        return f"CAST({scaled} AS {self.types['REAL']})" if kind.type == "REAL" else scaled

    def rounded(self, sql: str) -> str:
        """Round a DOUBLE to the next integer, halves away from zero."""
        return self.truncated(f"{sql} + sign({sql}) * {self.float_literal(float(_HALF))}")

    def power(self, base: tree.Value, exponent: tree.Value) -> str:
        """Write POWER; a negative number has only whole powers, zero no negative one."""
        fixed = self.constant(exponent)
        x, y = self.as_double(base), self.as_double(exponent)
        if fixed is None:
            zero = self.float_literal(0.0)
            defined = (
                f"{x} > {zero} OR ({x} = {zero} AND {y} >= {zero}) OR ({x} < {zero} AND {y} = floor({y}))"
            )
            return f"CASE WHEN {defined} THEN power({x}, {y}) END"
        if fixed.is_integer():
            return f"power({x if fixed >= 0 else f'nullif({x}, 0)'}, {y})"
        guard = self.not_negative if fixed > 0 else self.positive
        return f"power({guard.format(x)}, {y})"

    def aggregate(self, node: tree.Aggregate) -> str:
        """Write a set function in the type that the checker gave it; sums of floating numbers are DOUBLE."""
        if node.argument is None:
            return "count(*)"
        distinct = "DISTINCT " if node.quantifier == "DISTINCT" else ""
        kind = self.type(node.argument)
        if node.name == "AVG" or (node.name == "SUM" and kind.type in _FLOATING):
            argument = self.as_double(node.argument)
        elif node.name in ("MIN", "MAX") and kind.type in _TEXTS:
            argument = self.in_order(self.value(node.argument))
        elif node.name in ("MIN", "MAX") and kind.type == "BOOLEAN":
            self.refuse(node, f"{node.name} of a BOOLEAN")
        else:
            argument = self.value(node.argument)
        sql = f"{node.name.lower()}({distinct}{argument})"
        if node.name in ("AVG", "SUM") and kind.type in _FLOATING:
            sql = self.without_nan(sql)  # that of opposite infinities
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
            sql += f" WHEN {written} THEN {self.choice(result, node)}"
        return sql + (f" ELSE {self.choice(node.default, node)}" if node.default is not None else "") + " END"

    def choice(self, value: tree.Value, node: tree.Value) -> str:
        """Write one of the values of CASE or COALESCE; engines would make a REAL of an integer beside one."""
        double = self.type(node).type == "DOUBLE" and self.type(value).is_numeric
        return self.as_double(value) if double else self.value(value)

    def cast(self, node: tree.Cast) -> str:
        """Write CAST."""
        target, kind, source = node.target, self.type(node).type, self.type(node.value).type
        if kind not in self.types or (target.name == "CHAR" and target.length is not None):
            self.refuse(
                node, f"CAST to {target.name}{f'({target.length})' if target.length is not None else ''}"
            )
        if kind in _TEXTS:
            if source in _FLOATING or source == "BOOLEAN":
                self.refuse(node, f"CAST of a {source} to {target.name}")
            sql = self.as_text(node.value) if source != "NULL" else self.typed("NULL", kind)
            return self.beginning(sql, target.length) if target.length is not None else sql
        if source in _TEXTS and kind == "TIMESTAMP" and isinstance(node.value, tree.String):
            return self.timestamp(node.value.text)
        if source in _TEXTS and not self.reads_text_as_numbers:
            self.refuse(node, f"CAST of a {source} to {target.name}")
        sql = self.value(node.value)
        if kind in _EXACT and source in _FLOATING:
            limits = float(_LAST[kind] + 1), nextafter(-_LAST[kind] - 1, -inf)
            sql = self.in_range.format(self.truncated(sql), *map(self.float_literal, limits))
        elif kind in _EXACT and source in _EXACT and _LAST[source] > _LAST[kind]:
            sql = self.in_range.format(sql, _LAST[kind] + 1, -_LAST[kind] - 2)
        return self.typed(sql, kind)

    def typed(self, sql: str, kind: str) -> str:
        """Give a value an ADQL type."""
        return f"CAST({sql} AS {self.types[kind]})"

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
                mixed = self.type(subject).is_integer and any(self.type(c).type in _FLOATING for c in choices)
                compared = self.as_double(subject) if mixed else self.value(subject)
                listed = ", ".join(
                    self.as_double(c) if mixed and self.type(c).is_numeric else self.coerced(c, subject)
                    for c in choices
                )
                return f"({compared} {_not(node.negated)}IN ({listed}))"
            case tree.In(subject=subject, choices=query):
                chosen = self.checked.outputs[id(query)][0].type
                mixed = {self.type(subject).is_integer, chosen.is_integer} == {True, False}
                mixed = mixed and self.type(subject).is_numeric and chosen.is_numeric
                compared = self.as_double(subject) if mixed else self.value(subject)
                listed = self.chosen(query, "DOUBLE" if mixed else chosen.type)  # type: ignore[arg-type]
                return f"({compared} {_not(node.negated)}IN ({listed}))"
            case tree.Like(subject=subject, operator=operator, pattern=pattern):
                parts = self.value(subject), self.value(pattern)
                return self.like(*parts, negated=node.negated, any_case=operator == "ILIKE")
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

    def compare_column(self, left: tree.Value, operator: str, right: tree.Value) -> str:
        """Compare a floating column with a number by :meth:`bound`; empty where it is none of that."""
        found = isinstance(left, tree.ColumnReference) and self.checked.field_of(left)
        if not found or found.type.type not in _FLOATING or self.constant(right) is None:
            return ""
        if found.type.type == "REAL" and self.type(right).is_integer and not _fits_real(right):
            return ""
        return self.bound(self.stored(found), operator, self.coerced(right, left))

    def compare(self, left: tree.Value, operator: str, right: tree.Value) -> str:
        """Write a comparison; ``1 = CONTAINS(...)`` becomes the bare condition."""
        for test, literal, towards in ((left, right, operator), (right, left, MIRRORED[operator])):
            if not isinstance(test, tree.Function) or test.user_defined:
                continue
            if (
                test.name in ("CONTAINS", "INTERSECTS")
                and isinstance(literal, tree.Number)
                and literal.text in ("0", "1")
                and operator in ("=", "<>")
            ):
                met = (literal.text == "1") == (operator == "=")
                return self.shape_test(test) if met else self.negated(test)
            if (
                test.name == "DISTANCE"
                and self._false_is_null
                and (near := self.near(test, towards, literal))
            ):
                return near
        if self._false_is_null:
            plain = self.compare_column(left, operator, right)
            plain = plain or self.compare_column(right, MIRRORED[operator], left)
            if plain:
                return plain
        first, second = self.coerced(left, right), self.coerced(right, left)
        if self.type(left).type in _TEXTS and operator not in ("=", "<>"):
            first, second = self.in_order(first), self.in_order(second)
        return f"({first} {operator} {second})"

    def negated(self, test: tree.Function) -> str:
        """Write ``CONTAINS(...) = 0``: a missing place is neither inside nor outside."""
        before, self._false_is_null = self._false_is_null, False
        sql = f"(NOT {self.shape_test(test)})"
        self._false_is_null = before
        return sql

    def coerced(self, node: tree.Value, other: tree.Value) -> str:
        """Write a value in the type in which it is compared with another."""
        kind, against = self.type(node), self.type(other)
        if against.type == "BOOLEAN" and isinstance(node, tree.Number):
            return self.boolean(node.text == "1")
        if against.type == "TIMESTAMP" and isinstance(node, tree.String):
            return self.timestamp(datetime.fromisoformat(node.text).isoformat(timespec="microseconds"))
        inexact = "REAL" in (kind.type, against.type) and (kind.is_integer or against.is_integer)
        if inexact and not (_fits_real(node) or _fits_real(other)):
            return self.as_double(node)
        return self.value(node)

    def constant(self, node: tree.Value) -> float | None:
        """Give the value of a number written out."""
        match node:
            case tree.Number(text=text):
                return float(text)
            case tree.Signed(sign=sign, operand=tree.Number(text=text)):
                return -float(text) if sign == "-" else float(text)
        return None

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


def _is_position(column: Field) -> bool:
    """Whether a column is half a place that has a cell, which is a number or null."""
    return all(source.position and name in source.position[:2] for source, name in column.places)


def _fits_real(node: tree.Value) -> bool:
    """Whether a value is a whole number that a 32-bit float holds exactly."""
    return isinstance(node, tree.Number) and node.is_integer and len(node.text) <= 7


def _not(negated: bool) -> str:
    return "NOT " if negated else ""

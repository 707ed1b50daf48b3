"""Values of every type of the type table, for property tests of its conversions."""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from vobroker.votypes.literals import Angle
from vobroker.votypes.types import EXTENDED, TYPES

NAMES = (*TYPES, *EXTENDED)

_INTEGERS = {
    name: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for name, bits in (("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
}
_FINITE = {
    "REAL": st.floats(width=32, allow_nan=False, allow_infinity=False).map(float),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
}
_BOUNDS = _INTEGERS | {
    "REAL": st.floats(width=32, allow_nan=False).map(float),
    "DOUBLE": st.floats(allow_nan=False),
}


def _sorted_pairs(numbers: list[Any]) -> tuple[Any, ...]:
    return tuple(
        n for low, high in zip(numbers[::2], numbers[1::2], strict=True) for n in sorted((low, high))
    )


def _polygon(number: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(st.tuples(number, number), min_size=3, max_size=8).map(lambda p: tuple(sum(p, ())))


def _circle(number: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, ...]]:
    return st.tuples(number, number, number.map(abs))


_SHAPE = st.one_of(
    st.tuples(st.just("circle"), _circle(_FINITE["DOUBLE"])),
    st.tuples(st.just("range"), st.tuples(*[_FINITE["DOUBLE"]] * 4)),
    st.tuples(st.just("polygon"), _polygon(_FINITE["DOUBLE"])),
)


@st.composite
def _moc(draw: st.DrawFn) -> Any:
    orders = draw(st.lists(st.integers(0, 29), min_size=1, max_size=4, unique=True))
    moc = []
    for order in sorted(orders):
        cell = st.integers(0, 12 * 4**order - 1)
        moc.append((order, tuple(draw(st.lists(st.tuples(cell, cell).map(sorted).map(tuple), max_size=4)))))
    return tuple(moc)


def _angle(limit: int, *, signed: bool) -> st.SearchStrategy[Angle]:
    seconds = st.decimals(0, Decimal("59.999999999"), allow_nan=False, places=9)
    whole = st.integers(0, limit - 1)
    negative = st.booleans() if signed else st.just(False)
    inside = st.builds(Angle, negative, whole, st.integers(0, 59), seconds)
    return inside | st.builds(Angle, negative, st.just(limit), st.just(0), st.just(Decimal(0)))


# XML has no place for other characters, and PostgreSQL none for NUL.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _FINITE["DOUBLE"] | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
_SCHEMES = st.sampled_from(("ivo", "https", "doi", "urn:x"))
_PATHS = st.text("abcXYZ019-._~:/?#@!$&'()*+,;=", max_size=30)


def _of(name: str) -> st.SearchStrategy[Any]:
    base, _, element = name.rstrip(")").partition("(")
    element = element or "DOUBLE"
    match base:
        case "INTERVAL":
            return st.lists(_BOUNDS[element], min_size=2, max_size=2).map(_sorted_pairs)
        case "MULTIINTERVAL":
            pairs = st.tuples(_BOUNDS[element], _BOUNDS[element])
            return st.lists(pairs, min_size=1, max_size=4).map(lambda p: _sorted_pairs(list(sum(p, ()))))
        case "POINT":
            return st.tuples(_FINITE[element], _FINITE[element])
        case "CIRCLE":
            return _circle(_FINITE[element])
        case "RANGE":
            return st.tuples(*[_FINITE[element]] * 4)
        case "POLYGON":
            return _polygon(_FINITE[element])
    return _OTHERS[name]


_OTHERS: dict[str, st.SearchStrategy[Any]] = {
    **_INTEGERS,
    "BOOLEAN": st.booleans(),
    "REAL": st.floats(width=32).map(float),
    "DOUBLE": st.floats(),
    # Oracle apart, an empty text is a value; but in TABLEDATA an empty cell is a null.
    "VARCHAR": TEXT.filter(bool),
    "CHAR": st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
    "TIMESTAMP": st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)),
    "BLOB": st.binary(min_size=1),
    "REGION": st.sampled_from(("Circle ICRS 10 20 0.5", "Union ICRS (Circle 1 2 3 Circle 4 5 6)")),
    "SHAPE": _SHAPE,
    "MULTISHAPE": st.lists(_SHAPE, min_size=1, max_size=3).map(tuple),
    "MOC": _moc(),
    "HMS": _angle(24, signed=False),
    "DMS": _angle(90, signed=True),
    "URI": st.builds("{}:{}".format, _SCHEMES, _PATHS),
    "UUID": st.uuids(),
    "JSON": _JSON.map(lambda value: json.dumps(value, ensure_ascii=False)),
}

VALUES: dict[str, st.SearchStrategy[Any]] = {name: _of(name) for name in NAMES}
"""Strategy by name of the type; values are as :mod:`vobroker.votypes.literals` has them."""


def same(left: Any, right: Any) -> bool:
    """Whether two values are one, NaN being itself, and zero not its opposite."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    return type(left) is type(right) and bool(left == right)


def narrow(name: str, value: Any) -> Any:
    """Round what a driver gave for an array of REAL to REAL, which Python has no type for."""
    kind = EXTENDED.get(name)
    if name == "REAL" and value is not None:
        return float(np.float32(value))
    if kind and kind.element == "REAL" and value is not None:
        return tuple(float(np.float32(number)) for number in value)
    return value

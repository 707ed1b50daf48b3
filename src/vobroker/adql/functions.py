"""The functions of ADQL 2.1 (sections 2.3 and 4): what they take and what they give."""

from __future__ import annotations

from dataclasses import dataclass

NUMBER = "a number"
TEXT = "a string"
SHAPE = "a geometry"
POSITION = "a POINT"
ANY = "a value"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an argument must be; ``unit`` is given where another unit is certainly a mistake."""

    kind: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters and result of a function.

    ``result`` is an ADQL type; empty means: type, unit and UCD of the first argument. The last
    ``optional`` parameters may be left out.
    """

    parameters: tuple[Parameter, ...]
    result: str = ""
    unit: str | None = None
    optional: int = 0


_NUMBER = Parameter(NUMBER)
_RADIANS = Parameter(NUMBER, "rad")
_TEXT = Parameter(TEXT)
_SHAPE = Parameter(SHAPE)
_POSITION = Parameter(POSITION)

FUNCTIONS: dict[str, Signature] = {
    "ABS": Signature((_NUMBER,)),
    "CEILING": Signature((_NUMBER,)),
    "FLOOR": Signature((_NUMBER,)),
    "ROUND": Signature((_NUMBER, _NUMBER), optional=1),
    "TRUNCATE": Signature((_NUMBER, _NUMBER), optional=1),
    "DEGREES": Signature((_RADIANS,), "DOUBLE", "deg"),
    "RADIANS": Signature((Parameter(NUMBER, "deg"),), "DOUBLE", "rad"),
    "EXP": Signature((_NUMBER,), "DOUBLE", ""),
    "LOG": Signature((_NUMBER,), "DOUBLE"),
    "LOG10": Signature((_NUMBER,), "DOUBLE"),
    "SQRT": Signature((_NUMBER,), "DOUBLE"),
    "POWER": Signature((_NUMBER, _NUMBER), "DOUBLE"),
    "MOD": Signature((_NUMBER, _NUMBER)),
    "PI": Signature((), "DOUBLE", ""),
    "RAND": Signature((_NUMBER,), "DOUBLE", "", optional=1),
    "ACOS": Signature((_NUMBER,), "DOUBLE", "rad"),
    "ASIN": Signature((_NUMBER,), "DOUBLE", "rad"),
    "ATAN": Signature((_NUMBER,), "DOUBLE", "rad"),
    "ATAN2": Signature((_NUMBER, _NUMBER), "DOUBLE", "rad"),
    "COS": Signature((_RADIANS,), "DOUBLE", ""),
    "COT": Signature((_RADIANS,), "DOUBLE", ""),
    "SIN": Signature((_RADIANS,), "DOUBLE", ""),
    "TAN": Signature((_RADIANS,), "DOUBLE", ""),
    "LOWER": Signature((_TEXT,), "VARCHAR"),
    "UPPER": Signature((_TEXT,), "VARCHAR"),
    "CONTAINS": Signature((_SHAPE, _SHAPE), "INTEGER"),
    "INTERSECTS": Signature((_SHAPE, _SHAPE), "INTEGER"),
    "DISTANCE": Signature((_POSITION, _POSITION), "DOUBLE", "deg"),
    "AREA": Signature((_SHAPE,), "DOUBLE", "deg2"),
    "COORD1": Signature((_POSITION,), "DOUBLE", "deg"),
    "COORD2": Signature((_POSITION,), "DOUBLE", "deg"),
    "COORDSYS": Signature((_SHAPE,), "VARCHAR"),
}
"""Functions of the standard by name; COALESCE, CAST and IN_UNIT have rules of their own in the checker."""

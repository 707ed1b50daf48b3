"""User-defined functions as services declare them (ADQL 2.1 section 4.3; TAPRegExt 1.0 section 2.3).

>>> name, signature = declare("ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER")
>>> name, signature.result, len(signature.parameters)
('ivo_hasword', 'INTEGER', 2)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vobroker.adql.functions import ANY, NUMBER, POSITION, SHAPE, TEXT, Parameter, Signature

_FORM = re.compile(r"\s*([A-Za-z]\w*)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*->\s*(.+?)\s*", re.ASCII)
_ARGUMENT = re.compile(r"\s*([A-Za-z_]\w*)\s+(.+?)\s*", re.ASCII)

_TYPES = {
    **dict.fromkeys(("SMALLINT", "INTEGER", "BIGINT", "REAL"), NUMBER),
    **dict.fromkeys(("DOUBLE", "DOUBLE PRECISION", "FLOAT", "NUMERIC"), NUMBER),
    **dict.fromkeys(("CHAR", "VARCHAR", "TEXT", "STRING", "CLOB", "UNICODE"), TEXT),
    "POINT": POSITION,
    **dict.fromkeys(("CIRCLE", "POLYGON", "BOX", "REGION", "GEOMETRY"), SHAPE),
}
_RESULTS = {
    **dict.fromkeys(("DOUBLE", "DOUBLE PRECISION", "FLOAT", "NUMERIC"), "DOUBLE"),
    **dict.fromkeys(("CHAR", "VARCHAR", "TEXT", "STRING", "CLOB", "UNICODE"), "VARCHAR"),
    "GEOMETRY": "REGION",
}
_KNOWN = (
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "REAL",
    "TIMESTAMP",
    "BOOLEAN",
    "POINT",
    "CIRCLE",
    "POLYGON",
    "REGION",
)


class SignatureError(Exception):
    """A declaration of a function that cannot be read, with the reason in one sentence."""


def declare(form: str) -> tuple[str, Signature]:
    """Read one declaration: ``name(argument TYPE, ...) -> TYPE``.

    An argument of a type that is not known here takes every value, and such a result goes with every value.

    Raises
    ------
    SignatureError
        If it is not of that form.
    """
    found = _FORM.fullmatch(form) if len(form) <= 10_000 else None
    if found is None:
        raise SignatureError(f"{form[:60]!r} is no declaration of a function: name(argument TYPE) -> TYPE")
    name, listed, result = found.groups()
    parameters = []
    for number, argument in enumerate(_split(listed), 1):
        parts = _ARGUMENT.fullmatch(argument)
        if parts is None:
            raise SignatureError(f"argument {number} of {name} is not a name and a type: {argument[:40]!r}")
        parameters.append(Parameter(_TYPES.get(_plain(parts[2]), ANY)))
    plain = _plain(result)
    return name, Signature(
        tuple(parameters), _RESULTS.get(plain, plain if plain in _KNOWN else "UNKNOWN"), unit=None
    )


def declare_all(forms: Iterable[str]) -> dict[str, Signature]:
    """Read declarations, by name."""
    return dict(map(declare, forms))


def _split(listed: str) -> list[str]:
    """Split arguments at the commas outside brackets."""
    parts = re.split(r",(?![^(]*\))", listed)
    return parts if listed.strip() else []


def _plain(notation: str) -> str:
    """Leave out of a type its length, its prefix and more than one blank."""
    return " ".join(re.sub(r"\(.*?\)", "", notation).upper().rpartition(":")[2].split())

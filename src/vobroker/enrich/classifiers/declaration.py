"""What a classifier says of itself: ``classifier.toml`` beside its model."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.layer import KEYS

FILE = "classifier.toml"
MAX_BYTES = 2**20
MAX_FEATURES = 1_000
MAX_OUTPUTS = 100
VERSION = "model_version"
"""Column with the version of the model."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,59}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class Feature:
    """A number that a model is told of each alert.

    Attributes
    ----------
    table, column
        Where it comes from.
    equals
        A text: the number is 1 where the column has it, and 0 where it has another. None takes the number.
    null
        What stands for null, NaN too; an alert is not judged where it is None.
    """

    table: str
    column: str
    equals: str | None = None
    null: float | None = None

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that a model takes, a column a feature; without a name where it takes one alone."""

    features: tuple[Feature, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A column out of a tensor that a model gives.

    Attributes
    ----------
    column
        Its name in the classifier's table.
    output
        Name of the tensor; empty where the model gives one alone.
    place
        Which number of a row, from 0.
    unit, ucd, description
        Of the column.
    type
        Its type; of the model's, so it is not declared.
    """

    column: str
    output: str = ""
    place: int = 0
    unit: str = ""
    ucd: str = ""
    description: str = ""
    type: str = "REAL"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may take: seconds for a batch, MiB of memory beyond the library's own, and threads."""

    seconds: float = 5.0
    memory: int = 1024
    threads: int = 1


_MOST = Limits(60.0, 65_536, 64)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a classifier says of itself.

    Attributes
    ----------
    name, description, version
        The version is that of the model, and stands in each row.
    survey
        The only survey whose alerts it judges; empty for all.
    inputs, outputs, limits
        See there.
    """

    name: str
    description: str
    version: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    survey: str = ""
    limits: Limits = Limits()

    @property
    def features(self) -> tuple[Feature, ...]:
        """All that the model is told."""
        return tuple(feature for one in self.inputs for feature in one.features)


def read(path: Path) -> Declaration:
    """Read a declaration.

    Raises
    ------
    EnrichError
        If it cannot be read, lacks something, or has a key or a value that means nothing.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise EnrichError(f"{path} has more than {MAX_BYTES:,} bytes")
        told = tomllib.loads(data.decode())
    except OSError as error:
        raise EnrichError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise EnrichError(f"{path} is no TOML: {error}") from error
    return declared(told, str(path))


def declared(told: Mapping[str, Any], where: str) -> Declaration:
    """Make a declaration of what a file says; see :func:`read`."""
    known = ("name", "description", "version", "survey", "inputs", "outputs", "limits")
    _only(told, known, where)
    name, description, version = (_text(told, key, where) for key in known[:3])
    inputs = tuple(_input(one, f"{where}, input {n}") for n, one in _numbered(told, "inputs", where))
    outputs = tuple(_output(one, f"{where}, output {n}") for n, one in _numbered(told, "outputs", where))
    made = Declaration(
        name, description, version, inputs, outputs, _text(told, "survey", where, ""), _limits(told, where)
    )
    if len(made.features) > MAX_FEATURES or len(outputs) > MAX_OUTPUTS:
        raise EnrichError(
            f"{where} has {len(made.features)} columns for the model and {len(outputs)} of its answers; the"
            f" limits are {MAX_FEATURES} and {MAX_OUTPUTS}"
        )
    taken = {column.name for column in KEYS} | {VERSION}
    for output in outputs:
        if output.column in taken:
            raise EnrichError(f"{where}: there is a column {output.column} already")
        taken.add(output.column)
    return made


def _input(told: Mapping[str, Any], where: str) -> Input:
    _only(told, ("input", "columns"), where)
    given = told.get("columns")
    if not isinstance(given, list) or not given:
        raise EnrichError(f"{where} has no list 'columns'")
    return Input(
        tuple(_feature(one, f"{where}, column {n}") for n, one in enumerate(given, 1)),
        _text(told, "input", where, ""),
    )


def _feature(told: Any, where: str) -> Feature:
    if isinstance(told, str):
        told = {"column": told}
    if not isinstance(told, dict):
        raise EnrichError(f"{where} is neither a text nor {{ column = ... }}")
    _only(told, ("column", "null", "is"), where)
    table, dot, column = _text(told, "column", where).partition(".")
    if not dot or not _TABLE.fullmatch(table) or not column or "." in column:
        raise EnrichError(f"{where} is to be TABLE.COLUMN, such as alert.mag, not {told['column'][:60]!r}")
    equals = _text(told, "is", where, "") if "is" in told else None
    return Feature(table, column, equals, _number(told, "null", where) if "null" in told else None)


def _output(told: Mapping[str, Any], where: str) -> Output:
    _only(told, ("column", "output", "place", "unit", "ucd", "description"), where)
    column = _text(told, "column", where)
    if not _COLUMN.fullmatch(column):
        raise EnrichError(
            f"{where}: a column cannot be called {column[:60]!r}: use at most 60 lower-case letters, digits"
            " and '_', a letter first"
        )
    place = told.get("place", 0)
    if type(place) is not int or not 0 <= place < 100_000:
        raise EnrichError(f"{where}: a place is a whole number from 0 on, not {str(place)[:40]}")
    texts = {key: _text(told, key, where, "") for key in ("output", "unit", "ucd", "description")}
    _check_words(texts["unit"], texts["ucd"], where)
    return Output(column, place=place, **texts)


def _check_words(unit: str, ucd: str, where: str) -> None:
    """Refuse a unit or a UCD that no reader would understand (VOUnits 1.1; UCD1+ 1.5)."""
    from astropy import units
    from astropy.io.votable.ucd import check_ucd

    if ucd and not check_ucd(ucd, check_controlled_vocabulary=True):
        raise EnrichError(f"{where}: {ucd[:60]!r} is no UCD")
    try:
        units.Unit(unit, format="vounit")
    except ValueError as error:
        raise EnrichError(f"{where}: {unit[:60]!r} is no unit") from error


def _limits(told: Mapping[str, Any], where: str) -> Limits:
    given = told.get("limits", {})
    if not isinstance(given, dict):
        raise EnrichError(f"{where}: [limits] is no table")
    names = [field.name for field in fields(Limits)]
    _only(given, names, f"{where}, limits")
    found: dict[str, Any] = {}
    for name in names:
        if name not in given:
            continue
        value, most = _number(given, name, where), getattr(_MOST, name)
        if not 0 < value <= most or (name != "seconds" and value != int(value)):
            raise EnrichError(f"{where}: {name} must be above 0, and at most {most:g}")
        found[name] = value if name == "seconds" else int(value)
    return Limits(**found)


def _numbered(told: Mapping[str, Any], key: str, where: str) -> list[tuple[int, Mapping[str, Any]]]:
    given = told.get(key)
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise EnrichError(f"{where} has no [[{key}]]")
    return list(enumerate(given, 1))


def _only(told: Mapping[str, Any], known: Any, where: str) -> None:
    for key in told:
        if key not in known:
            raise EnrichError(f"{where}: {str(key)[:60]!r} means nothing here; there are {', '.join(known)}")


def _text(told: Mapping[str, Any], key: str, where: str, otherwise: str | None = None) -> str:
    value = told.get(key, otherwise)
    if value is None:
        raise EnrichError(f"{where} has no '{key}'")
    if not isinstance(value, str) or len(value) > 500 or (value and not value.isprintable()):
        raise EnrichError(f"{where}: '{key}' is no text of at most 500 characters in one line")
    if not value and otherwise is None:
        raise EnrichError(f"{where}: '{key}' is empty")
    return value


def _number(told: Mapping[str, Any], key: str, where: str) -> float:
    value = told[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isinf(value):
        raise EnrichError(f"{where}: '{key}' is no number")
    return float(value)

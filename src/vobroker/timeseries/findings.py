"""What a reader finds in a document, gathered until it makes a series."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astropy import units

from vobroker.timeseries.series import (
    MJD,
    POSITIONS,
    SCALES,
    ZERO_POINT_TYPES,
    Band,
    Quantity,
    Series,
    SpaceFrame,
    Statement,
    TimeFrame,
    split,
)

MAX_STATEMENTS, MAX_NOTES = 20, 200
"""Most places that are kept of one thing, and most sentences on what is missing or odd."""

_ORIGINS = {"mjd-origin": MJD, "jd-origin": 0.0}
_UNSAID = {"", "notset", "unknown", "none", "null"}
_ALIASES = {
    "UT1": "UT",
    "ET": "TT",
    "TDT": "TT",
    "SOLAR_SYSTEM_BARYCENTER": "BARYCENTER",
    "SSB": "BARYCENTER",
}
_TYPES = ("0", "1", "2")  # of zero points, in the order of ZERO_POINT_TYPES (PhotDM 1.1)
_BAND_ATTRIBUTES = ("filter", "wavelength", "zero_point", "zero_point_type", "magnitude_system")


@dataclass
class Findings:
    """Values and the statements they come from; what is said first holds, what contradicts it is noted."""

    values: dict[str, Any] = field(default_factory=dict)
    statements: dict[str, list[Statement]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)
    disputed: set[tuple[str, str]] = field(default_factory=set)

    def say(self, key: str, value: Any, at: Statement) -> None:
        """Take down what a document says; nothing, where it says nothing."""
        if value is None or value == "":
            return
        if isinstance(value, str) and value.lower() in _UNSAID and not key.startswith("object."):
            return
        if (
            key in self.values
            and not alike(self.values[key], value)
            and (key, str(value)) not in self.disputed
        ):
            first = self.statements[key][0]
            self.disputed.add((key, str(value)))
            what = key.replace("..", ".")
            self.note(f"{what} is {self.values[key]} at {first.place}, but {value} at {at.place}")
        known_value = self.values.setdefault(key, value)
        if isinstance(known_value, Quantity) and known_value.value == value.value and not known_value.unit:
            self.values[key] = value
        known = self.statements.setdefault(key, [])
        if len(known) < MAX_STATEMENTS and not any(one.path == at.path for one in known):
            known.append(at._replace(value=str(value)))

    def note(self, sentence: str) -> None:
        """Take down what is missing, contradictory or odd."""
        if len(self.notes) < MAX_NOTES and sentence not in self.notes:
            self.notes.append(sentence)
            if len(self.notes) == MAX_NOTES:
                self.notes.append("there is more that is missing or odd")

    def role(self, role: str, column: str, at: Statement) -> None:
        """Take down that a column has a role; the first column that is said to have it has it."""
        if role not in self.roles and column not in self.roles.values():
            self.roles[role] = column
            self.say(f"column.{role}", column, at)

    def get(self, key: str, otherwise: Any = "") -> Any:
        """Give what was said."""
        return self.values.get(key, otherwise)

    def rename(self, old: str, new: str) -> None:
        """Say of one band what was said of another."""
        for attribute in ("name", *_BAND_ATTRIBUTES):
            before, after = f"band.{old}.{attribute}", f"band.{new}.{attribute}"
            if before in self.values:
                self.values.setdefault(after, self.values.pop(before))
                self.statements[after] = self.statements.get(after, []) + self.statements.pop(before)

    def of_time(
        self, prefix: str, scale: str, origin: str | float | None, position: str, *at: Statement
    ) -> None:
        """Take down a time frame: its scale, origin, reference position, with a statement for each."""
        for key, known, said, where in (
            ("scale", SCALES, scale, at[0]),
            ("position", POSITIONS, position, at[2]),
        ):
            word = word_of(said)
            if word and word not in known:
                self.note(f"{said!r} at {where.place} is not in the vocabulary of {key}s: {', '.join(known)}")
            self.say(f"{prefix}.{key}", word, where)
        value = origin_of(origin) if isinstance(origin, str) else origin
        if value is None and isinstance(origin, str) and origin:
            self.note(f"{origin!r} at {at[1].place} is no time origin")
        self.say(f"{prefix}.origin", value, at[1])

    def of_band(self, name: str, attribute: str, text: str, unit: str, at: Statement) -> None:
        """Take down what is said of a band; its zero point's type may be a number of PhotDM."""
        value: Any = text.strip()
        if attribute in ("wavelength", "zero_point"):
            value = quantity_of(text, unit)
            if value is None and text.strip():
                self.note(f"{text!r} at {at.place} is no number")
        elif attribute == "zero_point_type":
            value = type_name(value)
        self.say(f"band.{name}.{attribute}", value, at)


def type_name(text: str) -> str:
    """Give the name of a type of zero points, which PhotDM numbers."""
    return ZERO_POINT_TYPES[int(text)] if text in _TYPES else text


def name_in(key: str) -> str:
    """Give the name in the middle of a key: ``g`` of ``band.g.filter``. Names may have dots in them."""
    return key.partition(".")[2].rpartition(".")[0]


def word_of(text: str) -> str:
    """Give a word of a vocabulary as the vocabulary has it; empty for words that say nothing."""
    word = text.strip().upper()
    return "" if word.lower() in _UNSAID else _ALIASES.get(word, word)


def origin_of(text: str) -> float | None:
    """Read a time origin: a Julian date, or ``MJD-origin`` or ``JD-origin`` (VOTable 1.5, section 3.4)."""
    named = _ORIGINS.get(text.strip().lower())
    return number_of(text) if named is None else named


def number_of(text: str) -> float | None:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def quantity_of(text: str, unit: str) -> Quantity | None:
    """Read a number with its unit."""
    value = number_of(text)
    return None if value is None else Quantity(value, unit.strip())


@lru_cache(maxsize=512)
def unit_of(text: str) -> units.UnitBase | None:
    """Understand a unit: VOUnits, or how FITS, CDS and the surveys write it; None for what is no unit."""
    plain = text.strip()
    for written in (plain, plain.replace("**", "^"), re.sub(r"\be-(?=/|$)", "electron", plain)):
        for syntax in ("vounit", "generic", "fits", "cds"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", units.UnitsWarning)  # deprecated spellings are understood
                    return units.Unit(written, format=syntax, parse_strict="raise")
            except (ValueError, TypeError):
                continue
    return None


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values say the same, whatever the unit or the case of letters."""
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        if not (one.unit and other.unit):
            return one.value == other.value
        ours, theirs = unit_of(one.unit), unit_of(other.unit)
        if ours is not None and theirs is not None and ours.is_equivalent(theirs):
            return math.isclose(one.value * ours.to(theirs), other.value, rel_tol=1e-9)
        return one == other
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return bool(one == other)


def assemble(rows: pa.Table, found: Findings, *, object_column: str = "") -> list[Series]:
    """Make series of what was found about a table.

    Parameters
    ----------
    rows
        The table.
    found
        All that the document says about it.
    object_column
        Column that identifies the object; a table of several makes a series of each.
    """
    _name_bands(rows, found)
    names = list(dict.fromkeys(name_in(key) for key in found.values if key.startswith("band.")))
    if column := found.roles.get("band"):
        there = [name for name in rows[column].unique().to_pylist() if name]
        names = list(dict.fromkeys([*there, *names]))
        for name in there:
            found.say(f"band.{name}.name", name, found.statements["column.band"][0])
    time = found.roles.get("time", "")
    others = dict.fromkeys(name_in(key) for key in found.values if key.startswith("times."))
    times = {name: _frame(found, f"times.{name}") for name in others if name in rows.column_names}
    if time:
        times[time] = _frame(found, "time")
        _complain_about_time(found)
    for role in found.roles:
        _complain_about_unit(rows, role, found)
    if time:
        _doubt_time(rows[time], times[time], found)
    series = Series(
        object_id=str(found.get("object.id")),
        survey=found.get("object.survey"),
        ra=found.get("object.ra", None),
        dec=found.get("object.dec", None),
        title=found.get("object.title"),
        points=rows,
        roles=found.roles,
        times=times,
        space=SpaceFrame(*(found.get(f"space.{key}") for key in ("system", "equinox", "epoch", "position"))),
        bands=tuple(_band(name, found.values) for name in names),
        statements={key: tuple(said) for key, said in found.statements.items()},
        notes=tuple(found.notes),
    )
    return split(series, object_column) if object_column else [series]


def _frame(found: Findings, prefix: str) -> TimeFrame:
    return TimeFrame(
        found.get(f"{prefix}.scale"), found.get(f"{prefix}.origin", None), found.get(f"{prefix}.position")
    )


def _band(name: str, values: Mapping[str, Any]) -> Band:
    said = {key: values[f"band.{name}.{key}"] for key in _BAND_ATTRIBUTES if f"band.{name}.{key}" in values}
    return Band(name, **said)


def _name_bands(rows: pa.Table, found: Findings) -> None:
    """Give the photometric system that names no band the name of the one band it can be of."""
    if not any(key.startswith("band.") and not name_in(key) for key in found.values):
        return
    identifier = str(found.get("band..filter"))
    column = found.roles.get("band")
    there = [name for name in rows[column].unique().to_pylist() if name] if column else []
    ends = [name for name in there if identifier == name or re.split(r"[./]", identifier)[-1] == name]
    if len(there) > 1 and len(ends) != 1:
        found.note(f"a photometric system is tied to no band; the table has {', '.join(there)}")
    name = ends[0] if ends else there[0] if len(there) == 1 else re.split(r"[./]", identifier)[-1]
    found.rename("", name or "unnamed")


def _complain_about_time(found: Findings) -> None:
    lacking = [
        title
        for key, title in (("scale", "scale"), ("origin", "origin"), ("position", "reference position"))
        if f"time.{key}" not in found.values
    ]
    if lacking:
        column = found.roles["time"]
        found.note(f"of the times in the column {column} the document does not say: {', '.join(lacking)}")


def _doubt_time(values: pa.ChunkedArray, frame: TimeFrame, found: Findings) -> None:
    """Note times that lie outside of the centuries in which brightness has been measured."""
    if frame.origin is None or not pa.types.is_floating(values.type):
        return
    limits = pc.min_max(values)
    if limits["min"].as_py() is None:
        return
    years = [2000 + (frame.origin + limits[end].as_py() - 2451545) / 365.25 for end in ("min", "max")]
    if years[0] < _YEARS[0] or years[1] > _YEARS[1]:
        found.note(
            f"with the origin JD {frame.origin:.10g} the times would lie in the years {years[0]:.0f} to "
            f"{years[1]:.0f}: the origin or the unit is not what the document says"
        )


_YEARS = (1870, 2200)
_EXPECTED = {
    "time": ("d", "time"),
    "mag": ("mag", "magnitudes"),
    "mag_error": ("mag", "magnitudes"),
    "limiting_mag": ("mag", "magnitudes"),
    "ra": ("deg", "angles"),
    "dec": ("deg", "angles"),
}


def _complain_about_unit(rows: pa.Table, role: str, found: Findings) -> None:
    column = rows.schema.field(found.roles[role])
    text = (column.metadata or {}).get(b"unit", b"").decode()
    if not text:
        if role in _EXPECTED or role in ("flux", "flux_error"):
            found.note(f"the column {column.name} has no unit")
        return
    unit = unit_of(text)
    if unit is None:
        found.note(f"the unit {text!r} of the column {column.name} is no unit")
    elif role in _EXPECTED and not unit.is_equivalent(units.Unit(_EXPECTED[role][0])):
        found.note(f"the unit {text!r} of the column {column.name} is none of {_EXPECTED[role][1]}")

"""The time series: measurements of one object, with all that is needed to use the numbers.

Every dialect is read into this form and written from it. What a document does not say stays unsaid: an empty
string or None, never a guess. Beside each thing that it does say stands where it says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.timeseries.errors import TimeSeriesError

MJD = 2400000.5
"""Julian date of MJD 0."""

ROLES = {
    "time": "time of the measurement",
    "band": "name of the band",
    "kind": "detection, forced or limit",
    "flux": "flux",
    "flux_error": "standard error of the flux",
    "mag": "magnitude",
    "mag_error": "standard error of the magnitude",
    "limiting_mag": "limiting magnitude",
    "ra": "right ascension of the measurement",
    "dec": "declination of the measurement",
    "measurement_id": "identifier of the measurement",
}
"""What a column can be in a series, and what that means. Other columns are kept as they are."""

TEXT_ROLES = frozenset({"band", "kind"})
"""Roles whose columns hold text."""

SCALES = ("TAI", "TT", "UT", "UTC", "GPS", "TCG", "TCB", "TDB")
"""Time scales (IVOA vocabulary ``timescale``)."""

POSITIONS = ("TOPOCENTER", "GEOCENTER", "BARYCENTER", "HELIOCENTER", "EMBARYCENTER")
"""Where times are measured (IVOA vocabulary ``refposition``)."""

ZERO_POINT_TYPES = ("Pogson", "Asinh", "Linear")
"""Kinds of zero points (PhotDM 1.1, class ZeroPoint)."""

NOTES = ("unit", "ucd", "utype", "description")
"""What is told of a column, as keys of an Arrow field's metadata."""


class Quantity(NamedTuple):
    """A number with the unit it is given in; the unit is empty where none is given."""

    value: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value!r} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """What the numbers of a column of times mean.

    Parameters
    ----------
    scale
        One of the :data:`SCALES`; empty if unknown.
    origin
        Julian date, in that scale, of the time 0: 0 for JD, 2400000.5 for MJD; None if unknown.
    position
        One of the :data:`POSITIONS`; empty if unknown.
    """

    scale: str = ""
    origin: float | None = None
    position: str = ""

    def __str__(self) -> str:
        origin = "an unknown origin" if self.origin is None else f"JD {self.origin:.12g}"
        return f"{self.scale or 'unknown scale'} at {self.position or 'an unknown place'} from {origin}"


@dataclass(frozen=True, slots=True)
class SpaceFrame:
    """Frame of the coordinates, in the words of VOTable's COOSYS; empty where unknown."""

    system: str = ""
    equinox: str = ""
    epoch: str = ""
    position: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A band and how its measurements are calibrated (PhotDM 1.1).

    Parameters
    ----------
    name
        As the column of bands has it; what stands last in ``filter`` where the document names none.
    filter
        Identifier of the filter, as in the SVO Filter Profile Service.
    wavelength
        Effective wavelength.
    zero_point
        Flux of magnitude 0.
    zero_point_type
        One of the :data:`ZERO_POINT_TYPES`.
    magnitude_system
        ``AB``, ``Vega``, ``ST``.
    """

    name: str
    filter: str = ""
    wavelength: Quantity | None = None
    zero_point: Quantity | None = None
    zero_point_type: str = ""
    magnitude_system: str = ""


class Statement(NamedTuple):
    """What a document says, and where.

    ``path`` is the way to it in the document, ``line`` its line, 0 where there are no lines. A dialect may
    also fix what a document of it need not say; ``path`` then names the dialect's definition.
    """

    value: str
    path: str
    line: int = 0

    @property
    def place(self) -> str:
        """Path and line."""
        return f"{self.path}, line {self.line}" if self.line else self.path


Statements = Mapping[str, tuple[Statement, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Measurements of one object.

    Parameters
    ----------
    object_id, survey
        Identifier of the object, and whose identifier and measurements they are; empty if unknown.
    ra, dec
        Position of the object, degrees, in ``space``; None if unknown.
    points
        One row a measurement. The metadata of a field may have the keys :data:`NOTES`. NaN is null.
    roles
        Column of each of the :data:`ROLES` that there is.
    times
        Frame of each column of times.
    space
        Frame of all coordinates.
    bands
        Bands, in the order of the document.
    title
        What the document calls the series.
    statements
        What was found where, by aspect: ``time.scale``, ``band.g.filter``, ``column.flux.unit``.
    notes
        What is missing, contradictory or odd, each a sentence.

    Raises
    ------
    TimeSeriesError
        If a role names a column that is not there, or one of the wrong type.
    """

    object_id: str
    points: pa.Table
    roles: Mapping[str, str]
    survey: str = ""
    ra: float | None = None
    dec: float | None = None
    times: Mapping[str, TimeFrame] = field(default_factory=dict)
    space: SpaceFrame = SpaceFrame()
    bands: tuple[Band, ...] = ()
    title: str = ""
    statements: Statements = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for role, name in self.roles.items():
            if name not in self.points.column_names:
                raise TimeSeriesError(f"there is no column {name} for the {ROLES[role]}")
            kind = self.points.schema.field(name).type
            text = pa.types.is_string(kind) or pa.types.is_null(kind)
            number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
            if not (text if role in TEXT_ROLES else number or role == "measurement_id"):
                raise TimeSeriesError(f"the column {name} is {kind}, which is no {ROLES[role]}")
        object.__setattr__(self, "points", _nulls(self.points))
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        for axis in ("ra", "dec"):
            value = getattr(self, axis)
            if value is not None and not math.isfinite(value):
                object.__setattr__(self, axis, None)

    def __len__(self) -> int:
        return int(self.points.num_rows)

    @property
    def time(self) -> TimeFrame:
        """Frame of the times of the measurements."""
        return self.times.get(self.roles.get("time", ""), TimeFrame())

    def column(self, role: str) -> pa.ChunkedArray | None:
        """Values of a role; None where the series has no such column."""
        name = self.roles.get(role)
        return None if name is None else self.points[name]

    def note(self, role: str, key: str) -> str:
        """Give what is told of the column of a role: one of the :data:`NOTES`, such as its unit."""
        name = self.roles.get(role)
        return "" if name is None else noted(self.points.schema.field(name), key)

    def of_band(self, name: str) -> pa.Table:
        """Measurements of a band; all of them where no column tells bands apart."""
        column = self.roles.get("band")
        return self.points if column is None else self.points.filter(pc.equal(self.points[column], name))

    @property
    def further(self) -> tuple[str, ...]:
        """Columns without a role."""
        return tuple(name for name in self.points.column_names if name not in self.roles.values())


@dataclass(frozen=True, slots=True)
class Document:
    """What was read from a document.

    ``notes`` are about the document as a whole; those about a series are with it.
    """

    series: tuple[Series, ...]
    dialect: str = ""
    notes: tuple[str, ...] = ()


def noted(column: pa.Field, key: str) -> str:
    """Give one of the :data:`NOTES` of a field; empty where there is none."""
    return str((column.metadata or {}).get(key.encode(), b"").decode())


def described(name: str, kind: pa.DataType, **notes: str) -> pa.Field:
    """Give a field with :data:`NOTES`."""
    return pa.field(name, kind, metadata={key: value for key, value in notes.items() if value})


def banded(series: Series) -> Series:
    """Give the series with a column of bands, where it has one band that no column names."""
    if "band" in series.roles or len(series.bands) != 1:
        return series
    name = free_name("band", series.points.column_names)
    values = pa.repeat(pa.scalar(series.bands[0].name, pa.string()), len(series))
    points = series.points.append_column(described(name, pa.string(), ucd="instr.bandpass"), values)
    return replace(series, points=points, roles={**series.roles, "band": name})


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Give a column name like the wanted one that is not taken, whatever the case of letters."""
    names = {name.lower() for name in taken}
    name, number = wanted, 1
    while name.lower() in names:
        number += 1
        name = f"{wanted}_{number}"
    return name


def renamed(series: Series, names: Mapping[str, str]) -> Series:
    """Give the columns of roles the names that a dialect has for them.

    Parameters
    ----------
    names
        Column name by role. A column without a role that has such a name gets another.
    """
    new = {series.roles[role]: name for role, name in names.items() if role in series.roles}
    taken = list(new.values())
    for name in series.points.column_names:
        if name not in new:
            new[name] = free_name(name, taken)
            taken.append(new[name])
    return replace(
        series,
        points=series.points.rename_columns([new[name] for name in series.points.column_names]),
        roles={role: new[name] for role, name in series.roles.items()},
        times={new[name]: frame for name, frame in series.times.items() if name in new},
    )


def joined(parts: Sequence[Series]) -> Series:
    """Join series of one object whose bands stand in tables of their own.

    The frames are those of the first. Columns that a part lacks are null there.

    Raises
    ------
    TimeSeriesError
        If the same column has different types in two parts.
    """
    if len(parts) == 1:
        return parts[0]
    first, *others = [banded(part) for part in parts]
    parts = [first, *(renamed(part, first.roles) for part in others)]
    try:
        points = pa.concat_tables([part.points for part in parts], promote_options="default")
    except pa.ArrowException as error:
        raise TimeSeriesError(f"the tables of one object do not fit together: {error}") from error
    roles: dict[str, str] = {}
    times: dict[str, TimeFrame] = {}
    bands: dict[str, Band] = {}
    statements: dict[str, tuple[Statement, ...]] = {}
    for part in parts:
        roles = {**part.roles, **roles}
        times = {**part.times, **times}
        for band in part.bands:
            bands.setdefault(band.name, band)
        for aspect, found in part.statements.items():
            known = statements.get(aspect, ())
            statements[aspect] = known + tuple(one for one in found if one not in known)
    return replace(
        first,
        points=points,
        roles=roles,
        times=times,
        bands=tuple(bands.values()),
        statements=statements,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def split(series: Series, column: str) -> list[Series]:
    """Part a table of several objects by the column that identifies them, in the order of the table."""
    names = series.points[column].cast(pa.string()).combine_chunks().dictionary_encode("encode")
    codes = names.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    points = series.points.drop_columns([column]).take(pa.array(order))
    ends = np.cumsum(np.bincount(codes, minlength=len(names.dictionary)))
    return [
        replace(series, object_id=name or "", points=points.slice(end - count, count))
        for name, end, count in zip(
            names.dictionary.to_pylist(), ends.tolist(), np.diff(ends, prepend=0).tolist(), strict=True
        )
    ]


def _nulls(points: pa.Table) -> pa.Table:
    """Make NaN null, and empty text: some dialects do not tell them apart."""
    for place, column in enumerate(points.schema):
        values = points[column.name]
        if pa.types.is_floating(column.type):
            points = points.set_column(place, column, pc.if_else(pc.is_nan(values), None, values))
        elif pa.types.is_string(column.type):
            points = points.set_column(place, column, pc.if_else(pc.equal(values, ""), None, values))
    return points


def only(series: Sequence[Series], dialect: str) -> Series:
    """Give the one series that a dialect has room for.

    Raises
    ------
    TimeSeriesError
        If there are more, or none.
    """
    if len(series) != 1:
        names = ", ".join(one.object_id for one in series[:5])
        raise TimeSeriesError(f"a document in {dialect} holds one object, not {len(series)}: {names}")
    return series[0]

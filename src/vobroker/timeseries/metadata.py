"""What discovery services say of a series: object, place, time and light, but not its measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vobroker.timeseries import aspects, times
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, unit_of
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import MJD, Document, Series, SpaceFrame, Statement
from vobroker.timeseries.tables import Table
from vobroker.timeseries.writing import column_field, document, resource
from vobroker.timeseries.xml import line, path, place
from vobroker.votypes.votable import element, tabledata

HELD = {"object.id", "object.survey", "object.position", "object.title", "space.system"}
LACKS = {
    one.key: "it describes the series and does not hold it" for one in aspects.ASPECTS if one.key not in HELD
}

FRAME = "ICRS"
"""Frame of the coordinates (ObsCore 1.1, section 3.3.1; SSAP 1.1, section 4.2.5)."""


@dataclass(frozen=True)
class Summary:
    """What can be said of a series in one row; None where it is not known."""

    series: Series
    start: float | None
    end: float | None
    shortest: float | None
    longest: float | None

    @property
    def unit(self) -> str:
        """What was measured, as a UCD."""
        return "phot.mag" if "mag" in self.series.roles else "phot.flux"


Value = Callable[[Summary], str | float | int | None]


def summary(series: Series) -> Summary:
    """Sum a series up: times as MJD in UTC, where its own frame is known; effective wavelengths in m.

    Raises
    ------
    TimeSeriesError
        If its coordinates are not in ICRS.
    """
    if series.ra is not None and series.space.system not in ("ICRS", ""):
        raise TimeSeriesError(
            f"coordinates are given in ICRS, and those of the series are {series.space.system}"
        )
    start = end = None
    if series.time.scale and series.time.origin is not None and len(series):
        whole, rest = times.in_scale(times.julian(series), series.time.scale, "UTC")
        mjd = (whole - MJD) + rest
        if np.isfinite(mjd).any():
            start, end = float(np.nanmin(mjd)), float(np.nanmax(mjd))
    lengths = []
    for band in series.bands:
        unit = unit_of(band.wavelength.unit) if band.wavelength and band.wavelength.unit else None
        if band.wavelength and unit is not None and unit.is_equivalent(unit_of("m")):
            lengths.append(float(unit.to(unit_of("m"), band.wavelength.value)))
    return Summary(series, start, end, min(lengths, default=None), max(lengths, default=None))


def write(
    series: Sequence[Series],
    columns: Sequence[tuple[pa.Field, Value]],
    before: Sequence[str] = (),
    utype: str = "",
) -> bytes:
    """Write a row for each series.

    Parameters
    ----------
    series
        What to describe.
    columns
        Columns, and what stands in them.
    before
        Elements before the table.
    utype
        Utype of the table.
    """
    sums = [summary(one) for one in series]
    schema = pa.schema([column for column, _ in columns])
    arrays = [
        pa.array([None if (told := value(one)) == "" else told for one in sums], column.type)
        for column, value in columns
    ]
    rows = pa.table(arrays, schema=schema)
    attributes = {"name": "series", "nrows": str(len(rows))} | ({"utype": utype} if utype else {})
    fields = (column_field(one, one.name) for one in schema)
    table = element(
        "TABLE", attributes, "\n", *(f"{one}\n" for one in fields), element("DATA", {}, tabledata(rows))
    )
    return document(resource(*before, table))


def read(look: Look, names: Mapping[str, str], dialect: str) -> Document:
    """Read a series without measurements from each row.

    Parameters
    ----------
    look
        The document.
    names
        Utype, without its prefix and in lower case, or name of the column that holds ``id``, ``survey``,
        ``title``, ``ra``, ``dec``, ``start``, ``end`` and ``address``.
    dialect
        Name of the dialect.

    Raises
    ------
    TimeSeriesError
        If it has none of these columns.
    """
    for table in look.tables:
        columns = {
            key: one
            for key, name in names.items()
            for one in table.fields
            if name in _known_as(one.utype, one.label)
        }
        if "start" in columns or "address" in columns:
            series = [_series(row, columns) for row in _rows(table, columns)]
            return Document(tuple(series), dialect)
    raise TimeSeriesError("no table describes observations", place(look.root))


def _known_as(utype: str, name: str) -> set[str]:
    return {utype.rpartition(":")[2].lower(), name.lower()}


def _rows(table: Table, columns: Mapping[str, object]) -> list[dict[str, object]]:
    named = {key: one.label for key, one in columns.items()}  # type: ignore[attr-defined]
    return [{key: row[name] for key, name in named.items()} for row in table.rows.to_pylist()]


def _series(row: Mapping[str, object], columns: Mapping[str, object]) -> Series:
    found = Findings()
    values: dict[str, object] = {}
    for key, value in row.items():
        one = columns[key].element  # type: ignore[attr-defined]
        found.say(f"object.{key}", value, Statement(str(value), path(one), line(one)))
        values[key] = value
    found.note("the document describes the series and does not hold it")
    if values.get("address"):
        found.note(f"the measurements are at {values['address']}")
    if values.get("start") is not None:
        found.note(f"times are from MJD {values['start']} to {values.get('end')} UTC")
    position = {key: _number(values.get(key)) for key in ("ra", "dec")}
    return Series(
        object_id=str(values.get("id") or ""),
        survey=str(values.get("survey") or ""),
        title=str(values.get("title") or ""),
        ra=position["ra"],
        dec=position["dec"],
        points=pa.table({}),
        roles={},
        space=SpaceFrame(FRAME) if position["ra"] is not None else SpaceFrame(),
        statements={
            key: tuple(said)
            for key, said in found.statements.items()
            if key in ("object.id", "object.survey", "object.title", "object.ra", "object.dec")
        },
        notes=tuple(found.notes),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

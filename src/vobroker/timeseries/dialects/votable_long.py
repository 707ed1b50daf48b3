"""Light curves of any number of objects as one long table: every row says all that there is to say.

Catalogues and TAP services give light curves like this. The object, its position and the photometric system
are columns; only the frames stand before the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.timeseries import plain
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, type_name, unit_of
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import (
    Band,
    Document,
    Quantity,
    Series,
    Statement,
    banded,
    described,
    free_name,
    noted,
)
from vobroker.timeseries.tables import Table
from vobroker.timeseries.writing import document, known, parts, resource, type_number
from vobroker.timeseries.xml import line, path

NAME = "votable-long"
TITLE = "VOTable, one long table"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}

_OBJECT = {
    "object_id": (pa.string(), "meta.id;src;meta.main", "", "Identifier of the object"),
    "survey": (pa.string(), "meta.id;instr.obsty", "", "Survey that made the measurements"),
    "title": (pa.string(), "meta.title", "", "What the series is called"),
    "ra": (pa.float64(), "pos.eq.ra;meta.main", "deg", "Right ascension of the object"),
    "dec": (pa.float64(), "pos.eq.dec;meta.main", "deg", "Declination of the object"),
}
_BAND = {
    "filter": (pa.string(), "photDM:PhotometryFilter.identifier", "meta.id;instr.filter"),
    "wavelength": (pa.float64(), "photDM:PhotometryFilter.spectralLocation.value", "em.wl.effective"),
    "zero_point": (pa.float64(), "photDM:PhotCal.zeroPoint.flux.value", "phot.flux.density;arith.zp"),
    "zero_point_type": (pa.string(), "photDM:PhotCal.zeroPoint.type", "meta.code"),
    "magnitude_system": (pa.string(), "photDM:PhotCal.magnitudeSystem.type", "meta.code"),
}
_UTYPE = "Series."
# Marks the columns that are the same in all rows of an object.


def recognise(look: Look) -> bool:
    """Tell whether it is a VOTable whose columns say which object each row is of, and in which system."""
    if not look.is_xml or "TABLE" not in look.tags:
        return False
    return any(one.utype.startswith(_UTYPE) for table in look.tables for one in table.fields)


def read(look: Look) -> Document:
    """Read the first table that has times.

    Raises
    ------
    TimeSeriesError
        If no table has times.
    """
    timed = plain.timed(look.tables)
    table, rows = timed[0], timed[0].rows
    said = {one.utype.removeprefix(_UTYPE): one for one in table.fields if one.utype.startswith(_UTYPE)}
    bands = {key: one for key, (_, utype, _) in _BAND.items() for one in table.fields if one.utype == utype}
    columns = {f"object.{key}": one for key, one in said.items()} | {
        f"band.{key}": one for key, one in bands.items()
    }
    places = {key: Statement(one.label, path(one.element), line(one.element)) for key, one in columns.items()}
    names = {key: one.label for key, one in columns.items()}
    key = rows[names["object.object_id"]] if "object.object_id" in names else None
    objects = [None] if key is None else key.unique().to_pylist()
    found = []
    for name in objects or [None]:
        own = (
            rows
            if key is None or not objects
            else rows.filter(pc.is_null(key) if name is None else pc.equal(key, name))
        )
        rest = Table(table.element, own.drop_columns(list(names.values())), frozenset(names.values()))
        known_so_far = Findings()
        for axis in ("object.ra", "object.dec"):
            if axis in columns:
                plain.tell_frame(columns[axis], known_so_far)
        found.append(_told(plain.series(rest, known_so_far)[0], own, names, places))
    return Document(tuple(found), NAME)


def _told(
    series: Series, rows: pa.Table, names: Mapping[str, str], places: Mapping[str, Statement]
) -> Series:
    """Add what the columns of the object and of the band say."""

    def first(key: str, among: pa.Table) -> Any:
        values = among[names[key]].drop_null() if key in names else []
        return values[0].as_py() if len(values) else None

    bands, statements = [], dict(series.statements)
    for band in series.bands:
        own = rows.filter(pc.equal(rows[series.roles["band"]], band.name)) if "band" in series.roles else rows
        values: dict[str, Any] = {}
        for key in _BAND:
            value = first(f"band.{key}", own)
            if value is None:
                continue
            if key in ("wavelength", "zero_point"):
                value = Quantity(value, noted(rows.schema.field(names[f"band.{key}"]), "unit"))
            elif key == "zero_point_type":
                value = type_name(value)
            values[key] = value
            statements[f"band.{band.name}.{key}"] = (places[f"band.{key}"],)
        bands.append(replace(band, **values))
    said = {key: first(f"object.{key}", rows) for key in _OBJECT}
    for key, statement in (
        ("id", "object_id"),
        ("survey", "survey"),
        ("title", "title"),
        ("ra", "ra"),
        ("dec", "dec"),
    ):
        if said[statement] is not None:
            statements[f"object.{key}"] = (places[f"object.{statement}"],)
    return replace(
        series,
        object_id=said["object_id"] or "",
        survey=said["survey"] or "",
        title=said["title"] or "",
        ra=said["ra"],
        dec=said["dec"],
        bands=tuple(bands),
        statements=statements,
    )


def write(series: Sequence[Series]) -> bytes:
    """Write series, all in one table.

    Raises
    ------
    TimeSeriesError
        If they have different frames or columns.
    """
    whole = [known(banded(one)) for one in series]
    if not whole:
        raise TimeSeriesError("there is no series to write")
    first = whole[0]
    for one in whole[1:]:
        if (one.times, one.space) != (first.times, first.space):
            raise TimeSeriesError(
                f"one table holds one frame; {first.object_id} and {one.object_id} have different ones"
            )
        if one.points.schema != first.points.schema or one.roles != first.roles:
            raise TimeSeriesError(f"the columns of {first.object_id} and {one.object_id} are not the same")
    units = {
        key: next((q.unit for one in whole for b in one.bands if (q := getattr(b, key))), "")
        for key in ("wavelength", "zero_point")
    }
    points = pa.concat_tables([_filled(one, units) for one in whole])
    framed = any(None not in (one.ra, one.dec) for one in whole)
    bare = replace(first, object_id="", survey="", title="", bands=(), points=points)
    written = parts(replace(bare, ra=0.0, dec=0.0) if framed else bare)
    head = [one for one in written.head if not one.startswith("<PARAM")]
    if written.space_id:
        marks = (f'utype="{_UTYPE}ra"', f'utype="{_UTYPE}dec"')
        head = [_refer(one, written.space_id) if any(mark in one for mark in marks) else one for one in head]
    return document(resource(*written.systems, replace(written, head=tuple(head)).table(name="light_curves")))


def _refer(field: str, system: str) -> str:
    return field.replace("<FIELD ", f'<FIELD ref="{system}" ', 1)


def _filled(series: Series, units: Mapping[str, str]) -> pa.Table:
    """Add the columns that are the same in all rows of an object or band."""
    points, rows = series.points, len(series)
    for key, (kind, ucd, unit, description) in _OBJECT.items():
        value = getattr(series, key) or None if pa.types.is_string(kind) else getattr(series, key)
        name = free_name(f"object_{key}" if key in ("ra", "dec") else key, points.column_names)
        column = described(name, kind, ucd=ucd, unit=unit, utype=f"{_UTYPE}{key}", description=description)
        points = points.append_column(column, pa.repeat(pa.scalar(value, kind), rows))
    names = series.points[series.roles["band"]].to_pylist() if "band" in series.roles else [None] * rows
    by_name = {band.name: band for band in series.bands}
    for key, (kind, utype, ucd) in _BAND.items():
        told = {name: _value(band, key, units.get(key, "")) for name, band in by_name.items()}
        values = pa.array([None if name is None else told.get(name) for name in names], kind)
        name = free_name(key, points.column_names)
        points = points.append_column(
            described(name, kind, ucd=ucd, utype=utype, unit=units.get(key, "")), values
        )
    return points


def _value(band: Band, key: str, unit: str) -> Any:
    value = getattr(band, key)
    if not isinstance(value, Quantity):
        return type_number(value) or None if key == "zero_point_type" else value or None
    if value.unit == unit:
        return value.value
    ours, theirs = unit_of(value.unit), unit_of(unit)
    if ours is None or theirs is None or not ours.is_equivalent(theirs):
        raise TimeSeriesError(f"{value} of the band {band.name} is not in {unit}, as other bands have it")
    return float(ours.to(theirs, value.value))

"""Light curves inside events: put in, and read out again whichever way they came."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pyarrow as pa

from vobroker.publish.values import DATA_TYPES, characters, text_of, value_of
from vobroker.timeseries import LightCurve
from vobroker.timeseries.columns import MEASUREMENT
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.model import POINTS
from vobroker.timeseries.series import Series
from vobroker.voevent import VOEvent, VOEventError
from vobroker.voevent.embedded import embed as embed_votable
from vobroker.voevent.embedded import embedded
from vobroker.voevent.model import Data, Field, Param, Row, Table, What
from vobroker.votypes.columns import Column

FORMS = ("none", "table", "votable", "next")
"""How an event carries its light curve.

``none``: not at all. ``table``: in the Table of VOEvent. ``votable``: as a VOTable in the text of a Param.
``next``: as a VOTABLE element, by the schema that is proposed. All but the last are valid in version 2.0.
"""

NAME = "light_curve"
"""Name of the Table or Param."""

MOST_POINTS = 2000
"""Most measurements in an event, which readers would refuse if it were larger."""

_ABOUT = (
    Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that made the measurements"),
    Column("object_id", "VARCHAR", "", "meta.id;src;meta.main", "The survey's identifier of the object"),
    Column("object_ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", "Right ascension of the object, ICRS"),
    Column("object_dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", "Declination of the object, ICRS"),
)
_FRAMES = (
    ("time_scale", "TAI", "time.scale", "Time scale of mjd, of http://www.ivoa.net/rdf/timescale"),
    ("time_origin", "2400000.5", "time.epoch", "Julian date of mjd 0"),
    (
        "time_position",
        "TOPOCENTER",
        "pos.frame",
        "Place of the clock, of http://www.ivoa.net/rdf/refposition",
    ),
    ("frame", "ICRS", "pos.frame", "Frame of positions, of http://www.ivoa.net/rdf/refframe"),
    ("magnitude_system", "AB", "meta.code;phot.mag", "Magnitude system"),
)
_COLUMNS = tuple(column for column in MEASUREMENT if column.name not in ("survey", "object_id"))


def embed(event: VOEvent, light_curve: LightCurve, form: str) -> VOEvent:
    """Give an event with a light curve inside, once; one that is too long is only mentioned.

    Parameters
    ----------
    event
        Any packet.
    light_curve
        What it carries.
    form
        One of :data:`FORMS`.

    Raises
    ------
    VOEventError
        If there is no such form.
    """
    if form == "none":
        return event
    what = event.what or What()
    if form in FORMS and len(light_curve) > MOST_POINTS:
        left_out = (
            f"The light curve of {len(light_curve)} measurements is left out: the most is {MOST_POINTS}."
        )
        return replace(event, what=replace(what, descriptions=(*what.descriptions, left_out)))
    if form == "table":
        return replace(event, what=replace(what, tables=(*what.tables, as_table(light_curve))))
    if form not in FORMS:
        raise VOEventError(f"a light curve cannot be embedded as {form!r}; there are {', '.join(FORMS)}")
    return embed_votable(event, _votable(light_curve), "text" if form == "votable" else "element", NAME)


def light_curve_of(event: VOEvent) -> LightCurve | None:
    """Give the light curve inside an event; None where there is none.

    Raises
    ------
    VOEventError
        If there is one and it cannot be read, or is not in the units and frames of ours.
    """
    found = series_of(event)
    if isinstance(found, Series):
        try:
            return LightCurve.of(found)
        except ValueError as error:
            raise _no_light_curve(event, error) from error
    return found


def series_of(event: VOEvent) -> LightCurve | Series | None:
    """Give the light curve inside an event: ours as such, any other in its own units and frames.

    None where there is none.

    Raises
    ------
    VOEventError
        If there is one and it cannot be read.
    """
    for table in event.what.tables if event.what else ():
        if table.name == NAME:
            return from_table(table, event.ivorn)
    from vobroker.timeseries import documents

    for one in embedded(event):
        try:
            found = documents.read(one.votable).series[0]
        except TimeSeriesError as error:
            raise _no_light_curve(event, error) from error
        try:
            return LightCurve.of(found)
        except ValueError:
            return found
    return None


def _no_light_curve(event: VOEvent, error: Exception) -> VOEventError:
    return VOEventError(f"{event.ivorn}: the embedded VOTable is no light curve: {error}")


def votable_of(event: VOEvent) -> bytes | None:
    """Give the light curve inside an event as a VOTable: the embedded one itself, or made from the Table."""
    for one in embedded(event):
        return one.votable
    found = light_curve_of(event)
    return None if found is None else _votable(found)


def _votable(light_curve: LightCurve) -> bytes:
    from vobroker.timeseries import documents  # the dialects take a while to load

    return documents.write([light_curve.series], "votable")


def as_table(light_curve: LightCurve) -> Table:
    """Give a light curve as a Table of VOEvent.

    Params say the object and the frames. A cell without a value is empty; columns without any are left out.
    """
    points = light_curve.points
    columns = [
        column for column in _COLUMNS if points[column.name].null_count < len(points) or not len(points)
    ]
    about = (light_curve.survey, light_curve.object_id, light_curve.ra, light_curve.dec)
    params = [
        Param(
            column.name,
            characters(text_of(value, column) or ""),
            column.unit or None,
            column.ucd,
            DATA_TYPES.get(column.type),
            descriptions=(column.description,),
        )
        for column, value in zip(_ABOUT, about, strict=True)
        if not (isinstance(value, float) and math.isnan(value))
    ]
    params += [Param(name, value, None, ucd, descriptions=(text,)) for name, value, ucd, text in _FRAMES]
    fields = tuple(
        Field(
            column.name,
            column.unit or None,
            column.ucd,
            DATA_TYPES.get(column.type),
            descriptions=(column.description,),
        )
        for column in columns
    )
    cells = [
        [characters(text_of(value, column) or "") for value in points[column.name].to_pylist()]
        for column in columns
    ]
    rows = tuple(Row(row) for row in zip(*cells, strict=True))
    return Table(NAME, "light curve", params=tuple(params), fields=fields, data=Data(rows))


def from_table(table: Table, ivorn: str) -> LightCurve:
    """Read a light curve from the Table of :func:`as_table`.

    Raises
    ------
    VOEventError
        If columns or frames are others than those of :data:`vobroker.timeseries.columns.MEASUREMENT`.
    """
    params = {param.name or "": param.value or "".join(param.text) for param in table.params}
    where = f"{ivorn}: the Table {table.name}"
    for name, value, _, _ in _FRAMES:
        if params.get(name) != value:
            raise VOEventError(f"{where} has {params.get(name)} for {name}, not {value}")
    names = [field.name or "" for field in table.fields]
    rows = table.data.rows if table.data else ()
    if any(len(row.cells) != len(names) for row in rows):
        raise VOEventError(f"{where} has rows with more or fewer cells than its {len(names)} Fields")
    columns: dict[str, Any] = {}
    try:
        for column in _COLUMNS:
            kind = POINTS.field(column.name).type
            if column.name not in names:
                columns[column.name] = pa.nulls(len(rows), kind)
                continue
            place = names.index(column.name)
            cells = [row.cells[place] for row in rows]
            columns[column.name] = pa.array(
                [value_of(cell, column) if cell else None for cell in cells], kind
            )
        columns["survey"] = pa.repeat(pa.scalar(params.get("survey"), pa.string()), len(rows))
        columns["object_id"] = pa.repeat(pa.scalar(params.get("object_id"), pa.string()), len(rows))
        ra, dec = (float(params.get(name, "nan")) for name in ("object_ra", "object_dec"))
        return LightCurve(params.get("survey", ""), params.get("object_id", ""), ra, dec, pa.table(columns))
    except (ValueError, pa.ArrowException) as error:
        raise VOEventError(f"{where} is no light curve: {error}") from error

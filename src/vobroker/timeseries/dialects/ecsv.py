"""Light curves as ECSV: CSV with a header in YAML that keeps types, units and all metadata (APE 6)."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.table import Column, MaskedColumn, Table
from astropy.table.meta import YamlParseError

from vobroker.timeseries import named, tables
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, unit_of
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import (
    NOTES,
    ROLES,
    Document,
    Quantity,
    Series,
    Statement,
    banded,
    described,
    noted,
    only,
)

NAME = "ecsv"
TITLE = "ECSV"
MEDIA_TYPE = "text/ecsv"
SUFFIXES = (".ecsv",)
LACKS: dict[str, str] = {}

MARK = b"# %ECSV"
_TYPES = {"i1": pa.int16(), "u1": pa.int16(), "i2": pa.int16(), "i4": pa.int32(), "i8": pa.int64()}
_TYPES |= {"f4": pa.float32(), "f8": pa.float64(), "b1": pa.bool_()}
_SPACE = ("system", "equinox", "epoch", "position")


def recognise(look: Look) -> bool:
    """Tell whether it begins as ECSV does; the time series of astropy come before."""
    return look.data.startswith(MARK)


def read(look: Look) -> Document:
    """Read a table.

    Raises
    ------
    TimeSeriesError
        If it is damaged, or has no times.
    """
    table = parsed(look)
    return Document(tuple(told(rows_of(table), dict(table.meta))), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a series.

    Raises
    ------
    TimeSeriesError
        If there is not exactly one.
    """
    one = banded(only(series, NAME))
    table = Table([column_of(one.points[field.name], field) for field in one.points.schema], copy=False)
    table.meta = metadata(one)
    return written(table)


def written(table: Table) -> bytes:
    """Write a table of astropy as ECSV."""
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write(text, format="ascii.ecsv", delimiter=",")
    return text.getvalue().encode()


def parsed(look: Look) -> Any:
    """Read ECSV as a table of astropy.

    Raises
    ------
    TimeSeriesError
        If it cannot be read.
    """
    if len(look.data) > look.max_bytes:
        raise TimeSeriesError(f"the document has {len(look.data)} bytes; the limit is {look.max_bytes}")
    if look.data.count(b"\n") > tables.MAX_ROWS:
        raise TimeSeriesError(f"the table has more than {tables.MAX_ROWS} rows")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Table.read(look.data.decode().split("\n"), format="ascii.ecsv")
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
        OSError,
        YamlParseError,
    ) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise TimeSeriesError(f"the ECSV cannot be read: {reason}") from error


def metadata(series: Series) -> dict[str, Any]:
    """Give all that is not in the columns, as plain values."""
    return {
        "object_id": series.object_id,
        "survey": series.survey,
        "title": series.title,
        "ra": series.ra,
        "dec": series.dec,
        "frame": {key: getattr(series.space, key) for key in _SPACE},
        "times": {
            name: {"scale": frame.scale, "origin": frame.origin, "position": frame.position}
            for name, frame in series.times.items()
        },
        "roles": dict(series.roles),
        "bands": [
            {
                "name": band.name,
                "filter": band.filter,
                "wavelength": list(band.wavelength) if band.wavelength else None,
                "zero_point": list(band.zero_point) if band.zero_point else None,
                "zero_point_type": band.zero_point_type,
                "magnitude_system": band.magnitude_system,
            }
            for band in series.bands
        ],
    }


def told(rows: pa.Table, about: dict[str, Any], *, main: dict[str, Any] | None = None) -> list[Series]:
    """Make series of a table and its metadata; the time frame may be given elsewhere, as ``main``."""
    found = Findings()
    try:
        for role, name in dict(about.get("roles") or {}).items():
            if role in ROLES and name in rows.column_names:
                found.role(role, name, Statement(name, f"meta, roles.{role}"))
        if main is not None:
            _tell_time(found, "time", main, "column time")
        for name, frame in dict(about.get("times") or {}).items():
            own = name == found.roles.get("time")
            _tell_time(found, "time" if own else f"times.{name}", dict(frame), f"meta, times.{name}")
        for key, name in (("id", "object_id"), ("survey", "survey"), ("title", "title")):
            found.say(f"object.{key}", str(about.get(name) or ""), Statement("", f"meta, {name}"))
        for key in ("ra", "dec"):
            value = about.get(key)
            found.say(f"object.{key}", None if value is None else float(value), Statement("", f"meta, {key}"))
        for key in _SPACE:
            told_frame = dict(about.get("frame") or {}).get(key) or ""
            found.say(f"space.{key}", str(told_frame), Statement("", f"meta, frame.{key}"))
        for number, band in enumerate(about.get("bands") or []):
            for key in ("name", "filter", "zero_point_type", "magnitude_system"):
                at = Statement("", f"meta, bands[{number}].{key}")
                found.say(f"band.{band['name']}.{key}", band.get(key) or "", at)
            for key in ("wavelength", "zero_point"):
                if quantity := band.get(key):
                    value, unit = quantity
                    at = Statement("", f"meta, bands[{number}].{key}")
                    found.say(f"band.{band['name']}.{key}", Quantity(float(value), str(unit)), at)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise TimeSeriesError(
            f"the metadata of the table are not ours: {type(error).__name__} {error}"
        ) from error
    return named.series(rows, found, "column")


def _tell_time(found: Findings, prefix: str, frame: dict[str, Any], place: str) -> None:
    at = [Statement("", f"{place}.{key}") for key in ("scale", "origin", "position")]
    origin = frame.get("origin")
    origin = None if origin is None else float(origin)
    found.of_time(prefix, str(frame.get("scale") or ""), origin, str(frame.get("position") or ""), *at)


def column_of(values: pa.ChunkedArray, field: pa.Field) -> Column:
    """Give a column of astropy, with the notes of a field."""
    notes = {key: noted(field, key) for key in NOTES}
    unit = unit_of(notes["unit"]) if notes["unit"] else None
    meta = {key: notes[key] for key in ("ucd", "utype") if notes[key]}
    if notes["unit"] and (unit is None or unit.to_string() != notes["unit"]):
        meta["unit"] = notes["unit"]  # as the document spells it
    about = {"name": field.name, "unit": unit, "description": notes["description"] or None, "meta": meta}
    if pa.types.is_floating(field.type):
        numbers = values.to_numpy(zero_copy_only=False)
        data = np.ma.MaskedArray(
            np.nan_to_num(numbers, nan=0.0, posinf=math.inf, neginf=-math.inf), np.isnan(numbers)
        )
    else:
        gone = np.array(values.is_null().to_pylist(), bool)
        texts = not (pa.types.is_boolean(field.type) or pa.types.is_integer(field.type))
        filling = "" if texts else False if pa.types.is_boolean(field.type) else 0
        plain = values.cast(pa.string()) if texts and not pa.types.is_string(field.type) else values
        filled = plain.fill_null(filling).to_pylist()
        kind = np.str_ if texts else np.dtype(str(field.type))
        data = np.ma.MaskedArray(np.array(filled, kind), gone)
    if not np.ma.getmaskarray(data).any():
        return Column(np.ma.getdata(data), **about)
    return MaskedColumn(data, **about)


def rows_of(table: Any) -> pa.Table:
    """Give the columns of a table of astropy, with their notes."""
    arrays, fields = [], []
    if len(table.colnames) > tables.MAX_COLUMNS:
        raise TimeSeriesError(f"the table has {len(table.colnames)} columns")
    for name in table.colnames:
        column = table[name]
        kind = _TYPES.get(column.dtype.str[1:], pa.string())
        values = np.ma.MaskedArray(column)
        data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
        if pa.types.is_string(kind):
            listed = [
                None if gone else str(one) for one, gone in zip(data.tolist(), mask.tolist(), strict=True)
            ]
            arrays.append(pa.array(listed, kind))
        else:
            arrays.append(pa.array(data.astype(data.dtype.newbyteorder("=")), mask=mask).cast(kind))
        meta = dict(column.info.meta or {})
        notes = {key: str(meta.get(key, "")) for key in ("ucd", "utype")}
        unit = meta.get("unit") or (column.unit.to_string() if column.unit is not None else "")
        fields.append(described(name, kind, unit=unit, description=column.info.description or "", **notes))
    return pa.table(arrays, schema=pa.schema(fields))

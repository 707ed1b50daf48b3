"""Light curves as JSON: what the columns mean, then one object per point."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from vobroker.timeseries import tables
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, assemble
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import (
    MJD,
    NOTES,
    ROLES,
    Band,
    Document,
    Quantity,
    Series,
    Statement,
    TimeFrame,
    banded,
    described,
    noted,
)

NAME = "json"
TITLE = "JSON"
MEDIA_TYPE = "application/json"
SUFFIXES = (".json",)
LACKS: dict[str, str] = {}

_FORMATS = {MJD: "MJD", 0.0: "JD"}
_TYPES = {
    "boolean": pa.bool_(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def recognise(look: Look) -> bool:
    """Tell whether it is a JSON object."""
    return look.data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def content(series: Series) -> dict[str, Any]:
    """Give what :func:`write` writes of a series, as plain Python values.

    64-bit integers are strings, for a JavaScript number keeps only 53 bits of them. Numbers of single
    precision have the digits that single precision has.
    """
    series = banded(series)
    points = series.points
    for place, field in enumerate(points.schema):
        if pa.types.is_int64(field.type):
            points = points.set_column(place, field.name, points[field.name].cast(pa.string()))
        elif pa.types.is_float32(field.type):
            digits = points[field.name].cast(pa.string())
            points = points.set_column(place, field.name, digits.cast(pa.float64()))
    roles = {name: role for role, name in series.roles.items()}
    return {
        "survey": series.survey,
        "object_id": series.object_id,
        "title": series.title,
        "ra": series.ra,
        "dec": series.dec,
        "frame": series.space.system,
        "equinox": series.space.equinox,
        "epoch": series.space.epoch,
        "frame_position": series.space.position,
        "time": _time(series.time),
        "bands": [_band(band) for band in series.bands],
        "columns": [
            {"name": one.name, "role": roles.get(one.name, ""), "type": _NAMES.get(one.type, "string")}
            | {key: noted(one, key) for key in NOTES}
            | ({"time": _time(series.times[one.name])} if one.name in series.times else {})
            for one in series.points.schema
        ],
        "points": [{name: _number(value) for name, value in point.items()} for point in points.to_pylist()],
    }


def write(series: Sequence[Series]) -> bytes:
    """Write series as JSON, UTF-8: one as an object, others as a list of them under ``series``."""
    whole = [content(one) for one in series]
    value = whole[0] if len(whole) == 1 else {"series": whole}
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def read(look: Look) -> Document:
    """Read what :func:`write` writes.

    Raises
    ------
    TimeSeriesError
        If it is something else, with the key that is missing or wrong.
    """
    if len(look.data) > look.max_bytes:
        raise TimeSeriesError(f"the document has {len(look.data)} bytes; the limit is {look.max_bytes}")
    try:
        value = json.loads(look.data)
    except (ValueError, RecursionError) as error:
        raise TimeSeriesError(f"the document is not JSON: {error}") from error
    whole = value.get("series", [value])
    if not isinstance(whole, list):
        raise TimeSeriesError("series is no list", "$.series")
    several = "series" in value
    return Document(
        tuple(_series(one, f"$.series[{n}]" if several else "$") for n, one in enumerate(whole)), NAME
    )


def _series(value: Any, at: str) -> Series:
    found = Findings()
    try:
        columns = value["columns"]
        points = value["points"]
        if len(points) > tables.MAX_ROWS or len(columns) > tables.MAX_COLUMNS:
            raise TimeSeriesError(f"it has {len(points)} points of {len(columns)} columns", f"{at}.points")
        arrays, fields = [], []
        for number, one in enumerate(columns):
            name, kind = one["name"], _TYPES.get(one.get("type", ""))
            fields.append(described(name, kind or pa.string(), **{key: one.get(key, "") for key in NOTES}))
            arrays.append(_column([point.get(name) for point in points], kind, f"{at}.points[*].{name}"))
            where = f"{at}.columns[{number}]"
            if one.get("role") in ROLES:
                found.role(one["role"], name, Statement(name, f"{where}.role"))
            if "time" in one and one.get("role") != "time":
                _tell_time(found, f"times.{name}", one["time"], f"{where}.time")
        for role, name in found.roles.items():
            for key in NOTES:
                told = noted(next(one for one in fields if one.name == name), key)
                found.say(f"column.{role}.{key}", told, Statement(told, f"{at}.columns[{name}].{key}"))
        _tell_time(found, "time", value.get("time", {}), f"{at}.time")
        for key, name in (
            ("object.id", "object_id"),
            ("object.survey", "survey"),
            ("object.title", "title"),
            ("object.ra", "ra"),
            ("object.dec", "dec"),
            ("space.system", "frame"),
            ("space.equinox", "equinox"),
            ("space.epoch", "epoch"),
            ("space.position", "frame_position"),
        ):
            found.say(key, value.get(name), Statement("", f"{at}.{name}"))
        for number, band in enumerate(value.get("bands", [])):
            for key in ("name", "filter", "zero_point_type", "magnitude_system"):
                where = f"{at}.bands[{number}].{key}"
                found.say(f"band.{band['name']}.{key}", band.get(key), Statement("", where))
            for key in ("wavelength", "zero_point"):
                if told := band.get(key):
                    quantity = Quantity(float(told["value"]), told.get("unit", ""))
                    found.say(
                        f"band.{band['name']}.{key}", quantity, Statement("", f"{at}.bands[{number}].{key}")
                    )
        if "time" not in found.roles:
            raise TimeSeriesError("no column has the role time", f"{at}.columns")
        return assemble(pa.table(arrays, schema=pa.schema(fields)), found)[0]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TimeSeriesError(
            f"this is no light curve of ours: {type(error).__name__} {error}", at
        ) from error


def _tell_time(found: Findings, prefix: str, value: dict[str, Any], at: str) -> None:
    origin = value.get("origin")
    origin = None if origin is None else float(origin)
    statements = [Statement(str(value.get(key)), f"{at}.{key}") for key in ("scale", "origin", "position")]
    found.of_time(prefix, value.get("scale") or "", origin, value.get("position") or "", *statements)


def _column(values: list[Any], kind: pa.DataType | None, at: str) -> pa.Array:
    try:
        if kind == pa.int64():
            return pa.array([None if one is None else int(one) for one in values], kind)
        return pa.array(
            [one if one is None or kind is not None else str(one) for one in values], kind or pa.string()
        )
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise TimeSeriesError(f"values are not {kind}: {str(error)[:120]}", at) from error


def _time(frame: TimeFrame) -> dict[str, Any]:
    name = _FORMATS.get(frame.origin) if frame.origin is not None else None
    return {"format": name, "origin": frame.origin, "scale": frame.scale, "position": frame.position}


def _band(band: Band) -> dict[str, Any]:
    def quantity(value: Quantity | None) -> dict[str, Any] | None:
        return None if value is None else {"value": value.value, "unit": value.unit}

    return {
        "name": band.name,
        "filter": band.filter,
        "wavelength": quantity(band.wavelength),
        "zero_point": quantity(band.zero_point),
        "zero_point_type": band.zero_point_type,
        "magnitude_system": band.magnitude_system,
    }


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

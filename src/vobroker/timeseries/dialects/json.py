"""Light curves as JSON: what the columns mean, then one object per point."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa

from vobroker.timeseries.columns import MEASUREMENT
from vobroker.timeseries.model import LightCurve


def content(light_curve: LightCurve) -> dict[str, Any]:
    """Give what :func:`write` writes, as plain Python values.

    64-bit integers are strings, for a JavaScript number keeps only 53 bits of them. Numbers of single
    precision have the digits that single precision has.
    """
    points = light_curve.points.drop_columns(["survey", "object_id"])
    for place, field in enumerate(points.schema):
        if pa.types.is_int64(field.type):
            points = points.set_column(place, field.name, points[field.name].cast(pa.string()))
        elif pa.types.is_float32(field.type):
            digits = points[field.name].cast(pa.string())
            points = points.set_column(place, field.name, digits.cast(pa.float64()))
    return {
        "survey": light_curve.survey,
        "object_id": light_curve.object_id,
        "ra": _number(light_curve.ra),
        "dec": _number(light_curve.dec),
        "frame": "ICRS",
        "time": {"format": "MJD", "scale": "TAI", "position": "TOPOCENTER"},
        "columns": [
            {"name": column.name, "unit": column.unit, "ucd": column.ucd, "description": column.description}
            for column in (MEASUREMENT[name] for name in points.column_names)
        ],
        "points": [{name: _number(value) for name, value in point.items()} for point in points.to_pylist()],
    }


def write(light_curve: LightCurve) -> bytes:
    """Write a light curve as JSON, UTF-8."""
    return json.dumps(content(light_curve), ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

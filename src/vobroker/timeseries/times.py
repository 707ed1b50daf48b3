"""Times from one frame to another."""

from __future__ import annotations

import warnings
from dataclasses import replace

import erfa
import numpy as np
import pyarrow as pa
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import unit_of
from vobroker.timeseries.series import Series, TimeFrame

_SCALES = {"UT": "ut1", "GPS": "tai"}
GPS_TAI = 19.0
"""Seconds that TAI is ahead of GPS time."""

Days = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Julian dates as whole and rest, to the full precision of both."""


def days(series: Series) -> NDArray[np.float64]:
    """Give the times of a series in days since its origin; NaN where there is none.

    Raises
    ------
    TimeSeriesError
        If the unit is no unit of time.
    """
    values = series.column("time")
    if values is None:
        return np.full(len(series), np.nan)
    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    text = series.note("time", "unit")
    unit = unit_of(text) if text else unit_of("d")
    if unit is None or not unit.is_equivalent(unit_of("d")):
        raise TimeSeriesError(f"the unit {text!r} of the column {series.roles['time']} is no unit of time")
    factor = float(unit.to(unit_of("d")))
    return numbers if factor == 1 else numbers * factor


def julian(series: Series) -> Days:
    """Give the times of a series as Julian dates in its own scale.

    Raises
    ------
    TimeSeriesError
        If the origin is not known.
    """
    origin = series.time.origin
    if origin is None:
        raise TimeSeriesError(
            f"the origin of the times in the column {series.roles.get('time', '')} is not known"
        )
    whole = np.floor(origin)
    return np.full(len(series), whole), days(series) + (origin - whole)


def in_scale(dates: Days, scale: str, wanted: str) -> Days:
    """Convert Julian dates from one time scale to another.

    The scales UT and UTC are converted by the tables of leap seconds and of UT1 that astropy carries; beyond
    them UT1 is an error.

    Raises
    ------
    TimeSeriesError
        If the conversion is not possible.
    """
    if scale == wanted:
        return dates
    whole, rest = dates
    if scale == "GPS":
        rest = rest + GPS_TAI / 86400
    known = np.isfinite(rest)
    iers.conf.auto_download = False  # no document makes its reader fetch tables
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*dubious year", erfa.ErfaWarning)  # before UTC, or far ahead
            time = Time(whole, np.where(known, rest, 0), format="jd", scale=_SCALES.get(scale, scale.lower()))
            there = getattr(time, _SCALES.get(wanted, wanted.lower()))
    except (ValueError, AttributeError, KeyError, IndexError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TimeSeriesError(f"times cannot be converted from {scale} to {wanted}: {told}") from error
    new = there.jd2 - (GPS_TAI / 86400 if wanted == "GPS" else 0)
    return there.jd1, np.where(known, new, np.nan)


def convert(series: Series, frame: TimeFrame) -> Series:
    """Give a series with its times in another frame, of the same reference position.

    Times at the telescope and at the barycentre differ by the light travel time, which depends on the place
    and the ephemeris; that is not converted.

    Raises
    ------
    TimeSeriesError
        If the frame of the series is not known, or its times are at another place.
    """
    if series.time == frame and series.note("time", "unit") in ("", "d"):
        return series
    lacking = [
        title
        for title, value in (
            ("scale", series.time.scale),
            ("origin", series.time.origin),
            ("reference position", series.time.position),
        )
        if value in ("", None)
    ]
    if lacking:
        raise TimeSeriesError(
            f"the times cannot be given as {frame}: their {' and '.join(lacking)} is not known"
        )
    if series.time.position != frame.position:
        raise TimeSeriesError(f"the times are {series.time}, and cannot be given at {frame.position}")
    if frame.origin is None:
        raise TimeSeriesError("a frame without an origin is none to convert to")
    whole, rest = in_scale(julian(series), series.time.scale, frame.scale)
    name = series.roles["time"]
    place = series.points.column_names.index(name)
    old = series.points.schema.field(name)
    notes = {**(old.metadata or {}), b"unit": b"d"}
    values = pa.array((whole - frame.origin) + rest, pa.float64(), from_pandas=True)
    points = series.points.set_column(place, pa.field(name, pa.float64(), metadata=notes), values)
    return replace(series, points=points, times={**series.times, name: frame})

"""Light curves as the TimeSeries of astropy, in ECSV: the column ``time`` is a Time.

``astropy.timeseries.TimeSeries.read(file, format="ascii.ecsv")`` gives it back. A Time knows no reference
position: that stands in the metadata. Times are Julian dates in two doubles, so the numbers may differ from
those of the document in the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.time import Time

from vobroker.timeseries import times
from vobroker.timeseries.dialects import ecsv
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import NOTES, Document, Series, banded, described, noted, only, renamed

NAME = "astropy-timeseries"
TITLE = "TimeSeries of astropy, in ECSV"
MEDIA_TYPE = "text/ecsv"
SUFFIXES: tuple[str, ...] = ()
LACKS: dict[str, str] = {}

_UNKNOWN = "local"
"""The scale that astropy has for times whose scale is not known."""


def recognise(look: Look) -> bool:
    """Tell whether it is ECSV with a Time."""
    return look.data.startswith(ecsv.MARK) and b"astropy.time.core.Time" in look.data[: 2**18]


def read(look: Look) -> Document:
    """Read a table; its first Time is the time of the measurements.

    Raises
    ------
    TimeSeriesError
        If it is damaged, or has no times.
    """
    table = ecsv.parsed(look)
    moments = [name for name in table.colnames if isinstance(table[name], Time)]
    if not moments:
        raise TimeSeriesError(f"no column is a Time; the columns are {', '.join(table.colnames[:12])}")
    about = dict(table.meta)
    name = moments[0]
    frame = dict((about.get("times") or {}).get(name) or {})
    when = table[name]
    origin = frame.get("origin")
    origin = 0.0 if origin is None else float(origin)
    days = np.ma.MaskedArray((when.jd1 - origin) + when.jd2)
    notes = {key: str(value) for key, value in dict(about.get("time_column") or {}).items() if key in NOTES}
    column = described(name, pa.float64(), **{"ucd": "time.epoch", **notes, "unit": "d"})
    places = table.colnames.index(name)
    del table[name]
    for other in moments[1:]:
        table[other] = table[other].isot
    rows = ecsv.rows_of(table)
    values = pa.array(np.ma.getdata(days), mask=np.ma.getmaskarray(days))
    rows = rows.add_column(places, column, values)
    scale = "" if when.scale == _UNKNOWN else {"ut1": "UT"}.get(when.scale, when.scale.upper())
    about["roles"] = {**dict(about.get("roles") or {}), "time": name}
    main = {"scale": scale, "origin": origin, "position": frame.get("position")}
    about["times"] = {key: one for key, one in dict(about.get("times") or {}).items() if key != name}
    return Document(tuple(ecsv.told(rows, about, main=main)), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a series.

    Raises
    ------
    TimeSeriesError
        If there is not exactly one, a measurement has no time, or the origin of the times is not known.
    """
    from astropy.timeseries import TimeSeries  # takes time to load

    one = renamed(banded(only(series, NAME)), {"time": "time"})
    moments = one.column("time")
    if moments is None or moments.null_count:
        raise TimeSeriesError("astropy's TimeSeries needs a time for each measurement")
    if one.time.scale == "GPS":
        raise TimeSeriesError("astropy has no time scale GPS; TAI is 19 s ahead of it")
    whole, rest = times.julian(one)
    scale = {"UT": "ut1", "": _UNKNOWN}.get(one.time.scale, one.time.scale.lower())
    try:
        when = Time(whole, rest, format="jd", scale=scale)
    except ValueError as error:
        raise TimeSeriesError(f"astropy cannot hold the times: {str(error).splitlines()[0]}") from error
    names = [name for name in one.points.column_names if name != "time"]
    columns: dict[str, Any] = {
        name: ecsv.column_of(one.points[name], one.points.schema.field(name)) for name in names
    }
    table = TimeSeries(time=when, data=columns)
    table["time"].info.serialize_method["ecsv"] = "jd1_jd2"  # one double would keep 20 µs
    table.meta.update(ecsv.metadata(one))
    field = one.points.schema.field("time")
    table.meta["time_column"] = {key: noted(field, key) for key in NOTES}  # a Time has none
    return ecsv.written(table)

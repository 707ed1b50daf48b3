"""Light curves as comma-separated values with a header line; nulls are empty."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
from pyarrow import csv

from vobroker.timeseries import aspects, named, tables
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings
from vobroker.timeseries.look import Look
from vobroker.timeseries.plain import OBJECT_NAMES
from vobroker.timeseries.series import Document, Series, Statement, banded, renamed

NAME = "csv"
TITLE = "CSV"
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
SUFFIXES = (".csv",)
_HELD = {
    "time.column",
    "band.name",
    "column.values",
    "column.errors",
    "column.limits",
    "column.kind",
    "column.position",
}
_HELD |= {"column.identifier", "object.id", "object.survey", "columns"}
LACKS = {one.key: "CSV holds nothing but names and values" for one in aspects.ASPECTS if one.key not in _HELD}

_MAX_LINE = 2**16


def recognise(look: Look) -> bool:
    """Tell whether the first line names columns that light curves have."""
    if b"," not in look.data[:_MAX_LINE] or b"\x00" in look.data[:_MAX_LINE]:
        return False
    return bool({name.lower() for name in _names(look)} & set(named.NAMES["time"]))


def read(look: Look) -> Document:
    """Read a table; what types its further columns have is guessed.

    Raises
    ------
    TimeSeriesError
        If it cannot be read, or has no times.
    """
    if len(look.data) > look.max_bytes:
        raise TimeSeriesError(f"the document has {len(look.data)} bytes; the limit is {look.max_bytes}")
    kinds = {name: kind for name in _names(look) if (kind := _kind(name)) is not None}
    convert = csv.ConvertOptions(
        column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parse = csv.ParseOptions(newlines_in_values=True)
    try:
        rows = csv.read_csv(io.BytesIO(look.data), parse_options=parse, convert_options=convert)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise TimeSeriesError(f"the CSV cannot be read: {str(error).splitlines()[0][:200]}") from error
    named.names(rows)  # before anything else asks for them
    if len(rows) > tables.MAX_ROWS:
        raise TimeSeriesError(f"the table has more than {tables.MAX_ROWS} rows")
    for place, one in enumerate(rows.schema):
        if pa.types.is_temporal(one.type) or pa.types.is_null(one.type):
            rows = rows.set_column(place, one.with_type(pa.string()), rows[one.name].cast(pa.string()))
    return Document(tuple(map(_with_survey, named.series(rows, Findings(), "column"))), NAME)


def _names(look: Look) -> list[str]:
    """Give the names in the first line."""
    first = look.data[:_MAX_LINE].partition(b"\n")[0].decode("utf-8-sig", "replace")
    return [name.strip().strip('"') for name in first.split(",")]


def _kind(name: str) -> pa.DataType | None:
    """Give the type of a column that is known by its name, where a guess would do harm."""
    plain = name.lower()
    if plain in ("survey", *named.NAMES["band"], *named.NAMES["kind"], *OBJECT_NAMES):
        return pa.string()
    real = ("time", "flux", "flux_error", "mag", "mag_error", "limiting_mag", "ra", "dec")
    return pa.float64() if any(plain in named.NAMES[role] for role in real) else None


def _with_survey(series: Series) -> Series:
    """Take the one value of a column of that name for the survey."""
    if "survey" not in series.further:
        return series
    names = series.points["survey"].unique().to_pylist()
    if len(names) > 1 or not pa.types.is_string(series.points.schema.field("survey").type):
        return series
    told = {**series.statements, "object.survey": (Statement(names[0] or "", "column survey"),)}
    points = series.points.drop_columns(["survey"])
    return replace(series, points=points, survey=(names or [""])[0] or "", statements=told)


def write(series: Sequence[Series]) -> bytes:
    """Write the measurements of series, each with its object and survey."""
    text = io.BytesIO()
    whole = pa.concat_tables([_flat(one) for one in series], promote_options="default")
    csv.write_csv(whole, text)
    return text.getvalue()


def _flat(series: Series) -> pa.Table:
    series = banded(series)
    there = {name.lower(): name for name in reversed(series.points.column_names)}
    wanted = {}
    for role, name in series.roles.items():
        likeliest = next((there[one] for one in named.NAMES[role] if one in there), "")
        if likeliest != name:
            wanted[role] = named.NAMES[role][0]
    points = renamed(series, wanted).points if wanted else series.points
    for name in ("object_id", "survey"):
        if name not in points.column_names:
            value = pa.repeat(pa.scalar(getattr(series, name), pa.string()), len(points))
            points = points.add_column(0, name, value)
    return points

"""Gaia's epoch photometry as DataLink serves it: the columns of its flat tables, and what they mean.

Gaia DR2 documentation, section 14.7.1 (class light_curve); Gaia DR3 documentation, section 20.7.1 and
Eyer et al. 2023, A&A 674, A13, table 1. The tables say in words only what frame their times are in: it is
fixed by the release.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from vobroker.timeseries import plain
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, unit_of
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import (
    Series,
    Statement,
    TimeFrame,
    banded,
    described,
    renamed,
)
from vobroker.timeseries.times import convert
from vobroker.timeseries.writing import column_field, document, resource
from vobroker.votypes.votable import element, tabledata

FRAME = TimeFrame("TCB", 2455197.5, "BARYCENTER")
"""Barycentric JD in TCB, less 2455197.5 days (2010-01-01T00:00:00)."""

BANDS = ("G", "BP", "RP")

DEFINITION = "Gaia DR2 and DR3 documentation, epoch photometry"
"""Where the frame and the magnitude system are defined: not in the document."""

COLUMNS = (
    described("source_id", pa.int64(), ucd="meta.id;meta.main", description="Unique source identifier"),
    described("transit_id", pa.int64(), ucd="meta.version", description="Transit unique identifier"),
    described("band", pa.string(), ucd="instr.bandpass", description="Photometric band: G, BP or RP"),
    described(
        "time",
        pa.float64(),
        unit="d",
        ucd="time.epoch",
        description="Observing time, Barycentric JD in TCB - 2455197.5 (day)",
    ),
    described("mag", pa.float64(), unit="mag", ucd="phot.mag;em.opt", description="Vega magnitude"),
    described(
        "flux", pa.float64(), unit="e-/s", ucd="phot.flux;em.opt", description="Band flux of the transit"
    ),
    described(
        "flux_error",
        pa.float64(),
        unit="e-/s",
        ucd="stat.error;phot.flux;em.opt",
        description="Standard error of flux",
    ),
    described(
        "flux_over_error",
        pa.float32(),
        ucd="stat.snr;phot.flux;em.opt",
        description="Flux divided by its error",
    ),
    described(
        "rejected_by_photometry",
        pa.bool_(),
        ucd="meta.code.status",
        description="Rejected by DPAC photometry processing",
    ),
    described(
        "rejected_by_variability",
        pa.bool_(),
        ucd="meta.code.status",
        description="Rejected by DPAC variability processing",
    ),
    described("other_flags", pa.int64(), ucd="meta.code.status", description="Additional processing flags"),
    described("solution_id", pa.int64(), ucd="meta.version", description="Solution identifier"),
)
"""Columns of the flat tables."""

ROLES = {
    "time": "time",
    "band": "band",
    "mag": "mag",
    "flux": "flux",
    "flux_error": "flux_error",
    "measurement_id": "transit_id",
}

_DROPPED = "Gaia's tables have no such column"
_FIXED = "fixed by the release, not in the document"
LACKS = {
    "times": _DROPPED,
    "band.filter": _FIXED,
    "band.wavelength": _FIXED,
    "band.zero_point": _FIXED,
    "band.zero_point_type": _FIXED,
    "column.limits": _DROPPED,
    "column.kind": _DROPPED,
    "column.position": _DROPPED,
    "object.survey": _FIXED,
    "object.position": _DROPPED,
    "object.title": _DROPPED,
    "space.system": _DROPPED,
    "space.equinox": _DROPPED,
    "space.epoch": _DROPPED,
    "space.position": _DROPPED,
    "column.ucd": "the words are Gaia's",
    "column.description": "the words are Gaia's",
    "columns": "only those that Gaia has",
}


def is_flat(look: Look) -> bool:
    """Tell whether a table has the columns of Gaia's flat tables."""
    needed = {
        "source_id",
        "transit_id",
        "band",
        "time",
        "mag",
        "flux",
        "flux_error",
        "rejected_by_photometry",
    }
    annotated = {"VODML", "MODEL_INSTANCE"} & look.tags
    return needed <= look.columns and not annotated and "TIMESYS" not in look.tags


def sources(look: Look) -> int:
    """Count the sources of a document."""
    return sum(
        len(table.rows["source_id"].unique())
        for table in look.tables
        if "source_id" in table.rows.column_names
    )


def read(look: Look) -> tuple[Series, ...]:
    """Read flat tables.

    Raises
    ------
    TimeSeriesError
        If no table has times.
    """
    timed = plain.timed(look.tables)
    series: list[Series] = []
    for table in timed:
        found = Findings()
        define(found, [band for band in BANDS if band in table.rows["band"].unique().to_pylist()])
        series += plain.series(table, found)
    return tuple(series)


def define(found: Findings, bands: Sequence[str]) -> None:
    """Take down what Gaia's documentation says of all its tables."""
    at = [Statement(text, DEFINITION) for text in ("TCB", "2455197.5", "BARYCENTER")]
    found.of_time("time", FRAME.scale, FRAME.origin, FRAME.position, *at)
    for band in bands:
        found.say(f"band.{band}.magnitude_system", "Vega", Statement("Vega", DEFINITION))


def told(series: Series) -> Series:
    """Tell a series in Gaia's terms: its names, its time frame.

    Raises
    ------
    TimeSeriesError
        If it has other bands, magnitudes, units or identifiers than Gaia's tables, or times at another place.
    """
    series = banded(series)
    for band in series.bands:
        if band.name not in BANDS:
            raise TimeSeriesError(f"Gaia's tables have the bands {', '.join(BANDS)}, not {band.name}")
        if band.magnitude_system.lower() not in ("", "vega"):
            raise TimeSeriesError(
                f"Gaia's tables have Vega magnitudes; those of {band.name} are {band.magnitude_system}"
            )
    electrons = unit_of("electron/s")
    for role in ("flux", "flux_error"):
        unit = series.note(role, "unit")
        if unit and unit_of(unit) not in (electrons, unit_of("1/s")):
            raise TimeSeriesError(
                f"Gaia's tables have fluxes in e-/s; the column {series.roles[role]} is in {unit}"
            )
    if not series.object_id.lstrip("-").isdecimal():
        raise TimeSeriesError(f"Gaia's source_id is a number, not {series.object_id!r}")
    return renamed(convert(series, FRAME), ROLES)


def write(series: Sequence[Series]) -> bytes:
    """Write series as one flat table.

    Raises
    ------
    TimeSeriesError
        If one cannot be told in Gaia's terms.
    """
    rows = pa.concat_tables([_flat(told(one)) for one in series])
    columns = (column_field(one, "") for one in COLUMNS)
    table = element(
        "TABLE",
        {"nrows": str(len(rows))},
        "\n",
        *(f"{one}\n" for one in columns),
        element("DATA", {}, tabledata(rows)),
    )
    return document(resource(table))


def _flat(series: Series) -> pa.Table:
    columns = []
    for one in COLUMNS:
        if one.name == "source_id":
            columns.append(pa.repeat(pa.scalar(int(series.object_id), pa.int64()), len(series)))
        elif one.name in series.points.column_names:
            columns.append(cast(series.points[one.name], one))
        else:
            columns.append(pa.nulls(len(series), one.type))
    return pa.table(columns, schema=pa.schema(COLUMNS))


def cast(values: pa.ChunkedArray, column: pa.Field) -> pa.ChunkedArray:
    """Bring a column into the type that Gaia has for it."""
    try:
        return values.cast(column.type)
    except pa.ArrowException as error:
        raise TimeSeriesError(f"the column {column.name} of Gaia is {column.type}: {error}") from error

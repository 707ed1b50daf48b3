"""Light curves as FITS: a binary table for each, and a table of how their bands are calibrated.

The tables are called LIGHTCURVE and PHOTCAL; those of one series have the same EXTVER.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from vobroker.timeseries import binarytable, named
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, type_name
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Quantity, Series, Statement, banded, described, free_name
from vobroker.timeseries.series import renamed as with_names
from vobroker.timeseries.writing import known

NAME = "fits"
TITLE = "FITS binary table"
MEDIA_TYPE = "application/fits"
SUFFIXES = (".fits", ".fit")
LACKS = {"times": "FITS has one time frame for a table"}

CALIBRATION = pa.schema(
    [
        described("BAND", pa.string(), ucd="instr.bandpass"),
        described("FILTER", pa.string(), ucd="meta.id;instr.filter"),
        described("WAVELENGTH", pa.float64(), ucd="em.wl.effective"),
        described("WAVELENGTH_UNIT", pa.string(), ucd="meta.unit"),
        described("ZEROPOINT", pa.float64(), ucd="phot.flux.density;arith.zp"),
        described("ZEROPOINT_UNIT", pa.string(), ucd="meta.unit"),
        described("ZEROPOINT_TYPE", pa.string(), ucd="meta.code"),
        described("MAGSYS", pa.string(), ucd="meta.code"),
    ]
)
"""Columns of PHOTCAL."""


def recognise(look: Look) -> bool:
    """Tell whether it is a FITS file."""
    return look.data[:9] == b"SIMPLE  ="


def read(look: Look) -> Document:
    """Read the tables that have times.

    Raises
    ------
    TimeSeriesError
        If the file is damaged, or no table has times.
    """
    if len(look.data) > look.max_bytes:
        raise TimeSeriesError(f"the document has {len(look.data)} bytes; the limit is {look.max_bytes}")
    main, tables = binarytable.open_tables(look.data)
    series: list[Series] = []
    problem = TimeSeriesError("the file has no table")
    for place, header, rows in tables:
        if header.get("EXTNAME") == "PHOTCAL":
            continue
        found = Findings()
        binarytable.tell(header, main, place, found)
        for where, other, bands in tables:
            if other.get("EXTNAME") == "PHOTCAL" and other.get("EXTVER", 1) == header.get("EXTVER", 1):
                _calibrations(bands, where, found)
        try:
            series += named.series(rows, found, f"{place}, column")
        except TimeSeriesError as error:
            problem = error
    if not series:
        raise problem
    return Document(tuple(series), NAME)


def _calibrations(bands: pa.Table, place: str, found: Findings) -> None:
    for number, row in enumerate(bands.to_pylist(), 1):
        name = row.get("BAND")
        if not name:
            continue
        for key, column in (
            ("name", "BAND"),
            ("filter", "FILTER"),
            ("zero_point_type", "ZEROPOINT_TYPE"),
            ("magnitude_system", "MAGSYS"),
        ):
            value = row.get(column) or ""
            value = type_name(value) if key == "zero_point_type" else value
            found.say(
                f"band.{name}.{key}", value, Statement(value, f"{place}, column {column}, row {number}")
            )
        for key, column in (("wavelength", "WAVELENGTH"), ("zero_point", "ZEROPOINT")):
            if (value := row.get(column)) is not None:
                quantity = Quantity(value, row.get(f"{column}_UNIT") or "")
                found.say(
                    f"band.{name}.{key}", quantity, Statement("", f"{place}, column {column}, row {number}")
                )


def write(series: Sequence[Series]) -> bytes:
    """Write series, each as a table and a table of its bands."""
    parts = [binarytable.primary()]
    for number, one in enumerate(series, 1):
        one = distinct(known(banded(one)))  # noqa: PLW2901
        keywords = binarytable.frame_keywords(one)
        parts.append(binarytable.table(one.points, "LIGHTCURVE", keywords, number))
        if one.bands:
            parts.append(binarytable.table(calibrations(one), "PHOTCAL", {}, number))
    return b"".join(parts)


def calibrations(series: Series) -> pa.Table:
    """Give a row for each band of a series."""
    rows = [
        {
            "BAND": band.name,
            "FILTER": band.filter,
            "WAVELENGTH": band.wavelength.value if band.wavelength else None,
            "WAVELENGTH_UNIT": band.wavelength.unit if band.wavelength else None,
            "ZEROPOINT": band.zero_point.value if band.zero_point else None,
            "ZEROPOINT_UNIT": band.zero_point.unit if band.zero_point else None,
            "ZEROPOINT_TYPE": band.zero_point_type,
            "MAGSYS": band.magnitude_system,
        }
        for band in series.bands
    ]
    return pa.Table.from_pylist(rows, schema=CALIBRATION)


def distinct(series: Series) -> Series:
    """Give columns names that differ in more than the case of letters, as FITS asks."""
    taken: list[str] = []
    names = {}
    for role, name in series.roles.items():
        names[role] = free_name(name, taken)
        taken.append(names[role])
    return with_names(series, names)

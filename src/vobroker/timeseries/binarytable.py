"""Series as FITS binary tables and back (FITS 4.0, section 7.3; times in section 9).

What is true of a table stands in keywords of its header: TIMESYS, MJDREFI and MJDREFF or JDREFI and JDREFF,
TREFPOS, TIMEUNIT, RADESYS, OBJECT, RA_OBJ and DEC_OBJ. FITS has no keywords for an epoch of coordinates, the
equinox as VOTable writes it, a survey and a title: SPEPOCH, SPEQUIN, SPREFPOS, SURVEY and TITLE are ours.
UCDs, utypes and descriptions go by TUCDn, TUTYPn and TCOMMn, as STIL has them.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings, number_of
from vobroker.timeseries.series import MJD, Series, Statement, described, noted
from vobroker.timeseries.tables import MAX_COLUMNS, MAX_ROWS
from vobroker.votypes.binary import NULLS, encode, numbers, padded
from vobroker.votypes.texts import text

BLOCK = 2880
_CODES = {"bool": "L", "int16": "I", "int32": "J", "int64": "K", "float": "E", "double": "D"}
_TYPES = {
    "L": pa.bool_(),
    "B": pa.int16(),
    "I": pa.int16(),
    "J": pa.int32(),
    "K": pa.int64(),
    "E": pa.float32(),
}
_TYPES |= {"D": pa.float64(), "A": pa.string()}
_SPACE = {"system": "RADESYS", "equinox": "SPEQUIN", "epoch": "SPEPOCH", "position": "SPREFPOS"}
_NOTES = {"unit": "TUNIT", "ucd": "TUCD", "utype": "TUTYP", "description": "TCOMM"}


def primary(comments: Mapping[str, str | float] | None = None) -> bytes:
    """Write the primary header, which has no data."""
    header = Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    for key, value in (comments or {}).items():
        _set(header, key, value)
    return _header(header)


def table(points: pa.Table, name: str, keywords: Mapping[str, object], version: int = 1) -> bytes:
    """Write a binary table.

    Parameters
    ----------
    points
        Its rows; the notes of the fields go into the header.
    name
        EXTNAME.
    keywords
        What else stands in the header; nothing for None and empty texts.
    version
        EXTVER.
    """
    points = _flat(points)
    forms = [_form(points[one.name], one.type) for one in points.schema]
    header = Header(
        [
            ("XTENSION", "BINTABLE"),
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", sum(size for _, size in forms)),
            ("NAXIS2", len(points)),
            ("PCOUNT", 0),
            ("GCOUNT", 1),
            ("TFIELDS", len(forms)),
            ("EXTNAME", ascii_of(name)),
            ("EXTVER", version),
        ]
    )
    for number, (one, (form, _)) in enumerate(zip(points.schema, forms, strict=True), 1):
        _set(header, f"TTYPE{number}", one.name)
        _set(header, f"TFORM{number}", form)
        if str(one.type) in NULLS and points[one.name].null_count:
            header[f"TNULL{number}"] = NULLS[str(one.type)]
        for key, keyword in _NOTES.items():
            _set(header, f"{keyword}{number}", noted(one, key))
    for key, value in keywords.items():
        _set(header, key, value)
    cells = []
    rows = points.combine_chunks()
    kept = [_array(rows[one.name], one.type) for one in rows.schema]
    for values, (form, size) in zip(kept, forms, strict=True):
        cells.append(padded(values, size) if form.endswith("A") else numbers(values))
    data = encode(cells, len(points), flags=False).tobytes() if len(points) else b""
    return _header(header) + data + bytes(-len(data) % BLOCK)


def frame_keywords(series: Series) -> dict[str, object]:
    """Give the keywords of a series: its object, times and coordinates."""
    frame = series.time
    known: dict[str, object] = {
        "OBJECT": series.object_id,
        "RA_OBJ": series.ra,
        "DEC_OBJ": series.dec,
        "SURVEY": series.survey,
        "TITLE": series.title,
        "TIMESYS": frame.scale,
        "TIMEUNIT": series.note("time", "unit") or "d",
        "TREFPOS": frame.position,
    }
    if frame.origin is not None:
        start = frame.origin - MJD
        name, origin = ("MJDREF", start) if start.is_integer() and start >= 0 else ("JDREF", frame.origin)
        known |= {f"{name}I": math.floor(origin), f"{name}F": origin - math.floor(origin)}
    return known | {keyword: getattr(series.space, key) for key, keyword in _SPACE.items()}


def tell(header: Header, main: Header, place: str, found: Findings) -> None:
    """Take down what the header of a table says, and for the object what the primary header says."""

    def at(keyword: str) -> Statement:
        where = place if keyword in header else "HDU 0"
        return Statement(str(header.get(keyword, main.get(keyword, ""))), f"{where}, keyword {keyword}")

    def value(keyword: str) -> str:
        told = header.get(keyword, main.get(keyword, ""))
        return str(told).strip() if told is not None else ""

    origin, keyword = _origin(header)
    position = value("TREFPOS") or ("BARYCENTER" if keyword.startswith("BJDREF") else "")
    where = at("TREFPOS") if value("TREFPOS") else at(keyword)
    found.of_time("time", value("TIMESYS"), origin, position, at("TIMESYS"), at(keyword), where)
    for key, name in _SPACE.items():
        found.say(f"space.{key}", value(name), at(name))
    for key, name in (("id", "OBJECT"), ("survey", "SURVEY"), ("title", "TITLE")):
        found.say(f"object.{key}", value(name), at(name))
    for key, name in (("ra", "RA_OBJ"), ("dec", "DEC_OBJ")):
        found.say(f"object.{key}", number_of(value(name)) if value(name) else None, at(name))


def open_tables(data: bytes) -> tuple[Header, list[tuple[str, Header, pa.Table]]]:
    """Read all binary tables of a file.

    Returns
    -------
    tuple
        The primary header; of each table its place, header and rows.

    Raises
    ------
    TimeSeriesError
        If the file is damaged or too large.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore", category=AstropyWarning),
            fits.open(io.BytesIO(data), memmap=False, lazy_load_hdus=False, logical_as_bytes=True) as units,
        ):
            found = [
                (f"HDU {number}", unit.header.copy(), _rows(unit, data, number))
                for number, unit in enumerate(units)
                if isinstance(unit, fits.BinTableHDU)
            ]
            return units[0].header.copy(), found
    except (OSError, ValueError, TypeError, LookupError, VerifyError, OverflowError, MemoryError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise TimeSeriesError(f"the FITS file cannot be read: {reason}") from error


def ascii_of(value: str) -> str:
    """Give a text as FITS can hold it: printable ASCII."""
    return "".join(one if " " <= one <= "~" else "?" for one in value)


def _origin(header: Header) -> tuple[float | None, str]:
    """Give the Julian date that times count from, and the keyword that says so (section 9.2.2)."""
    for name, zero in (("MJDREF", MJD), ("JDREF", 0.0), ("BJDREF", 0.0)):
        for keyword in (f"{name}I", name):
            if keyword in header:
                rest = header.get(f"{name}F", 0.0) if keyword.endswith("I") else 0.0
                try:
                    return zero + float(header[keyword]) + float(rest), keyword
                except (TypeError, ValueError):
                    return None, keyword
    return None, "MJDREF"


def _rows(unit: fits.BinTableHDU, data: bytes, number: int) -> pa.Table:
    count, width = unit.header.get("NAXIS2", 0), unit.header.get("TFIELDS", 0)
    place = f"HDU {number}"
    if count > MAX_ROWS or width > MAX_COLUMNS:
        raise TimeSeriesError(f"the table has {count} rows of {width} columns", place)
    start = unit.fileinfo()["datLoc"]
    if start + unit.header.get("NAXIS1", 0) * count > len(data):
        raise TimeSeriesError(f"the table ends before its {count} rows", place)
    raw = np.frombuffer(data, unit.columns.dtype.newbyteorder(">"), count, start) if count else None
    arrays, fields = [], []
    for index, column in enumerate(unit.columns):
        notes = {key: str(unit.header.get(f"{word}{index + 1}", "")) for key, word in _NOTES.items()}
        code = str(column.format).lstrip("0123456789")[:1]
        values = unit.data[column.name] if count else None
        array = _values(code, column, values, None if raw is None else raw[raw.dtype.names[index]])
        arrays.append(array)
        fields.append(described(column.name, array.type, **notes))
    return pa.table(arrays, schema=pa.schema(fields))


def _values(
    code: str, column: fits.Column, values: NDArray[np.generic] | None, raw: NDArray[np.generic] | None
) -> pa.Array:
    """Give the values of a column; arrays and other things as text."""
    kind = _TYPES.get(code, pa.string())
    if values is None or raw is None:
        return pa.array([], kind)
    if code == "A":
        return pa.array([str(one).rstrip() for one in values.tolist()], kind)
    if values.ndim != 1 or code not in _TYPES:
        return pa.array([" ".join(map(str, np.ravel(one).tolist())) for one in values], pa.string())
    if code == "L":
        letters = raw.view(np.uint8)
        return pa.array(letters == ord("T"), mask=(letters != ord("T")) & (letters != ord("F")))
    native = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))
    if not np.issubdtype(native.dtype, np.integer):
        return pa.array(
            native, pa.float32() if native.dtype.itemsize == 4 else pa.float64(), from_pandas=True
        )
    null = column.null
    mask = None if null in (None, "") else native == int(str(null))
    return pa.array(native, mask=mask).cast(kind)


def _flat(points: pa.Table) -> pa.Table:
    """Make text of what a column of a table cannot be."""
    for place, one in enumerate(points.schema):
        if str(one.type) in _CODES:
            continue
        values = points[one.name]
        texts = pa.chunked_array([text(chunk) for chunk in values.chunks], pa.string())
        points = points.set_column(place, one.with_type(pa.string()), texts)
    return points


def _array(values: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], kind)


def _form(values: pa.ChunkedArray, kind: pa.DataType) -> tuple[str, int]:
    if pa.types.is_string(kind):
        width = max(pc.max(pc.utf8_length(values)).as_py() or 0, 1)
        return f"{width}A", width
    return _CODES[str(kind)], 1 if pa.types.is_boolean(kind) else int(kind.bit_width // 8)


def _set(header: Header, key: str, value: object) -> None:
    if value is None or value == "":
        return
    header[key] = ascii_of(value) if isinstance(value, str) else value


def _header(header: Header) -> bytes:
    filled: bytes = header.tostring(endcard=True, padding=False).encode()
    return filled + b" " * (-len(filled) % BLOCK)

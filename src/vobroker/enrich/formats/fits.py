"""The first binary table of a FITS file (FITS 4.0, section 7.3), its rows mapped into memory."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import fits
from numpy.typing import NDArray

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import BATCH, MAX_COLUMNS, Source, refuse_packed, typed
from vobroker.votypes.columns import Column

MAX_HEADERS = 2**22
"""Bytes of all headers up to that of the table; one without end would be read until the file ends."""

_LETTERS = {"L": "BOOLEAN", "B": "SMALLINT", "I": "SMALLINT", "J": "INTEGER", "K": "BIGINT"} | {
    "E": "REAL",
    "D": "DOUBLE",
    "A": "VARCHAR",
}
_WIDER = {"B": "SMALLINT", "I": "INTEGER", "J": "BIGINT", "K": "BIGINT"}
_FORM = re.compile(r"(\d*)(.)")


@dataclass(frozen=True, slots=True)
class BinaryTable:
    """A binary table.

    Attributes
    ----------
    header
        Of its extension.
    columns
        As astropy describes them.
    rows
        The rows as they are in the file, with big-endian numbers.
    """

    header: Any
    columns: Any
    rows: NDArray[np.void]

    def numbers(self, name: str) -> NDArray[Any]:
        """Give a column as numbers of this machine."""
        values = self.rows[name]
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def binary_table(path: Path) -> BinaryTable:
    """Give the first binary table of a file, when all of it can be in the file.

    Raises
    ------
    EnrichError
        If it is packed or has none, or the table is larger than the file, or its header makes no sense.
    """
    try:
        refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _Headers(path) as raw, fits.open(raw, memmap=False, lazy_load_hdus=True) as file:
                return _table(file, path)
    except EnrichError:
        raise
    except Exception as error:  # the reader raises whatever it stumbles over
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise EnrichError(f"{path} cannot be read as FITS: {reason}") from error


class _Headers(io.FileIO):
    """A file of which the headers are read, and not more of it than these may have."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path
        self._room = MAX_HEADERS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, as long as there is room."""
        data = super().read(min(self._room + 1, size if size is not None and size >= 0 else self._room + 1))
        self._room -= len(data)
        if self._room < 0:
            raise EnrichError(f"{self._path} has headers of more than {MAX_HEADERS:,} bytes")
        return data


def open_fits(path: Path) -> Source:
    """Open a FITS file.

    Raises
    ------
    EnrichError
        As :func:`binary_table`.
    """
    table = binary_table(path)
    columns, left, forms = [], {}, {}
    for number, field in enumerate(table.columns, 1):
        found = _FORM.match(str(field.format))
        count, letter = found.groups() if found else ("", "")
        kind = _LETTERS.get(letter)
        if kind is None or count == "0" or (letter != "A" and count not in ("", "1")):
            left[field.name] = f"it is {field.format}"
            continue
        if letter in _WIDER and field.bscale not in (None, "", 1):
            kind = "DOUBLE"
        elif letter in _WIDER and field.bzero not in (None, "", 0):
            kind = _WIDER[letter]
        forms[field.name] = field
        notes = [str(table.header.get(f"{word}{number}", "")) for word in ("TUCD", "TCOMM")]
        columns.append(Column(field.name, kind, str(field.unit or ""), *notes))

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        wanted = {column.name: column for column in columns}
        for start in range(0, len(table.rows), BATCH):
            part = table.rows[start : start + BATCH]
            try:
                arrays = [typed(_values(part[name], forms[name]), wanted[name]) for name in names]
            except (pa.ArrowException, ValueError, OverflowError) as error:
                raise EnrichError(
                    f"{path}, rows {start + 1} to {start + len(part)}: {str(error).splitlines()[0][:300]}"
                ) from error
            yield pa.RecordBatch.from_arrays(arrays, names=names)

    return Source(str(path), tuple(columns), left, len(table.rows), batches)


def _table(file: Any, path: Path) -> BinaryTable:
    size = path.stat().st_size
    place = 0
    while True:
        try:
            unit = file[place]
        except IndexError:
            raise EnrichError(f"{path} has no binary table") from None
        if isinstance(unit, fits.BinTableHDU):
            break
        place += 1
    start = int(unit.fileinfo()["datLoc"])
    width, rows, fields = (int(unit.header[key]) for key in ("NAXIS1", "NAXIS2", "TFIELDS"))
    if width <= 0 or rows < 0 or start + width * rows > size:
        raise EnrichError(
            f"{path} is truncated: extension {place} declares {rows:,} rows of {width:,} bytes,"
            f" and the file has {size:,} bytes in all"
        )
    if not 0 < fields <= MAX_COLUMNS:
        raise EnrichError(f"{path} has {fields} columns; the limit is {MAX_COLUMNS}")
    kind = unit.columns.dtype.newbyteorder(">")
    if kind.itemsize != width:
        raise EnrichError(
            f"{path}: the columns of extension {place} have {kind.itemsize} bytes, its rows {width}"
        )
    mapped = np.memmap(path, kind, "r", start, (rows,)) if rows else np.empty(0, kind)
    return BinaryTable(unit.header, unit.columns, mapped)


def _values(raw: NDArray[Any], field: Any) -> pa.Array:
    """Give values of a column, null where it has its null; scaled where it says so."""
    native = np.ascontiguousarray(raw, raw.dtype.newbyteorder("="))
    if native.dtype.kind == "S":
        texts = (value.decode("utf-8", "replace").rstrip(" \0") for value in native.tolist())
        return pa.array([text or None for text in texts], pa.string())
    letter = str(field.format).lstrip("0123456789")[:1]
    if letter == "L":
        return pa.array(native == ord("T"), mask=(native != ord("T")) & (native != ord("F")))
    if letter not in _WIDER:
        return pa.array(native)
    null = None if field.null in (None, "") else int(field.null)
    mask = None if null is None else native == null
    if field.bscale not in (None, "", 1):
        return pa.array(native * float(field.bscale) + float(field.bzero or 0), mask=mask)
    if field.bzero not in (None, "", 0):
        native = native.astype(np.int64) + int(field.bzero) if letter != "K" else _unsigned(native, field)
    return pa.array(native, mask=mask)


def _unsigned(native: NDArray[Any], field: Any) -> NDArray[Any]:
    """Give 64-bit numbers with an offset: unsigned ones, which must not be larger than signed ones can."""
    if int(field.bzero) != 2**63:
        raise ValueError(f"the column {field.name} has the offset {field.bzero}")
    return native.view(np.uint64) ^ np.uint64(2**63)

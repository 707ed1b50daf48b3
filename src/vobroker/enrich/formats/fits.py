"""The first binary table of a FITS file (FITS 4.0, section 7.3), read through the file's own pages."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import BATCH, MAX_COLUMNS, Source, type_of, typed
from vobroker.votypes.columns import Column

_LETTERS = {"L": "BOOLEAN", "B": "SMALLINT", "I": "SMALLINT", "J": "INTEGER", "K": "BIGINT"} | {
    "E": "REAL",
    "D": "DOUBLE",
    "A": "VARCHAR",
}
_UNSIGNED = {"B": "SMALLINT", "I": "INTEGER", "J": "BIGINT", "K": "BIGINT"}
_FORM = re.compile(r"(\d*)(.)")


def binary_table(path: Path) -> Any:
    """Give the first binary table of a file, mapped into memory, when all of it can be in the file.

    Raises
    ------
    EnrichError
        As :func:`open_fits`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            file = fits.open(path, memmap=True, lazy_load_hdus=True, mode="readonly")
            return _table(file, path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, fits.VerifyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise EnrichError(f"{path} cannot be read as FITS: {reason}") from error


def open_fits(path: Path) -> Source:
    """Open a FITS file.

    Raises
    ------
    EnrichError
        If it has no binary table, or the table is larger than the file, or its header makes no sense.
    """
    table = binary_table(path)
    columns, left = [], {}
    for number, field in enumerate(table.columns, 1):
        count, letter = _FORM.match(str(field.format)).groups()  # type: ignore[union-attr]
        kind = _LETTERS.get(letter)
        if kind is None or count == "0" or (letter != "A" and count not in ("", "1")):
            left[field.name] = f"it is {field.format}"
            continue
        if letter in "BIJK" and field.bscale not in (None, "", 1):
            kind = "DOUBLE"
        elif letter in "BIJK" and field.bzero not in (None, "", 0):
            kind = _UNSIGNED[letter]
        notes = {key: str(table.header.get(f"{word}{number}", "")) for key, word in _NOTES.items()}
        columns.append(Column(field.name, kind, field.unit or "", notes["ucd"], notes["description"]))

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        wanted = {column.name: column for column in columns}
        rows = table.data
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            try:
                arrays = [typed(_values(part, wanted[name], table), wanted[name]) for name in names]
            except (pa.ArrowException, ValueError, UnicodeDecodeError) as error:
                raise EnrichError(
                    f"{path}, rows {start + 1} to {start + len(part)}: {str(error).splitlines()[0][:300]}"
                ) from error
            yield pa.RecordBatch.from_arrays(arrays, names=names)

    return Source(str(path), tuple(columns), left, int(table.header["NAXIS2"]), batches)


_NOTES = {"ucd": "TUCD", "description": "TCOMM"}


def _table(file: Any, path: Path) -> Any:
    """Give the first binary table, when all of it can be in the file."""
    size = path.stat().st_size
    place = 0
    while True:
        try:
            unit = file[place]
        except IndexError:
            raise EnrichError(f"{path} has no binary table") from None
        end = int(unit.fileinfo()["datLoc"])
        needed = int(unit.header.get("NAXIS1", 0)) * int(unit.header.get("NAXIS2", 0))
        if isinstance(unit, fits.BinTableHDU):
            if needed < 0 or end + needed > size:
                raise EnrichError(
                    f"{path} is truncated: extension {place} declares {needed:,} bytes of rows,"
                    f" and the file has {size:,} in all"
                )
            if int(unit.header["TFIELDS"]) > MAX_COLUMNS:
                raise EnrichError(f"{path} has {unit.header['TFIELDS']} columns; the limit is {MAX_COLUMNS}")
            return unit
        place += 1


def _values(part: Any, column: Column, table: Any) -> pa.Array:
    values = part.field(column.name)
    if column.type == "VARCHAR":
        texts = [str(value).rstrip(" \0") for value in values]
        return pa.array([text or None for text in texts], pa.string())
    null = table.columns[column.name].null
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    mask = None if null in (None, "") or native.dtype.kind not in "iu" else native == int(null)
    found = pa.array(native, mask=mask)
    if type_of(found.type) is None:
        raise ValueError(f"the column {column.name} is {native.dtype}")
    return found

"""Rows of a VOTable in BINARY and BINARY2 (VOTable 1.5, sections 5.3 and 5.4), of any origin.

A stream that does not end where a row ends is refused: what is left of it is not silently all there is.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_SIZES = {"boolean": 1, "unsignedByte": 1, "char": 1, "short": 2, "unicodeChar": 2, "int": 4, "float": 4}
_SIZES |= {"long": 8, "double": 8, "floatComplex": 8, "doubleComplex": 16}
_DTYPES = {"unsignedByte": "u1", "short": ">i2", "int": ">i4", "long": ">i8", "float": ">f4", "double": ">f8"}
_COUNT = struct.Struct(">i")
_TRUE, _FALSE = (b"T", b"t", b"1"), (b"F", b"f", b"0")


class StreamError(Exception):
    """A stream that cannot be read, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How a column lies in a row.

    Parameters
    ----------
    datatype
        As the FIELD has it.
    count
        Elements of a cell; None where each cell begins with their number.
    null
        Integer that stands for no value; None if none does.
    """

    datatype: str
    count: int | None
    null: int | None = None

    @property
    def size(self) -> int:
        """Bytes of a cell of fixed size."""
        return self.bytes_of(self.count or 0)

    def bytes_of(self, count: int) -> int:
        """Bytes of a number of elements."""
        return (count + 7) // 8 if self.datatype == "bit" else count * _SIZES[self.datatype]


def cell(datatype: str, arraysize: str, null: str = "") -> Cell:
    """Understand the attributes of a FIELD.

    Raises
    ------
    StreamError
        If there is no such datatype or size.
    """
    if datatype not in _SIZES and datatype != "bit":
        raise StreamError(f"there is no datatype {datatype!r}")
    size = arraysize.strip()
    try:
        count = (
            None if size.endswith("*") else math.prod(int(part) for part in size.split("x")) if size else 1
        )
        return Cell(datatype, count, int(null, 0) if null.strip() else None)
    except ValueError as error:
        raise StreamError(f"{arraysize!r} is no size, or {null!r} no integer") from error


def decode(text: str, cells: list[Cell], *, flags: bool, most_rows: int) -> list[list[bytes | None]]:
    """Cut a stream into cells.

    Parameters
    ----------
    text
        The stream in base64.
    cells
        How the columns lie in a row.
    flags
        Whether each row begins with a bit for each null (BINARY2).
    most_rows
        Most rows.

    Returns
    -------
    list of list of bytes
        The cells of each column; None is null.

    Raises
    ------
    StreamError
        If it is not base64, ends within a row, or has too many rows.
    """
    try:
        stream = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise StreamError(f"it is not base64: {error}") from error
    lead = (len(cells) + 7) // 8 if flags else 0
    columns: list[list[bytes | None]] = [[] for _ in cells]
    place, end, rows = 0, len(stream), 0
    while place < end:
        rows += 1
        if rows > most_rows:
            raise StreamError(f"it has more than {most_rows} rows")
        gone = stream[place : place + lead]
        place += lead
        for number, one in enumerate(cells):
            count = one.count
            if count is None:
                if place + 4 > end:
                    raise StreamError(f"it ends within row {rows}")
                (count,) = _COUNT.unpack_from(stream, place)
                place += 4
                if count < 0:
                    raise StreamError(f"row {rows} has a cell of {count} elements")
            size = one.bytes_of(count)
            if place + size > end:
                raise StreamError(f"it ends within row {rows}")
            is_null = bool(lead) and bool(gone[number // 8] & (128 >> number % 8))
            columns[number].append(None if is_null else stream[place : place + size])
            place += size
    return columns


def values(cells: list[bytes | None], form: Cell, kind: pa.DataType) -> pa.Array:
    """Read the cells of a column.

    Raises
    ------
    StreamError
        If text is not in its encoding.
    """
    if form.datatype in ("char", "unicodeChar"):
        return pa.array([None if one is None else _text(one, form.datatype) for one in cells], pa.string())
    if pa.types.is_list(kind):
        return pa.array([None if one is None else _elements(one, form) for one in cells], kind)
    if form.datatype in ("boolean", "bit"):
        return pa.array([None if one is None else _truth(one, form.datatype) for one in cells], kind)
    if form.datatype not in _DTYPES:
        return pa.array([None if one is None else one.hex() for one in cells], pa.string())
    gone = np.array([one is None for one in cells], bool)
    joined = b"".join(one or bytes(form.size) for one in cells)
    numbers: NDArray[np.generic] = np.frombuffer(joined, _DTYPES[form.datatype])
    if form.null is not None:
        gone |= numbers == form.null
    return pa.array(numbers.astype(numbers.dtype.newbyteorder("=")), mask=gone).cast(kind)


def _text(one: bytes, datatype: str) -> str:
    try:
        text = one.decode("utf-16-be" if datatype == "unicodeChar" else "utf-8")
    except UnicodeDecodeError as error:
        raise StreamError(f"a text is not in its encoding: {error.reason}") from error
    return text.split("\x00", 1)[0]


def _elements(one: bytes, form: Cell) -> Sequence[float | int | bool | None]:
    if form.datatype == "boolean":
        return [_truth(one[place : place + 1], "boolean") for place in range(len(one))]
    if form.datatype == "bit":
        return [bool(byte & (128 >> bit)) for byte in one for bit in range(8)][: form.count]
    found: list[float | int] = np.frombuffer(one, _DTYPES[form.datatype]).tolist()
    return found if form.null is None else [None if value == form.null else value for value in found]


def _truth(one: bytes, datatype: str) -> bool | None:
    if datatype == "bit":
        return bool(one[0] & 128) if one else None
    return True if one in _TRUE else False if one in _FALSE else None

"""Rows as bytes, most significant first: BINARY and BINARY2 of VOTable, and the rows of a FITS table.

VOTable 1.5 sections 5.3 and 5.4, FITS 4.0 section 7.3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.votypes import binary_kernel as kernel
from vobroker.votypes.texts import plain, timestamps

NULLS = {"int16": -(2**15), "int32": -(2**31), "int64": -(2**63)}
"""Integers that stand for no value where a serialization has no other way: the smallest of each type."""

UNKNOWN = ord("?")
"""How BINARY writes a truth value that is not known."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Where the cells of one column lie in memory; ``kept`` holds what the addresses point into."""

    cell: int
    width: int
    count: int
    data: int
    offsets: int
    valid: int
    first: int
    fill: int
    room: int
    kept: tuple[pa.Array, ...]


def encode(columns: Sequence[Cells], rows: int, *, flags: bool, before: bytes = b"") -> NDArray[np.uint8]:
    """Write rows one after the other.

    Parameters
    ----------
    columns
        The columns, as :func:`votable_cells` and its like give them.
    rows
        Number of rows.
    flags
        Whether each row begins with a bit for each null (BINARY2).
    before
        Bytes to begin with.

    Returns
    -------
    ndarray of uint8
        The bytes.
    """
    room = len(before) + sum(column.room for column in columns) + rows * (len(columns) + 7 >> 3) * flags
    out = np.empty(room + 8, np.uint8)
    out[: len(before)] = np.frombuffer(before, np.uint8)
    base = out.ctypes.data
    end = kernel.write_rows(
        np.array([column.cell for column in columns]),
        np.array([column.width for column in columns]),
        np.array([column.count for column in columns]),
        np.array([column.data for column in columns]),
        np.array([column.offsets for column in columns]),
        np.array([column.valid for column in columns]),
        np.array([column.first for column in columns]),
        np.array([column.fill for column in columns], np.uint64),
        rows,
        flags,
        base + len(before),
    )
    return out[: end - base]


def votable_cells(array: pa.Array, *, ascii: bool = False) -> Cells:
    """Lay out a column for BINARY and BINARY2, texts and times with a count before them.

    Parameters
    ----------
    array
        The column.
    ascii
        Whether texts are ``char``, ASCII with a question mark for any other character; else they are UTF-16,
        as ``unicodeChar`` is. Times are ASCII.
    """
    kind = array.type
    if pa.types.is_timestamp(kind):
        return counted(timestamps(array), 1)
    if isinstance(kind, pa.UuidType):
        return fixed(uuid_texts(array), 36, 1)
    if isinstance(kind, pa.JsonType):
        return votable_cells(array.storage)
    if pa.types.is_string(kind) and ascii:
        return counted(plain(array), 1)
    if pa.types.is_string(kind):
        return _variable(kernel.UTF16, array, 2, 2 * _bytes(array))
    if pa.types.is_large_binary(kind):
        return counted(array.cast(pa.binary()), 1)
    if pa.types.is_list(kind):
        return counted(array, kind.value_type.bit_width // 8)
    return numbers(array, fill=UNKNOWN)


def numbers(array: pa.Array, *, fill: int = 0) -> Cells:
    """Lay out numbers, truth values and arrays of a fixed number of numbers; ``fill`` is truth unknown."""
    kind = array.type
    if pa.types.is_boolean(kind):
        valid, first = _validity(array)
        data = array.buffers()[1].address if len(array) else 0
        return Cells(kernel.BOOL, 1, 1, data, 0, valid, first, fill, len(array), (array,))
    if pa.types.is_fixed_size_list(kind):
        return fixed(array, kind.list_size, kind.value_type.bit_width // 8)
    return fixed(array, 1, kind.bit_width // 8)


def fixed(array: pa.Array, count: int, width: int) -> Cells:
    """Lay out cells of a fixed number of elements."""
    valid, first = _validity(array)
    if pa.types.is_fixed_size_list(array.type):
        values = _elements(array)
        # Addresses are of the first row: a slice of an array shares its buffers.
        data = _address(values, width) + array.offset * count * width
        fill = _nothing(array.type.value_type)
    else:
        values = array
        data = _address(array, count * width)
        fill = _nothing(array.type)
    room = len(array) * count * width
    return Cells(kernel.FIXED, width, count, data, 0, valid, first, fill, room, (array, values))


def counted(array: pa.Array, width: int) -> Cells:
    """Lay out cells of any number of elements, which begin with their count."""
    return _variable(kernel.COUNTED, array, width, _bytes(array))


def padded(array: pa.Array, width: int) -> Cells:
    """Lay out texts as printable ASCII of a fixed width."""
    return _variable(kernel.PADDED, array, width, len(array) * width)


def _variable(cell: int, array: pa.Array, width: int, room: int) -> Cells:
    valid, first = _validity(array)
    offsets = array.buffers()[1]
    if not len(array) or offsets is None:
        return Cells(cell, width, 1, 0, 0, valid, first, 0, 0, (array,))
    if pa.types.is_list(array.type):
        values = _elements(array)
        data = _address(values, width)
    else:
        values, bytes_of_all = array, array.buffers()[2]
        data = 0 if bytes_of_all is None else bytes_of_all.address
    at = offsets.address + 4 * array.offset
    return Cells(cell, width, 1, data, at, valid, first, 0, room + 4 * len(array), (array, values))


def _elements(array: pa.Array) -> pa.Array:
    """Elements of all lists; one that is null is what stands for no value."""
    values = array.values
    if not values.null_count:
        return values
    name = str(values.type)
    return pc.fill_null(values, pa.scalar(NULLS.get(name, float("nan")), values.type))


def _address(values: pa.Array, width: int) -> int:
    """Address of the first value, each of which has ``width`` bytes."""
    buffer = values.buffers()[1]
    return 0 if buffer is None else int(buffer.address) + int(values.offset) * width


def _validity(array: pa.Array) -> tuple[int, int]:
    """Address of the validity bits, 0 where there are no nulls, and the bit of the first row."""
    bits = array.buffers()[0] if array.null_count else None
    return (0 if bits is None else int(bits.address)), array.offset


def _bytes(array: pa.Array) -> int:
    """Bytes of the values of a column with offsets."""
    if not len(array):
        return 0
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    width = array.type.value_type.bit_width // 8 if pa.types.is_list(array.type) else 1
    return int(offsets[-1] - offsets[0]) * width


def _nothing(kind: pa.DataType) -> int:
    """Bit pattern of an element that stands for no value: the smallest integer, or NaN."""
    if (smallest := NULLS.get(str(kind))) is not None:
        return int(smallest % 2**kind.bit_width)
    return {"float": 0x7FC00000, "double": 0x7FF8000000000000}.get(str(kind), 0)


def uuid_texts(array: pa.Array) -> pa.Array:
    """Give UUIDs as their 36 characters."""
    texts = [None if value is None else str(UUID(bytes=value)) for value in array.storage.to_pylist()]
    return pa.array([None if text is None else text.encode() for text in texts], pa.binary(36))

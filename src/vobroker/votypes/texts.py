"""Whole columns as text, in the notations of DALI: what TABLEDATA, CSV and JSON are made of.

DALI 1.2 section 3, VOTable 1.5 sections 2.1 and 5.2. Numbers are the shortest decimals that read back to
the same value of the same width; no value becomes a Python object, bytes and UUIDs apart.
"""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.votypes import times_kernel


def text(array: pa.Array, *, true: str = "T", false: str = "F") -> pa.Array:
    """Give the text of a column's values; nulls stay null.

    NaN and the infinities are ``NaN``, ``+Inf`` and ``-Inf``, times ISO 8601 with a ``T`` and without a
    ``Z``, bytes decimal numbers, and elements of an array have a blank between them.
    """
    kind = array.type
    if pa.types.is_boolean(kind):
        return pc.if_else(array, true, false)
    if pa.types.is_floating(kind):
        return _reals(array)
    if pa.types.is_timestamp(kind):
        return timestamps(array)
    if pa.types.is_string(kind):
        return array
    if pa.types.is_large_binary(kind):
        return pa.array(
            [None if b is None else " ".join(map(str, b)) for b in array.to_pylist()], pa.string()
        )
    if isinstance(kind, pa.UuidType):
        return pa.array([b and str(UUID(bytes=b)) for b in array.storage.to_pylist()], pa.string())
    if isinstance(kind, pa.JsonType):
        return array.storage.cast(pa.string())
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return joined(array, " ")
    return array.cast(pa.string())


def plain(array: pa.Array) -> pa.Array:
    """Give texts with a question mark for each character that is not of ASCII."""
    if pc.all(pc.string_is_ascii(array), min_count=0).as_py():
        return array
    return pc.replace_substring_regex(array, r"[^\x00-\x7f]", "?")


def timestamps(array: pa.Array) -> pa.Array:
    """Give times as DALI writes them (DALI 1.2, Timestamp), to the microsecond and without a ``Z``."""
    if array.type == pa.timestamp("us") and 0 < len(array) < 2**31 // times_kernel.WIDTH:
        filled = pc.fill_null(array, pa.scalar(0, array.type)) if array.null_count else array
        numbers = np.frombuffer(filled.buffers()[1], np.int64)[filled.offset : filled.offset + len(array)]
        if numbers.min() >= times_kernel.FIRST and numbers.max() <= times_kernel.LAST:
            return _times(numbers, array.is_valid() if array.null_count else None)
    return pc.replace_substring(array.cast(pa.string()), " ", "T", max_replacements=1)


def _times(numbers: NDArray[np.int64], valid: pa.Array | None) -> pa.Array:
    """Write microseconds since 1970, all of the same length."""
    count, width = len(numbers), times_kernel.WIDTH
    data = np.empty(count * width, np.uint8)
    times_kernel.write_times(numbers, data.ctypes.data)
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    bits = None if valid is None else valid.buffers()[1]
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data), bits)


def hexadecimal(array: pa.Array) -> pa.Array:
    """Give bytes as hexadecimal digits."""
    return pa.array([None if b is None else b.hex() for b in array.to_pylist()], pa.string())


def joined(array: pa.Array, separator: str) -> pa.Array:
    """Give the elements of each array with a separator between."""
    array = pc.cast(array, pa.list_(array.type.value_type))
    elements = array.flatten()
    texts = pc.fill_null(text(elements), "NaN") if elements.null_count else text(elements)
    counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, texts, mask=array.is_null())
    return pc.binary_join(lists, separator)


def lines(cells: list[pa.Array | str]) -> memoryview:
    """Join columns of text row by row; a string stands in every row. All rows are one piece of memory."""
    parts = [pa.scalar(cell) if isinstance(cell, str) else cell for cell in cells]
    whole = pc.binary_join_element_wise(*parts, "")
    offsets = np.frombuffer(whole.buffers()[1], np.int32)[whole.offset : whole.offset + len(whole) + 1]
    return memoryview(whole.buffers()[2])[offsets[0] : offsets[-1]] if len(whole) else memoryview(b"")


def _reals(array: pa.Array) -> pa.Array:
    written = array.cast(pa.string())
    if pc.all(pc.is_finite(array), min_count=0).as_py():
        return written
    written = pc.if_else(pc.is_finite(array), written, "NaN")
    return pc.if_else(pc.is_inf(array), pc.if_else(pc.greater(array, 0), "+Inf", "-Inf"), written)

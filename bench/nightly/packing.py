"""Measurements of a tile in a visit as one row: what they share once, every other column as one value.

A column becomes the bytes of its values (``bytes``) or a list of them (``arrays``). Read again, the values of
all rows lie one after another in memory already: a column is taken over without a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

SHARED = ("tile", "visit", "mjd", "band")


def pack(rows: pa.Table, form: str) -> pa.Table:
    """Put the rows of each tile into one row.

    Parameters
    ----------
    rows
        In the order of their tiles; what is shared has one value in all of them, but for the tile. Columns
        of numbers of a fixed size without nulls.
    form
        ``bytes`` or ``arrays``.
    """
    tile = rows["tile"].to_numpy()
    first = np.flatnonzero(np.diff(tile, prepend=-1))
    bounds = np.append(first, len(tile))
    columns = {name: rows[name].take(first) for name in rows.schema.names if name in SHARED}
    columns["n"] = pa.array(np.diff(bounds), pa.int32())
    for field in rows.schema:
        if field.name in SHARED:
            continue
        values = rows[field.name].combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        if form == "arrays":
            columns[field.name] = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), values)
        else:
            numbers = values.to_numpy()
            offsets = (bounds * numbers.itemsize).astype(np.int32)
            columns[field.name] = pa.Array.from_buffers(
                pa.binary(), len(first), [None, pa.py_buffer(offsets), pa.py_buffer(numbers)]
            )
    return pa.table(columns)


def unpack(packed: pa.Table, schema: pa.Schema, wanted: Sequence[str]) -> pa.Table:
    """Give the rows again: columns of a schema by their names."""
    counts = packed["n"].to_numpy()
    which = np.repeat(np.arange(len(counts)), counts)
    columns = []
    for name in wanted:
        kind = schema.field(name).type
        column = packed[name]
        if name in SHARED:
            columns.append(column.combine_chunks().take(pa.array(which)))
        elif pa.types.is_list(column.type):
            columns.append(pa.chunked_array([chunk.flatten() for chunk in column.chunks], kind))
        else:
            columns.append(pa.chunked_array(_numbers(column.chunks, kind), kind))
    return pa.table(columns, schema=pa.schema([schema.field(name) for name in wanted]))


def _numbers(chunks: Iterable[pa.BinaryArray], kind: pa.DataType) -> Iterable[pa.Array]:
    for chunk in chunks:
        offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        start, stop = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
        size = stop - start
        values = chunk.buffers()[2]
        data = values.slice(start, size) if values is not None and size else pa.py_buffer(b"")
        yield pa.Array.from_buffers(kind, 8 * size // kind.bit_width, [None, data])

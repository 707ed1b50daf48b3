"""The parts of a VOTable: fields and parameters from columns, table data from Arrow.

VOTable 1.5 (IVOA Recommendation 2025-01-16). Whole columns are turned into text or bytes at once, so
that a long table costs no Python work per cell. A null is an empty cell in TABLEDATA and a set flag in
BINARY2 (section 5.3, 5.4); neither needs the "magic" null values that section 4.7 discourages.
"""

from __future__ import annotations

import base64
import math
import re
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.votypes.columns import Column

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""XML namespace of VOTable 1.3 to 1.5."""

# XML 1.0 section 2.2 has no way to write these, not even escaped.
_NOT_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))


def element(tag: str, attributes: dict[str, str], *content: str) -> str:
    """Write an XML element; the content goes in as it is."""
    shown = "".join(f" {name}={_quoted(value)}" for name, value in attributes.items())
    inner = "".join(content)
    return f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>"


def field(column: Column, *, ref: str = "") -> str:
    """Write the FIELD of a column; its ID is the column's name and ``ref`` names its coordinate system."""
    return element("FIELD", {"ID": column.name} | _attributes(column, ref), _description(column))


def param(column: Column, value: str | float, *, ref: str = "") -> str:
    """Write a PARAM: a column that has the same value in every row."""
    return element("PARAM", _attributes(column, ref) | {"value": _number(value)}, _description(column))


def tabledata(rows: pa.Table) -> str:
    """Write rows as TABLEDATA (section 5.3).

    Numbers are the shortest decimals that read back to the same value of the same width.
    """
    if not rows.num_rows:
        return "<TABLEDATA/>"
    cells = [pc.fill_null(_text(column), "") for column in rows.itercolumns()]
    lines = pc.binary_join_element_wise(*cells, "</TD><TD>").to_pylist()
    body = "</TD></TR>\n<TR><TD>".join(lines)
    return f"<TABLEDATA>\n<TR><TD>{body}</TD></TR>\n</TABLEDATA>"


def binary2(rows: pa.Table) -> str:
    """Write rows as BINARY2 (section 5.4): null flags, then the cells, most significant byte first."""
    cells = [_null_flags(rows), *(_bytes(column.combine_chunks()) for column in rows.itercolumns())]
    lengths = np.stack([length for _, length in cells], axis=1)
    starts = np.cumsum(lengths.ravel()).reshape(lengths.shape) - lengths
    stream = np.empty(lengths.sum(), np.uint8)
    for (data, length), start in zip(cells, starts.T, strict=True):
        within_cell = np.arange(len(data)) - np.repeat(np.cumsum(length) - length, length)
        stream[np.repeat(start, length) + within_cell] = data
    text = base64.encodebytes(stream.tobytes()).decode("ascii")
    return f'<BINARY2><STREAM encoding="base64">\n{text}</STREAM></BINARY2>'


def _attributes(column: Column, ref: str) -> dict[str, str]:
    """Attributes which FIELD and PARAM share, as far as the column has them."""
    kind = column.datatype
    attributes = {
        "name": column.name,
        "datatype": kind.votable,
        "arraysize": kind.arraysize,
        "xtype": kind.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "ref": ref,
    }
    return {name: value for name, value in attributes.items() if value}


def _quoted(value: str) -> str:
    """Attribute value in quotes; what XML cannot hold is replaced."""
    return quoteattr(re.sub(_NOT_XML, "\ufffd", value))


def _description(column: Column) -> str:
    return element("DESCRIPTION", {}, escape(column.description)) if column.description else ""


def _number(value: str | float) -> str:
    """Text of a PARAM's value; NaN has the spelling of section 2.1."""
    return "NaN" if value != value else str(value)  # noqa: PLR0124 (only NaN differs from itself)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """TABLEDATA text of a column; nulls stay null."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "T", "F")
    if pa.types.is_floating(kind):
        text = pc.if_else(pc.is_finite(column), column.cast(pa.string()), "NaN")
        infinity = pc.if_else(pc.greater(column, 0), "+Inf", "-Inf")
        return pc.if_else(pc.is_inf(column), infinity, text)
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%S")
    if pa.types.is_string(kind):
        text = pc.replace_substring_regex(column, _NOT_XML, "\ufffd")
        for character, reference in _ESCAPES:
            text = pc.replace_substring(text, character, reference)
        return text
    if pa.types.is_large_binary(kind):
        return pa.chunked_array(
            [pa.array([None if b is None else " ".join(map(str, b)) for b in column.to_pylist()])]
        )
    if isinstance(kind, pa.BaseExtensionType):
        return _text(pa.chunked_array([_storage_text(column.combine_chunks())], pa.string()))
    if _is_list(kind):
        return pa.chunked_array([_joined(column.combine_chunks())], pa.string())
    return column.cast(pa.string())


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _storage_text(column: pa.Array) -> pa.Array:
    """Text of values that go as bytes or text under another name: UUIDs and JSON."""
    if isinstance(column.type, pa.UuidType):
        shown = [None if b is None else str(UUID(bytes=b)) for b in column.storage.to_pylist()]
        return pa.array(shown, pa.string())
    return column.storage.cast(pa.string())


def _joined(column: pa.Array) -> pa.Array:
    """Elements of each array with a blank between."""
    column = pc.cast(column, pa.list_(column.type.value_type))
    texts = _text(pa.chunked_array([column.flatten()])).combine_chunks()
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, texts, mask=column.is_null())
    return pc.binary_join(lists, " ")


Cells = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Bytes of a column's cells one after the other, and the number of bytes in each cell."""


def _null_flags(rows: pa.Table) -> Cells:
    """One bit for each column, the first in the most significant bit of the first byte."""
    nulls = np.stack([column.is_null().to_numpy() for column in rows.itercolumns()], axis=1)
    flags = np.packbits(nulls, axis=1)
    return flags.ravel(), np.full(rows.num_rows, flags.shape[1])


def _bytes(column: pa.Array) -> Cells:
    """BINARY2 cells of a column; what stands in a null cell is only there to fill its place."""
    kind = column.type
    if pa.types.is_string(kind):
        return _counted([text.encode("utf-16-be") for text in column.fill_null("").to_pylist()], width=2)
    if pa.types.is_timestamp(kind):
        return _counted([text.encode("ascii") for text in _text(column).fill_null("").to_pylist()], width=1)
    if pa.types.is_large_binary(kind):
        return _counted(column.fill_null(b"").to_pylist(), width=1)
    if isinstance(kind, pa.UuidType):  # of fixed length: no count before it
        texts = "".join(text or "\0" * 36 for text in _storage_text(column).to_pylist())
        return np.frombuffer(texts.encode("ascii"), np.uint8), np.full(len(column), 36)
    if isinstance(kind, pa.JsonType):
        return _bytes(_storage_text(column))
    if _is_list(kind):
        return _array_bytes(column)
    if pa.types.is_boolean(kind):
        values = np.frombuffer(b"FT", np.uint8)[
            column.fill_null(False).to_numpy(zero_copy_only=False).astype(int)
        ]
    else:
        nothing = math.nan if pa.types.is_floating(kind) else 0
        values = column.fill_null(nothing).to_numpy(zero_copy_only=False)
        values = values.astype(values.dtype.newbyteorder(">"))
    return values.view(np.uint8), np.full(len(values), values.itemsize)


def _array_bytes(column: pa.Array) -> Cells:
    """Cells of arrays; those of variable length begin with their count."""
    order = np.dtype(column.type.value_type.to_pandas_dtype()).newbyteorder(">")
    if pa.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        none = [0] * size
        rows = [none if row is None else row for row in column.to_pylist()]
        data = np.array(rows, order).reshape(-1)
        return data.view(np.uint8), np.full(len(column), size * order.itemsize)
    items = [np.array(row or [], order).tobytes() for row in column.to_pylist()]
    return _counted(items, width=order.itemsize)


def _counted(items: list[bytes], *, width: int) -> Cells:
    """Cells of variable length: the number of elements of ``width`` bytes, then the elements."""
    lengths = np.fromiter(map(len, items), np.int64, len(items))
    counts = (lengths // width).astype(">i4").tobytes()
    counted = b"".join(counts[4 * row : 4 * row + 4] + item for row, item in enumerate(items))
    return np.frombuffer(counted, np.uint8), lengths + 4

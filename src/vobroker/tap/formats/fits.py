"""Results as FITS binary tables.

FITS 4.0 section 7.3. The header gives the number of rows and the width of texts, so the rows go to a
temporary file first; what is known at the end is then known in time for the header. Texts are printable
ASCII, as section 7.3.3.1 asks; any other character is a question mark.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io.fits import Header
from numpy.typing import NDArray

from vobroker.tap.formats.model import Batches, BrokenOffError, Ending, Head, Outcome
from vobroker.tap.formats.pieces import pieces
from vobroker.votypes.arrow import schema
from vobroker.votypes.binary import NULLS, Cells, encode, numbers, padded
from vobroker.votypes.columns import Column
from vobroker.votypes.texts import text

_IN_MEMORY = 4 * 2**20  # bytes of rows that need no file
_ON_DISK = 8 * 2**30  # most bytes of rows that wait for their header
_BLOCK = 2880
_CODES = {"bool": "L", "int16": "I", "int32": "J", "int64": "K", "float": "E", "double": "D", "uint8": "B"}


@dataclass(slots=True)
class _Measured:
    """What the header has to say of a column and only its values tell."""

    width: int = 1
    """Characters of the longest text."""
    longest: int = 0
    """Elements of the longest array."""
    elements: int = 0
    """Elements of all arrays of any length."""
    nulls: bool = False


def write(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write a FITS file with one binary table."""
    described = schema(head.table)
    measured = [_Measured() for _ in head.columns]
    rows = 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        with pa.ipc.new_stream(pa.PythonFile(spool, mode="w"), described) as writer:
            for batch in pieces(batches):
                rows += batch.num_rows
                for known, values in zip(measured, batch.columns, strict=True):
                    _measure(known, values)
                writer.write_batch(batch.replace_schema_metadata(described.metadata))
                if spool.tell() > _ON_DISK:
                    raise BrokenOffError(f"the result has more than {_ON_DISK} bytes, too many for FITS")
        yield _headers(head, described, measured, rows, outcome())
        yield from _data(spool, described, measured)


def _measure(known: _Measured, values: pa.Array) -> None:
    known.nulls |= values.null_count > 0
    if _is_text(values.type):
        known.width = max(known.width, pc.max(pc.utf8_length(text(values))).as_py() or 0)
    elif _is_variable(values.type):
        lengths = _lengths(values)
        known.longest = max(known.longest, int(lengths.max(initial=0)))
        known.elements += int(lengths.sum())


def _headers(head: Head, described: pa.Schema, measured: list[_Measured], rows: int, ended: Outcome) -> bytes:
    """Write the primary header and the table's."""
    primary = Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    for name, value, words in head.infos:
        primary.add_comment(_ascii(f"{name}: {value} {words}"))
    forms = [_form(field.type, known) for field, known in zip(described, measured, strict=True)]
    heap = sum(
        known.elements * _item(field.type).itemsize
        for field, known in zip(described, measured, strict=True)
        if _is_variable(field.type)
    )
    table = Header(
        [
            ("XTENSION", "BINTABLE"),
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", sum(size for _, size in forms), "bytes of a row"),
            ("NAXIS2", rows, "rows"),
            ("PCOUNT", heap, "bytes of the arrays after the table"),
            ("GCOUNT", 1),
            ("TFIELDS", len(forms), "columns"),
            ("EXTNAME", head.table.name),
            ("QSTATUS", ended.status, "OK, OVERFLOW or ERROR: are these all rows"),
        ]
    )
    if ended.message:
        table["QMESSAGE"] = _ascii(ended.message)
    for number, (column, field, known) in enumerate(zip(head.columns, described, measured, strict=True), 1):
        _describe(table, number, column, forms[number - 1][0], _null(field.type) if known.nulls else None)
    return b"".join(
        _filled(header.tostring(endcard=True, padding=False).encode(), b" ") for header in (primary, table)
    )


def _describe(table: Header, number: int, column: Column, form: str, null: int | None) -> None:
    table[f"TTYPE{number}"] = _ascii(column.name)
    table[f"TFORM{number}"] = form
    if null is not None:
        table[f"TNULL{number}"] = null
    notes = {"TUNIT": column.unit, "TUCD": column.ucd, "TUTYP": column.utype, "TCOMM": column.description}
    for key, value in notes.items():
        if value:
            table[f"{key}{number}"] = _ascii(value)


def _data(spool: IO[bytes], described: pa.Schema, measured: list[_Measured]) -> Iterator[bytes]:
    """Write the rows, then the arrays of any length, which the rows refer to by their place."""
    spool.seek(0)
    size = place = 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as heap:
        for batch in pa.ipc.open_stream(spool):
            cells = []
            for values, known in zip(batch.columns, measured, strict=True):
                if _is_variable(values.type):
                    references, content = _referred(values, place)
                    heap.write(content)
                    place += len(content)
                    cells.append(numbers(references))
                else:
                    cells.append(_cells(values, known.width))
            rows = encode(cells, batch.num_rows, flags=False).tobytes()
            size += len(rows)
            yield rows
        heap.seek(0)
        while part := heap.read(2**20):
            size += len(part)
            yield part
    yield bytes(-size % _BLOCK)


def _referred(values: pa.Array, place: int) -> tuple[pa.Array, bytes]:
    """Give the descriptors of arrays (number of elements, place) and the arrays, one after the other."""
    item = _item(values.type)
    lengths = _lengths(values)
    places = place + (np.cumsum(lengths) - lengths) * item.itemsize
    pairs = pa.array(np.stack([lengths, places], axis=1).ravel(), pa.int64())
    if pa.types.is_list(values.type):
        elements = values.flatten()
        if elements.null_count:
            elements = pc.fill_null(elements, NULLS.get(str(elements.type), float("nan")))
        content = elements.to_numpy(zero_copy_only=False).astype(item).tobytes()
    else:
        content = b"".join(value for value in values.to_pylist() if value is not None)
    return pa.FixedSizeListArray.from_arrays(pairs, 2), content


def _lengths(values: pa.Array) -> NDArray[np.int64]:
    counted = pc.list_value_length(values) if pa.types.is_list(values.type) else pc.binary_length(values)
    lengths: NDArray[np.int64] = pc.fill_null(counted, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _cells(values: pa.Array, width: int) -> Cells:
    return padded(text(values), width) if _is_text(values.type) else numbers(values)


def _is_text(kind: pa.DataType) -> bool:
    extended = isinstance(kind, pa.BaseExtensionType)
    return bool(extended or pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _is_variable(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_binary(kind))


def _item(kind: pa.DataType) -> np.dtype[np.generic]:
    """Type of an array's elements in the file."""
    if pa.types.is_large_binary(kind):
        return np.dtype(np.uint8)
    item: np.dtype[np.generic] = np.dtype(kind.value_type.to_pandas_dtype()).newbyteorder(">")
    return item


def _form(kind: pa.DataType, known: _Measured) -> tuple[str, int]:
    """TFORM of a column and the bytes of its cells."""
    if _is_text(kind):
        return f"{known.width}A", known.width
    if _is_variable(kind):
        code = _CODES["uint8" if pa.types.is_large_binary(kind) else str(kind.value_type)]
        return f"1Q{code}({known.longest})", 16
    if pa.types.is_fixed_size_list(kind):
        return f"{kind.list_size}{_CODES[str(kind.value_type)]}", kind.list_size * _item(kind).itemsize
    return f"1{_CODES[str(kind)]}", max(1, kind.bit_width // 8)


def _null(kind: pa.DataType) -> int | None:
    """Give the integer that stands for null; an array of any length is empty instead."""
    if pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return NULLS.get(str(kind))


def _ascii(value: str) -> str:
    return re.sub(r"[^ -~]", "?", re.sub(r"\s+", " ", value)).strip()


def _filled(content: bytes, filler: bytes) -> bytes:
    return content + filler * (-len(content) % _BLOCK)

"""Avro records from columns: many rows of one record type to bytes in a few array operations.

A row-by-row encoder spends its time on the dictionary of each record. Here every field becomes a block
of bytes for all rows at once (Avro 1.11, "Binary Encoding"), constant neighbours are joined, and the
blocks are laid side by side; where a value is shorter than its block a mask takes the gap out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Columns = Mapping[str, Any]

_VARINT_MAX = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows, one after another: row ``i`` is ``data[ends[i - 1]:ends[i]]``."""

    data: bytes
    ends: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """First byte of each row."""
        return np.concatenate(([0], self.ends))[:-1].astype(np.int64)

    def split(self) -> list[bytes]:
        """Return the rows as separate byte strings."""
        return [self.data[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]


def varint(value: int) -> bytes:
    """Zig-zag variable-length integer of Avro."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def text(value: str) -> bytes:
    """Avro string."""
    raw = value.encode()
    return varint(len(raw)) + raw


def _varints(values: NDArray[Any]) -> tuple[Bytes, NDArray[np.int64]]:
    """Zig-zag varints of all values as a padded block and the length of each."""
    signed = values.astype(np.int64)
    rest = ((signed << 1) ^ (signed >> 63)).astype(np.uint64)
    shifts = np.arange(0, 7 * _VARINT_MAX, 7, dtype=np.uint64)
    width = max(1, -(-int(rest.max(initial=0)).bit_length() // 7))
    groups = rest[:, None] >> shifts[:width]
    lengths = np.maximum(1, (groups != 0).sum(axis=1))
    block = (groups & np.uint64(0x7F)).astype(np.uint8)
    block[np.arange(width) < lengths[:, None] - 1] |= 0x80
    return block, lengths


def _strings(values: NDArray[Any]) -> tuple[Bytes, NDArray[np.int64]]:
    """Avro strings of at most 63 bytes, so that every length prefix is one byte."""
    raw = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
    width = raw.dtype.itemsize
    if width > 63:
        raise ValueError(f"strings of {width} bytes do not fit a length prefix of one byte")
    lengths = np.char.str_len(raw)
    block = np.empty((len(raw), width + 1), np.uint8)
    block[:, 0] = lengths * 2
    block[:, 1:] = np.ascontiguousarray(raw).view(np.uint8).reshape(len(raw), width)
    return block, lengths + 1


_FLOATS = {"float": "<f4", "double": "<f8"}


def _constant(kind: str, value: Any) -> bytes:
    match kind:
        case "null":
            return b""
        case "boolean":
            return b"\x01" if value else b"\x00"
        case "int" | "long":
            return varint(int(value))
        case "float":
            return struct.pack("<f", value)
        case "double":
            return struct.pack("<d", value)
        case "string":
            return text(value)
    raise TypeError(f"no constant encoding for Avro type {kind!r}")


def _block(kind: str, values: NDArray[Any]) -> tuple[Bytes, NDArray[np.int64] | None]:
    if kind in _FLOATS:
        raw = np.ascontiguousarray(values, dtype=_FLOATS[kind])
        return raw.view(np.uint8).reshape(len(raw), raw.dtype.itemsize), None
    if kind == "boolean":
        return values.astype(np.uint8)[:, None], None
    if kind in ("int", "long"):
        return _varints(values)
    if kind == "string":
        return _strings(values)
    raise TypeError(f"no column encoding for Avro type {kind!r}")


def _scalar(kind: Any) -> str:
    """Name of the primitive type under a logical or named one."""
    return str(kind["type"] if isinstance(kind, Mapping) else kind)


class RecordEncoder:
    """Encodes columns as records of one Avro schema of scalar fields.

    A column is an array with one value per row, or one value for all rows. ``None``, a masked entry and
    NaN are null where the field may be null. A field that has no column is null.

    Parameters
    ----------
    schema
        Record schema whose fields are primitives or unions of null and a primitive.
    skip
        Fields to leave out (the nested ones, put in by the caller).
    """

    def __init__(self, schema: Mapping[str, Any], skip: Sequence[str] = ()) -> None:
        self.name = str(schema["name"])
        self._fields: list[tuple[str, str, bytes, bytes | None]] = []
        for field in schema["fields"]:
            if field["name"] in skip:
                continue
            kind = field["type"]
            if isinstance(kind, list):
                null = varint(kind.index("null"))
                value = next(i for i, branch in enumerate(kind) if branch != "null")
                self._fields.append((field["name"], _scalar(kind[value]), varint(value), null))
            else:
                self._fields.append((field["name"], _scalar(kind), b"", None))

    def encode(self, columns: Columns, rows: int) -> Rows:
        """Encode ``rows`` records.

        Raises
        ------
        ValueError
            If a field that may not be null has no value.
        """
        pieces: list[tuple[Bytes, NDArray[np.int64] | None]] = []
        constant = b""

        def flush() -> None:
            nonlocal constant
            if constant:
                pieces.append((np.frombuffer(constant, np.uint8)[None, :], None))
                constant = b""

        for name, kind, branch, null in self._fields:
            value = columns.get(name)
            if not isinstance(value, np.ndarray):
                if value is None and null is None:
                    raise ValueError(f"{self.name}.{name} may not be null and has no value")
                constant += (null or b"") if value is None else branch + _constant(kind, value)
                continue
            absent = _absent(value) if null is not None else None
            if absent is None:
                constant += branch
                flush()
                pieces.append(_block(kind, np.asarray(value)))
                continue
            flush()
            pieces.append(_nullable(kind, np.ma.getdata(value), branch, null or b"", absent))
        flush()
        return _join(pieces, rows)


def _absent(value: NDArray[Any]) -> NDArray[np.bool_] | None:
    absent = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
    if value.dtype.kind == "f":
        nan = np.isnan(np.ma.getdata(value))
        absent = nan if absent is None else absent | nan
    return absent if absent is not None and absent.any() else None


def _nullable(
    kind: str, values: NDArray[Any], branch: bytes, null: bytes, absent: NDArray[np.bool_]
) -> tuple[Bytes, NDArray[np.int64]]:
    block, lengths = _block(kind, values)
    out = np.empty((len(values), block.shape[1] + 1), np.uint8)
    out[:, 0] = np.where(absent, null[0], branch[0])
    out[:, 1:] = block
    full = block.shape[1] if lengths is None else lengths
    return out, np.where(absent, 1, 1 + full).astype(np.int64)


def _join(pieces: list[tuple[Bytes, NDArray[np.int64] | None]], rows: int) -> Rows:
    width = sum(block.shape[1] for block, _ in pieces)
    out = np.empty((rows, width), np.uint8)
    keep = np.ones((rows, width), np.bool_)
    sizes = np.full(rows, width, np.int64)
    at = 0
    for block, lengths in pieces:
        span = block.shape[1]
        out[:, at : at + span] = block
        if lengths is not None:
            keep[:, at : at + span] = np.arange(span) < lengths[:, None]
            sizes += lengths - span
        at += span
    return Rows(out[keep].tobytes(), np.cumsum(sizes))

"""Results as JSON: columns, rows, then how the result ended.

64-bit identifiers are strings, since JSON numbers are safe to 2**53 only (RFC 8259, section 6); counts and
sizes are numbers. NaN and the infinities are null, times ISO 8601 with a ``Z``, bytes hexadecimal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.tap.formats.model import Batches, Ending, Head
from vobroker.tap.formats.pieces import pieces
from vobroker.votypes.columns import Column
from vobroker.votypes.texts import hexadecimal, joined, lines, text, timestamps


def write(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write an object: ``columns``, ``rows`` by column name, ``overflow``, ``status``, ``message``."""
    described = [
        {
            "name": column.name,
            "type": column.type,
            "unit": column.unit,
            "ucd": column.ucd,
            "description": column.description,
        }
        for column in head.columns
    ]
    yield f'{{"columns": {_text(described)},\n"rows": ['.encode()
    names = [_text(column.name) for column in head.columns]
    between = "\n"
    for batch in pieces(batches):
        cells: list[pa.Array | str] = []
        opening = ",\n{"
        for name, column, values in zip(names, head.columns, batch.columns, strict=True):
            cells += [f"{opening}{name}: ", pc.fill_null(_values(column, values), "null")]
            opening = ", "
        rows = lines([*cells, "}"])
        yield between.encode() + bytes(rows[2:])
        between = ",\n"
    ended = outcome()
    status = {"overflow": ended.status == "OVERFLOW", "status": ended.status, "message": ended.message}
    yield f"\n],\n{_text(status)[1:]}\n".encode()


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _values(column: Column, values: pa.Array) -> pa.Array:
    """Text of values in JSON; nulls, and what JSON has no number for, stay null."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        return pc.binary_join_element_wise('"', timestamps(values), 'Z"', "")
    if pa.types.is_large_binary(kind):
        return pc.binary_join_element_wise('"', hexadecimal(values), '"', "")
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _arrays(values)
    if pa.types.is_int64(kind) and not column.ucd.startswith(("meta.number", "phys.size")):
        return pc.binary_join_element_wise('"', text(values), '"', "")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return _numbers(values)
    return _strings(text(values))


def _numbers(values: pa.Array) -> pa.Array:
    if pa.types.is_floating(values.type) and not pc.all(pc.is_finite(values), min_count=0).as_py():
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    return text(values, true="true", false="false")


def _arrays(values: pa.Array) -> pa.Array:
    """Arrays of numbers; 64-bit integers are strings here too."""
    if pa.types.is_int64(values.type.value_type):
        inner = joined(values, '", "')
        shown = pc.binary_join_element_wise('["', inner, '"]', "")
        return pc.if_else(pc.equal(inner, ""), "[]", shown)
    inner = pc.replace_substring_regex(joined(values, ", "), r"NaN|[+-]Inf", "null")
    return pc.binary_join_element_wise("[", inner, "]", "")


def _strings(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, r"[\x00-\x1f]"), min_count=0).as_py():
        return pa.array([None if t is None else _text(t) for t in texts.to_pylist()], pa.string())
    for character in ("\\", '"'):
        texts = pc.replace_substring(texts, character, f"\\{character}")
    return pc.binary_join_element_wise('"', texts, '"', "")

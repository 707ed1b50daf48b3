"""A catalogue as it comes out of a file: its columns, and its rows in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vobroker.enrich.errors import EnrichError
from vobroker.votypes.arrow import data_type
from vobroker.votypes.columns import Column

BATCH = 65_536
"""Rows that are read at once."""

MAX_COLUMNS = 1_000

MAX_TEXT = 2**28
"""Bytes of all texts of a column that are read at once: a text that a file has once may be in every row."""


_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK": "zip"}


def refuse_packed(path: Path) -> bytes:
    """Give the first bytes of a file; what is packed is unpacked by its owner, who sees how large it gets.

    Raises
    ------
    EnrichError
        If it is packed, empty or cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise EnrichError(f"cannot read {path}: {error.strerror or error}") from error
    if not head:
        raise EnrichError(f"{path} is empty")
    for beginning, name in _PACKED.items():
        if head.startswith(beginning):
            raise EnrichError(f"{path} is packed with {name}; unpack it first")
    return head


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue that is read.

    Attributes
    ----------
    name
        The file, for messages.
    columns
        Its columns that hold one value a row; what a column is else is in ``left``.
    left
        Columns that cannot be taken, with the reason.
    rows
        Number of rows, where the file tells.
    batches
        Gives the rows of some columns, in the types of :func:`vobroker.votypes.arrow.data_type`.
    size
        Bytes of the file, where that is known.
    """

    name: str
    columns: tuple[Column, ...]
    left: Mapping[str, str]
    rows: int | None
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    size: int | None = None


_TYPES = {
    **{pa.int8(): "SMALLINT", pa.uint8(): "SMALLINT", pa.int16(): "SMALLINT"},
    **{pa.uint16(): "INTEGER", pa.int32(): "INTEGER", pa.uint32(): "BIGINT", pa.int64(): "BIGINT"},
    **{pa.uint64(): "BIGINT", pa.float16(): "REAL", pa.float32(): "REAL", pa.float64(): "DOUBLE"},
    **{pa.bool_(): "BOOLEAN", pa.string(): "VARCHAR", pa.large_string(): "VARCHAR"},
    **{pa.string_view(): "VARCHAR", pa.null(): "VARCHAR", pa.date32(): "TIMESTAMP"},
}
_TIMES = tuple(pa.scalar(datetime(year, 1, 1), pa.timestamp("us")) for year in (1, 9999))


def type_of(kind: pa.DataType) -> str | None:
    """Give the name of the type that holds the values of an Arrow type; None where no plain one does."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    return _TYPES.get(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether the values of an Arrow type are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def typed(values: pa.Array, column: Column) -> pa.Array:
    """Give values in the type of their column, such as every database holds.

    NaN is null, as in all translated ADQL, and so are times before the year 1 and after 9999; the character
    NUL is U+FFFD.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a value is too large for it, or text is not UTF-8.
    """
    if pa.types.is_dictionary(values.type) and is_text(values.type.value_type):
        size = pc.sum(pc.binary_length(values.dictionary).take(values.indices)).as_py() or 0
        if size > MAX_TEXT:
            raise ValueError(f"{len(values):,} texts have {size:,} bytes, more than {MAX_TEXT:,}")
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz)).cast(pa.timestamp("us"))
    values = values.cast(data_type(column.datatype))
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), None, values)
    if pa.types.is_timestamp(values.type):
        usual = pc.and_(pc.greater_equal(values, _TIMES[0]), pc.less_equal(values, _TIMES[1]))
        return pc.if_else(usual, values, None)
    if pa.types.is_string(values.type):
        values = values.cast(pa.binary()).cast(pa.string())  # which looks at every byte
        return pc.replace_substring(values, "\0", "\ufffd")
    return values


def described(field: pa.Field) -> dict[str, str]:
    """Give unit, UCD and description out of a field's metadata, as our own files have them."""
    notes = {
        key.decode(): value.decode(errors="replace")
        for key, value in (field.metadata or {}).items()
        if key.isascii()
    }
    return {key: notes[key] for key in ("unit", "ucd", "description", "utype") if key in notes}


def names_of(schema: pa.Schema, name: str) -> list[str]:
    """Give the names of the columns of a file.

    Raises
    ------
    EnrichError
        If one is no text.
    """
    try:
        return list(schema.names)
    except UnicodeDecodeError as error:
        raise EnrichError(f"{name}: the name of a column is not UTF-8: {error.reason}") from error


def arrow_source(
    name: str, schema: pa.Schema, rows: int | None, batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
) -> Source:
    """Make a source of what Arrow reads.

    Raises
    ------
    EnrichError
        If the name of a column is no text.
    """
    columns, left = [], {}
    names = names_of(schema, name)
    if len(names) > MAX_COLUMNS:
        raise EnrichError(f"{name} has {len(names):,} columns; the limit is {MAX_COLUMNS:,}")
    for number, called in enumerate(names):
        kind = type_of(schema.field(number).type)
        if names.count(called) > 1:
            left[called] = "several columns are called so"
        elif kind is None:
            left[called] = f"it is {schema.field(number).type}"
        else:
            columns.append(Column(called, kind, **described(schema.field(number))))
    by_name = {column.name: column for column in columns}

    def converted(wanted: list[str]) -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in batches(wanted):
            arrays = []
            for called in wanted:
                try:
                    arrays.append(typed(batch.column(called), by_name[called]))
                except (pa.ArrowException, ValueError) as error:
                    raise EnrichError(
                        f"{name}, column {called}, from row {start + 1} on:"
                        f" {str(error).splitlines()[0][:300]}"
                    ) from error
            start += len(batch)
            yield pa.RecordBatch.from_arrays(arrays, names=wanted)

    return Source(name, tuple(columns), left, rows, converted)

"""Tables that come with a query: UPLOAD (TAP 1.1, section 2.7.5), as VOTable, Parquet or CSV.

A VOTable is read in each of its serializations, a Parquet file by its schema, a CSV file by guessing types.
All of it is untrusted: sizes, names and types are looked at before anything believes them.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from astropy.io import votable
from astropy.io.votable.exceptions import VOTableSpecError

from vobroker.roles import Limits
from vobroker.tap.errors import TapError
from vobroker.tap.fetch import Fence
from vobroker.tap.parameters import Files, Parameters
from vobroker.votypes import guard
from vobroker.votypes.arrow import data_type
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.systems import find, name_of
from vobroker.votypes.types import TYPES

MAX_TABLES = 16
MAX_COLUMNS = 1_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_ARROW = {
    **{pa.int8(): "SMALLINT", pa.uint8(): "SMALLINT", pa.int16(): "SMALLINT"},
    **{pa.uint16(): "INTEGER", pa.int32(): "INTEGER", pa.uint32(): "BIGINT", pa.int64(): "BIGINT"},
    **{pa.float16(): "REAL", pa.float32(): "REAL", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN"},
    **{pa.string(): "VARCHAR", pa.large_string(): "VARCHAR", pa.string_view(): "VARCHAR"},
}
_VOTABLE = {
    **{
        "boolean": "BOOLEAN",
        "bit": "BOOLEAN",
        "unsignedByte": "SMALLINT",
        "short": "SMALLINT",
        "int": "INTEGER",
    },
    **{"long": "BIGINT", "float": "REAL", "double": "DOUBLE", "char": "CHAR", "unicodeChar": "VARCHAR"},
}
_ORIGINS = {2400000.5: "MJD-origin", 0.0: "JD-origin"}

Upload = tuple[Table, pa.Table]
"""The columns of a table, and its rows."""


def read_all(parameters: Parameters, limits: Limits, fence: Fence) -> dict[str, Upload]:
    """Read all tables that UPLOAD names.

    Parameters
    ----------
    parameters
        ``UPLOAD=name,address``, several with ``;`` between; ``param:x`` is the file ``x`` of the request.
    limits
        Of who asks: bytes of all, rows of each.
    fence
        What addresses are fetched from.

    Returns
    -------
    dict
        Columns and rows by the name that follows ``TAP_UPLOAD.``.

    Raises
    ------
    TapError
        With the name of the table.
    """
    pairs = [pair for value in parameters.all("UPLOAD") for pair in value.split(";") if pair.strip()]
    if len(pairs) > MAX_TABLES:
        raise TapError(f"{len(pairs)} tables are uploaded; the limit is {MAX_TABLES}")
    found: dict[str, Upload] = {}
    left = limits.upload_bytes
    for pair in pairs:
        name, comma, address = (part.strip() for part in pair.partition(","))
        if not comma or not _NAME.fullmatch(name):
            raise TapError(
                f"UPLOAD is name,address with a name of letters, digits and '_'; not '{pair[:60]}'"
            )
        if name.lower() in {other.lower() for other in found}:
            raise TapError(f"two uploads are called {name}")
        data = _content(address, name, parameters.files, fence, left)
        left -= len(data)
        if left < 0:
            raise TapError(
                f"the uploads have more than the {limits.upload_bytes} bytes that you may send", 413
            )
        try:
            found[name] = read(data, name, limits.upload_rows)
        except TapError as error:
            raise TapError(f"the upload {name}: {error}", error.status) from error
    return found


def _content(address: str, name: str, files: Files, fence: Fence, most: int) -> bytes:
    scheme, _, rest = address.partition(":")
    if scheme.lower() != "param":
        return fence.fetch(address, most)
    if rest.upper() not in files:
        raise TapError(f"the upload {name} should be the file '{rest[:60]}', which is not in the request")
    file = files[rest.upper()]
    file.seek(0)
    return file.read(most + 1)


def read(data: bytes, name: str, most_rows: int) -> Upload:
    """Read one table of unknown form.

    Parameters
    ----------
    data
        VOTable, Parquet or CSV.
    name
        Name of the table.
    most_rows
        Most rows.

    Raises
    ------
    TapError
        If it is none of these, is damaged, or has more rows or columns than allowed.
    """
    if data[:4] == b"PAR1":
        columns, rows = _parquet(data, most_rows)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        columns, rows = _votable(data, most_rows)
    else:
        columns, rows = _csv(data, most_rows)
    if rows.num_rows > most_rows:
        raise TapError(f"it has more than the {most_rows} rows that you may send", 413)
    names = [column.name.lower() for column in columns]
    for column in columns:
        if not column.name or len(column.name) > 128 or not column.name.isprintable():
            raise TapError(f"a column cannot be called {column.name[:40]!r}")
        if names.count(column.name.lower()) > 1:
            raise TapError(f"two columns are called {column.name}")
    return Table(name, tuple(columns), "Uploaded"), rows


def _count(columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise TapError(f"it has {columns} columns; the limit is {MAX_COLUMNS}", 413)
    if not columns:
        raise TapError("it has no columns")


# -- VOTable -------------------------------------------------------------------------------------------


def _votable(data: bytes, most_rows: int) -> tuple[list[Column], pa.Table]:
    try:
        guard.check(data, max_bytes=len(data))
    except guard.VOTableError as error:
        raise TapError(str(error)) from error
    _count(max(data.count(b"<FIELD"), data.count(b":FIELD"), 1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = votable.parse(io.BytesIO(data), verify="ignore", datatype_mapping=None)
            table = document.get_first_table()
    except (
        VOTableSpecError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        OverflowError,
        MemoryError,
    ) as error:
        raise TapError(
            f"the VOTable cannot be read: {str(error).splitlines()[0][:200] or type(error).__name__}"
        ) from error
    if len(table.array) > most_rows:
        raise TapError(f"it has more than the {most_rows} rows that you may send", 413)
    systems = _systems(document)
    columns, arrays = [], []
    for field in table.fields:
        column = _column(field, systems)
        values = _values(table.array[field.ID], column, field.name)
        if (
            column.type == "CHAR"
            and not pa.compute.all(pa.compute.string_is_ascii(values), min_count=0).as_py()
        ):
            column = replace(column, type="VARCHAR")  # many call char what is UTF-8
        columns.append(column)
        arrays.append(values)
    _count(len(columns))
    return columns, pa.table(arrays, names=[column.name for column in columns])


def _systems(document: Any) -> dict[str, str]:
    """Give the coordinate and time systems that a document declares, by ID."""
    found = {
        coosys.ID: name_of(
            "COOSYS",
            {
                name: str(getattr(coosys, name) or "")
                for name in ("system", "equinox", "epoch", "refposition")
            },
        )
        for coosys in document.iter_coosys()
    }
    for timesys in document.iter_timesys():
        # The reader gives the origins of JD and MJD as numbers or as they stand.
        origin = _ORIGINS.get(timesys.timeorigin, timesys.timeorigin)
        attributes = {
            "timescale": timesys.timescale or "",
            "refposition": timesys.refposition or "",
            "timeorigin": "" if origin is None else str(origin),
        }
        found[timesys.ID] = name_of("TIMESYS", attributes)
    return found


def _column(field: Any, systems: Mapping[str, str]) -> Column:
    """Give the column that a FIELD describes."""
    kind = _VOTABLE.get(field.datatype)
    text = field.datatype in ("char", "unicodeChar")
    size = field.arraysize or ""
    if kind is None or (not text and size not in ("", "1")) or "x" in size:
        raise TapError(f"the column {field.name} is {field.datatype}[{size}], which cannot be uploaded")
    if (field.xtype or "").rpartition(":")[2].lower() == "timestamp" and text:
        kind = "TIMESTAMP"
    unit = (
        field.unit.to_string("vounit") if field.unit is not None and hasattr(field.unit, "to_string") else ""
    )
    system = systems.get(field.ref or "", "")
    return Column(field.name, kind, unit, field.ucd or "", field.description or "", field.utype or "", system)


def _values(values: Any, column: Column, name: str) -> pa.Array:
    """Give masked values as Arrow; NaN stays what it is."""
    into = data_type(column.datatype)
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    try:
        if column.type in ("VARCHAR", "CHAR", "TIMESTAMP"):
            texts = [
                None if gone or value is None else value.decode() if isinstance(value, bytes) else str(value)
                for value, gone in zip(data.tolist(), mask.tolist(), strict=True)
            ]
            array = pa.array(texts, pa.string())
            return _times(array) if column.type == "TIMESTAMP" else array
        return pa.array(data, from_pandas=False, mask=mask).cast(into)
    except (pa.ArrowException, ValueError, UnicodeDecodeError) as error:
        raise TapError(f"the column {name} holds what is no {column.type}: {str(error)[:120]}") from error


def _is_ascii(texts: pa.Array) -> bool:
    return bool(pa.compute.all(pa.compute.string_is_ascii(texts), min_count=0).as_py())


def _times(texts: pa.Array) -> pa.Array:
    """Read times as DALI has them; Z means UTC, as does nothing."""
    plain = pa.compute.replace_substring_regex(pa.compute.utf8_trim_whitespace(texts), "Z$", "")
    empty = pa.compute.equal(plain, "")
    return pa.compute.if_else(empty, None, plain).cast(pa.timestamp("us"))


# -- Parquet and CSV -----------------------------------------------------------------------------------


def _parquet(data: bytes, most_rows: int) -> tuple[list[Column], pa.Table]:
    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(data))
        _count(file.metadata.num_columns)
        if file.metadata.num_rows > most_rows:
            raise TapError(f"it has more than the {most_rows} rows that you may send", 413)
        _bounded(file.metadata)
        return _typed(file.read())
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise TapError(f"the Parquet file cannot be read: {str(error).splitlines()[0][:200]}") from error


def _bounded(metadata: Any) -> None:
    """Refuse what unpacks to far more than was sent: a few bytes can announce any number."""
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if size > 2**31:
        raise TapError(f"it unpacks to {size} bytes", 413)


def _csv(data: bytes, most_rows: int) -> tuple[list[Column], pa.Table]:
    try:
        head = data[: 2**20].split(b"\n", 1)[0]
        _count(head.count(b",") + 1)
        if data.count(b"\n") > most_rows + 1:
            raise TapError(f"it has more than the {most_rows} rows that you may send", 413)
        convert = pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        return _typed(pa.csv.read_csv(io.BytesIO(data), parse_options=parse, convert_options=convert))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise TapError(
            f"it is no VOTable and no Parquet file, and cannot be read as CSV: {reason}"
        ) from error


def _typed(table: pa.Table) -> tuple[list[Column], pa.Table]:
    """Give columns of the types that a query knows."""
    columns, arrays = [], []
    for field, values in zip(table.schema, table.columns, strict=True):
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_timestamp(kind):
            name = "TIMESTAMP"
            values = values.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us"))  # noqa: PLW2901
        elif pa.types.is_date(kind):
            name = "TIMESTAMP"
        elif pa.types.is_null(kind):
            name = "VARCHAR"
        else:
            name = _ARROW.get(kind, "")
        if not name:
            raise TapError(f"the column {field.name} is {field.type}, which cannot be uploaded")
        notes = {
            key.decode(): value.decode(errors="replace")
            for key, value in (field.metadata or {}).items()
            if key.isascii()
        }
        told = {key: notes[key] for key in ("unit", "ucd", "description", "utype") if key in notes}
        if find(notes.get("system", "")):
            told["system"] = notes["system"]
        columns.append(Column(field.name, name, **told))
        arrays.append(values.cast(data_type(TYPES[name])))
    return columns, pa.table(arrays, names=[column.name for column in columns])

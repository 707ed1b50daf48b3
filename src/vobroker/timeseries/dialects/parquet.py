"""Light curves as Parquet, with a VOTable in the footer that says what the columns are.

VOParquet 1.0 (IVOA Note): the VOTable has no data; its fields are the columns of the file, in order. Here it
has TIMESYS, COOSYS and groups of PhotDM besides, as the dialect ``votable`` has them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from vobroker.timeseries import named, plain, tables, xml
from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.findings import Findings
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, banded, only
from vobroker.timeseries.tables import Table
from vobroker.timeseries.writing import document, parts, resource

NAME = "parquet"
TITLE = "Parquet with VOTable metadata"
MEDIA_TYPE = "application/vnd.apache.parquet"
SUFFIXES = (".parquet", ".parq")
LACKS: dict[str, str] = {}

VERSION_KEY = "IVOA.VOTable-Parquet.version"
CONTENT_KEY = "IVOA.VOTable-Parquet.content"

MAX_UNPACKED = 2**31
"""Most bytes that a file may unpack to."""


def recognise(look: Look) -> bool:
    """Tell whether it is a Parquet file."""
    return look.data[:4] == b"PAR1"


def read(look: Look) -> Document:
    """Read a file; without a VOTable in it, by the names and notes of its columns.

    Raises
    ------
    TimeSeriesError
        If it is damaged, too large, or has no times.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(look.data))
        about = file.metadata
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
        if size > MAX_UNPACKED or about.num_rows > tables.MAX_ROWS or about.num_columns > tables.MAX_COLUMNS:
            raise TimeSeriesError(
                f"it has {about.num_rows} rows of {about.num_columns} columns, {size} bytes"
            )
        rows = _plain_types(file.read())
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise TimeSeriesError(
            f"the Parquet file cannot be read: {str(error).splitlines()[0][:200]}"
        ) from error
    content = (about.metadata or {}).get(CONTENT_KEY.encode())
    if content is None:
        return Document(tuple(named.series(rows, Findings(), "column")), NAME)
    root = xml.parse(content, max_bytes=look.max_bytes)
    found = tables.tables(root)
    if len(found) != 1 or len(found[0].fields) != rows.num_columns:
        raise TimeSeriesError("the VOTable in the footer does not describe the columns of the file")
    fields = pa.schema(
        [one.arrow.with_type(kind.type) for one, kind in zip(found[0].fields, rows.schema, strict=True)]
    )
    table = Table(found[0].element, pa.table(rows.columns, schema=fields))
    return Document(tuple(plain.series(table, Findings())), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a series.

    Raises
    ------
    TimeSeriesError
        If there is not exactly one.
    """
    written = parts(banded(only(series, NAME)))
    header = document(resource(*written.systems, replace(written, data="").table(*written.calibrations)))
    notes = {VERSION_KEY: "1.0", CONTENT_KEY: header.decode()}
    file = io.BytesIO()
    pq.write_table(written.series.points.replace_schema_metadata(notes), file)
    return file.getvalue()


def _plain_types(rows: pa.Table) -> pa.Table:
    """Bring columns into types that a series has; what has none is text."""
    for place, column in enumerate(rows.schema):
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
            kind = pa.string()
        elif pa.types.is_float16(kind):
            kind = pa.float32()
        elif pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
            kind = pa.string()
        elif pa.types.is_unsigned_integer(kind):
            kind = pa.int16() if kind == pa.uint8() else pa.int64()
        elif pa.types.is_nested(kind) and not pa.types.is_list(kind):
            raise TimeSeriesError(f"the column {column.name} is {kind}, which no measurement is")
        if kind != column.type:
            rows = rows.set_column(place, column.with_type(kind), rows[column.name].cast(kind))
    return rows

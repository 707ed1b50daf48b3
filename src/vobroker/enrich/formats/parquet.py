"""Parquet, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import BATCH, MAX_COLUMNS, Source, arrow_source, is_text

MAX_GROUP = 2**32
"""Bytes that a row group may unpack to: a few bytes can announce any number."""

_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises of a damaged file; the last of names."""


def open_parquet(path: Path) -> Source:
    """Open a Parquet file.

    Raises
    ------
    EnrichError
        If its end, where the columns are described, is missing or damaged, or a row group is too large.
    """
    try:
        schema = pq.read_schema(path)
        # Texts stay as the file has them, each once: in every row they may be any number of bytes.
        texts = [field.name for field in schema if is_text(field.type)][:MAX_COLUMNS]
        file = pq.ParquetFile(path, read_dictionary=texts)
        schema = file.schema_arrow
    except _DAMAGE as error:
        raise EnrichError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    for number in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(number).total_byte_size
        if size > MAX_GROUP:
            raise EnrichError(f"row group {number} of {path} unpacks to {size:,} bytes, more than 4 GiB")

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            yield from file.iter_batches(BATCH, columns=names)
        except _DAMAGE as error:
            raise EnrichError(f"{path} is damaged: {str(error).splitlines()[0]}") from error

    return arrow_source(str(path), schema, file.metadata.num_rows, batches)

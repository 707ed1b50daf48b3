"""CSV with a line of names; types are guessed from the first megabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import Source, arrow_source

_BLOCK = 2**23


def open_csv(path: Path) -> Source:
    """Open a CSV file.

    Raises
    ------
    EnrichError
        If its first block is not CSV in UTF-8.
    """
    convert = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)

    def opened() -> csv.CSVStreamingReader:
        try:
            return csv.open_csv(
                path,
                read_options=csv.ReadOptions(block_size=_BLOCK),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=convert,
            )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0][:300]
            raise EnrichError(
                f"{path} is no VOTable, FITS or Parquet file, and cannot be read as CSV: {reason}"
            ) from error

    with opened() as first:
        schema = first.schema

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            with opened() as reader:
                yield from reader
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise EnrichError(f"{path}: {str(error).splitlines()[0][:300]}") from error

    return arrow_source(str(path), schema, None, batches)

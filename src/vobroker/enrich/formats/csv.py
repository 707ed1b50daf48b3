"""CSV with a line of names; types are guessed from the first megabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import Source, arrow_source, names_of

_BLOCK = 2**23


def open_csv(path: Path, identifier: str = "") -> Source:
    """Open a CSV file.

    Parameters
    ----------
    path
        The file.
    identifier
        A column that is text whatever it looks like: identifiers lose no zero and no digit.

    Raises
    ------
    EnrichError
        If its first block is not CSV in UTF-8.
    """
    texts: dict[str, pa.DataType] = {}

    def opened() -> csv.CSVStreamingReader:
        try:
            return csv.open_csv(
                path,
                read_options=csv.ReadOptions(block_size=_BLOCK),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    strings_can_be_null=True, quoted_strings_can_be_null=False, column_types=texts
                ),
            )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0][:300]
            raise EnrichError(
                f"{path} is no VOTable, FITS or Parquet file, and cannot be read as CSV: {reason}"
            ) from error

    with opened() as first:
        schema = first.schema
    for number, name in enumerate(names_of(schema, str(path))):
        if name.lower() == identifier.lower():
            texts[name] = pa.string()
            schema = schema.set(number, pa.field(name, pa.string()))

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            with opened() as reader:
                yield from reader
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise EnrichError(f"{path}: {str(error).splitlines()[0][:300]}") from error

    return arrow_source(str(path), schema, None, batches)

"""CSV with a line of names; types are guessed from the first megabytes."""

from __future__ import annotations

import csv as text
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.source import MAX_COLUMNS, Source, arrow_source, names_of

_BLOCK = 2**23
_FIRST = 2**20
"""Most characters of the line of names."""


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
    _check_names(path)
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


def _check_names(path: Path) -> None:
    """Refuse a line of names that is none: the reader takes memory for as many columns as it has."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            head = file.read(_FIRST)
        lines = iter(io.StringIO(head, newline=""))
        names = next(text.reader(lines), [])
    except (OSError, text.Error) as error:
        raise EnrichError(f"{path} cannot be read as CSV: {error}") from error
    if len(names) > MAX_COLUMNS:
        raise EnrichError(f"{path} has {len(names):,} columns or more; the limit is {MAX_COLUMNS:,}")
    if len(head) == _FIRST and next(lines, None) is None:
        raise EnrichError(f"{path} is no CSV: its first line has {_FIRST:,} characters or more")

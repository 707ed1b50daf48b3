"""Results as Parquet with VOTable metadata in the footer.

VOParquet 1.0 (IVOA Note): the footer holds a VOTable without data that describes the columns, in order.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from vobroker.tap.formats.model import Batches, Ending, Head
from vobroker.tap.formats.pieces import BYTES, Sink, pieces
from vobroker.tap.formats.votable import metadata
from vobroker.votypes.arrow import schema

GROUP_ROWS = 131_072
"""Most rows of a row group: readers skip groups, and one is in memory until it is written."""

GROUP_BYTES = 4 * BYTES


def write(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write a Parquet file, compressed with Zstandard, a row group at a time."""
    described = schema(head.table)
    sink = Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), described, compression="zstd") as writer:
        yield from sink.take()
        for group in _groups(batches):
            writer.write_table(pa.Table.from_batches(group, described), row_group_size=GROUP_ROWS)
            yield from sink.take()
        content = metadata(head, outcome())
        writer.add_key_value_metadata(
            {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": content}
        )
    yield from sink.take()


def _groups(batches: Batches) -> Iterator[list[pa.RecordBatch]]:
    """Collect batches for a row group."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in pieces(batches):
        if group and (rows + batch.num_rows > GROUP_ROWS or size + batch.nbytes > GROUP_BYTES):
            yield group
            group, rows, size = [], 0, 0
        group.append(batch.replace_schema_metadata(None))
        rows += batch.num_rows
        size += batch.nbytes
    if group:
        yield group

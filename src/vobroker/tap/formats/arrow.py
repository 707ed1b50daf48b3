"""Results as an Arrow IPC stream; how the result ended is metadata of a last batch without rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from vobroker.tap.formats.model import Batches, Ending, Head
from vobroker.tap.formats.pieces import Sink, pieces
from vobroker.votypes.arrow import schema


def stream(batches: Batches, head: Head, outcome: Ending) -> Iterator[bytes]:
    """Write an Arrow stream; each field has unit, UCD, utype, description and system as metadata."""
    described = schema(head.table)
    infos = {name: value for name, value, _ in head.infos}
    described = described.with_metadata({**(described.metadata or {}), **infos})
    sink = Sink()
    empty = described.empty_table().to_batches(max_chunksize=1)
    nothing = empty[0] if empty else pa.RecordBatch.from_pylist([], schema=described)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), described) as writer:
        writer.write_batch(nothing)  # brings the schema out before the first row is there
        yield from sink.take()
        for batch in pieces(batches):
            writer.write_batch(batch.replace_schema_metadata(described.metadata))
            yield from sink.take()
        ended = outcome()
        writer.write_batch(nothing, {"QUERY_STATUS": ended.status, "QUERY_STATUS_MESSAGE": ended.message})
    yield from sink.take()

"""Stored packets read again: one of them, or all of a time as batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from functools import lru_cache
from itertools import groupby
from typing import Any

import pyarrow as pa

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import PacketSchema, SchemaSource, read_schema
from vobroker.archive.errors import ArchiveError
from vobroker.archive.segments import Segments

Query = Callable[[str, Sequence[Any]], pa.Table]

ROWS = 512
"""Most alerts in a batch."""

_PAGE = """
    SELECT payload.rowid AS place, segment, start, length, packet_head.content AS head,
           packet_schema.content AS "schema", source, partition, position, received
    FROM payload JOIN alert USING (survey, alert_id)
    JOIN packet_schema ON payload."schema" = packet_schema.id
    LEFT JOIN packet_head ON payload.head = packet_head.id
    WHERE place > $1 AND ({}) ORDER BY place LIMIT {}
"""


def packets(query: Query, segments: Segments, condition: str, parameters: Sequence[Any]) -> Iterator[bytes]:
    """Give the packets of alerts as they arrived, in order of arrival."""
    for page in _pages(query, condition, parameters):
        for row in page:
            yield _packet(segments, row)


def batches(
    query: Query, segments: Segments, condition: str, parameters: Sequence[Any]
) -> Iterator[AlertBatch]:
    """Decode the packets of alerts anew, with the schemas they were decoded with before.

    Parameters
    ----------
    query
        Asks the database.
    segments
        Where the packets are.
    condition, parameters
        Which alerts: SQL on the columns of ``alert`` and ``payload``.

    Raises
    ------
    ArchiveError
        If a packet cannot be read any more.
    """
    for page in _pages(query, condition, parameters):
        for (schema, received), rows in groupby(page, lambda row: (row["schema"], row["received"])):
            raw = RawBatch()
            for row in rows:
                raw.data.append(_packet(segments, row))
                raw.origins.append(Origin(row["source"], row["partition"], row["position"]))
            decoded = decode(raw, _Stored(_schema(schema)), received=received.replace(tzinfo=UTC))
            for letter in decoded.dead:
                raise ArchiveError(f"a stored packet cannot be read any more: {letter.message}")
            yield from decoded.batches


def _pages(query: Query, condition: str, parameters: Sequence[Any]) -> Iterator[list[dict[str, Any]]]:
    sql = _PAGE.format(condition, ROWS)
    page = query(sql, [-1, *parameters]).to_pylist()
    while page:
        yield page
        page = query(sql, [page[-1]["place"], *parameters]).to_pylist() if len(page) == ROWS else []


def _packet(segments: Segments, row: dict[str, Any]) -> bytes:
    return (row["head"] or b"") + segments.read(row["segment"], row["start"], row["length"])


class _Stored(SchemaSource):
    """The schema that the archive keeps for a packet, whatever its number was."""

    def __init__(self, schema: PacketSchema) -> None:
        super().__init__()
        self._schema = schema

    def by_id(self, schema_id: int) -> PacketSchema:
        """Give the one schema."""
        return self._schema


@lru_cache(maxsize=64)
def _schema(text: bytes) -> PacketSchema:
    return read_schema(text)

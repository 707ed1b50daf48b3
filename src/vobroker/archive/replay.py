"""Stored packets read again, and decoded anew as batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import PacketSchema, SchemaSource, read_schema
from vobroker.archive.errors import ArchiveError

ROWS = 512
"""Most alerts in a batch."""


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """A packet as it arrived, with the schema it was decoded with, and whence and when it came."""

    packet: bytes
    schema: bytes
    source: str
    partition: int
    position: int
    received: datetime


Page = list[StoredPacket]


def batches(pages: Iterable[Page]) -> Iterator[AlertBatch]:
    """Decode packets anew, with the schemas they were decoded with before.

    Raises
    ------
    ArchiveError
        If a packet cannot be read any more.
    """
    for page in pages:
        for (schema, received), rows in groupby(page, lambda row: (row.schema, row.received)):
            raw = RawBatch()
            for row in rows:
                raw.data.append(row.packet)
                raw.origins.append(Origin(row.source, row.partition, row.position))
            decoded = decode(raw, stored_schema(schema), received=received.replace(tzinfo=UTC))
            for letter in decoded.dead:
                raise ArchiveError(f"a stored packet cannot be read any more: {letter.message}")
            yield from decoded.batches


class _Stored(SchemaSource):
    """The schema that the archive keeps for a packet, whatever its number was."""

    def __init__(self, schema: PacketSchema) -> None:
        super().__init__()
        self._schema = schema

    def by_id(self, schema_id: int) -> PacketSchema:
        """Give the one schema."""
        return self._schema


@lru_cache(maxsize=64)
def stored_schema(text: bytes) -> SchemaSource:
    """Give the source of schemas that has just the one that the archive keeps for a packet."""
    return _Stored(read_schema(text))

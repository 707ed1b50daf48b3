"""All that an archive consists of, table by table: what goes along when it is copied.

The public tables are those of the column table. Besides them an archive has the entries of its accounts, what
many packets share, and what is known of the native tables.
"""

from __future__ import annotations

from collections.abc import Iterable

from vobroker.alerts.columns import (
    ALERT,
    DEAD_LETTER,
    EVENT,
    MEASUREMENT,
    OBJECT,
    PAYLOAD,
    SOURCE_POSITION,
)
from vobroker.archive.tables import ACCOUNTS, RECEIVED
from vobroker.voevent.columns import VOEVENT
from vobroker.votypes.columns import Column, Table

_SHARED = (Column("id", "INTEGER"), Column("digest", "BLOB"), Column("content", "BLOB"))

HEADS = Table("packet_head", _SHARED)
SCHEMAS = Table("packet_schema", _SHARED)

_ENTRIES = tuple(Table(f"{table.name}_entry", table.columns) for table in ACCOUNTS)

FRAME = Column("data", "BLOB", "", "meta;meta.file", "The packet's zstd frame, without its head")

_PLACES = ("segment", "start")

PACKETS = Table(
    PAYLOAD.name, (*(column for column in PAYLOAD if column.name not in _PLACES), FRAME), PAYLOAD.description
)
"""Packets with their bytes; where a folder has them is its own affair."""

COMMON = (
    SOURCE_POSITION,
    *_ENTRIES,
    DEAD_LETTER,
    HEADS,
    SCHEMAS,
    EVENT,
    OBJECT,
    ALERT,
    MEASUREMENT,
    *RECEIVED,
)
"""Tables that every archive has, but for the packets."""

ORDERS = {
    DEAD_LETTER: "id",
    HEADS: "id",
    SCHEMAS: "id",
    EVENT: "sequence",
    VOEVENT: "number",
}
"""Tables that are read in the order of a column; alerts and packets come in order of arrival."""


def contents(natives: Iterable[Table]) -> tuple[Table, ...]:
    """Give the tables of an archive in the order in which they are copied; packets, the most, last."""
    return (*COMMON, *natives, PACKETS)

"""All rows of an archive, so that archives on different engines can be compared."""

from __future__ import annotations

from typing import Any

from vobroker.archive import Archive
from vobroker.archive.tables import quote
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

TIMES = {"received", "created"}
"""Columns that tell when a packet came."""

PLACES = {"segment", "start"}
"""Columns that tell where a folder keeps a packet."""


def content(archive: Archive, but: set[str] = TIMES | PLACES) -> dict[str, list[tuple[Any, ...]]]:
    """Give the rows of every table, in an order of their own, with types as the tables declare them."""
    found = {}
    for name, table in archive.tables().items():
        columns = [column for column in table if column.name not in but]
        sql = f"SELECT {', '.join(quote(column.name) for column in columns)} FROM {quote(name)}"
        rows = archive.query(sql).cast(schema(Table(name, tuple(columns))))
        found[name] = sorted(map(tuple, (row.values() for row in rows.to_pylist())), key=repr)
    return found

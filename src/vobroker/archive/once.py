"""What many packets share, each kept once: container headers and schemas.

A third of a ZTF packet is its schema, the same in every packet of a night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from duckdb import DuckDBPyConnection


class Once:
    """Contents of a table ``(id, digest, content)``, known by number.

    The numbers are remembered, and forgotten when a transaction is rolled back.

    Parameters
    ----------
    table
        Name of the table.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._numbers: dict[bytes, int] = {}

    def numbers(self, db: DuckDBPyConnection, contents: Iterable[bytes | memoryview]) -> list[int | None]:
        """Give the number of each content, None for an empty one; new contents are stored."""
        if not self._numbers:
            rows = db.sql(f"SELECT digest, id FROM {self._table} ORDER BY id").fetchall()  # noqa: S608
            self._numbers = dict(rows)
        return [self._number(db, content) if content else None for content in contents]

    def forget(self) -> None:
        """Read the numbers anew at the next use."""
        self._numbers = {}

    def _number(self, db: DuckDBPyConnection, content: bytes | memoryview) -> int:
        digest = hashlib.sha256(content).digest()
        if digest not in self._numbers:
            number = next(reversed(self._numbers.values()), 0) + 1  # those that were copied may have gaps
            db.execute(f"INSERT INTO {self._table} VALUES (?, ?, ?)", [number, digest, bytes(content)])  # noqa: S608
            self._numbers[digest] = number
        return self._numbers[digest]

"""Container headers, each kept once: a ZTF packet is a third schema, the same in every packet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from duckdb import DuckDBPyConnection


class Heads:
    """Numbers of the container headers in table ``head``.

    The numbers are remembered by digest, and forgotten when a transaction is rolled back.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def numbers(self, db: DuckDBPyConnection, heads: Sequence[memoryview]) -> list[int | None]:
        """Give the number of each header, null for empty ones; new headers are stored."""
        if not self._numbers:
            self._numbers = {
                bytes(digest): number for number, digest in db.sql("SELECT id, digest FROM head").fetchall()
            }
        found: list[int | None] = []
        for head in heads:
            if not head:
                found.append(None)
                continue
            digest = hashlib.sha256(head).digest()
            if digest not in self._numbers:
                number = len(self._numbers) + 1
                db.execute("INSERT INTO head VALUES (?, ?, ?)", [number, digest, bytes(head)])
                self._numbers[digest] = number
            found.append(self._numbers[digest])
        return found

    def forget(self) -> None:
        """Read the numbers anew at the next use."""
        self._numbers = {}

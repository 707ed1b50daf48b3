"""Checksums of tables that do not depend on the order of rows, taken as they stream by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache

import duckdb
import pyarrow as pa

from vobroker.archive.contents import FRAME, PACKETS
from vobroker.archive.tables import quote
from vobroker.votypes.columns import Table


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Give the database, one without tables, that hashes rows."""
    return duckdb.connect()


@dataclass
class Sum:
    """What is known of a table: how much it is, and what identifies its content.

    Attributes
    ----------
    table
        The table.
    rows
        Number of rows.
    size
        Bytes of the rows as Arrow has them; of packets compressed.
    total
        Sum of a 64-bit hash of each row.
    """

    table: Table
    rows: int = 0
    size: int = 0
    total: int = 0
    _frames: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def __post_init__(self) -> None:
        self._db = _engine().cursor()
        hashed = (quote(name) for name in self.table.names if name != FRAME.name or self.table != PACKETS)
        self._sql = f"sum(hash({', '.join(hashed)}))"

    def add(self, rows: pa.Table) -> None:
        """Take rows into account."""
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        self.size += rows.nbytes
        ((total,),) = self._db.from_arrow(rows).aggregate(self._sql).fetchall()
        self.total += int(total)
        if self.table == PACKETS:
            for chunk in rows[FRAME.name].chunks:
                self._take(chunk)

    def _take(self, frames: pa.Array) -> None:
        """Hash the bytes of packets, each after its length, in order of arrival."""
        for frame in frames:
            data = frame.as_buffer()
            self._frames.update(b"-" if data is None else b"%d:" % data.size)
            if data is not None:
                self._frames.update(data)

    @property
    def digest(self) -> str:
        """SHA-256 of all packets in order of arrival, hexadecimal."""
        return self._frames.hexdigest()

    def same(self, other: Sum) -> bool:
        """Whether two tables have the same rows, and packets the same bytes in the same order."""
        return (self.rows, self.total, self.digest) == (other.rows, other.total, other.digest)

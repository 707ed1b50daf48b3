"""Whole archives, read and written as a stream of Arrow batches; what engines do each in their own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import pyarrow as pa

from vobroker.votypes.columns import Table

_COUNTS = ("received", "archived", "duplicate", "dead")

LEDGER_SUMS = "SELECT {} FROM ledger_entry".format(  # noqa: S608
    ", ".join(f"CAST(coalesce(sum({name}), 0) AS BIGINT) AS {name}" for name in _COUNTS)
)


class BulkReader(ABC):
    """Everything in an archive as it was at one moment, with constant memory.

    Tables are those of :mod:`vobroker.archive.contents`.
    """

    @abstractmethod
    def natives(self) -> list[Table]:
        """Give the native tables."""

    @abstractmethod
    def count(self, table: Table) -> int:
        """Give the number of rows of a table."""

    @abstractmethod
    def ledger(self) -> dict[str, int]:
        """Give the sums of the ledger: alerts received, archived, duplicate and dead."""

    @abstractmethod
    def rows(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Give the rows of a table, in the types of its Arrow schema; alerts in order of arrival.

        Raises
        ------
        ArchiveError
            If they cannot be read.
        """

    @abstractmethod
    def packets(self, *, damaged: bool = False) -> Iterator[pa.RecordBatch]:
        """Give the rows of :data:`vobroker.archive.contents.PACKETS` in order of arrival.

        Parameters
        ----------
        damaged
            Give null for bytes that cannot be read, instead of raising.

        Raises
        ------
        ArchiveError
            If packets cannot be read.
        """


class BulkWriter(ABC):
    """An archive that is being made; others see nothing of it, or that it is unfinished, until it is done.

    ``replaced`` counts the texts with a character that the engine cannot hold.
    """

    def __init__(self) -> None:
        self.replaced = 0

    @abstractmethod
    def make(self, natives: Sequence[Table]) -> None:
        """Make the native tables."""

    def storable(self, rows: pa.Table) -> pa.Table:
        """Give rows as the engine can hold them, in the same types; what is lost is counted."""
        return rows

    @abstractmethod
    def put(self, table: Table, rows: pa.Table) -> None:
        """Append rows to a table, packets with their bytes."""

    @abstractmethod
    def index(self) -> None:
        """Make keys and indexes, after all rows are there."""

    @abstractmethod
    def reader(self) -> BulkReader:
        """Read what has been put."""

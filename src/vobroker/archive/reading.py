"""Rows of a query as they come: the way of large results out of an archive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa

BATCH_ROWS = 16_384
"""Most rows of a batch: some megabytes, and a few milliseconds of work between two looks at the clock."""


class Reading(ABC):
    """A query that is running; its batches are made as they are taken, with constant memory.

    To be used by one thread, in a ``with`` block; :meth:`cancel` may be called from any other.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Give the rows.

        Raises
        ------
        QueryStopped
            After :meth:`cancel`.
        ArchiveError
            If the query fails, with the database's reason.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Stop the query in the engine; whoever takes its rows gets :class:`QueryStopped`."""

    @abstractmethod
    def close(self) -> None:
        """End the query, finished or not, and give back what it held."""

"""Rows of a query on PostgreSQL as they come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from vobroker.archive.errors import ArchiveError, QueryStopped
from vobroker.archive.postgresql.connection import Connection, ServerError
from vobroker.archive.reading import Reading


class ServerReading(Reading):
    """A query in a session of its own, in a transaction that only reads.

    Parameters
    ----------
    taken, given_back
        Where the session comes from, and where it goes when it is still good.
    sql, parameters
        The query.
    lent
        Arrow tables by the names that the query calls them; temporary tables in the session.
    """

    def __init__(
        self,
        taken: Callable[[], Connection],
        given_back: Callable[[Connection], None],
        sql: str,
        parameters: Sequence[Any],
        lent: Mapping[str, pa.Table],
    ) -> None:
        self._taken = taken
        self._given_back = given_back
        self._sql = sql
        self._parameters = parameters
        self._lent = lent
        self._db: Connection | None = None
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._stopped = threading.Event()
        self._using = threading.Lock()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        db = self._taken()
        with self._using:
            self._db = db
        try:
            self._check()
            if self._lent:
                db.do("BEGIN READ WRITE")
                for name, rows in self._lent.items():
                    db.make_temporary(name, rows.schema, on_commit="DROP")
                    db.append(name, rows, temporary=True)
                db.do("SET TRANSACTION READ ONLY")
            self._batches = db.stream(self._sql, self._parameters)
            for batch in self._batches:
                self._check()
                yield batch
            self._batches = None
            if self._lent:
                db.do("ROLLBACK")
        except ServerError as error:
            self._check(error)
            raise ArchiveError(f"the query failed: {error}") from None
        self._check()
        with self._using:
            self._db = None
        self._given_back(db)

    def cancel(self) -> None:
        """Stop the query."""
        self._stopped.set()
        with self._using:
            if self._db is not None:
                self._db.cancel()

    def close(self) -> None:
        """End the query; a session in which one was broken off is ended with it."""
        with self._using:
            db, self._db = self._db, None
            if db is not None:
                db.cancel()
                db.close()

    def _check(self, error: Exception | None = None) -> None:
        if self._stopped.is_set():
            raise QueryStopped("the query was stopped") from error

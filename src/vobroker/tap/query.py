"""One query: from the caller's text to rows that are taken as they come, within the caller's limits."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from vobroker import adql, sky
from vobroker.adql import tree
from vobroker.adql.check.model import UNDECIDED, Field
from vobroker.archive import Archive, ArchiveError, QueryStopped, Reading
from vobroker.tap.catalogue import Catalogue
from vobroker.tap.errors import TapError, TimeLimitError
from vobroker.tap.formats import Outcome
from vobroker.telemetry import span
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

LANGUAGES = {"ADQL": "2.1", "ADQL-2.0": "2.0", "ADQL-2.1": "2.1"}
"""Names of the languages (LANG) and the version of ADQL that each is."""

MAX_QUERY = 200_000
"""Longest query, in characters."""

_ALL_CORES = 10_000
"""DuckDB looks for the rows of a larger LIMIT with one thread; without one it stops when none are taken."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query that was checked and translated.

    Attributes
    ----------
    text
        The query as written.
    columns
        Columns of its result.
    origins
        Column of a table that each is unchanged, as ``table.column``; empty where it is calculated.
    sql, parameters, lent
        What the archive is asked.
    """

    text: str
    columns: tuple[Column, ...]
    origins: tuple[str, ...]
    sql: str
    parameters: tuple[Any, ...]
    lent: Mapping[str, pa.Table]


def prepare(text: str, language: str, catalogue: Catalogue, platform: str) -> Prepared:
    """Check and translate a query.

    Raises
    ------
    TapError
        If there is no such language, or the query is too long.
    AdqlError
        If the query is wrong, with the line and the place in it.
    """
    version = LANGUAGES.get(language.strip().upper())
    if version is None:
        raise TapError(f"there is no query language '{language[:40]}'; there are: {', '.join(LANGUAGES)}")
    if len(text) > MAX_QUERY:
        raise TapError(f"a query has at most {MAX_QUERY} characters, this one has {len(text)}", 413)
    checked = adql.check(adql.parse(text, version=version), catalogue.tables)
    translation = adql.translate(checked, platform, stored=catalogue.stored, cells=sky)
    named = {catalogue.stored.get(source.table, "") for source in checked.sources.values()}
    return Prepared(
        text,
        tuple(_typed(column) for column in checked.columns),
        _origins(checked),
        translation.sql,
        tuple(translation.parameters),
        {name: rows for name, rows in catalogue.lent.items() if name in named},
    )


def _typed(column: Column) -> Column:
    """Give a column whose type is not known, such as NULL, as text."""
    return replace(column, type="VARCHAR") if column.type in UNDECIDED else column


def _origins(checked: adql.CheckedQuery) -> tuple[str, ...]:
    found = []
    for output in checked.outputs[id(checked.query.body)]:
        value = output.value
        column = checked.field_of(value) if isinstance(value, tree.ColumnReference) else value
        found.append(
            f"{column.places[0][0].table}.{column.places[0][1]}" if isinstance(column, Field) else ""
        )
    return tuple(found)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Rows:
    """The rows of a query, within limits.

    To be used by one thread at a time: :meth:`begin`, then the iteration, then :meth:`close`. :meth:`cancel`
    may be called from any other.
    """

    def __init__(self, archive: Archive, prepared: Prepared, *, maxrec: int, seconds: float) -> None:
        self._seconds = seconds
        self._maxrec = maxrec
        self._outcome = Outcome("OK")
        self._late = False
        sql = prepared.sql
        if archive.platform != "duckdb" or maxrec < _ALL_CORES:
            # One row more than wanted tells whether there are more.
            sql = f"SELECT * FROM ({sql}) AS result LIMIT {maxrec + 1:d}"  # noqa: S608
        # Of what was asked only a digest: a trace goes to others than the query did.
        self._trace = span("query", platform=archive.platform, digest=_digest(prepared.text), most=maxrec)
        self._reading: Reading = archive.read(sql, prepared.parameters, lent=prepared.lent)
        self._schema = schema(Table("result", prepared.columns))
        self._timer = threading.Timer(seconds, self._stop)
        self._timer.daemon = True
        self._source = iter(self._reading)
        self._first: list[pa.RecordBatch] = []
        self._given = 0

    def begin(self) -> None:
        """Wait for the first rows, so that an error is known before an answer begins.

        Raises
        ------
        TapError
            If the query fails or is stopped.
        """
        self._timer.start()
        try:
            self._first = list(islice(self._source, 1))
        except QueryStopped as error:
            raise TimeLimitError(self._why_stopped().partition(";")[0]) from error
        except ArchiveError as error:
            raise TapError(str(error)) from error

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in chain(self._first, self._source):
                left = self._maxrec - self._given
                self._given += min(left, len(batch))
                if left:
                    yield batch.slice(0, left).cast(self._schema)
                if len(batch) > left:
                    self._outcome = Outcome("OVERFLOW", f"only the first {self._maxrec} rows")
                    return
        except QueryStopped:
            self._outcome = Outcome("ERROR", self._why_stopped())
        except ArchiveError as error:
            self._outcome = Outcome("ERROR", str(error))
        except pa.ArrowInvalid:  # a column grew wider after the query was checked
            self._outcome = Outcome("ERROR", "a table has changed meanwhile; ask again")

    def outcome(self) -> Outcome:
        """Tell how the rows ended; to be asked after the last."""
        return self._outcome

    @property
    def late(self) -> bool:
        """Whether the query was stopped at its time limit."""
        return self._late

    @property
    def given(self) -> int:
        """Rows given so far."""
        return self._given

    def cancel(self) -> None:
        """Stop the query, from any thread."""
        self._reading.cancel()

    def close(self) -> None:
        """End the query, finished or not."""
        self._timer.cancel()
        self._reading.close()
        self._trace.set(rows=self._given, status=self._outcome.status, late=self._late)
        self._trace.end()

    def _stop(self) -> None:
        self._late = True
        self._reading.cancel()

    def _why_stopped(self) -> str:
        if not self._late:
            return "the query was stopped"
        return (
            f"the query was stopped after {self._seconds:g} s, its time limit; these are the rows until then"
        )

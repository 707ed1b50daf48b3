"""A query that a page asks: the same tables, words and limits as over TAP, in the same turn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from fastapi import HTTPException, Request

from vobroker.tap import Service
from vobroker.tap.errors import TapError
from vobroker.tap.query import Prepared, Rows, prepare
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table
from vobroker.web.site import site_of

SECONDS = 30
"""Time after which a query of a page is stopped, unless guests have less."""

_WAIT = 10.0  # seconds that a page waits for its turn


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a query.

    Attributes
    ----------
    prepared
        The query.
    rows
        Its rows, or the columns of them that were wanted.
    overflow
        Whether there are more.
    seconds
        How long it took.
    """

    prepared: Prepared
    rows: pa.Table
    overflow: bool
    seconds: float


def tap_address(request: Request) -> str:
    """Give the address of the TAP service as the reader reaches it."""
    return site_of(request).tap.address or f"{request.url.scheme}://{request.url.netloc}/tap"


def prepared(request: Request, text: str) -> Prepared:
    """Check and translate a query.

    Raises
    ------
    AdqlError
        If it is wrong.
    TapError
        If it is too long.
    """
    service = site_of(request).tap
    return prepare(text, "ADQL", service.catalogue(tap_address(request)), service.archive.platform)


def ask(request: Request, query: Prepared, most: int, names: Sequence[str] | None = None) -> Answer:
    """Run a query.

    Parameters
    ----------
    request
        The request of the page.
    query
        What is asked.
    most
        Most rows.
    names
        Columns that are wanted; all when not given.

    Raises
    ------
    TapError
        If the query fails, or is stopped.
    HTTPException
        If too many others run.
    """
    service = site_of(request).tap
    started = time.monotonic()
    columns = query.columns
    table = schema(Table("result", columns))
    wanted = list(range(len(columns)))
    if names is not None:
        found = [column.name for column in columns]
        wanted = [found.index(name) for name in names]
    with _turn(service):
        rows = Rows(
            service.archive, query, maxrec=most, seconds=min(SECONDS, service.roles.guest.limits.sync_seconds)
        )
        try:
            rows.begin()
            taken = [batch.select(wanted) for batch in rows]
        finally:
            rows.close()
    outcome = rows.outcome()
    if outcome.status == "ERROR":
        raise TapError(outcome.message.partition(";")[0])
    kept = pa.schema([table.field(number) for number in wanted])
    whole = pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in taken], kept)
    return Answer(query, whole, outcome.status == "OVERFLOW", time.monotonic() - started)


@contextmanager
def _turn(service: Service) -> Iterator[None]:
    if not service.turns.acquire(timeout=_WAIT):
        raise HTTPException(503, "Other queries are running; try again in a moment.")
    try:
        yield
    finally:
        service.turns.release()

"""The river: packets are decoded, archived, filtered and published, batch after batch.

One batch is one archive transaction, which holds its rows, its dead letters, what the filters let
through and the source's new positions. Kill the process anywhere: on restart the source goes on from the last
committed position, so nothing is lost and nothing stands twice. VOEvents are written after the
commit from what it holds, so they too appear exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import vobroker.filters as filtering
from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource
from vobroker.archive import Archive, Collision, Transaction
from vobroker.enrich import Enrichment
from vobroker.enrich.store import tables_for
from vobroker.filters import Filter, FilterRun, Running, Standing, current
from vobroker.publish.folder import publish_folder
from vobroker.telemetry import Span, span

T = TypeVar("T")

Filters = Sequence[Filter] | Running
"""Filters that stay, or those that run as they come and go."""

NOTHING = Enrichment()
"""What alerts are compared with when nothing is given."""


@dataclass
class Counts:
    """What went through a river, ``received = archived + duplicate + dead``, and how its filters stand."""

    received: int = 0
    archived: int = 0
    duplicate: int = 0
    dead: int = 0
    events: int = 0
    passed: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing, repr=False)

    @property
    def balanced(self) -> bool:
        """Whether every received alert is accounted for."""
        return self.received == self.archived + self.duplicate + self.dead


def run(
    source: Iterable[RawBatch],
    archive: Archive,
    *,
    schemas: SchemaSource,
    filters: Filters = (),
    enrichment: Enrichment = NOTHING,
    voevents: Path | None = None,
    after_batch: Callable[[Counts], None] | None = None,
    stop: Event | None = None,
) -> Counts:
    """Carry every batch of a source into the archive and through the filters.

    Reading and decoding run one batch ahead in a second thread: both release the interpreter lock,
    as does the archive.

    Parameters
    ----------
    source
        Batches of packets as they arrived.
    archive
        Where they go; open for writing.
    schemas
        Where schemas that packets do not carry are found.
    filters
        Run on the alerts that are new to the archive; those of users come and go between batches.
    enrichment
        What these alerts are compared with, for the filters and for the archive.
    voevents
        Folder for the VOEvents of passed alerts; none are written without it.
    after_batch
        Called after each commit with the counts so far.
    stop
        When set, the river ends after the batch in hand.

    Returns
    -------
    Counts
        Totals of this run.

    Raises
    ------
    vobroker.archive.ArchiveError
        If the archive cannot be written (disk full, damaged); the batch in hand is rolled back.
    """
    counts = Counts()
    decoded = ((raw, decoding(raw, schemas)) for raw in source)
    try:
        for raw, alerts in _one_ahead(decoded):
            commit(raw, alerts, archive, filters, counts, enrichment=enrichment)
            if voevents is not None:
                with archive.alone(), span("publish") as told:
                    events = publish_folder(archive, voevents)
                    told.set(events=events)
                counts.events += events
            if after_batch is not None:
                after_batch(counts)
            if stop is not None and stop.is_set():
                break
    finally:
        if isinstance(filters, Running):
            filters.close()
    return counts


def decoding(raw: RawBatch, schemas: SchemaSource) -> Decoded:
    """Decode a batch to its last byte, and begin the trace that ends with its commit."""
    trace = span("batch", packets=len(raw.data))
    with trace.child("decode") as told:
        decoded = decode(raw, schemas, whole=True)
        told.set(alerts=sum(map(len, decoded.batches)), dead=len(decoded.dead), schemas=len(decoded.batches))
    decoded.trace = trace
    return decoded


def commit(
    raw: RawBatch,
    decoded: Decoded,
    archive: Archive,
    filters: Filters,
    counts: Counts,
    *,
    letters: Sequence[int] = (),
    enrichment: Enrichment = NOTHING,
) -> None:
    """Carry one decoded batch into the archive and through the filters, in one transaction.

    What the archive has read already of a shared source (another worker was faster, or the batch was in hand
    when a partition was taken away) is passed over: it was received then. ``letters`` are the numbers of dead
    letters that these alerts have been so far. Where another process has changed the same at the same time,
    the transaction is done again.

    Raises
    ------
    vobroker.archive.ArchiveError
        If the archive cannot be written; it is then as before, and so are the counts.
    """
    with decoded.trace:
        while True:
            with suppress(Collision):
                _commit(raw, decoded, archive, filters, counts, letters, enrichment)
                return


def _commit(
    raw: RawBatch,
    decoded: Decoded,
    archive: Archive,
    filters: Filters,
    counts: Counts,
    letters: Sequence[int],
    enrichment: Enrichment,
) -> None:
    archived = 0
    passed: dict[str, int] = {}
    judged: list[tuple[int, list[FilterRun]]] = []
    running = filters if isinstance(filters, Running) else None
    standing = running.standing if running is not None else counts.standing
    trace = decoded.trace
    with _transaction(archive, trace) as transaction:
        read = transaction.positions(raw.progress) if raw.shared else {}
        decoded = _unread(decoded, raw, read)
        damaged = decoded.dead
        received = sum(len(batch) for batch in decoded.batches) + len(damaged)
        for batch in decoded.batches:
            with trace.child("archive", alerts=len(batch)) as told:
                fresh, _ = transaction.add(batch)
                told.set(fresh=0 if fresh is None else len(fresh))
            if fresh is None:
                continue
            archived += len(fresh)
            with trace.child("enrich", alerts=len(fresh)) as told:
                found = enrichment.of(fresh)
                told.set(layers=len(found))
                transaction.add_enriched(tables_for(found))
            wrong = {name: one.error or one.warning for name, one in found.items()}
            counts.failed |= enrichment.damaged | {name: why for name, why in wrong.items() if why}
            with trace.child("filters", alerts=len(fresh)) as told:
                results = filtering.run(current(filters), fresh, found, standing=standing)
                transaction.add_matches(results, fresh)
                told.set(
                    filters=len(results),
                    passed=sum(len(one.rows) for one in results),
                    failed=sum(bool(one.error) for one in results),
                )
            judged.append((next((n for n in fresh.alert["night"].to_pylist() if n), 0), results))
            for result in results:
                passed[result.filter.name] = passed.get(result.filter.name, 0) + len(result.rows)
                if result.error:
                    counts.failed[result.filter.name] = result.error
        transaction.add_dead_letters(damaged)
        transaction.release(letters)
        transaction.set_positions({p: max(end, read.get(p, end)) for p, end in raw.progress.items()})
    if running is not None:
        counts.failed |= running.left_out
        for night, results in judged:
            running.note(results, night)
    trace.set(received=received, archived=archived, dead=transaction.filed)
    counts.received += received
    counts.archived += archived
    # What is neither new nor newly dead was there already, as an alert or as a dead letter.
    counts.dead += transaction.filed
    counts.duplicate += received - archived - transaction.filed
    for name, number in passed.items():
        counts.passed[name] = counts.passed.get(name, 0) + number


@contextmanager
def _transaction(archive: Archive, trace: Span) -> Iterator[Transaction]:
    with ExitStack() as stack:
        transaction = stack.enter_context(archive.transaction())
        yield transaction
        with trace.child("commit"):
            stack.close()


def _unread(decoded: Decoded, raw: RawBatch, read: Mapping[tuple[str, int], int]) -> Decoded:
    """Give what lies beyond the positions that were read, of the sources that keep one."""
    ends = {place: read[place] for place in raw.progress if place in read}
    dead = [
        letter
        for letter in (*raw.dead, *decoded.dead)
        if letter.origin.position >= ends.get((letter.origin.source, letter.origin.partition), 0)
    ]
    batches = []
    for batch in decoded.batches:
        again = np.zeros(len(batch), bool)
        for (source, partition), end in ends.items():
            here = pc.and_(
                pc.equal(batch.origin["source"], source), pc.equal(batch.origin["partition"], partition)
            )
            again |= np.asarray(pc.and_(here, pc.less(batch.origin["position"], end)))
        if again.all():
            continue
        batches.append(batch.take(pa.array(np.flatnonzero(~again))) if again.any() else batch)
    return Decoded(batches, dead)


def _one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items of an iterable while a thread already makes the next one."""
    iterator = iter(items)
    end = object()

    def advance() -> T | object:
        return next(iterator, end)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        pending: Future[T | object] = pool.submit(advance)
        while (item := pending.result()) is not end:
            pending = pool.submit(advance)
            yield item  # type: ignore[misc]

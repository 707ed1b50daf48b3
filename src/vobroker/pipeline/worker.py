"""A worker: one river from Kafka into an archive that several workers share.

Fetching and decoding run ahead in a thread of their own; the archive is taken in turns. What can pass (an
archive in use, a disk that is full, a registry that is down) is waited for, and nothing is acknowledged
before it is committed. Killed anywhere, a worker or its successor goes on from the archive's positions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path

from vobroker.alerts.decode import Decoded
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource
from vobroker.archive import Access, Archive, ArchiveError
from vobroker.enrich import Enrichment
from vobroker.filters import Running
from vobroker.pipeline.river import NOTHING, Counts, Filters, commit, decoding
from vobroker.publish.folder import publish_folder
from vobroker.sources.kafka import KafkaSource
from vobroker.telemetry import span

REGISTRY_PATIENCE = 60.0
"""Seconds that a batch waits for a registry that is down; its unknown packets are dead letters then."""

_LONGEST_DELAY = 30.0

Outlet = Callable[[Archive], int]
"""Publishes what the archive has not published yet, and gives the number of events; safe to be killed."""


@dataclass
class _Outgoing:
    """What passed and is not published yet: at first what an earlier process may have left."""

    turns: Access
    voevents: Path | None
    outlets: tuple[Outlet, ...]
    source: KafkaSource
    counts: Counts
    due: float = 0.0
    delay: float = 0.0
    said: str = ""

    def publish(self, *, last: bool = False) -> None:
        """Publish after a commit; what failed shortly before is left until its time, or the end, comes."""
        if last or not self.delay or time.monotonic() >= self.due:
            self.due = 0.0
            self.try_again()

    def try_again(self) -> None:
        """Publish if there may be something, and its time has come; what fails waits longer each time."""
        if time.monotonic() < self.due or (self.voevents is None and not self.outlets):
            return
        try:
            with self.turns.take() as archive, archive.alone(), span("publish") as told:
                # Somebody may wait at an outlet; files can wait.
                written = [outlet(archive) for outlet in self.outlets]
                if self.voevents is not None:
                    written.append(publish_folder(archive, self.voevents))
                # The same events go to each place; they are counted once.
                self.counts.events += max(written)
                told.set(events=max(written), outlets=len(written))
        except (ArchiveError, OSError) as error:
            self.delay = min(2 * self.delay or 1.0, _LONGEST_DELAY)
            self.due = time.monotonic() + self.delay
            if str(error) != self.said:
                self.source.say(f"publishing: {error}; trying again")
                self.said = str(error)
        else:
            self.due, self.delay, self.said = math.inf, 0.0, ""


def run(
    source: KafkaSource,
    turns: Access,
    *,
    schemas: SchemaSource,
    filters: Filters = (),
    enrichment: Enrichment = NOTHING,
    voevents: Path | None = None,
    outlets: Sequence[Outlet] = (),
    after_batch: Callable[[Counts], None] | None = None,
    patience: float = REGISTRY_PATIENCE,
) -> Counts:
    """Carry what arrives into the archive until the source ends or is stopped.

    Parameters
    ----------
    source
        Member of a consumer group; its ``stop`` ends the worker, its ``say`` is told what goes wrong.
    turns
        Of this process at the archive.
    schemas
        Where schemas that packets do not carry are found.
    filters
        Run on the alerts that are new to the archive; those of users come and go between batches.
    enrichment
        What these alerts are compared with.
    voevents
        Folder for the VOEvents of passed alerts.
    outlets
        Further places that passed alerts are published to.
    after_batch
        Called after each commit with the counts so far.
    patience
        Seconds that a batch waits for a registry that is down.

    Raises
    ------
    KafkaProblem
        If trying again cannot help.
    """
    counts = Counts()
    outgoing = _Outgoing(turns, voevents, tuple(outlets), source, counts)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch") as pool:
        batches = _decoded(source, schemas, patience)
        pending = pool.submit(next, batches, None)
        try:
            while (item := _await(pending, turns, outgoing)) is not None:
                pending = pool.submit(next, batches, None)
                raw, decoded = item
                if not _commit(raw, decoded, source, turns, filters, counts, enrichment):
                    break
                outgoing.publish()
                if after_batch is not None:
                    after_batch(counts)
            outgoing.publish(last=True)
        finally:
            source.stop.set()
            pool.submit(batches.close)  # by the thread that may still be inside it
            turns.close()
            if isinstance(filters, Running):
                filters.close()
    return counts


def _decoded(
    source: KafkaSource, schemas: SchemaSource, patience: float
) -> Generator[tuple[RawBatch, Decoded], None, None]:
    for raw in source:
        until, delay, said = time.monotonic() + patience, 0.5, False
        decoded = decoding(raw, schemas)
        while _unknown(decoded, schemas) and time.monotonic() < until and not source.stop.is_set():
            if not said:
                source.say(f"the schema registry does not answer ({schemas.silent}); trying again")
                said = True
            source.stop.wait(min(delay, max(until - time.monotonic(), 0)))
            delay = min(2 * delay, _LONGEST_DELAY)
            decoded = decoding(raw, schemas)
        if source.stop.is_set() and _unknown(decoded, schemas):
            return  # not waited for to the end: the next worker reads them again
        yield raw, decoded


def _unknown(decoded: Decoded, schemas: SchemaSource) -> bool:
    """Whether some packets are of a schema that only the silent registry may know."""
    return bool(schemas.silent) and any(letter.reason == "unknown-schema-id" for letter in decoded.dead)


def _await(
    pending: Future[tuple[RawBatch, Decoded] | None], turns: Access, outgoing: _Outgoing
) -> tuple[RawBatch, Decoded] | None:
    """Wait for the next batch; the archive is free for others meanwhile, or what was left is published."""
    source = outgoing.source
    source.wanted.set()
    while True:
        try:
            item = pending.result(timeout=0.1)
        except NotYet:
            outgoing.try_again()
            turns.rest()
        else:
            source.wanted.clear()
            return item


def _commit(
    raw: RawBatch,
    decoded: Decoded,
    source: KafkaSource,
    turns: Access,
    filters: Filters,
    counts: Counts,
    enrichment: Enrichment,
) -> bool:
    """Commit a batch however often it takes; False when the worker was stopped before it succeeded."""
    delay, said = 0.5, ""
    while True:
        try:
            with turns.take() as archive:
                commit(raw, decoded, archive, filters, counts, enrichment=enrichment)
                source.acknowledge(raw.progress)
        except ArchiveError as error:
            if str(error) != said:
                source.say(f"{error}; trying again")
                said = str(error)
            if source.stop.wait(delay):
                return False
            delay = min(2 * delay, _LONGEST_DELAY)
        else:
            return True

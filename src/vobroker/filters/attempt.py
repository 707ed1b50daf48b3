"""A trial for somebody who watches: night by night, within a time for all of it, stopped at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from vobroker.archive.errors import QueryStopped
from vobroker.filters.budget import Budget
from vobroker.filters.compile import Filter
from vobroker.filters.trial import BATCH, Nights, compare, packet_of, samples, try_on
from vobroker.timeseries import LightCurve

if TYPE_CHECKING:
    from vobroker.alerts.cutouts import Cutout
    from vobroker.archive import Archive
    from vobroker.archive.reading import Reading

EXAMPLES = 4
"""Alerts that are shown of those that only one version lets pass, for each of the two."""

_AGAIN = 0.1  # seconds until a query that is to stop, and may not have begun, is told again


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the alerts of one night.

    Attributes
    ----------
    night
        As yyyymmdd of the local evening.
    seen, passed
        Alerts that the filter was shown, and that passed.
    added, gone
        Of these, how many the other version lets not pass; and how many pass with the other one only.
    """

    night: int
    seen: int
    passed: int
    added: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """An alert that passes, with what its packet told at the time."""

    alert: Mapping[str, Any]
    light_curve: LightCurve
    cutouts: Sequence[Cutout]


@dataclass
class Attempt:
    """A trial of a filter on the last nights of an archive, the latest night first.

    :meth:`run` does it, in one thread; what is known so far can be looked at in any. :meth:`stop` ends it.

    Attributes
    ----------
    filter
        The filter.
    archive
        Where the alerts are.
    last
        Most nights.
    limit
        Time for all of it, in seconds.
    against
        Another version, to say what passes with only one of them.
    tried
        What became of the nights so far.
    total
        Nights that there are to try; None until it is known.
    rows
        The first alerts that passed, in the filter's columns.
    differ
        Alerts that only one version lets pass: ``passes`` (``old`` or ``new``) and columns of ``alert``.
    samples
        Some that pass, of as many objects.
    seconds
        Time that judging took, in the database.
    ended
        Why it ended before its end: empty when it did not.
    done
        Whether it has ended.
    """

    filter: Filter
    archive: Archive
    last: int
    limit: float
    against: Filter | None = None
    shown: int = 6
    tried: list[Tried] = field(default_factory=list)
    total: int | None = None
    rows: pa.Table | None = None
    differ: list[dict[str, Any]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""
    done: bool = False

    def __post_init__(self) -> None:
        self._stop = threading.Event()

    @property
    def seen(self) -> int:
        """Alerts that it was shown so far."""
        return sum(night.seen for night in self.tried)

    @property
    def passed(self) -> int:
        """Alerts that passed so far."""
        return sum(night.passed for night in self.tried)

    def of_budget(self, budget: Budget) -> float | None:
        """Give the time for a batch as a part of the budget; None where it saw none."""
        return BATCH * self.seconds / self.seen / budget.seconds if self.seen else None

    def stop(self) -> None:
        """End it, from any thread; the query that runs is stopped in the database."""
        self._stop.set()

    def run(self) -> Iterator[None]:
        """Try night after night; what is known is told after each.

        Raises
        ------
        AdqlError
            If the archive lacks a column that the filter names.
        ArchiveError
            If a query fails, or alerts were never compared with what the filter names.
        """
        archive = _Stoppable(self.archive, self._stop, time.monotonic() + self.limit)
        try:
            yield from self._run(cast("Archive", archive))
        except QueryStopped:
            self.ended = "stopped" if self._stop.is_set() else f"the time of {self.limit:g} s is over"
        finally:
            self.done = True

    def _run(self, archive: Archive) -> Iterator[None]:
        nights = self._nights(archive)
        self.total = len(nights)
        yield
        for number in nights:
            night = Nights(number, number)
            trial = try_on(self.filter, archive, rows=self.shown, nights=night)
            added = gone = 0
            if self.against is not None:
                found = compare(self.against, self.filter, archive, examples=EXAMPLES, nights=night)
                added, gone = found.total("new"), found.total("old")
                self._note(found.examples)
            if not self.rows or not len(self.rows):
                self.rows = trial.rows
            self.seconds += trial.seconds
            self.tried.append(Tried(number, trial.seen, trial.passed, added, gone))
            yield
        if self.passed:
            among = Nights(min(nights), max(nights))
            for alert in samples(self.filter, archive, self.shown, nights=among).to_pylist():
                self.samples.append(Sample(alert, *packet_of(archive, alert)))
                yield

    def _nights(self, archive: Archive) -> list[int]:
        """Give the last nights with alerts that the filter would be shown."""
        of, parameters = "", []
        if self.filter.survey is not None:
            of, parameters = " AND survey = $1", [self.filter.survey]
        found = archive.query(
            f"SELECT DISTINCT night FROM alert WHERE night IS NOT NULL{of}"  # noqa: S608
            f" ORDER BY night DESC LIMIT {self.last:d}",
            parameters,
        )
        numbers: list[int] = found["night"].to_pylist()
        return numbers

    def _note(self, examples: pa.Table) -> None:
        for one in examples.to_pylist():
            if sum(other["passes"] == one["passes"] for other in self.differ) < EXAMPLES:
                self.differ.append(one)


class _Stoppable:
    """An archive whose queries end when somebody says so, or at a time."""

    def __init__(self, archive: Archive, stop: threading.Event, until: float) -> None:
        self._archive, self._stop, self._until = archive, stop, until

    def __getattr__(self, name: str) -> Any:
        if self._over():
            raise QueryStopped("the trial was stopped")
        return getattr(self._archive, name)

    def query(self, sql: str, parameters: Sequence[Any] = (), *, seconds: float | None = None) -> pa.Table:
        """Run a query, as :meth:`vobroker.archive.Archive.query`."""
        del seconds  # all queries have one time
        if self._over():
            raise QueryStopped("the trial was stopped")
        with self._archive.read(sql, parameters) as reading, self._watched(reading):
            batches = list(reading)
        if not batches:  # which does not even tell the columns
            return self._archive.query(f"SELECT * FROM ({sql}) AS nothing LIMIT 0", parameters)  # noqa: S608
        return pa.Table.from_batches(batches)

    def _over(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._until

    def _watched(self, reading: Reading) -> _Watch:
        return _Watch(reading, self._stop, self._until)


class _Watch:
    """Cancels a query that is too late or not wanted any more, until it has ended."""

    def __init__(self, reading: Reading, stop: threading.Event, until: float) -> None:
        self._reading, self._stop, self._until = reading, stop, until
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_AGAIN):
            if self._stop.is_set() or time.monotonic() >= self._until:
                self._reading.cancel()

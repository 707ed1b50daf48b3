"""What filters cost, night by night: noted by the rivers of all processes, read by pages and commands.

``dearest(files_of(archive))`` gives the filters by cost, as the page for operators shows them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vobroker.filters.database import DatabaseError, ask, changing

if TYPE_CHECKING:
    from vobroker.filters.run import FilterRun

EVERY = 5.0
"""Seconds between two writings; what a process that is killed had not written is not counted."""

RUNS, FAILS, PAUSED = "runs", "fails", "paused"
"""How a filter stood after the last batch it was given."""


@dataclass(slots=True)
class Cost:
    """What a filter cost.

    Attributes
    ----------
    filter, version
        Its name and version.
    night
        Observing night as yyyymmdd; the last one where several are summed up, 0 where alerts had no time.
    batches, alerts
        What it was given.
    seconds
        Time that judging took. Of filters that are judged together it is measured one by one every now and
        then, and their time is shared out in that proportion.
    failed, paused
        Batches on which it failed; and batches of these on which it was not asked, after being too slow.
    state
        How it stood after the last batch: :data:`RUNS`, :data:`FAILS` or :data:`PAUSED`.
    reason
        Why it failed last; empty when it never did.
    at
        Time of the last batch, UTC, ISO 8601.
    """

    filter: str
    version: str
    night: int
    batches: int = 0
    alerts: int = 0
    seconds: float = 0.0
    failed: int = 0
    paused: int = 0
    state: str = RUNS
    reason: str = ""
    at: str = ""

    @property
    def per_thousand(self) -> float | None:
        """Seconds for a thousand alerts; None where it was given none."""
        return 1000 * self.seconds / self.alerts if self.alerts else None

    def add(self, run: FilterRun, at: str) -> None:
        """Count what a filter made of a batch."""
        self.batches += 1
        self.alerts += run.seen
        self.seconds += run.seconds
        self.failed += run.error is not None
        self.paused += run.paused
        self.state = PAUSED if run.paused else FAILS if run.error else RUNS
        self.reason = run.error or self.reason
        self.at = at


_SUM = """
    SELECT filter, {version}, max(night) AS night, sum(batches) AS batches, sum(alerts) AS alerts,
           sum(seconds) AS seconds, sum(failed) AS failed, sum(paused) AS paused,
           {last} AS state, coalesce((
               SELECT reason FROM cost AS c WHERE c.filter = cost.filter AND reason <> ''
               ORDER BY at DESC LIMIT 1
           ), '') AS reason, max(at) AS at
    FROM cost
"""

_LAST = "(SELECT {0} FROM cost AS c WHERE c.filter = cost.filter ORDER BY at DESC LIMIT 1)"

_DEAREST = (
    _SUM.format(version=_LAST.format("version") + " AS version", last=_LAST.format("state"))
    + " WHERE night >= ? GROUP BY filter ORDER BY seconds DESC, filter LIMIT ?"
)

_OF_ONE = "SELECT * FROM cost WHERE filter = ? ORDER BY night DESC, at DESC LIMIT ?"

_PUT = """
    INSERT INTO cost VALUES (:filter, :version, :night, :batches, :alerts, :seconds, :failed, :paused, :state,
                             :reason, :at)
    ON CONFLICT DO UPDATE SET batches = batches + excluded.batches, alerts = alerts + excluded.alerts,
        seconds = seconds + excluded.seconds, failed = failed + excluded.failed,
        paused = paused + excluded.paused, state = excluded.state,
        reason = CASE excluded.reason WHEN '' THEN reason ELSE excluded.reason END, at = excluded.at
"""


def dearest(files: Path, *, since: int = 0, limit: int = 100) -> list[Cost]:
    """Give the filters by cost, the dearest first, each with the sum of its nights and versions.

    Parameters
    ----------
    files
        Folder of what goes with an archive, :func:`vobroker.archive.files_of`.
    since
        First night that counts, as yyyymmdd.
    limit
        Most filters to give.

    Raises
    ------
    DatabaseError
        If what was noted cannot be read.
    """
    return [Cost(**row) for row in ask(files, _DEAREST, since, limit)]


def cost_of(files: Path, name: str, limit: int = 100) -> list[Cost]:
    """Give what one filter cost, by night and version, the last night first.

    Raises
    ------
    DatabaseError
        As :func:`dearest`.
    """
    return [Cost(**row) for row in ask(files, _OF_ONE, name, limit)]


class Costs:
    """Notes what filters cost in this process, and writes it down every few seconds.

    Parameters
    ----------
    files
        Folder of what goes with the archive.
    """

    def __init__(self, files: Path) -> None:
        self._files = files
        self._unwritten: dict[tuple[str, str, int], Cost] = {}
        self._due = time.monotonic() + EVERY
        self._lock = threading.Lock()

    def add(self, runs: Sequence[FilterRun], night: int) -> None:
        """Note what filters made of a batch of a night; 0 where it is not known."""
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        with self._lock:
            for run in runs:
                key = run.filter.name, run.filter.version, night
                self._unwritten.setdefault(key, Cost(*key)).add(run, at)
        if time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write down what was noted; what cannot be written now is kept for the next time."""
        with self._lock:
            self._due = time.monotonic() + EVERY
            if not self._unwritten:
                return
            try:
                with changing(self._files) as database:
                    database.executemany(_PUT, [asdict(cost) for cost in self._unwritten.values()])
            except DatabaseError:
                return  # costs are for looking at; a river does not end for them
            self._unwritten.clear()

"""Who may come in, how often, and what is written down of it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from vobroker.roles import Caller

MAX_KNOWN = 100_000
"""Addresses that are remembered; the one that was quiet longest is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rate:
    """How often something may be done: so many at once, and then so many a minute.

    Parameters
    ----------
    at_once
        How often without waiting.
    per_minute
        How often in the long run.
    """

    def __init__(self, at_once: float, per_minute: float) -> None:
        self._at_once, self._per_second = at_once, per_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: str, *, now: float | None = None) -> float:
        """Count one try of somebody; give the seconds to wait before it may be done, 0 if it may."""
        now = time.monotonic() if now is None else now
        with self._lock:
            bucket = self._buckets.setdefault(who, _Bucket(self._at_once, now))
            self._buckets.move_to_end(who)
            while len(self._buckets) > MAX_KNOWN:
                self._buckets.popitem(last=False)
            bucket.tokens = min(self._at_once, bucket.tokens + (now - bucket.at) * self._per_second)
            bucket.at = now
            if bucket.tokens < 1:
                return (1 - bucket.tokens) / self._per_second
            bucket.tokens -= 1
            return 0.0

    def exhausted(self, who: str, *, now: float | None = None) -> float:
        """Give the seconds that somebody has to wait, without counting a try."""
        now = time.monotonic() if now is None else now
        with self._lock:
            bucket = self._buckets.get(who)
            if bucket is None:
                return 0.0
            tokens = min(self._at_once, bucket.tokens + (now - bucket.at) * self._per_second)
            return max(0.0, (1 - tokens) / self._per_second)


@dataclass(slots=True, eq=False)
class Listener:
    """Somebody who follows a stream: who and from where, what, since when, how far, and bytes so far."""

    who: str
    address: str
    stream: str
    form: str
    place: int
    since: float = field(default_factory=time.time)
    sent: int = 0

    def took(self, size: int, place: int) -> None:
        """Note what was sent, and behind which place it goes on."""
        self.sent += size
        self.place = place


class Listeners:
    """Who listens at the moment."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()
        self._present: set[Listener] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._counts.total()

    @contextmanager
    def one(self, caller: Caller, listener: Listener) -> Iterator[bool]:
        """Count a listener while the block runs; give False where there are as many as there may be."""
        with self._lock:
            room = self._counts[caller.name] < caller.limits.listeners and len(self) < self._most
            self._counts[caller.name] += room
            if room:
                self._present.add(listener)
        try:
            yield room
        finally:
            with self._lock:
                self._counts[caller.name] -= room
                self._counts += Counter()  # forgets who is at none
                self._present.discard(listener)

    def present(self) -> list[Listener]:
        """Give all who listen now."""
        with self._lock:
            return list(self._present)


class Audit:
    """A file with one line of JSON for each thing that is asked for.

    Parameters
    ----------
    file
        Where to write; None for nowhere.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file.open("a", encoding="utf-8") if file else None
        self._lock = threading.Lock()
        if file:
            file.chmod(0o600)

    def note(self, what: str, *, who: str, address: str, **more: object) -> None:
        """Write down that somebody asked for something, and what came of it."""
        if self._file is None:
            return
        told = {
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
            "what": what,
            "who": who or "guest",
            "address": address,
        } | more
        with self._lock:
            self._file.write(json.dumps(told, ensure_ascii=True) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

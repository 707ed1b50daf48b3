"""The state of the broker at this moment, asked of the archive at most once a second for all readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.archive import Archive, overview
from vobroker.archive.rows import jsonable
from vobroker.filters import Filter

EVERY = 1.0
"""Seconds that a state is good for."""

SHOWN = 40
"""Alerts in the list of the latest."""

_ON_MAP = 400
_EVENTS = 12
_STEP, _STEPS = 10, 60  # seconds and number of the bars of the arrival rate


class Pulse:
    """Latest alerts and counts; any number of threads may ask."""

    def __init__(self, archive: Archive, filters: Mapping[str, Filter]) -> None:
        self._archive = archive
        self._filters = filters
        self._lock = threading.Lock()
        self._until = 0.0
        self._state: dict[str, Any] = {}

    def now(self) -> dict[str, Any]:
        """Give the state of this moment, ready for JSON."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._state = self._ask()
                self._until = time.monotonic() + EVERY
            return self._state

    def _ask(self) -> dict[str, Any]:
        archive = self._archive
        latest = archive.latest(_ON_MAP)
        shown = [jsonable(row, ALERT) for row in latest[:SHOWN]]
        streams: dict[tuple[str, str], list[str]] = {}
        for event in overview.events_of(
            archive, [(row["survey"], row["alert_id"]) for row in latest[:SHOWN]]
        ):
            streams.setdefault((event["survey"], str(event["alert_id"])), []).append(event["stream"])
        for row in shown:
            row["streams"] = streams.get((row["survey"], row["alert_id"]), [])
        nights = overview.nights(archive, 4)
        tonight = [row for row in nights if row["night"] == nights[0]["night"]]
        arrivals = overview.arrivals(archive, datetime.now(UTC), _STEP, _STEPS)
        events = [jsonable(row, EVENT) for row in overview.latest_events(archive, limit=_EVENTS)]
        return {
            "night": tonight[0]["night"] if tonight else None,
            "tonight": {row["survey"]: row["alerts"] for row in tonight},
            "per_minute": sum(arrivals[-60 // _STEP :]),
            "arrivals": {"seconds": _STEP, "alerts": arrivals},
            "totals": overview.totals(archive),
            "filters": account(archive, self._filters),
            "events": events,
            "alerts": shown,
            "map": [{name: row[name] for name in ("ra", "dec", "band")} for row in latest],
            "last": shown[0]["sequence"] if shown else -1,
        }


def account(archive: Archive, filters: Mapping[str, Filter]) -> list[dict[str, Any]]:
    """Give each filter with its counts: those that run now, then others that ran once."""
    judged = {row["filter"]: row for row in overview.judged(archive)}
    nothing = dict.fromkeys(("seen", "passed", "rejected", "failed"), 0) | {"last_night": None}
    lines = []
    for name in (*filters, *(name for name in judged if name not in filters)):
        counts = judged.get(name, nothing)
        running = filters.get(name)
        lines.append(
            {
                "name": name,
                "title": running.title if running else name,
                "running": running is not None,
                **{key: counts[key] for key in nothing},
            }
        )
    return lines

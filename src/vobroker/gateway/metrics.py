"""What a service counts of itself, as Prometheus reads it (text exposition format 0.0.4).

What the archive counts is read from its ledger when somebody asks; requests are counted as they are answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vobroker.archive import Archive, ArchiveError, overview
from vobroker.telemetry import span

_log = logging.getLogger(__name__)

MEDIA_TYPE = CONTENT_TYPE_LATEST

PARTS = ("streams", "tap", "events", "static", "metrics")
"""First parts of addresses that are counted by themselves; all others are ``pages``."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"))

FATES = {
    "received": "Inputs that were received",
    "archived": "Alerts that were archived",
    "duplicate": "Alerts that were in the archive already",
    "dead": "Inputs that could not be used",
}

JUDGEMENTS = {
    "seen": "Alerts that a filter has judged",
    "passed": "Alerts that passed a filter",
    "failed": "Alerts at which a filter failed",
}

_FATES = """
    SELECT coalesce(survey, '') AS survey, CAST(sum(received) AS BIGINT) AS received,
           CAST(sum(archived) AS BIGINT) AS archived, CAST(sum(duplicate) AS BIGINT) AS duplicate,
           CAST(sum(dead) AS BIGINT) AS dead
    FROM ledger GROUP BY 1 ORDER BY 1
"""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


Told = tuple[str, Callable[[], float]]


class Metrics:
    """The metrics of one service.

    Parameters
    ----------
    archive
        Whose ledger is read; any thread may read it.

    Attributes
    ----------
    gauges
        What else is told, by name: what it is, and what gives the number now.
    counters
        Likewise, for numbers that only grow.
    """

    def __init__(self, archive: Archive) -> None:
        self.gauges: dict[str, Told] = {}
        self.counters: dict[str, Told] = {}
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "vobroker_requests", "Requests by status", ("part", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "vobroker_request_seconds",
            "Time from a request to the beginning of its answer",
            ("part",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_OfArchive(archive, self.gauges, self.counters))

    def text(self) -> bytes:
        """Write all metrics; this asks the archive, and takes as long."""
        return generate_latest(self._registry)


class _OfArchive(Collector):
    def __init__(
        self,
        archive: Archive,
        gauges: Mapping[str, Told],
        counters: Mapping[str, Told],
    ) -> None:
        self._archive, self._gauges, self._counters = archive, gauges, counters

    def describe(self) -> Iterable[Metric]:
        """Say nothing, so that the archive is not asked to begin with."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Give what is known now; where the archive does not answer, that, and what needs no archive."""
        for name, (help_, value) in self._gauges.items():
            yield GaugeMetricFamily(name, help_, value=value())
        for name, (help_, value) in self._counters.items():
            yield CounterMetricFamily(name, help_, value=value())
        try:
            found = list(self._asked())
        except ArchiveError:
            found = []
        yield GaugeMetricFamily("vobroker_archive_up", "Whether the archive answers", value=bool(found))
        yield from found

    def _asked(self) -> Iterable[Metric]:
        rows = self._archive.query(_FATES).to_pylist()
        for fate, help_ in FATES.items():
            counted = CounterMetricFamily(f"vobroker_alerts_{fate}", help_, labels=("survey",))
            for row in rows:
                counted.add_metric((row["survey"],), row[fate])
            yield counted
        judged = overview.judged(self._archive)
        for judgement, help_ in JUDGEMENTS.items():
            counted = CounterMetricFamily(f"vobroker_filter_{judgement}", help_, labels=("filter",))
            for row in judged:
                counted.add_metric((row["filter"],), row[judgement])
            yield counted
        for newest in self._archive.latest(1):
            age = (datetime.now(UTC) - newest["received"].replace(tzinfo=UTC)).total_seconds()
            yield GaugeMetricFamily(
                "vobroker_newest_alert_age_seconds", "Time since the newest alert was received", value=age
            )


class Counted:
    """Counts requests by the part of the service they are for, and the time until an answer begins."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request and what it is answered."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        first = scope["path"].split("/", 2)[1] if "/" in scope["path"] else ""
        part = first if first in PARTS else "pages"
        begun = time.perf_counter()
        answered = False

        def answer(status: int) -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._metrics.requests.labels(part, str(status)).inc()
                seconds = time.perf_counter() - begun
                self._metrics.seconds.labels(part).observe(seconds)
                told.set(status=status)
                told.end()  # a stream goes on for hours; what is told is the time until it begins
                if _log.isEnabledFor(logging.INFO):
                    _log.info("request", extra=_told(scope, status, seconds))

        async def counted(message: Message) -> None:
            if not answered:
                answer(message.get("status") or _WEBSOCKET.get(message["type"], 500))
            await send(message)

        method = scope.get("method", "WEBSOCKET")
        with span("request", part=part, method=method if method in METHODS else "other") as told:
            try:
                await self._app(scope, receive, counted)
            except Exception:
                answer(500)
                raise


def _told(scope: Scope, status: int, seconds: float) -> dict[str, object]:
    return {
        "method": scope.get("method", "WEBSOCKET"),
        "path": scope["path"],
        "status": status,
        "seconds": round(seconds, 6),
        "address": (scope.get("client") or ("",))[0],
    }


_WEBSOCKET = {"websocket.accept": 101, "websocket.close": 403}

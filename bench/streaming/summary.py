"""From what was seen to figures: conservation, times of each visit, latency, lag, CPU, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.streaming import watch
from bench.streaming.clients import StreamError
from bench.streaming.design import Point

ROLES = ("brokers", "producers", "consumers", "conductor")
QUANTILES = (*np.linspace(0, 0.98, 50).round(2).tolist(), 0.99, 0.995, 1.0)
_TAIL = int(0.3e9)


@dataclass
class Seen:
    """Raw results of a point; times are nanoseconds of the monotonic clock.

    Parameters
    ----------
    bursts
        For each producer, first call and last delivery report of each burst.
    groups
        For each group: ``number``, ``sent`` and ``had`` of each alert, bytes, and alerts passed by burst.
    bytes
        Bytes of the packets of a burst.
    samples
        ``time``; ``lag`` by group; ``cpu`` (s) and ``memory`` (bytes) by role; ``busy`` and stolen CPU (s).
    begin
        When the first burst was due.
    brokers_seen
        Whether the brokers' processes could be watched.
    """

    bursts: list[list[tuple[int, int]]]
    groups: list[dict[str, Any]]
    bytes: int
    samples: dict[str, np.ndarray]
    begin: int
    brokers_seen: bool


def conserve(point: Point, seen: Seen) -> None:
    """Check that each group had every alert exactly once, with all bytes.

    Raises
    ------
    StreamError
        If it did not.
    """
    total = point.alerts * (point.visits + 1)
    for kind, group in zip(point.groups, seen.groups, strict=True):
        times = np.bincount(group["number"], minlength=total)
        lost, twice = int((times == 0).sum()), int((times > 1).sum())
        if lost or twice or len(times) != total:
            raise StreamError(f"group '{kind}': of {total} alerts {lost} were lost and {twice} came twice")
        if group["bytes"] != seen.bytes * (point.visits + 1):
            raise StreamError(
                f"group '{kind}' had {group['bytes']} bytes, not {seen.bytes * (point.visits + 1)}"
            )
        passed = sum(group["passed"].values())
        if (kind == "all" and passed != total) or (kind in ("read", "none") and passed):
            raise StreamError(f"group '{kind}' passed {passed} of {total} alerts")


def summary(point: Point, seen: Seen) -> dict[str, Any]:
    """Give a point's figures as plain data: the design, each visit, medians, samples.

    Times are in seconds, memory in MB, rates in alerts/s and MB/s (10^6 bytes); CPU is in core-seconds a
    visit, from the first call of a burst until 0.3 s after the last group had it, or the next burst.
    """
    conserve(point, seen)
    starts = np.array([[first for first, _ in bursts] for bursts in seen.bursts]).min(axis=0)
    produced = np.array([[last for _, last in bursts] for bursts in seen.bursts]).max(axis=0)
    by_group = [_last(point, group) for group in seen.groups]
    ends = np.max(by_group, axis=0)
    latency = [(group["had"] - group["sent"]) / 1e9 for group in seen.groups]
    burst = [group["number"] // point.alerts for group in seen.groups]
    visits = []
    for v in range(1, point.visits + 1):
        total = (ends[v] - starts[v]) / 1e9
        waits = np.concatenate([each[of == v] for each, of in zip(latency, burst, strict=True)])
        until = ends[v] + _TAIL
        if v < point.visits:
            until = min(until, starts[v + 1])
        visits.append(
            {
                "late": (starts[v] - seen.begin) / 1e9 - v * point.every,
                "produce": (produced[v] - starts[v]) / 1e9,
                "transit": (ends[v] - produced[v]) / 1e9,
                "total": total,
                "groups": [(each[v] - starts[v]) / 1e9 for each in by_group],
                "rate": point.alerts / total,
                "megabytes_in": seen.bytes / total / 1e6,
                "megabytes_out": seen.bytes * len(point.groups) / total / 1e6,
                **dict(
                    zip(("p50", "p98", "p99"), np.quantile(waits, (0.5, 0.98, 0.99)).tolist(), strict=True)
                ),
                "cpu": _cpu(seen, starts[v], max(until, starts[v] + 1)),
                "passed": [group["passed"].get(v, 0) for group in seen.groups],
            }
        )
    names = (
        "late",
        "produce",
        "transit",
        "total",
        "rate",
        "megabytes_in",
        "megabytes_out",
        "p50",
        "p98",
        "p99",
    )
    medians = {name: float(np.median([visit[name] for visit in visits])) for name in names}
    medians["cpu"] = {role: float(np.mean([visit["cpu"][role] for visit in visits])) for role in ROLES}
    return _rounded(
        {
            "point": point.as_dict(),
            "bytes": seen.bytes,
            "visits": visits,
            "median": medians,
            "quantiles": [
                np.quantile(each[of > 0], QUANTILES).tolist() for each, of in zip(latency, burst, strict=True)
            ],
            "memory": _memory(seen),
            "lag": _lag(seen),
            "others": _others(seen),
            "brokers_seen": seen.brokers_seen,
        }
    )


def _last(point: Point, group: dict[str, Any]) -> np.ndarray:
    """When a group had the last alert of each burst."""
    last = np.zeros(point.visits + 1, np.int64)
    np.maximum.at(last, group["number"] // point.alerts, group["had"])
    return last


def _cpu(seen: Seen, start: int, until: int) -> dict[str, float]:
    at, used = seen.samples["time"], seen.samples["cpu"]
    return {
        role: float(np.interp(until, at, used[:, n]) - np.interp(start, at, used[:, n]))
        for n, role in enumerate(ROLES)
    }


def _memory(seen: Seen) -> dict[str, float]:
    return {role: float(seen.samples["memory"][:, n].max() / 1e6) for n, role in enumerate(ROLES)}


def _lag(seen: Seen) -> dict[str, list[Any]]:
    """Lag of each group over time, at most some 150 samples."""
    step = -(-len(seen.samples["time"]) // 150)
    # The highest of each stretch, so that a peak is not left out.
    edges = np.arange(0, len(seen.samples["time"]), step)
    lag = np.maximum.reduceat(seen.samples["lag"], edges, axis=0)
    return {
        "seconds": ((seen.samples["time"][edges] - seen.begin) / 1e9).tolist(),
        "alerts": lag.astype(int).T.tolist(),
    }


def _others(seen: Seen) -> float:
    """Share of the machine that neither the brokers nor the benchmark used."""
    samples = seen.samples
    cores = int(watch.psutil.cpu_count() or 1)
    own = float((samples["cpu"][-1] - samples["cpu"][0]).sum())
    capacity = cores * (samples["time"][-1] - samples["time"][0]) / 1e9
    before, after = tuple(samples["busy"][0]), tuple(samples["busy"][-1])
    return watch.disturbance(before, after, own, capacity)


def _rounded(value: Any) -> Any:
    """Keep five digits: what is beyond was not measured."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}")
    return value

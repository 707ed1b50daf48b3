"""Two runs side by side: the ratio of each figure, and whether it is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.streaming.clients import StreamError
from bench.streaming.design import Point, from_dict

FORMAT = "vobroker-bench-stream-1"
FIGURES = {"rate": "alerts/s", "p50": "latency p50", "p99": "latency p99", "produce": "produce time"}
FLOOR = 0.05
"""Least relative difference that is called one, however quiet the runs were."""


@dataclass(frozen=True)
class Difference:
    """One figure of one point in two runs: ratio now/earlier with its 95 % interval."""

    point: Point
    figure: str
    ratio: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether 1 is outside the interval."""
        return not self.low <= 1 <= self.high


def check_format(run: Any, where: str) -> dict[str, Any]:
    """Give a run read from JSON.

    Raises
    ------
    StreamError
        If it is none.
    """
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise StreamError(f"{where} is no result of this benchmark (format {FORMAT})")
    return run


def differences(now: dict[str, Any], earlier: dict[str, Any]) -> Iterator[Difference]:
    """Compare the points that two runs have in common.

    The interval of a ratio joins the spread of the visits and the spread of points that a run measured more
    than once, which visits of one minute do not show.
    """
    before = _by_point(earlier)
    for key, results in _by_point(now).items():
        for figure in FIGURES if key in before else ():
            ours, theirs = (np.array(_visits(r, figure)) for r in (results, before[key]))
            ratio = float(np.median(ours) / np.median(theirs))
            spread = np.hypot(_scatter(ours), _scatter(theirs))
            repeats = np.hypot(_repeats(now, figure), _repeats(earlier, figure))
            noise = max(1.96 * float(np.hypot(spread, repeats)), float(np.log1p(FLOOR)))
            low, high = ratio * np.exp(-noise), ratio * np.exp(noise)
            yield Difference(from_dict(results[0]["point"]), figure, ratio, float(low), float(high))


def _by_point(run: dict[str, Any]) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for each in run["points"]:
        found.setdefault(from_dict(each["point"]).key, []).append(each)
    return found


def _visits(results: Sequence[dict[str, Any]], figure: str) -> list[float]:
    return [visit[figure] for each in results for visit in each["visits"]]


def _scatter(values: np.ndarray) -> float:
    """Give the standard error of the median of the logarithm: 1.25 times that of the mean."""
    return 1.25 * float(np.log(values).std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _repeats(run: dict[str, Any], figure: str) -> float:
    """Spread of the logarithm between repeats of a point in one run; 0 where none was repeated."""
    spreads = [
        float(np.log([each["median"][figure] for each in results]).var(ddof=1))
        for results in _by_point(run).values()
        if len(results) > 1
    ]
    return float(np.mean(spreads)) ** 0.5 if spreads else 0.0

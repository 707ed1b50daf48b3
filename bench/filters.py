"""How the cost of filters grows with their number: a visit of real-size packets, 1 to 10,000 filters.

Each filter is another query, as a user would write one: thresholds, cones, native columns, expressions to
report. One visit of simulated Rubin packets is judged by them, and goes through the whole river (decode,
archive, filters, one transaction).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench import report
from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import Filter, compile_filter, run
from vobroker.pipeline import river
from vobroker.sources.simulator import as_raw_batches, simulate

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "filters-benchmark.md"
PLOT = ROOT / "docs" / "images" / "bench-filters.png"
BETWEEN_VISITS = 37
"""Seconds from one visit of Rubin to the next."""
WARM = 20
"""Alerts of a first visit that does not count: it prepares what is kept prepared."""

KINDS = (
    "SELECT survey, alert_id, object_id, mjd, ra, dec, band, mag, mjd - first_mjd AS age FROM alert"
    " WHERE mag < {mag:.3f} AND positive = 1 AND n_detections <= {few} AND solar_system = 0",
    "SELECT alert_id, ra, dec, mag FROM alert"
    " WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra:.4f}, {dec:.4f}, {radius:.3f}))",
    "SELECT alert_id, ra, dec, mag, snr FROM alert"
    " WHERE band = '{band}' AND snr > {snr:.2f} AND real_bogus > 0.{few} AND ABS(dec) > {radius:.3f}",
    "SELECT alert.alert_id, psfFlux, psfFluxErr, psfFlux / psfFluxErr AS significance"
    " FROM alert JOIN lsst USING (survey, alert_id) WHERE psfFlux / psfFluxErr > {snr:.2f}"
    " AND alert.extendedness < 0.{few} AND diaObject_nDiaSources > {few}",
    "SELECT alert_id, mag FROM alert WHERE object_id LIKE '%{few}{few}' OR (mag BETWEEN {mag:.3f}"
    " AND {mag:.3f} + 0.2 AND mjd - first_mjd < {few})",
)


def filters(count: int, seed: int = 3) -> list[Filter]:
    """Give filters, all different."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(count):
        text = KINDS[n % len(KINDS)].format(
            mag=rng.uniform(14, 22),
            few=rng.integers(1, 9),
            ra=rng.uniform(0, 360),
            dec=rng.uniform(-80, 20),
            radius=rng.uniform(0.1, 5),
            band="ugrizy"[rng.integers(6)],
            snr=rng.uniform(5, 100),
        )
        made.append(compile_filter(f"bench{n}", text))
    return made


def visit(alerts: int, seed: int) -> RawBatch:
    """Give the packets of one visit, at real sizes."""
    visits = simulate("lsst", seed=seed, visits=1, alerts_per_visit=alerts, fields=1)
    (batch,) = as_raw_batches(visits, batch=alerts)
    return batch


def judged(asked: Sequence[Filter], batch: AlertBatch, runs: int) -> tuple[float, int]:
    """Give the seconds that prepared filters take for a batch, least of some runs, and what they let pass."""
    run(asked, batch)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        answers = run(asked, batch)
        seconds.append(time.perf_counter() - start)
    assert not any(answer.error for answer in answers)
    return min(seconds), sum(len(answer.rows) for answer in answers)


def whole(asked: Sequence[Filter], warm: RawBatch, packets: RawBatch) -> float:
    """Seconds for a visit through the river, into an archive of its own."""
    with tempfile.TemporaryDirectory() as folder, open_archive(Path(folder, "archive")) as archive:
        river.run([warm], archive, schemas=default_schemas(), filters=asked)
        start = time.perf_counter()
        counts = river.run([packets], archive, schemas=default_schemas(), filters=asked)
        seconds = time.perf_counter() - start
    assert counts.balanced
    assert not counts.failed
    return seconds


def measure(numbers: Sequence[int], alerts: int, runs: int) -> list[dict[str, Any]]:
    """Measure each number of filters."""
    warm, packets = visit(WARM, 1), visit(alerts, 2)
    (batch,) = decode(packets, default_schemas(), whole=True).batches
    every = filters(max(numbers))
    whole(every[:1], warm, packets)  # reads and compiles what the process needs once
    results = []
    for number in numbers:
        seconds, passed = judged(every[:number], batch, runs)
        results.append(
            {
                "filters": number,
                "judge": seconds,
                "visit": min(whole(every[:number], warm, packets) for _ in range(runs)),
                "passed": passed,
            }
        )
    return results


HEADER = ("filters", "alerts passed", "judged, s", "µs per filter", "whole visit, s", "to one filter")


def rows(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Write results as rows of a table."""
    return [
        [
            f"{r['filters']:,}",
            f"{r['passed']:,}",
            f"{r['judge']:.3f}",
            f"{1e6 * r['judge'] / r['filters']:,.0f}",
            f"{r['visit']:.1f}",
            f"{r['visit'] / results[0]['visit']:.2f}",
        ]
        for r in results
    ]


def plot(results: Sequence[dict[str, Any]], alerts: int, path: Path) -> None:
    """Draw seconds against the number of filters."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    numbers = [r["filters"] for r in results]
    axes.loglog(numbers, [r["visit"] for r in results], "o-", label="whole visit: decode, archive, filters")
    axes.loglog(numbers, [r["judge"] for r in results], "s-", label="judging alone")
    axes.axhline(BETWEEN_VISITS, color="#888", lw=0.8)
    axes.text(1, 1.1 * BETWEEN_VISITS, f"{BETWEEN_VISITS} s to the next visit", fontsize=8, color="#666")
    axes.set_ylim(top=2 * BETWEEN_VISITS)
    axes.set_xlabel("filters")
    axes.set_ylabel("seconds")
    axes.set_title(f"A visit of {alerts:,} Rubin alerts, 2 cores", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3, lw=0.5)
    axes.legend(fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--filters", type=int, nargs="+", default=[1, 10, 100, 1_000, 10_000])
    options.add_argument("--alerts", type=int, default=10_000, help="alerts of the visit")
    options.add_argument("--runs", type=int, default=2, help="of which the fastest counts")
    options.add_argument("--write", action="store_true", help="write the table and the plot into the docs")
    chosen = options.parse_args(arguments)
    results = measure(sorted(chosen.filters), chosen.alerts, chosen.runs)
    report.show(f"A visit of {chosen.alerts:,} alerts", HEADER, rows(results))
    if chosen.write:
        plot(results, chosen.alerts, PLOT)
        lines = [f"On {report.machine()}.", "", *report.markdown(HEADER, rows(results)), ""]
        lines.append(f"![seconds against the number of filters](images/{PLOT.name})")
        report.between(PAGE, "measured", "\n".join(lines))


if __name__ == "__main__":
    main()

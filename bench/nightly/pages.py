"""What was measured, as a table, a fit, plots and the page of the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bench import report
from bench.nightly.conduct import STEPS, Run
from bench.nightly.design import Design
from bench.nightly.layouts import BEST, ENGINES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "visits.md"
RESULTS = ROOT / "docs" / "visits-benchmark.json"
CURVE = ROOT / "docs" / "images" / "visits-curve.png"
PARTS = ROOT / "docs" / "images" / "visits-steps.png"
WINDOW = 15
"""Visits of which the median is drawn."""
COLOURS = {"duckdb": "#b3541e", "postgresql": "#4063a0"}
HEADER = (
    "engine, layout",
    "visits",
    "last, s",
    *STEPS,
    "growth, s per 1,000 visits",
    "at 15,000",
    "at 100,000",
    "kB a visit",
)


def totals(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Give numbers and seconds of the measured visits."""
    numbers = np.array([visit["number"] for visit in run.visits])
    return numbers, np.array([sum(visit[step] for step in STEPS) for visit in run.visits])


def fit(run: Run) -> tuple[float, float, float] | None:
    """Fit a line to the time of the visits after the window of history is full.

    Returns
    -------
    level, slope, error
        Seconds at visit 0, seconds a visit, and the standard error of that; None where there are too few.
    """
    numbers, seconds = totals(run)
    steady = numbers >= Design(**run.design).full
    if steady.sum() < 10:
        return None
    x, y = numbers[steady].astype(float), seconds[steady]
    near = np.abs(y - np.median(y)) <= 3 * max(np.percentile(np.abs(y - np.median(y)), 70), 1e-9)
    (slope, level), spread = np.polyfit(x[near], y[near], 1, cov=True)
    return float(level), float(slope), float(np.sqrt(spread[0, 0]))


def row(run: Run) -> tuple[str, ...]:
    """Give the line of a run in the table."""
    late = run.visits[-20:]
    if not late:
        return (f"{ENGINES[run.engine]}, {run.layout}", str(run.done), *["-"] * (len(HEADER) - 2))
    median = {step: float(np.median([visit[step] for visit in late])) for step in STEPS}
    fitted = fit(run)
    grown = ("-", "-", "-")
    if fitted:
        level, slope, error = fitted
        grown = (
            f"{1000 * slope:+.3f} ± {1000 * error:.3f}",
            *(_then(level, slope, error, visits) for visits in (15_000, 100_000)),
        )
    return (
        f"{ENGINES[run.engine]}, {run.layout}",
        f"{run.done:,}",
        f"{sum(median.values()):.2f}",
        *(f"{median[step]:.2f}" for step in STEPS),
        *grown,
        f"{_per_visit(run) / 1000:,.0f}",
    )


def _then(level: float, slope: float, error: float, visits: int) -> str:
    """Extrapolate: a growth within twice its error is none that was seen, and only bounds the time."""
    if slope < 2 * error:
        return f"under {level + max(slope + 2 * error, 0) * visits:.2g} s"
    return f"{level + slope * visits:.2g} s"


def _per_visit(run: Run) -> float:
    """Bytes that a visit adds, without those of the objects that were there before the first."""
    (first, before), (last, after) = run.sizes[0], run.sizes[-1]
    return (after - before) / (last - first) if last > first else after / max(last, 1)


def words(run: Run) -> str:
    """Say what was simulated."""
    design = Design(**run.design)
    return (
        f"{design.detections:,} detections of {design.objects:,} objects a visit, {design.fields} fields;"
        f" 12 months of history are full after {design.full:,} visits"
    )


def show(runs: Sequence[Run]) -> None:
    """Print the table."""
    for scale in _scales(runs):
        report.show(words(scale[0]), HEADER, [row(run) for run in scale])


def _scales(runs: Sequence[Run]) -> list[list[Run]]:
    """Put runs of the same sky together, the largest first."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(json.dumps(run.design), []).append(run)
    return sorted(found.values(), key=lambda some: -some[0].design["objects"])


def kept(folder: Path) -> list[Run]:
    """Give all runs that are in a folder."""
    return [Run(**json.loads(path.read_text())) for path in sorted(folder.glob("*/run.json"))]


def write(runs: Sequence[Run]) -> None:
    """Write figures, plots and the measured part of the page."""
    runs = [run for run in runs if run.visits]
    RESULTS.write_text(json.dumps([asdict(run) for run in runs], indent=None) + "\n")
    scales = _scales(runs)
    curve(CURVE, scales)
    parts(PARTS, runs)
    lines = [f"Measured on {report.machine()}, which other work shared."]
    for scale in scales:
        table = report.markdown(HEADER, [row(run) for run in scale])
        lines += ["", f"{words(scale[0])[0].upper()}{words(scale[0])[1:]}:", "", *table]
    report.between(PAGE, "measured", "\n".join(lines))


def curve(path: Path, scales: Sequence[Sequence[Run]]) -> None:
    """Draw the time of a visit against the number of visits before it."""
    figure = Figure(figsize=(9, 3.4 * len(scales)), layout="constrained")
    for axes, scale in zip(np.atleast_1d(figure.subplots(len(scales))), scales, strict=True):
        for run in scale:
            numbers, seconds = totals(run)
            best = run.layout == BEST[run.engine]
            label = f"{ENGINES[run.engine]}, {run.layout}"
            colour, style = COLOURS[run.engine], "-" if best else ":"
            axes.plot(numbers, seconds, ".", ms=2, color=colour, alpha=0.25)
            axes.plot(numbers, _smooth(seconds), style, lw=1.8, color=colour, label=label)
            if fitted := fit(run):
                ends = np.array([Design(**run.design).full, numbers[-1]])
                axes.plot(ends, fitted[0] + fitted[1] * ends, lw=0.8, color="black")
        full = Design(**scale[0].design).full
        axes.axvline(full, color="0.6", lw=0.8)
        axes.annotate(
            " 12 months of history", (full, 0.96), xycoords=("data", "axes fraction"), fontsize=8, va="top"
        )
        axes.set(yscale="log", xlabel="visits before", ylabel="seconds a visit")
        axes.set_title(words(scale[0]).partition(";")[0], loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def parts(path: Path, runs: Sequence[Run]) -> None:
    """Draw the steps of the last visits of each run."""
    figure = Figure(figsize=(9, 1 + 0.5 * len(runs)), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{ENGINES[run.engine]}, {run.layout}\n{run.design['objects']:,} objects" for run in runs]
    left = np.zeros(len(runs))
    for step, colour in zip(STEPS, ("#4063a0", "#7ba0d4", "#c9b458", "#b3541e"), strict=True):
        values = np.array([np.median([visit[step] for visit in run.visits[-20:]]) for run in runs])
        axes.barh(names, values, left=left, color=colour, label=step)
        left += values
    axes.set_xlabel("seconds of one of the last visits")
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8, ncols=4)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Give running medians."""
    half = WINDOW // 2
    return np.array([np.median(values[max(0, at - half) : at + half + 1]) for at in range(len(values))])

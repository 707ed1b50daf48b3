"""What was measured, as a table, a fit, plots and the page of the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench import report
from bench.nightly.conduct import STEPS
from bench.nightly.design import SURVEY_FIELDS, SURVEY_VISITS, Design
from bench.nightly.layouts import BEST, ENGINES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "visits.md"
RESULTS = ROOT / "docs" / "visits-benchmark.json"
CURVE = ROOT / "docs" / "images" / "visits-curve.png"
PARTS = ROOT / "docs" / "images" / "visits-steps.png"
WINDOW = 9
"""Measured visits of which the median is drawn."""
LATE = 20
"""Last measured visits of which the table has the median."""
COLOURS = {"duckdb": "#b3541e", "postgresql": "#4063a0"}
HEADER = (
    *("engine, layout", "last visits, s", "of naive", *STEPS),
    *("growth, s per 1,000 visits", "ten years", "at 15,000", "at 100,000", "at 2.75 M", "kB a visit"),
)

Result = dict[str, Any]
"""What :meth:`bench.nightly.conduct.Run.result` gives, and one of its stores."""


def kept(folder: Path) -> Result:
    """Give the result of the run that is kept in a folder."""
    told: Result = json.loads((folder / "run.json").read_text())
    return told | {"visits": max(store["sizes"][-1][0] for store in told["stores"].values())}


def measured(store: Result) -> tuple[np.ndarray, np.ndarray]:
    """Give the numbers of the measured visits, and the seconds of each step, of shape (visits, steps)."""
    table = np.array(store["measured"], float).reshape(len(store["measured"]), -1)
    return table[:, 0], table[:, 1 : 1 + len(STEPS)]


def fit(store: Result, full: int) -> tuple[float, float, float] | None:
    """Fit a line to the time of the visits after the window of history is full.

    Returns
    -------
    level, slope, error
        Seconds at visit 0, seconds a visit, and the standard error of that; None where there are too few.
    """
    numbers, steps = measured(store)
    steady = numbers >= full
    if steady.sum() < 10:
        return None
    x, y = numbers[steady], steps[steady].sum(axis=1)
    off = np.abs(y - np.median(y))
    near = off <= 3 * max(np.percentile(off, 70), 1e-9)  # a shared machine stops now and then
    (slope, level), spread = np.polyfit(x[near], y[near], 1, cov=True)
    return float(level), float(slope), float(np.sqrt(spread[0, 0]))


def late(store: Result) -> np.ndarray:
    """Give the seconds of each step of the last visits."""
    return np.asarray(np.median(measured(store)[1][-LATE:], axis=0))


def row(store: Result, design: Design, naive: float | None) -> tuple[str, ...]:
    """Give the line of a database in the table; with its ratio to the naive layout where that was run."""
    median = late(store)
    grown = ("-",) * 5
    if fitted := fit(store, design.full):
        level, slope, error = fitted
        # As many visits as these fields have in ten years, though it is a small part of the sky.
        decade = round(design.fields * SURVEY_VISITS / SURVEY_FIELDS)
        grown = (
            f"{1000 * slope:+.3f} ± {1000 * error:.3f}",
            *(_then(level, slope, error, visits) for visits in (decade, 15_000, 100_000, SURVEY_VISITS)),
        )
    (first, before), (last, after) = store["sizes"][0], store["sizes"][-1]
    return (
        f"{ENGINES[store['engine']]}, {store['layout']}",
        f"{median.sum():.3f}",
        f"{median.sum() / naive:.2f}" if naive else "-",
        *(f"{seconds:.3f}" for seconds in median),
        *grown,
        f"{(after - before) / 1000 / max(last - first, 1):,.0f}",
    )


def _then(level: float, slope: float, error: float, visits: int) -> str:
    """Extrapolate: a growth within twice its error is none that was seen, and only bounds the time."""
    if slope < 2 * error:
        return f"under {level + max(slope + 2 * error, 0) * visits:.2g} s"
    return f"{level + slope * visits:.2g} s"


def words(result: Result) -> str:
    """Say what was simulated."""
    design = Design(**result["design"])
    return (
        f"{result['visits']:,} visits of {design.detections:,} detections among {design.objects:,} objects,"
        f" {design.fields} field{'s' * (design.fields > 1)}; 12 months of history are full after"
        f" {design.full:,} visits"
    )


def rows(result: Result) -> list[tuple[str, ...]]:
    """Give the table of a run."""
    design = Design(**result["design"])
    stores = [store for store in result["stores"].values() if store["measured"]]
    naive = {store["engine"]: late(store).sum() for store in stores if store["layout"] == "naive"}
    return [row(store, design, naive.get(store["engine"])) for store in stores]


def show(result: Result) -> None:
    """Print the table."""
    report.show(words(result), HEADER, rows(result))


def write(results: Sequence[Result]) -> None:
    """Write figures, plots and the measured part of the page."""
    RESULTS.write_text(json.dumps(results) + "\n")
    curve(CURVE, results)
    parts(PARTS, results)
    lines = [f"Measured on {report.machine()}, which other work shared."]
    for result in results:
        lines += ["", f"{words(result)}:", "", *report.markdown(HEADER, rows(result))]
    report.between(PAGE, "measured", "\n".join(lines))


def curve(path: Path, results: Sequence[Result]) -> None:
    """Draw the time of a visit against the number of visits before it."""
    figure = Figure(figsize=(9, 3.6 * len(results)), layout="constrained")
    for axes, result in zip(np.atleast_1d(figure.subplots(len(results))), results, strict=True):
        full = Design(**result["design"]).full
        for store in result["stores"].values():
            numbers, steps = measured(store)
            seconds = steps.sum(axis=1)
            best = store["layout"] == BEST[store["engine"]]
            label = f"{ENGINES[store['engine']]}, {store['layout']}"
            colour, style = COLOURS[store["engine"]], "-" if best else ":"
            axes.plot(numbers, seconds, ".", ms=2, color=colour, alpha=0.25)
            axes.plot(numbers, _smooth(seconds), style, lw=1.8, color=colour, label=label)
            if fitted := fit(store, full):
                ends = np.array([full, numbers[-1]])
                axes.plot(ends, fitted[0] + fitted[1] * ends, lw=0.8, color="black")
        axes.axvline(full, color="0.6", lw=0.8)
        top = {"xycoords": ("data", "axes fraction"), "fontsize": 8, "va": "top"}
        axes.annotate(" 12 months of history", (full, 0.97), **top)
        axes.set(yscale="log", xlabel="visits before", ylabel="seconds a visit")
        axes.set_title(words(result).partition(";")[0], loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, ncols=2)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def parts(path: Path, results: Sequence[Result]) -> None:
    """Draw the steps of the last visits of each database."""
    figure = Figure(figsize=(9, 1 + 1.9 * len(results)), layout="constrained")
    for axes, result in zip(np.atleast_1d(figure.subplots(len(results))), results, strict=True):
        stores = list(result["stores"].values())
        names = [f"{ENGINES[store['engine']]}, {store['layout']}" for store in stores]
        median = np.array([np.median(measured(store)[1][-LATE:], axis=0) for store in stores])
        left = np.zeros(len(stores))
        for step, values, colour in zip(
            STEPS, median.T, ("#4063a0", "#7ba0d4", "#c9b458", "#b3541e"), strict=True
        ):
            axes.barh(names, values, left=left, color=colour, label=step)
            left += values
        axes.set_xlabel("seconds of one of the last visits")
        axes.set_title(words(result).partition(";")[0], loc="left", fontsize=10)
        axes.invert_yaxis()
        axes.legend(frameon=False, fontsize=8, ncols=4)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Give running medians."""
    half = WINDOW // 2
    return np.array([np.median(values[max(0, at - half) : at + half + 1]) for at in range(len(values))])

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
FEW = 5
"""Databases of which a run draws the curve; of more it would be a tangle."""
HEADER = ("engine, layout", "a visit, s", "of naive", *STEPS, "p95, s", "kB a visit")
GROWTH = ("engine, layout", "growth, ms per 1,000 visits", "ten years", "15,000", "100,000", "2.75 M")

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


def rows(result: Result) -> list[tuple[str, ...]]:
    """Give the table of a run: what the last visits took, and the bytes of all."""
    stores = [store for store in result["stores"].values() if store["measured"]]
    naive = {store["engine"]: late(store).sum() for store in stores if store["layout"] == "naive"}
    found = []
    for store in stores:
        steps, total = late(store), measured(store)[1][-LATE:].sum(axis=1)
        ratio = steps.sum() / naive[store["engine"]] if store["engine"] in naive else None
        (first, before), (last, after) = store["sizes"][0], store["sizes"][-1]
        found.append(
            (
                name(store),
                f"{steps.sum():.3f}",
                f"{ratio:.2f}" if ratio else "-",
                *(f"{seconds:.3f}" for seconds in steps),
                f"{np.percentile(total, 95):.3f}",
                f"{(after - before) / 1000 / max(last - first, 1):,.0f}",
            )
        )
    return found


def growth(result: Result) -> list[tuple[str, ...]]:
    """Give the table of the fits; it is empty where too few visits came after the history was full."""
    design = Design(**result["design"])
    if result["visits"] < 1.5 * design.full:
        return []
    # As many visits as these fields have in ten years, though they are a small part of the sky.
    decade = round(design.fields * SURVEY_VISITS / SURVEY_FIELDS)
    found = []
    for store in result["stores"].values():
        if fitted := fit(store, design.full):
            level, slope, error = fitted
            then = (_then(level, slope, error, n) for n in (decade, 15_000, 100_000, SURVEY_VISITS))
            found.append((name(store), f"{1e6 * slope:+.1f} ± {1e6 * error:.1f}", *then))
    return found


def name(store: Result) -> str:
    """Give the name of a database."""
    return f"{ENGINES[store['engine']]}, {store['layout']}"


def _then(level: float, slope: float, error: float, visits: int) -> str:
    """Extrapolate: a growth within twice its error is none that was seen, and only bounds the time."""
    seen = slope >= 2 * error
    seconds = level + (slope if seen else max(slope + 2 * error, 0)) * visits
    return f"{'' if seen else 'under '}{seconds:,.{2 if seconds < 10 else 0}f} s"


def words(result: Result) -> str:
    """Say what was simulated."""
    design = Design(**result["design"])
    return (
        f"{result['visits']:,} visits of {design.detections:,} detections among {design.objects:,} objects,"
        f" {design.fields} field{'s' * (design.fields > 1)}; 12 months of history are full after"
        f" {design.full:,} visits"
    )


def show(result: Result) -> None:
    """Print the tables."""
    report.show(words(result), HEADER, rows(result))
    if grown := growth(result):
        report.show("the line through the visits after the history was full", GROWTH, grown)


def write(results: Sequence[Result]) -> None:
    """Write figures, plots and the measured part of the page."""
    RESULTS.write_text(json.dumps(results) + "\n")
    curve(CURVE, [result for result in results if len(result["stores"]) <= FEW])
    parts(PARTS, results)
    lines = [f"Measured on {report.machine()}. {servers(results)}"]
    for result in results:
        lines += ["", f"**{words(result)}:**", "", *report.markdown(HEADER, rows(result))]
        if grown := growth(result):
            lines += ["", "The line through the visits after the history was full, continued:", ""]
            lines += report.markdown(GROWTH, grown)
    report.between(PAGE, "measured", "\n".join(lines))


def servers(results: Sequence[Result]) -> str:
    """Say what the engines were set to."""
    found = set()
    for result in results:
        for store in result["stores"].values():
            told = ", ".join(f"{what} {value}" for what, value in store["settings"].items())
            found.add(f"{ENGINES[store['engine']]} with {told}")
    return "; ".join(sorted(found)) + "."


def curve(path: Path, results: Sequence[Result]) -> None:
    """Draw the time of a visit against the number of visits before it."""
    figure = Figure(figsize=(9, 3.6 * len(results)), layout="constrained")
    for axes, result in zip(np.atleast_1d(figure.subplots(len(results))), results, strict=True):
        full = Design(**result["design"]).full
        for store in result["stores"].values():
            numbers, steps = measured(store)
            seconds = steps.sum(axis=1)
            best = store["layout"] == BEST[store["engine"]]
            colour, style = COLOURS[store["engine"]], "-" if best else ":"
            axes.plot(numbers, seconds, ".", ms=2, color=colour, alpha=0.25)
            axes.plot(numbers, _smooth(seconds), style, lw=1.8, color=colour, label=name(store))
            if fitted := fit(store, full):
                ends = np.array([full, numbers[-1]])
                axes.plot(ends, fitted[0] + fitted[1] * ends, lw=0.8, color="black")
        axes.axvline(full, color="0.6", lw=0.8)
        top = {"xycoords": ("data", "axes fraction"), "fontsize": 8, "va": "top"}
        axes.annotate(" 12 months of history", (full, 0.97), **top)
        axes.set(yscale="log", xlabel="visits before", ylabel="seconds a visit")
        axes.set_title(words(result).partition(";")[0], loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0.0, 0.9))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(top=3 * axes.get_ylim()[1])
    figure.savefig(path, dpi=120)


def parts(path: Path, results: Sequence[Result]) -> None:
    """Draw the steps of the last visits of each database."""
    bars = [len(result["stores"]) for result in results]
    figure = Figure(figsize=(9, 0.9 * len(bars) + 0.3 * sum(bars)), layout="constrained")
    panels = figure.subplots(len(bars), height_ratios=[2 + number for number in bars], squeeze=False)
    for axes, result in zip(panels[:, 0], results, strict=True):
        stores = list(result["stores"].values())
        steps = np.array([late(store) for store in stores])
        left = np.zeros(len(stores))
        for step, values, colour in zip(
            STEPS, steps.T, ("#4063a0", "#7ba0d4", "#c9b458", "#b3541e"), strict=True
        ):
            axes.barh([name(store) for store in stores], values, left=left, color=colour, label=step)
            left += values
        axes.set_xlabel("seconds of one of the last visits")
        axes.set_title(words(result).partition(";")[0], loc="left", fontsize=10)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(STEPS), frameon=False, fontsize=9)
    figure.savefig(path, dpi=120)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Give running medians."""
    half = WINDOW // 2
    return np.array([np.median(values[max(0, at - half) : at + half + 1]) for at in range(len(values))])

"""The plots: throughput, latency, lag, and the model beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.streaming.design import LSST_SECONDS
from bench.streaming.summary import QUANTILES

WITH, WITHOUT = "#1f5fa8", "#d9822b"
COLOURS = ("#1f5fa8", "#d9822b", "#3a8f5c", "#a13d63", "#7a6bb0", "#6b6b6b")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _axes(figure: Figure, rows: int, columns: int, **share: bool) -> list[Axes]:
    found = figure.subplots(rows, columns, squeeze=False, **share)
    for axes in found.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
    return list(found.flat)


def _plain(axes: Axes, *names: str) -> None:
    """Label a logarithmic axis with plain numbers, few of them."""
    for name in names:
        axis = getattr(axes, f"{name}axis")
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(10, (1, 2, 5) if high / low < 200 else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def throughput(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw throughput against partitions, producers and groups: median of the visits, with their range."""
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    panels = _axes(figure, 1, 3, sharey=True)
    centre = next(each for each in points if each["point"]["series"] == "centre")["point"]
    names = {"partitions": "partitions", "producers": "producers", "groups": "reading groups"}
    for axes, (name, label) in zip(panels, names.items(), strict=True):
        ticks = set()
        for stamps, colour, shift in ((True, WITH, -0.05), (False, WITHOUT, 0.05)):
            along = _along(points, centre, name, stamps)
            if not along:
                continue
            size = along[0][1]["bytes"] / along[0][1]["point"]["alerts"] / 1e3
            rates = [[visit["rate"] for visit in each["visits"]] for _, each in along]
            middle = np.array([np.median(each) for each in rates])
            range_ = [middle - [min(r) for r in rates], [max(r) for r in rates] - middle]
            at = np.log2([value for value, _ in along]) + shift
            label_ = f"{'with' if stamps else 'without'} stamps, {size:.0f} kB"
            axes.errorbar(at, middle, range_, marker="o", capsize=3, color=colour, label=label_)
            ticks |= {value for value, _ in along}
        shown = sorted(ticks)
        axes.set_xticks(np.log2(shown), [str(value) for value in shown])
        axes.set_xlabel(label)
        axes.margins(x=0.1)
    top = max(visit["rate"] for each in points for visit in each["visits"] if _reads(each, centre))
    panels[0].set_ylim(0, 1.05 * top)
    panels[0].set_ylabel("alerts/s until the last group has all")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    save(figure, path)


def _reads(each: dict[str, Any], centre: dict[str, Any]) -> bool:
    point = each["point"]
    return set(point["groups"]) == {"read"} and point["alerts"] == centre["alerts"]


def _along(
    points: Sequence[dict[str, Any]], centre: dict[str, Any], name: str, stamps: bool
) -> list[tuple[int, dict[str, Any]]]:
    """Points that differ from the centre in one parameter only, in order of it."""
    found: dict[int, dict[str, Any]] = {}
    for each in points:
        point = each["point"]
        same = all(
            point[other] == value
            for other, value in centre.items()
            if other not in (name, "stamps", "series") and not (name == "groups" and other == "groups")
        )
        if same and point["stamps"] == stamps and set(point["groups"]) == {"read"}:
            value = len(point["groups"]) if name == "groups" else point[name]
            found.setdefault(value, each)
    return sorted(found.items())


def latency(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the distribution of end-to-end latency: reading groups by number, and groups by kind."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = _axes(figure, 1, 2, sharey=True)
    centre = next(each for each in points if each["point"]["series"] == "centre")["point"]
    for colour, (number, each) in zip(COLOURS, _along(points, centre, "groups", True), strict=False):
        label = "1 reading group" if number == 1 else f"{number} reading groups"
        _distribution(left, np.mean(each["quantiles"], axis=0), colour, label)
    base = next(each for each in points if each["point"] == centre)
    names = {"read": "only reads", "none": "filter that passes none", "all": "filter that passes all"}
    names["real"] = "filter for fast-moving objects"
    _distribution(right, np.array(base["quantiles"][-1]), COLOURS[0], names["read"])
    kinds = [each for each in points if each["point"]["series"] == "kinds" and each["point"]["stamps"]]
    for colour, each in zip(COLOURS[1:], kinds, strict=False):
        kind = each["point"]["groups"][-1]
        _distribution(right, np.array(each["quantiles"][-1]), colour, names[kind])
    left.set_ylabel("share of alerts (%)")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_ylim(0, 100)
        axes.set_xlabel("end-to-end latency (s)")
        axes.legend(frameon=False, loc="upper left")
        axes.grid(axis="x", color="0.9")
        _plain(axes, "x")
    left.set_title("groups of one kind", loc="left", fontsize=10)
    right.set_title("second of two groups, by kind", loc="left", fontsize=10)
    save(figure, path)


def _distribution(axes: Axes, quantiles: np.ndarray, colour: str, label: str) -> None:
    axes.plot(quantiles, 100 * np.array(QUANTILES), color=colour, label=label)


def lag(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw lag over time of some points, each group a line."""
    chosen: list[tuple[str, dict[str, Any]]] = []
    for each in points:
        point = each["point"]
        kinds, groups = point["series"], point["groups"]
        if kinds == "groups" and point["stamps"] and len(groups) == 4:
            chosen.append(("4 reading groups", each))
        elif kinds == "kinds" and point["stamps"] and groups[-1] == "real":
            chosen.append(("a reading and a filtering group", each))
        elif kinds == "replication" and point["stamps"] and point["replication"] == 3:
            chosen.append(("three brokers, 3 copies", each))
        elif kinds == "whole visit" and len(groups) == max(
            len(e["point"]["groups"]) for e in points if e["point"]["series"] == "whole visit"
        ):
            chosen.append((f"10,000 alerts, {len(groups)} reading groups", each))
    if not chosen:
        chosen = [("centre", points[0])]
    figure = Figure(figsize=(9.5, 1.9 * -(-len(chosen) // 2) + 0.6), layout="constrained")
    panels = _axes(figure, -(-len(chosen) // 2), 2 if len(chosen) > 1 else 1)
    for axes, (title, each) in zip(panels, chosen, strict=False):
        for number, (kind, alerts) in enumerate(
            zip(each["point"]["groups"], each["lag"]["alerts"], strict=True), start=1
        ):
            words = "reads" if kind == "read" else "filters"
            label = f"group {number} ({words})"
            axes.plot(each["lag"]["seconds"], alerts, color=COLOURS[number - 1], label=label, lw=1.1)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("seconds since the first burst")
        axes.set_ylabel("lag (alerts)")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.05))
    for axes in panels[len(chosen) :]:
        axes.remove()
    save(figure, path)


def model(answer: dict[str, Any], path: Path, cores: int) -> None:
    """Draw fitted against measured work, and the cores that LSST's visits would need, with their interval."""
    figure = Figure(figsize=(9.5, 4.0), layout="constrained")
    left, right = _axes(figure, 1, 2)
    fit = answer["fits"]["all"]
    left.loglog(fit["measured"], fit["fitted"], "o", color=WITH, ms=5, label="points of the fit")
    whole = fit["whole"]
    if whole:
        measured, predicted = ([each[name] for each in whole] for name in ("measured", "predicted"))
        left.loglog(measured, predicted, "D", color=WITHOUT, ms=6, label="whole visits, not in the fit")
    every = fit["measured"] + fit["fitted"] + [e[n] for e in whole for n in ("measured", "predicted")]
    ends = np.array([0.7 * min(every), 1.4 * max(every)])
    left.plot(ends, ends, color="0.5", lw=1, label="equal")
    _plain(left, "x", "y")
    left.set_xlabel("measured (core-seconds a visit)")
    left.set_ylabel("model (core-seconds a visit)")
    left.legend(frameon=False)
    for replication, colour in ((1, WITH), (3, COLOURS[3])):
        rows = [each for each in fit["lsst"] if each["replication"] == replication]
        groups = [each["groups"] for each in rows]
        words = "one copy" if replication == 1 else f"{replication} copies"
        right.plot(groups, [each["cores"] for each in rows], color=colour, label=f"extrapolated, {words}")
        right.fill_between(
            groups, [e["low"] for e in rows], [e["high"] for e in rows], color=colour, alpha=0.18, lw=0
        )
    if whole:
        right.plot(
            [each["groups"] for each in whole],
            [each["measured"] / LSST_SECONDS for each in whole],
            "D",
            color=WITHOUT,
            label="measured",
        )
    right.axhline(cores, color="0.5", lw=1, ls="--")
    right.annotate(
        f"this machine: {cores} cores", (10, cores), ha="right", va="bottom", color="0.35", fontsize=9
    )
    right.set_xlabel("groups that read the full stream")
    right.set_ylabel("cores for 10,000 alerts in 37 s")
    right.set_xticks(range(1, 11))
    right.set_ylim(0, 1.45 * max(cores, *(each["high"] for each in fit["lsst"])))
    right.legend(frameon=False, loc="upper left")
    save(figure, path)

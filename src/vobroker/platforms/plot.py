"""Places for a job in a picture: data that are moved against the time one waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from vobroker.platforms.plan import NO, OK, Choice
from vobroker.platforms.units import duration, size
from vobroker.timeseries.style import DARK, LIGHT

_SIZE = (8.0, 4.4)  # inches
_DPI = 150
_LEAST = 1e6  # bytes; less is drawn as next to nothing
_TICKS = (1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0, 86_400.0, 864_000.0, 8_640_000.0)  # seconds


def draw(choices: Sequence[Choice], *, dark: bool = False) -> Figure:
    """Draw the places that are possible; those with open questions are hollow."""
    style = DARK if dark else LIGHT
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=style.ground)
    axes = figure.add_subplot(facecolor=style.ground)
    shown = [one for one in choices if one.state != NO]
    if not shown:
        axes.text(0.5, 0.5, "None of the places can do it", ha="center", color=style.ink)
        axes.set_axis_off()
        return figure
    names: dict[tuple[float, float], list[str]] = {}
    for one in shown:
        at = (one.moved, max(one.seconds, 1.0))
        fill = style.colour("r") if one.state == OK else style.ground if style.ground != "none" else "none"
        axes.plot(*at, "o", ms=9, mfc=fill, mec=style.colour("r"), mew=1.6, clip_on=False, zorder=3)
        names.setdefault(at, []).append(f"{one.platform.id} ({one.role})")
    axes.set_xscale("symlog", linthresh=_LEAST, linscale=0.4)
    axes.set_yscale("log")
    _labels(axes, names, style.ink)
    low = min(at[1] for at in names)
    high = max(at[1] for at in names)
    axes.set_ylim(low / 4, high * 4)
    axes.set_xlim(-_LEAST / 5, max(*(at[0] for at in names), 10 * _LEAST) * 30)
    axes.set_yticks([tick for tick in _TICKS if low / 4 <= tick <= high * 4])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.label.set_color(style.ink)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value) if value else "0"))
    axes.set_xlabel("Data that are moved")
    axes.set_ylabel("Time until it is done")
    axes.tick_params(colors=style.ink)
    axes.grid(color=style.faint, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(style.ink)
    return figure


def _labels(axes: Any, names: dict[tuple[float, float], list[str]], ink: str) -> None:
    """Write the names beside the points, one under the other where points are close."""
    from math import log10

    taken: list[tuple[float, float]] = []
    for (moved, seconds), found in sorted(names.items(), key=lambda one: -one[0][1]):
        step = 0.0
        place = (log10(max(moved, _LEAST)), log10(seconds))
        for other in taken:
            if abs(other[0] - place[0]) < 1.0 and abs(other[1] - place[1]) < 0.16:
                step -= 11.0
        taken.append(place)
        axes.annotate(
            ", ".join(found),
            (moved, seconds),
            xytext=(9, step - 3),
            textcoords="offset points",
            color=ink,
            fontsize=8,
        )


def described(choices: Sequence[Choice]) -> str:
    """Say what the picture shows."""
    possible = [
        f"{one.platform.id} moves {size(one.moved)} and takes {duration(one.seconds)}"
        for one in choices
        if one.state != NO
    ]
    out = [one.platform.id for one in choices if one.state == NO]
    return (
        f"Data moved against waiting: {'; '.join(possible) or 'none of the places can do it'}."
        + f" Not possible: {', '.join(out)}." * bool(out)
    )

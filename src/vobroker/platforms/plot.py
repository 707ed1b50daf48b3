"""Places for a job in a picture: data that are moved against the time one waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from vobroker.platforms.plan import NO, OK, Choice
from vobroker.platforms.units import duration, size
from vobroker.timeseries.style import DARK, LIGHT, Style

_SIZE = (8.0, 4.4)  # inches
_DPI = 150
_LEAST = 1e6  # bytes; less is drawn as next to nothing
_SIZES = (0.0, 1e6, 1e9, 1e12, 1e15, 1e18)  # bytes
_TIMES = (1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0, 259_200.0, 2_592_000.0, 25_920_000.0)  # seconds
_HEIGHT = 265.0  # of the axes, points
_LINE = 12.0  # of a name, points

Place = tuple[float, float]


def draw(choices: Sequence[Choice], *, dark: bool = False) -> Figure:
    """Draw the places that are possible; those with open questions are hollow."""
    style = DARK if dark else LIGHT
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=style.ground)
    axes = figure.add_subplot(facecolor=style.ground)
    possible = [one for one in choices if one.state != NO]
    if not possible:
        axes.text(0.5, 0.5, "None of the places can do it", ha="center", color=style.ink)
        axes.set_axis_off()
        return figure
    names: dict[Place, list[str]] = {}
    for one in reversed(possible):
        at = (one.moved, max(one.seconds, 1.0))
        fill = style.colour("r") if one.state == OK else "none"
        axes.plot(*at, "o", ms=8, mfc=fill, mec=style.colour("r"), mew=1.5, clip_on=False, zorder=3)
        names.setdefault(at, []).insert(0, f"{one.platform.id} ({one.role})")
    _scales(axes, names)
    _names(axes, names, style)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.label.set_color(style.ink)
    axes.set_xlabel("Data that are moved")
    axes.set_ylabel("Time until it is done")
    axes.tick_params(colors=style.ink)
    axes.grid(color=style.faint, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(style.ink)
    return figure


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


def _scales(axes: Axes, names: Mapping[Place, Sequence[str]]) -> None:
    """Let the axes reach from nothing, and over some orders of magnitude at least."""
    low, high = min(at[1] for at in names), max(at[1] for at in names)
    low, high = max(min(low / 8, high / 100), 0.3), high * 8
    most = max(*(at[0] for at in names), 1e9) * 50
    axes.set_xscale("symlog", linthresh=_LEAST, linscale=0.7)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_xlim(-_LEAST / 8, most)
    axes.set_xticks([tick for tick in _SIZES if tick <= most])
    axes.set_yticks([tick for tick in _TIMES if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value) if value else "0"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _names(axes: Axes, names: Mapping[Place, Sequence[str]], style: Style) -> None:
    """Write the names beside the points, each with a line of its own."""
    low, high = (log10(end) for end in axes.get_ylim())
    room = float("inf")
    for (moved, seconds), found in sorted(names.items(), key=lambda one: -one[0][1]):
        height = (log10(seconds) - low) / (high - low) * _HEIGHT
        room = min(height, room - _LINE)
        left = moved > axes.get_xlim()[1] ** 0.5
        axes.annotate(
            ", ".join(found),
            (moved, seconds),
            xytext=(-16 if left else 16, room - height),
            textcoords="offset points",
            color=style.ink,
            fontsize=8.5,
            ha="right" if left else "left",
            va="center",
            arrowprops={"arrowstyle": "-", "color": style.faint, "shrinkB": 5, "shrinkA": 1},
        )

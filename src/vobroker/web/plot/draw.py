"""Draws a result with matplotlib: points, the sky, or how many rows there are of each kind.

Nothing here touches :mod:`matplotlib.pyplot`, so a server may draw in any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from vobroker.timeseries.style import DARK, LIGHT, MARKERS, OTHER_MARKER, Style
from vobroker.votypes.columns import Column
from vobroker.web.plot.choice import Choice, has_word, is_time
from vobroker.web.plot.scales import Scale, plain, scale

MARKED = 2_000
"""Most points of which each can be told from the others, links to its object, and has an error bar."""

_SIZE = (8.0, 4.8)  # inches
_DPI = 150
_FIELD = 60.0  # degrees from the middle of a map to its edge, beyond which it is one of the whole sky
_NEAR_POLE = 80.0  # a field nearer to a pole has no right ascensions along its edge
_FEW, _SOME = 200, 2_000  # points; more are drawn smaller

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot.

    Attributes
    ----------
    figure
        The figure.
    title, description
        What it shows, in words.
    marks
        For each point of a plot that has not too many: where it is as fractions of the picture from its left
        and upper edge, what it is, and where more about it is (empty for nowhere).
    """

    figure: Figure
    title: str
    description: str
    marks: Sequence[tuple[float, float, str, str]]


def draw(rows: pa.Table, columns: Sequence[Column], choice: Choice, *, dark: bool = False) -> Drawing:
    """Draw rows of a result.

    Parameters
    ----------
    rows
        The rows; only the columns that :func:`needed` names have to be there.
    columns
        Columns of the result.
    choice
        What to draw.
    dark
        For a dark page: light ink on a transparent ground.
    """
    style = DARK if dark else LIGHT
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=style.ground)
    known = {column.name: column for column in reversed(columns)}

    def scaled(name: str) -> Scale:
        return scale(known[name], rows[name])

    x = scaled(choice.x)
    if not choice.y:
        return _counts(figure, x, style)
    y = scaled(choice.y)
    colour = scaled(choice.colour) if choice.colour else None
    on_sky = has_word(x.column, "pos.eq.ra") and has_word(y.column, "pos.eq.dec")
    shown = ~(np.isnan(x.values) | np.isnan(y.values))
    if on_sky:
        shown &= (np.abs(x.values) <= 360) & (np.abs(y.values) <= 90)
    number = int(shown.sum())
    title = "Places on the sky" if on_sky else f"{y.label} against {x.label}"
    if not number:
        return _nothing(figure, title, style)
    places = np.stack([x.values, y.values], axis=1)[shown]
    if on_sky:
        axes, places = _sky(figure, places, x, y, style)
    else:
        axes = figure.add_subplot(facecolor=style.ground)
        for scale_, axis in ((x, axes.xaxis), (y, axes.yaxis)):
            _axis(axis, scale_)
        axes.set_xlabel(x.label)
        axes.set_ylabel(y.label)
    few = number <= MARKED
    addresses = _addresses(rows, shown) if few else [""] * number
    error = _error(y.column, columns) if few and not on_sky else None
    if error is not None:
        spread = np.abs(np.nan_to_num(rows[error.name].cast(pa.float64()).to_numpy()[shown]))
        bars: dict[str, Any] = {"fmt": "none", "ecolor": style.faint, "elinewidth": 0.9, "zorder": 1}
        axes.errorbar(places[:, 0], places[:, 1], yerr=spread, **bars)
    _points(figure, axes, places, colour, shown, addresses, style)
    if not on_sky:
        _upright(axes, x, y)
    _inked(figure, axes, style)
    marks = list(_marks(figure, axes, places, (x, y, colour), rows, shown, addresses)) if few else []
    return Drawing(figure, title, _described(title, (x, y, colour), shown), marks)


def needed(choice: Choice, columns: Sequence[Column]) -> list[str]:
    """Name the columns that a plot needs: those drawn, errors, and what names the objects."""
    names = {column.name for column in columns}
    wanted = [choice.x, choice.y, choice.colour, "survey", "object_id", "alert_id"]
    y = next((column for column in columns if column.name == choice.y), None)
    if y is not None and (error := _error(y, columns)) is not None:
        wanted.append(error.name)
    return [name for name in dict.fromkeys(wanted) if name in names]


# -- the kinds of plots --------------------------------------------------------------------------------


def _counts(figure: Figure, x: Scale, style: Style) -> Drawing:
    """Draw how many rows there are of each word, or in each range of numbers."""
    values = x.values[~np.isnan(x.values)]
    title = f"Rows by {x.label}"
    if not len(values):
        return _nothing(figure, title, style)
    axes = figure.add_subplot(facecolor=style.ground)
    edges: Any = np.arange(len(x.words) + 1) - 0.5 if x.words else _edges(values)
    axes.hist(values, bins=edges, color=_plain_colour(style), rwidth=0.86)
    _axis(axes.xaxis, x)
    axes.set_xlabel(x.label)
    axes.set_ylabel("Rows")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if _is_upside_down(x):
        axes.invert_xaxis()
    _inked(figure, axes, style)
    return Drawing(figure, title, _described(title, (x,), ~np.isnan(x.values)), [])


def _edges(values: Floats) -> Floats:
    """Edges of ranges of one width, more where there are more values (Rice's rule)."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = max(1e-6 * abs(low), 0.5)
        return np.array([low - room, high + room])
    return np.linspace(low, high, min(60, max(10, int(2 * len(values) ** (1 / 3)))) + 1)


def _nothing(figure: Figure, title: str, style: Style) -> Drawing:
    axes = figure.add_subplot(facecolor=style.ground)
    axes.text(0.5, 0.5, "No row has values to draw", ha="center", color=style.ink)
    axes.set_axis_off()
    return Drawing(figure, title, f"{title}: no row has values to draw.", [])


def _sky(figure: Figure, places: Floats, x: Scale, y: Scale, style: Style) -> tuple[Axes, Floats]:
    """Make a map, right ascension to the left: of a field, or of the whole sky in Mollweide's projection."""
    ra, dec = np.radians(places[:, 0]), places[:, 1]
    centre = float(np.degrees(np.arctan2(np.sin(ra).mean(), np.cos(ra).mean())) % 360)
    away = (places[:, 0] - centre + 180) % 360 - 180
    if np.abs(away).max() > _FIELD or np.ptp(dec) > _FIELD or np.abs(dec).max() > _NEAR_POLE:
        axes = figure.add_subplot(projection="mollweide", facecolor=style.ground)
        axes.grid(color=style.faint, linewidth=0.6)
        hours = np.arange(2, 24, 2)
        axes.xaxis.set_major_locator(FixedLocator(np.radians(hours * 15.0 - 180)))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{24 - hour}h" for hour in hours]))
        axes.tick_params(axis="x", labelsize=8)
        return axes, np.radians(np.stack([180 - places[:, 0] % 360, dec], axis=1))
    axes = figure.add_subplot(facecolor=style.ground)
    axes.set_aspect(1 / np.cos(np.radians(dec.mean())), adjustable="datalim")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value % 360:.6g}"))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.xaxis.set_major_locator(MaxNLocator(6, min_n_ticks=2))
    axes.margins(0.08)
    axes.invert_xaxis()
    axes.set_xlabel(x.label)
    axes.set_ylabel(y.label)
    return axes, np.stack([centre + away, dec], axis=1)


# -- what is on the axes -------------------------------------------------------------------------------


def _points(
    figure: Figure,
    axes: Axes,
    places: Floats,
    colour: Scale | None,
    shown: Mask,
    addresses: Sequence[str],
    style: Style,
) -> None:
    """Put the points on the axes, in colours and with what explains them."""
    number = len(places)
    size = 26 if number <= _FEW else 12 if number <= _SOME else 4
    look: dict[str, Any] = {"s": size, "linewidths": 0.3 if number <= _SOME else 0, "zorder": 2}
    if number > _SOME:
        look["rasterized"] = True

    def put(chosen: Mask, **more: Any) -> PathCollection:
        found: PathCollection = axes.scatter(*places[chosen].T, edgecolors=style.ink, **(look | more))
        found.set_urls([address or None for address, here in zip(addresses, chosen, strict=True) if here])
        return found

    if colour is None:
        put(np.ones(number, np.bool_), color=_plain_colour(style))
        return
    values = colour.values[shown]
    known = ~np.isnan(values)
    if not known.all():
        put(~known, color=style.faint)
    if not colour.words:
        if known.any():
            found = put(known, c=values[known], cmap="viridis")
            bar = figure.colorbar(found, ax=axes, label=colour.label, fraction=0.04, pad=0.02)
            bar.outline.set_edgecolor(style.ink)
            bar.ax.tick_params(colors=style.ink)
            bar.ax.yaxis.label.set(color=style.ink, parse_math=False)
            if _is_upside_down(colour):
                bar.ax.invert_yaxis()
        return
    look_of = _looks(colour.words, style)
    for place, word in enumerate(colour.words):
        paint, marker = look_of(place, word)
        put(values == place, color=paint, marker=marker, label=plain(word, 24) or "(empty)")
    legend = figure.legend(
        loc="outside right upper",
        frameon=False,
        labelcolor=style.ink,
        title=colour.label,
        markerscale=max(1.0, (26 / size) ** 0.5),
    )
    for text in (legend.get_title(), *legend.get_texts()):
        text.set(color=style.ink, parse_math=False)


def _looks(words: Sequence[str], style: Style) -> Callable[[int, str], tuple[str, str]]:
    """Give each word a colour and a marker: bands have theirs, other words those of some band."""
    if set(words) <= set(style.bands):
        return lambda _, word: (style.colour(word), MARKERS.get(word, OTHER_MARKER))
    paints = [style.bands[band] for band in "grizyu"]
    markers = [*MARKERS.values(), OTHER_MARKER]
    return lambda place, _: (paints[place % len(paints)], markers[place % len(markers)])


def _plain_colour(style: Style) -> str:
    """Give the colour of points that have none: that of the pages' links."""
    return "#8fbdf5" if style is DARK else "#1d4f91"


def _axis(axis: Any, known: Scale) -> None:
    """Let an axis show its kind of values."""
    if known.words:
        names = [plain(word, 16) or "(empty)" for word in known.words]
        axis.set_major_locator(FixedLocator(list(range(len(names)))))
        axis.set_major_formatter(FixedFormatter(names))
    elif known.is_moment:
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ScalarFormatter(useOffset=False))


def _upright(axes: Axes, x: Scale, y: Scale) -> None:
    """Give the axes their ends: room for words, a day for one moment, bright up and to the left."""
    for known, limits, change in ((x, axes.get_xlim, axes.set_xlim), (y, axes.get_ylim, axes.set_ylim)):
        low, high = limits()
        values = known.values[~np.isnan(known.values)]
        if known.words:
            low, high = -0.5, len(known.words) - 0.5
        elif is_time(known.column) and np.ptp(values) == 0:
            low, high = values[0] - 0.5, values[0] + 0.5
        change((high, low) if _is_upside_down(known) else (low, high))


def _is_upside_down(known: Scale) -> bool:
    return has_word(known.column, "phot.mag")


def _inked(figure: Figure, axes: Axes, style: Style) -> None:
    axes.tick_params(colors=style.ink, which="both")
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=style.ink, parse_math=False)
        axis.get_offset_text().set_color(style.ink)
    for spine in axes.spines.values():
        spine.set_color(style.ink)
    figure.draw_without_rendering()
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)


def _error(y: Column, columns: Sequence[Column]) -> Column | None:
    """Give the column with the standard errors of another, told by its UCD."""
    if not y.datatype.numeric or not y.ucd or "stat." in y.ucd:
        return None
    wanted = f"stat.error;{y.ucd.partition(';')[0]}"
    return next(
        (c for c in columns if c.ucd.startswith(wanted) and c.unit == y.unit and c.datatype.numeric), None
    )


# -- what each point is --------------------------------------------------------------------------------


def _addresses(rows: pa.Table, shown: Mask) -> list[str]:
    """Give the page of each row's object or alert; empty where none is named."""
    chosen = {
        name: [value for value, here in zip(rows[name].to_pylist(), shown, strict=True) if here]
        for name in ("survey", "object_id", "alert_id")
        if name in rows.column_names
    }
    nothing: list[Any] = [None] * int(shown.sum())
    surveys, objects, alerts = (chosen.get(name, nothing) for name in ("survey", "object_id", "alert_id"))
    return [address(*of) for of in zip(surveys, objects, alerts, strict=True)]


def address(survey: Any, object_id: Any, alert_id: Any) -> str:
    """Give the page of an object or an alert, as far as a row names it; empty for none."""
    one = object_id if object_id is not None else alert_id
    if one is None:
        return ""
    if not isinstance(survey, str) or not survey:
        return f"/search?q={quote(str(one), safe='')}"
    return (
        f"/{'alerts' if object_id is None else 'objects'}/{quote(survey, safe='')}/{quote(str(one), safe='')}"
    )


def _marks(
    figure: Figure,
    axes: Axes,
    places: Floats,
    scales: Sequence[Scale | None],
    rows: pa.Table,
    shown: Mask,
    addresses: Sequence[str],
) -> Iterator[tuple[float, float, str, str]]:
    width, height = float(figure.bbox.width), float(figure.bbox.height)
    pixels = axes.transData.transform(places)
    names = [name for name in ("object_id", "alert_id") if name in rows.column_names][:1]
    names += [each.column.name for each in scales if each is not None]
    chosen = rows.select(list(dict.fromkeys(names))).filter(pa.array(shown))
    for (px, py), row, where in zip(pixels.tolist(), chosen.to_pylist(), addresses, strict=True):
        yield round(px / width, 5), round(1 - py / height, 5), _words(row), where


def _words(row: dict[str, Any]) -> str:
    shown = []
    for name, value in row.items():
        if value is None:
            continue
        number = isinstance(value, float)
        shown.append(f"{plain(name, 24)} {f'{value:.8g}' if number else plain(str(value), 64)}")
    return ", ".join(shown)


def _described(title: str, scales: Sequence[Scale | None], shown: Mask) -> str:
    """Say in words what a plot shows."""
    parts = [f"{title}: {int(shown.sum()):,} rows"]
    hidden = int(len(shown) - shown.sum())
    if hidden:
        parts.append(f"{hidden:,} without values left out")
    for role, known in zip(("x", "y", "colour"), scales, strict=False):
        if known is None:
            continue
        values = known.values[shown]
        values = values[~np.isnan(values)]
        if known.words:
            words = [plain(known.words[int(place)], 24) for place in np.unique(values)]
            parts.append(f"{role} {plain(known.column.name)}: {', '.join(words)}")
        elif known.is_moment and len(values):
            ends = np.array([values.min(), values.max()]) * 86_400e3
            first, last = (str(t)[:19] for t in ends.astype("datetime64[ms]"))
            parts.append(f"{role} {plain(known.column.name)} from {first} to {last}")
        elif len(values):
            low, high = float(values.min()), float(values.max())
            parts.append(f"{role} {known.label} from {low:.6g} to {high:.6g}")
    return "; ".join(parts) + "."

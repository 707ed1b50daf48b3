"""Light curves as figures, for a paper and for a page.

Nothing here touches :mod:`matplotlib.pyplot`: figures are made, returned and forgotten, so a server may
draw them in any thread. The same light curve always gives the same bytes.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import erfa
import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.axes._secondary_axes import SecondaryAxis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.model import LightCurve
from vobroker.timeseries.series import MJD, Series
from vobroker.timeseries.style import DARK, LIGHT, LIKE, MARKERS, OTHER_MARKER, Style
from vobroker.timeseries.times import in_scale

Format = Literal["svg", "png"]

AB_ZERO_POINT_NJY = 31.4
"""AB magnitude of 1 nJy."""

MIN_SNR = 3
"""Measurements of less significance are shown as upper limits among magnitudes."""

LIMIT_SIGMA = 5
"""Upper limits are at this many standard errors, those of the surveys as well as ours."""

_LONGEST = 1e9  # times that are written out

MOST_BANDS = 30
"""Most bands of a series that are drawn."""

_POGSON = 2.5 / np.log(10)  # magnitudes per natural logarithm of flux
_MJD_OF_UNIX_EPOCH = 40587
_FLUX_UNITS = ((1e6, "mJy"), (1e3, "µJy"), (1.0, "nJy"))
# Ticks a year, month, day, hour, minute, second apart; and those of them that start the next longer span.
_DATE_FORMATS = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
_START_FORMATS = ["", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
_MARKER, _SMALL_MARKER, _CROWD = 5.5, 3.5, 200  # points; the small ones are for more measurements than that
_SIZE = (8.0, 4.8)  # inches
_DPI = 150
_rendering = threading.Lock()  # rc_context changes settings of the process while a figure is written

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Points:
    """Measurements of one band in the units of the axes, as arrays of one length."""

    mjd: Floats
    value: Floats
    error: Floats
    limit: Mask  # value is an upper limit
    forced: Mask
    fainter: Mask  # value is the magnitude of a negative difference


def render(
    light_curve: LightCurve | Series, format: Format = "svg", *, flux: bool = False, dark: bool = False
) -> bytes:
    """Draw a light curve.

    Parameters
    ----------
    light_curve
        What to draw.
    format
        ``svg`` or ``png``.
    flux
        Difference flux density upwards instead of magnitudes downwards.
    dark
        For a dark page: light ink on a transparent ground.

    Returns
    -------
    bytes
        The image. The SVG carries its title and description in words for those who cannot see it.

    Raises
    ------
    ValueError
        If the format is another.
    """
    if format not in ("svg", "png"):
        raise ValueError(f"a light curve is drawn as svg or png, not {format!r}")
    drawn = figure(light_curve, flux=flux, dark=dark)
    return picture(drawn, format, f"Light curve of {light_curve.object_id}", describe(light_curve))


def picture(drawn: Figure, format: Format, title: str, description: str) -> bytes:
    """Write a figure as an image that says what it shows; the same figure gives the same bytes.

    Parameters
    ----------
    drawn
        The figure.
    format
        ``"svg"`` or ``"png"``.
    title, description
        What the image is, for those who cannot see it.
    """
    metadata: dict[str, Any] = {"Title": title, "Description": description}
    metadata |= {"Date": None} if format == "svg" else {"Software": None}
    image = io.BytesIO()
    with _rendering, mpl.rc_context({"svg.hashsalt": "vobroker", "svg.fonttype": "path"}):
        drawn.savefig(image, format=format, metadata=metadata)
    return _speaking(image.getvalue(), description) if format == "svg" else image.getvalue()


def figure(light_curve: LightCurve | Series, *, flux: bool = False, dark: bool = False) -> Figure:
    """Draw a light curve as a matplotlib figure; parameters as for :func:`render`.

    A series of any origin has its own units and times. It is drawn in magnitudes where it has any, and
    with a calendar where scale and origin of its times are known.
    """
    if isinstance(light_curve, Series):
        return _series(light_curve, flux=flux, dark=dark)
    style = DARK if dark else LIGHT
    drawn = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=style.ground)
    axes = drawn.add_subplot(facecolor=style.ground)
    scale, unit = _flux_unit(light_curve.points) if flux else (1.0, "")
    if not light_curve.bands:
        axes.text(0.5, 0.5, f"{light_curve.object_id}: no measurements", ha="center", color=style.ink)
        axes.set_axis_off()
        return drawn
    size = _MARKER if len(light_curve) <= _CROWD else _SMALL_MARKER
    shown: list[_Points] = []
    names: list[Line2D] = []
    for band in light_curve.bands:
        rows = light_curve.points.filter(pc.equal(light_curve.points["band"], band))
        points = _as_flux(rows, scale) if flux else _as_magnitude(rows)
        colour, marker = style.colour(band), MARKERS.get(band, OTHER_MARKER)
        _draw(axes, points, colour, marker, size, style)
        names.append(_sample(colour, style.ink, marker, band))
        shown.append(points)
    _axes(axes, light_curve, style)
    if flux:
        axes.set_ylabel(f"Difference flux density ({unit})")
        axes.axhline(0, color=style.faint, linewidth=1, zorder=0)
    else:
        axes.set_ylabel("AB magnitude of the difference")
        axes.invert_yaxis()
    names += _explanations(shown, style)
    drawn.legend(handles=names, loc="outside right upper", frameon=False, labelcolor=style.ink)
    return drawn


def panels(series: Mapping[str, Series], *, flux: bool = False, dark: bool = False) -> Figure:
    """Draw the series of several documents one below the other, each with its own times and values.

    Parameters
    ----------
    series
        Series by the name of the document, which stands above its panel.
    flux, dark
        As for :func:`render`.
    """
    style = DARK if dark else LIGHT
    size = (_SIZE[0], 0.75 * _SIZE[1] * len(series))
    drawn = Figure(figsize=size, dpi=_DPI, layout="constrained", facecolor=style.ground)
    names: dict[str, Line2D] = {}
    for place, (title, one) in enumerate(series.items(), 1):
        axes = drawn.add_subplot(len(series), 1, place, facecolor=style.ground)
        for entry in _panel(axes, one, title, "", style, flux=flux):
            names.setdefault(str(entry.get_label()), entry)
    drawn.legend(handles=[*names.values()], loc="outside right upper", frameon=False, labelcolor=style.ink)
    return drawn


def _series(series: Series, *, flux: bool, dark: bool) -> Figure:
    """Draw a series of any origin."""
    style = DARK if dark else LIGHT
    drawn = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained", facecolor=style.ground)
    axes = drawn.add_subplot(facecolor=style.ground)
    where = "" if series.ra is None or series.dec is None else f"{series.ra:.5f}° {series.dec:+.5f}°"
    subtitle = "   ".join(filter(None, (series.survey.upper(), where, where and series.space.system)))
    names = _panel(axes, series, series.object_id, subtitle, style, flux=flux)
    if names:
        drawn.legend(handles=names, loc="outside right upper", frameon=False, labelcolor=style.ink)
    return drawn


def _panel(
    axes: Axes, series: Series, title: str, subtitle: str, style: Style, *, flux: bool
) -> list[Line2D]:
    """Draw a series on its axes, and give the entries of the legend."""
    value = "flux" if "flux" in series.roles and (flux or "mag" not in series.roles) else "mag"
    there = "time" in series.roles and value in series.roles
    moments = _column(series.points, series.roles["time"]) if there else np.empty(0)
    moments = moments[np.isfinite(moments)]
    if not len(moments):
        axes.text(0.5, 0.5, f"{title or 'series'}: no measurements", ha="center", color=style.ink)
        axes.set_axis_off()
        return []
    size = _MARKER if len(series) <= _CROWD else _SMALL_MARKER
    shown, names = [], []
    for name, colour, marker in _looks(series, style):
        points = _of_band(series, name, value)
        _draw(axes, points, colour, marker, size, style)
        shown.append(points)
        names.append(_sample(colour, style.ink, marker, name or "no band"))
    _dress(axes, title, subtitle, _time_label(series), style)
    if moments.min() == moments.max():  # one moment has no width: show its day
        axes.set_xlim(float(moments.min()) - 0.5, float(moments.max()) + 0.5)
    low, high = axes.get_xlim()
    shift = _calendar_shift(series, (low + high) / 2)
    both: list[Axes | SecondaryAxis] = [axes]
    if shift is not None and _has_dates(*(edge + shift + _MJD_OF_UNIX_EPOCH for edge in (low, high))):
        both.append(_dates(axes, shift))
    _ink(axes, both, style)
    if value == "mag":
        axes.invert_yaxis()
        systems = {band.magnitude_system for band in series.bands if band.magnitude_system}
        axes.set_ylabel(f"{systems.pop()} magnitude" if len(systems) == 1 else "Magnitude")
    else:
        unit = series.note("flux", "unit")
        axes.set_ylabel(f"Flux ({unit})" if unit else "Flux (no unit given)", parse_math=False)
    return names + _explanations(shown, style)


def _time_label(series: Series) -> str:
    """Say what the numbers on the axis of times are."""
    frame, unit = series.time, series.note("time", "unit") or "d"
    if frame.origin is None:
        name = f"Time from an unknown origin ({unit})"
    elif unit == "d" and frame.origin in (MJD, 0):
        name = "MJD" if frame.origin else "JD"
    else:
        name = f"JD − {frame.origin:.10g} ({unit})"
    return f"{name}, {frame.scale or 'unknown scale'}, {(frame.position or 'unknown place').lower()}"


def _calendar_shift(series: Series, middle: float) -> float | None:
    """Give what to add to a time for UTC days since 1970; None where that is not known."""
    frame = series.time
    if frame.origin is None or not frame.scale or series.note("time", "unit") not in ("", "d"):
        return None
    whole = math.floor(frame.origin)
    dates = np.array([float(whole)]), np.array([frame.origin - whole + middle])
    try:
        day, rest = in_scale(dates, frame.scale, "UTC")
    except TimeSeriesError:
        return None
    return float((day[0] - MJD - _MJD_OF_UNIX_EPOCH) + rest[0] - middle)


def _looks(series: Series, style: Style) -> Iterator[tuple[str | None, str, str]]:
    """Give each band with a colour and a marker; bands that are not Rubin's take what is left in turn."""
    column = series.column("band")
    names: list[str | None] = [None] if column is None else column.unique().to_pylist()
    if column is None and series.bands:
        names = [series.bands[0].name]
    order = {band.name: place for place, band in enumerate(series.bands)}
    names.sort(key=lambda name: (name is None, order.get(name or "", len(order)), name or ""))
    names = names[:MOST_BANDS]
    taken = {name if name in MARKERS else LIKE.get(name or "", "") for name in names}
    spare = iter([band for band in "grizuy" if band not in taken])
    for name in names:
        known = name if name in MARKERS else LIKE.get(name or "") or next(spare, "")
        yield name, style.colour(known), MARKERS.get(known or "", OTHER_MARKER)


def _of_band(series: Series, name: str | None, value: str) -> _Points:
    """Give the measurements of a band in their own units."""
    column = series.roles.get("band")
    rows = series.points
    if column is not None:
        chosen = rows[column]
        rows = rows.filter(pc.is_null(chosen) if name is None else pc.equal(chosen, name))

    def numbers(role: str) -> Floats:
        return _column(rows, series.roles[role]) if role in series.roles else np.full(len(rows), np.nan)

    kind = np.full(len(rows), "", object)
    if "kind" in series.roles:
        kind = rows[series.roles["kind"]].to_numpy(zero_copy_only=False)
    limit = kind == "limit"
    shown = np.where(limit, numbers("limiting_mag"), numbers(value)) if value == "mag" else numbers(value)
    none = np.zeros(len(rows), np.bool_)
    return _Points(numbers("time"), shown, numbers(f"{value}_error"), limit, kind == "forced", none)


def describe(light_curve: LightCurve | Series) -> str:
    """Say in one sentence what a plot of the light curve shows."""
    if isinstance(light_curve, Series):
        bands = ", ".join(band.name for band in light_curve.bands)
        about = f"{len(light_curve)} measurements{f' in {bands}' if bands else ''}"
        return f"{light_curve.object_id or 'An object'}: {about}; times are {light_curve.time}."
    counts = {
        "detections": len(light_curve.detections),
        "forced measurements": len(light_curve.forced),
        "upper limits": len(light_curve.limits),
    }
    what = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if not what:
        return f"{light_curve.object_id}, {light_curve.survey}: no measurements."
    ends = _column(light_curve.points, "mjd")[[0, -1]]
    first, last, scale = (f"MJD {ends[0]:g}", f"{ends[1]:g}", "TAI")
    if _has_dates(*ends):
        first, last = (f"{moment:%Y-%m-%d}" for moment in num2date(_unix_days(ends)))  # type: ignore[no-untyped-call]
        scale = "UTC"
    bands = ", ".join(light_curve.bands)
    return f"{light_curve.object_id}, {light_curve.survey}: {what} in {bands} from {first} to {last} {scale}."


def _as_magnitude(rows: pa.Table) -> _Points:
    """Points for a magnitude axis; where the survey gives no magnitude, the one of its flux."""
    flux, error = _column(rows, "flux"), _column(rows, "flux_error")
    kind = rows["kind"].to_numpy(zero_copy_only=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude = _first(_column(rows, "mag"), AB_ZERO_POINT_NJY - 2.5 * np.log10(np.abs(flux)))
        magnitude_error = _first(_column(rows, "mag_error"), _POGSON * error / np.abs(flux))
        own_limit = AB_ZERO_POINT_NJY - 2.5 * np.log10(LIMIT_SIGMA * error)
        limit = (kind == "limit") | np.isnan(magnitude) | (np.abs(flux) < MIN_SNR * error)
    return _Points(
        _column(rows, "mjd"),
        np.where(limit, _first(_column(rows, "limiting_mag"), own_limit), magnitude),
        magnitude_error,
        limit,
        kind == "forced",
        pc.fill_null(pc.invert(rows["positive"]), False).to_numpy(zero_copy_only=False) | (flux < 0),
    )


def _as_flux(rows: pa.Table, scale: float) -> _Points:
    """Points for a flux axis in units of ``scale`` nJy; limits stand at the flux of their magnitude."""
    limit = rows["kind"].to_numpy(zero_copy_only=False) == "limit"
    ceiling = 10 ** ((AB_ZERO_POINT_NJY - _column(rows, "limiting_mag")) / 2.5)
    return _Points(
        _column(rows, "mjd"),
        np.where(limit, ceiling, _column(rows, "flux")) / scale,
        _column(rows, "flux_error") / scale,
        limit,
        rows["kind"].to_numpy(zero_copy_only=False) == "forced",
        np.zeros(len(limit), np.bool_),
    )


def _draw(axes: Axes, points: _Points, colour: str, marker: str, size: float, style: Style) -> None:
    """Put the points of one band on the axes, limits under measurements."""
    axes.plot(points.mjd[points.limit], points.value[points.limit], **_limit(colour, size))
    for forced, face in ((True, "none"), (False, colour)):
        chosen = ~points.limit & (points.forced == forced)
        axes.errorbar(
            points.mjd[chosen],
            points.value[chosen],
            yerr=np.nan_to_num(points.error[chosen]),
            fmt=marker,
            color=colour,
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=colour if forced else style.ink,
            markeredgewidth=1.0 if forced else 0.4,
            elinewidth=0.9,
            zorder=2 if forced else 3,
        )
    chosen = ~points.limit & points.fainter
    axes.plot(points.mjd[chosen], points.value[chosen], **_minus(style, size))


def _limit(colour: str, size: float) -> dict[str, Any]:
    mark: dict[str, Any] = {"linestyle": "", "marker": "v", "markersize": size, "markerfacecolor": "none"}
    return mark | {"color": colour, "alpha": 0.8, "zorder": 1}


def _minus(style: Style, size: float) -> dict[str, Any]:
    mark: dict[str, Any] = {
        "linestyle": "",
        "marker": "_",
        "markersize": 1.6 * size,
        "markeredgewidth": size / 5,
    }
    return mark | {"color": style.ink, "zorder": 4}


def _sample(colour: str, edge: str, marker: str, label: str) -> Line2D:
    """Legend entry: a marker with its name."""
    entry = Line2D([], [], linestyle="", marker=marker, color=colour, markersize=6, label=label)
    entry.set_markeredgecolor(edge)
    entry.set_markeredgewidth(0.4)
    return entry


def _explanations(shown: list[_Points], style: Style) -> list[Line2D]:
    """Legend entries for the kinds of points that are there."""
    entries = []
    if any((points.forced & ~points.limit).any() for points in shown):
        entries.append(_sample("none", style.ink, "o", "forced"))
        entries[-1].set_markeredgewidth(1.0)
    if any(points.limit.any() for points in shown):
        entries.append(
            Line2D([], [], **{**_limit(style.ink, _MARKER), "label": f"{LIMIT_SIGMA}σ upper limit"})
        )
    if any((points.fainter & ~points.limit).any() for points in shown):
        entries.append(Line2D([], [], **{**_minus(style, _MARKER), "label": "fainter than\nthe template"}))
    return entries


def _axes(axes: Axes, light_curve: LightCurve, style: Style) -> None:
    """Title, MJD below, calendar date above."""
    where = "" if np.isnan(light_curve.ra) else f"   {light_curve.ra:.5f}° {light_curve.dec:+.5f}° ICRS"
    _dress(axes, light_curve.object_id, f"{light_curve.survey.upper()}{where}", "MJD (TAI)", style)
    low, high = axes.get_xlim()
    if np.ptp(_column(light_curve.points, "mjd")) == 0:  # one moment has no width: show its day
        axes.set_xlim((low + high - 1) / 2, (low + high + 1) / 2)
    both: list[Axes | SecondaryAxis] = [axes]
    low, high = axes.get_xlim()
    if _has_dates(low, high):
        both.append(_dates(axes, float(_unix_days((low + high) / 2)) - (low + high) / 2))
    _ink(axes, both, style)


def _dress(axes: Axes, title: str, subtitle: str, times: str, style: Style) -> None:
    """Title and name of the axis of times."""
    # Names are names: a dollar sign in one starts no formula.
    named: dict[str, Any] = {"color": style.ink, "parse_math": False}
    axes.set_title(title, loc="left", fontweight="bold", fontsize=12, **named)
    axes.set_title(subtitle, loc="right", fontsize=9, **named)
    axes.set_xlabel(times)
    axes.margins(0.04, 0.08)


def _ink(axes: Axes, both: list[Axes | SecondaryAxis], style: Style) -> None:
    """Ticks, labels and frame."""
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        plain = ScalarFormatter(useOffset=False)
        # A Julian date is read with all its digits; what is no date may have hundreds.
        plain.set_scientific(axis is axes.yaxis or max(map(abs, axes.get_xlim())) > _LONGEST)
        axis.set_major_formatter(plain)
    for each in both:
        each.tick_params(direction="in", colors=style.ink, which="both")
        each.xaxis.label.set_color(style.ink)
        each.yaxis.label.set_color(style.ink)
        for spine in each.spines.values():
            spine.set_color(style.ink)
    axes.tick_params(right=True)
    axes.minorticks_on()


def _dates(axes: Axes, shift: float) -> SecondaryAxis:
    """Add the calendar above the axes, in UTC as everybody reads dates, with the year in its name.

    ``shift`` is what to add to a time for UTC days since 1970.
    """
    low, high = axes.get_xlim()
    dates = axes.secondary_xaxis(
        "top", functions=(lambda mjd: np.add(mjd, shift), lambda day: np.subtract(day, shift))
    )
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    dates.xaxis.set_major_locator(locator)
    dates.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator, formats=_DATE_FORMATS, zero_formats=_START_FORMATS, show_offset=False
        )
    )
    span = "%Y" if high - low > 1 else "%Y-%m-%d"
    days = [num2date(edge + shift) for edge in (low, high)]  # type: ignore[no-untyped-call]
    dates.set_xlabel(f"{' – '.join(sorted({f'{day:{span}}' for day in days}))} (UTC)")
    return dates


def _has_dates(low: float, high: float) -> bool:
    """Whether the calendar, years 1 to 9999, has days for these MJDs; damaged packets carry others."""
    return low > -678_000 and high < 2_973_000


def _unix_days(mjd: ArrayLike) -> Floats:
    """UTC days since 1970 of MJDs in TAI; of leap seconds to come nobody knows, and none are assumed."""
    table = erfa.leap_seconds.get()
    months = (table["year"] - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (table["month"] - 1)
    days = np.asarray(mjd, np.float64) - _MJD_OF_UNIX_EPOCH
    entry = np.searchsorted(months.astype("datetime64[D]").astype(np.float64), days, side="right") - 1
    utc: Floats = days - table["tai_utc"][np.maximum(entry, 0)] / 86400
    return utc


def _flux_unit(points: pa.Table) -> tuple[float, str]:
    """Choose the unit that keeps the numbers on the axis short: nJy in it, and its name."""
    largest = np.nanmax(np.abs([0.0, *_column(points, "flux")]))
    return next((scale, unit) for scale, unit in _FLUX_UNITS if largest >= scale or unit == "nJy")


def _column(points: pa.Table, name: str) -> Floats:
    """Column as float64, NaN for null."""
    values: Floats = points[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _first(given: Floats, otherwise: Floats) -> Floats:
    filled: Floats = np.where(np.isnan(given), otherwise, given)
    return filled


def _speaking(svg: bytes, description: str) -> bytes:
    """Add the description and the role that make a screen reader speak of the picture."""
    head, tag, rest = svg.partition(b"<svg ")
    title, end, body = rest.partition(b"</title>")
    spoken = f"\n <desc>{escape(description)}</desc>".encode()
    return head + tag + b'role="img" ' + title + end + spoken + body

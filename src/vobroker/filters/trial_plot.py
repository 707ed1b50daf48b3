"""The match rate of filters night by night, as a figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from vobroker.filters.trial import Trial
from vobroker.timeseries.plot import Format, picture
from vobroker.timeseries.style import LIGHT

_BAR = "#2c6fbb"
MOST = 120
"""Most nights that are drawn, the last ones."""


def plot(trials: Sequence[Trial], format: Format) -> bytes:
    """Draw which part of each night's alerts passes, one panel a filter, with the number over each bar.

    Parameters
    ----------
    trials
        At least one.
    format
        ``"svg"`` or ``"png"``.

    Returns
    -------
    bytes
        The image; of more than :data:`MOST` nights it has the last.
    """
    drawn = Figure(
        figsize=(8, 1.2 + 2.4 * len(trials)), dpi=150, layout="constrained", facecolor=LIGHT.ground
    )
    panels = drawn.subplots(len(trials), 1, squeeze=False)[:, 0]
    for axes, trial in zip(panels, trials, strict=True):
        nights = trial.nights.to_pylist()[-MOST:]
        shares = [100 * row["passed"] / row["seen"] for row in nights]
        bars = axes.bar(range(len(nights)), shares, color=_BAR, width=0.8)
        if len(nights) <= 31:
            axes.bar_label(bars, [f"{row['passed']:,}" for row in nights], fontsize=8, color=LIGHT.ink)
            axes.margins(y=0.15)
        step = max(1, len(nights) // 12)
        names = [night_name(row["night"]) for row in nights]
        axes.set_xticks(range(0, len(nights), step), names[::step], rotation=30, ha="right", fontsize=8)
        axes.set_xlim(-0.6, max(len(nights), 7) - 0.4)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("alerts that pass (%)")
        axes.set_title(
            f"{trial.filter.name} {trial.filter.version}: {trial.passed:,} of {trial.seen:,}", fontsize=10
        )
        axes.spines[["top", "right"]].set_visible(False)
    told = "; ".join(f"{t.filter.name}: {t.passed} of {t.seen} alerts pass" for t in trials)
    return picture(drawn, format, "Match rate by night", told)


def night_name(night: int | None) -> str:
    """Write a night as a date; an alert without a time has none."""
    return "unknown" if night is None else f"{night // 10000:04}-{night // 100 % 100:02}-{night % 100:02}"

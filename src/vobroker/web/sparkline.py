"""Small pictures within text: counts in time, and a light curve the size of a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from vobroker.timeseries import LightCurve

_WIDTH, _HEIGHT = 240.0, 44.0
_THUMB_WIDTH, _THUMB_HEIGHT, _MARGIN = 168.0, 48.0, 8.0

MAX_POINTS = 300
"""Most detections that a small light curve shows: the last ones."""


def svg(values: Sequence[int], label: str) -> Markup:
    """Draw counts as a row of bars, the latest at the right."""
    top = max(max(values, default=0), 1)
    step = _WIDTH / max(len(values), 1)
    bars = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="0.8"/>').format(
            number * step, _HEIGHT - height, step * 0.72, height
        )
        for number, value in enumerate(values)
        if (height := max(_HEIGHT * value / top, 1.0))
    )
    return Markup(
        '<svg class="sparkline" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, label, bars)


def light_curve(curve: LightCurve) -> Markup:
    """Draw the detections of a light curve, coloured by band, bright ones high."""
    points = curve.detections
    points = points.filter(pc.and_(pc.is_finite(points["mjd"]), pc.is_valid(points["mag"])))
    points = points.slice(max(len(points) - MAX_POINTS, 0))
    dots = Markup("").join(
        Markup('<circle class="band-{}" cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(band or "none", x, y)
        for band, x, y in zip(
            points["band"].to_pylist(),
            _placed(points["mjd"], _THUMB_WIDTH),
            _placed(points["mag"], _THUMB_HEIGHT),
            strict=True,
        )
    )
    label = f"Light curve of {curve.object_id}: {len(points)} detections"
    return Markup(
        '<svg class="thumbnail" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>'
    ).format(_THUMB_WIDTH, _THUMB_HEIGHT, label, dots)


def _placed(values: pa.ChunkedArray, length: float) -> list[float]:
    """Spread values over a length; equal ones stand in the middle."""
    numbers = values.cast(pa.float64()).to_numpy()
    if not len(numbers):
        return []
    low, span = float(numbers.min()), float(np.ptp(numbers))
    part = (numbers - low) / span if span else np.full(len(numbers), 0.5)
    placed: list[float] = (_MARGIN + part * (length - 2 * _MARGIN)).tolist()
    return placed

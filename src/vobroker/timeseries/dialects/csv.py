"""Light curves as comma-separated values with a header line; nulls are empty."""

from __future__ import annotations

import io

from pyarrow import csv

from vobroker.timeseries.model import LightCurve


def write(light_curve: LightCurve) -> bytes:
    """Write the points of a light curve as CSV, UTF-8."""
    text = io.BytesIO()
    csv.write_csv(light_curve.points, text)
    return text.getvalue()

"""Times of alerts as packets give them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from vobroker.alerts.night import tai_to_utc, utc_to_tai

_MJD_EPOCH = datetime(1858, 11, 17)
_MICROSECONDS = 86400 * 10**6


@lru_cache(maxsize=256)  # all alerts of a visit have one time
def iso_utc(mjd_tai: float) -> str:
    """Give a time as ISO 8601 in UTC, to the microsecond and without a zone (VOEvent 2.0, 3.4.3).

    Parameters
    ----------
    mjd_tai
        Time as MJD in TAI, from 1972 on. Its resolution is 0.6 µs.

    Returns
    -------
    str
        Such as ``2026-03-05T01:02:03.000000``; in a leap second the seconds are 60.
    """
    tai = np.array([mjd_tai])
    utc = tai_to_utc(tai)
    day, fraction = divmod(float(utc[0]), 1.0)
    time = _MJD_EPOCH + timedelta(days=day, microseconds=round(fraction * _MICROSECONDS))
    # MJD has no name for a leap second: it is the second that does not come back.
    if abs(float(utc_to_tai(utc)[0]) - mjd_tai) * _MICROSECONDS > 0.5e6:
        text = (time - timedelta(seconds=1)).isoformat(timespec="microseconds")
        return f"{text[:17]}60{text[19:]}"
    return time.isoformat(timespec="microseconds")

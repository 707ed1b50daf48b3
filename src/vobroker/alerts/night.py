"""Time scales and observing nights, for whole columns."""

from __future__ import annotations

import erfa
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

_DAY_SECONDS = 86400.0
_MJD_EPOCH = np.datetime64("1858-11-17", "D")


def _leap_seconds() -> tuple[Float, Float]:
    """MJD (UTC) from which each value of TAI - UTC in seconds holds; from 1972, whole seconds."""
    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]
    begin = [np.datetime64(f"{row['year']:04d}-{row['month']:02d}-01", "D") for row in table]
    mjd = (np.array(begin) - _MJD_EPOCH).astype(np.float64)
    return mjd, table["tai_utc"].astype(np.float64)


_LEAP_MJD, _TAI_MINUS_UTC = _leap_seconds()


def utc_to_tai(mjd: Float) -> Float:
    """MJD in UTC to MJD in TAI, shape (n,), days; NaN stays NaN. From 1972 on.

    A day of UTC is taken as 86400 s, the days that end in a leap second too.
    """
    return mjd + _offset(mjd, _LEAP_MJD) / _DAY_SECONDS


def tai_to_utc(mjd: Float) -> Float:
    """MJD in TAI to MJD in UTC, shape (n,), days; NaN stays NaN. From 1972 on."""
    return mjd - _offset(mjd, _LEAP_MJD + _TAI_MINUS_UTC / _DAY_SECONDS) / _DAY_SECONDS


def _offset(mjd: Float, since: Float) -> Float:
    number = np.searchsorted(since, mjd, side="right") - 1
    return _TAI_MINUS_UTC[np.clip(number, 0, len(since) - 1)]


def night(mjd_tai: Float, longitude: float) -> npt.NDArray[np.int32]:
    """Give the observing night as yyyymmdd of its local evening.

    A night goes from local noon to local noon, in mean solar time at the telescope, so that one night of
    observing never has two dates.

    Parameters
    ----------
    mjd_tai
        Times, MJD in TAI, shape (n,); all finite.
    longitude
        Longitude of the telescope in degrees, positive to the east.
    """
    local = tai_to_utc(mjd_tai) + longitude / 360.0
    day = _MJD_EPOCH + np.floor(local - 0.5).astype("timedelta64[D]")
    year = day.astype("datetime64[Y]").astype(np.int64) + 1970
    month = day.astype("datetime64[M]").astype(np.int64) % 12 + 1
    of_month = (day - day.astype("datetime64[M]")).astype(np.int64) + 1
    date: npt.NDArray[np.int32] = (year * 10000 + month * 100 + of_month).astype(np.int32)
    return date

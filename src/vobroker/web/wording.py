"""Numbers, times and places as a reader likes them; the filters of the templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from vobroker.alerts.night import tai_to_utc

NONE = "–"
_THIN = "\u202f"  # narrow no-break space between thousands (ISO 80000-1, section 7.3.1)
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_LATEST_MJD = 88069.0


def count(number: int | None) -> str:
    """Write a count in groups of three digits: ``12 345``."""
    return NONE if number is None else f"{number:,}".replace(",", _THIN)


def fixed(number: float | None, digits: int = 2) -> str:
    """Write a number with so many decimals and a true minus sign."""
    return NONE if number is None else f"{number:.{digits}f}".replace("-", "−")


def signed(number: float | None, digits: int = 2) -> str:
    """Write a number with so many decimals and always a sign."""
    return NONE if number is None else f"{number:+.{digits}f}".replace("-", "−")


def night(number: int | None) -> str:
    """Write an observing night: ``2026-03-05``."""
    return NONE if number is None else f"{number:08d}"[:4] + f"-{number // 100 % 100:02d}-{number % 100:02d}"


def moment(mjd: float | None) -> datetime | None:
    """Give the UTC of an MJD in TAI, to the second; None outside 1972 to 2100."""
    if mjd is None or not 41317.0 <= mjd < _LATEST_MJD:
        return None
    utc = float(tai_to_utc(np.array([mjd]))[0])
    return _MJD_EPOCH + timedelta(seconds=round(utc * 86400))


def utc(mjd: float | None) -> str:
    """Write an MJD in TAI as UTC: ``2026-03-05 03:12:45``."""
    when = moment(mjd)
    return NONE if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def clock(mjd: float | None) -> str:
    """Write the time of day, UTC, of an MJD in TAI."""
    return utc(mjd)[-8:]


def stamp(text: str | None) -> str:
    """Write an ISO 8601 time without its ``T``, ``Z`` and fractions."""
    return NONE if text is None else text.replace("T", " ").rstrip("Z").split(".")[0]


def hms(ra: float | None) -> str:
    """Write a right ascension in degrees as hours, minutes and seconds: ``10:12:45.32``."""
    if ra is None:
        return NONE
    hundredths = round(ra % 360 / 15 * 360000) % (24 * 360000)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"


def dms(dec: float | None) -> str:
    """Write a declination in degrees as degrees, minutes and seconds: ``+02:10:03.4``."""
    if dec is None:
        return NONE
    tenths = round(abs(dec) * 36000)
    minutes, rest = divmod(tenths, 600)
    sign = "−" if dec < 0 else "+"
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest // 10:02d}.{rest % 10}"


def size(number: int | None) -> str:
    """Write a number of bytes: ``57.3 kB``."""
    if number is None:
        return NONE
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def span(seconds: float | None) -> str:
    """Write a time that passed: ``42 s``, ``3 min``, ``5 h``, ``12 d``."""
    if seconds is None:
        return NONE
    for most, unit in ((120, 1), (7200, 60), (172_800, 3600)):
        if seconds < most:
            return f"{seconds / unit:.0f} {_UNITS[unit]}"
    return f"{seconds / 86_400:.0f} d"


_UNITS = {1: "s", 60: "min", 3600: "h"}


def share(part: int, whole: int) -> str:
    """Write a part of a whole in per cent, with as many digits as it needs."""
    if not whole:
        return NONE
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or not part else f"{percent:.2g} %"


def cell(value: Any) -> str:
    """Write any value of a table; nulls are for the template to mark."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.9g}".replace("-", "−")
    return str(value)


def angle(degrees: float | None) -> str:
    """Write a small angle in the unit that suits it."""
    if degrees is None:
        return NONE
    if degrees < 1 / 60:
        return f"{degrees * 3600:.2f}″"
    return f"{degrees * 60:.2f}′" if degrees < 1 else f"{degrees:.3f}°"


FILTERS: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (count, fixed, signed, night, utc, clock, stamp, hms, dms, size, span, share, cell, angle)
}
"""Filters of the templates by name."""

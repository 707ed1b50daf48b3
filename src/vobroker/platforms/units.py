"""Quantities in the unit of their field (VOUnits 1.1)."""

from __future__ import annotations

import math
from functools import cache

from vobroker.platforms.errors import PlatformError


class UnitError(PlatformError):
    """A unit that is not known, or measures something else."""


def in_unit(value: float, unit: str, wanted: str) -> float:
    """Give a value of one unit in another.

    Raises
    ------
    UnitError
        If VOUnits has no such unit, or it measures something else.
    """
    found = value * _factor(unit, wanted)
    if not math.isfinite(found):
        raise UnitError(f"{value} {unit} is no number of {wanted}")
    return int(found) if found == int(found) else found


@cache
def _factor(unit: str, wanted: str) -> float:
    from astropy import units  # takes time to load

    if unit == wanted:
        return 1.0
    try:
        found = units.Unit(unit[:40], format="vounit")
        factor: float = found.to(units.Unit(wanted, format="vounit"))
    except units.UnitConversionError:
        raise UnitError(f"'{unit[:40]}' measures something else than {wanted}") from None
    except (ValueError, TypeError):
        raise UnitError(f"VOUnits has no unit '{unit[:40]}'") from None
    return factor


_SIZES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def size(count: float) -> str:
    """Write a number of bytes for people."""
    least, unit = next(((least, unit) for least, unit in _SIZES if count >= least), (1.0, "byte"))
    return f"{count / least:.3g} {unit}"


def duration(seconds: float) -> str:
    """Write a time for people."""
    least, unit = next(((least, unit) for least, unit in _TIMES if seconds >= 2 * least), (1.0, "s"))
    return f"{seconds / least:.3g} {unit}" if seconds / least < 1000 else f"{seconds / least:,.0f} {unit}"


def shown(value: float, unit: str) -> str:
    """Write a number in the unit of a field for people."""
    if unit == "byte":
        return size(value)
    if unit == "byte/s":
        return f"{size(value)}/s"
    if unit == "s":
        return duration(value)
    return f"{value:,.6g}{' ' * bool(unit)}{unit}" if isinstance(value, float) else f"{value:,}"

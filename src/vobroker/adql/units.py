"""Units that the checker can tell apart: what dimension, and how large (VOUnits 1.1)."""

from __future__ import annotations

from math import pi

_DEGREE = pi / 180

UNITS: dict[str, tuple[str, float]] = {
    "rad": ("angle", 1.0),
    "deg": ("angle", _DEGREE),
    "arcmin": ("angle", _DEGREE / 60),
    "arcsec": ("angle", _DEGREE / 3600),
    "mas": ("angle", _DEGREE / 3.6e6),
    "uas": ("angle", _DEGREE / 3.6e9),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "d": ("time", 86400.0),
    "yr": ("time", 31557600.0),
    "mag": ("magnitude", 1.0),
    "Jy": ("flux density", 1.0),
    "mJy": ("flux density", 1e-3),
    "uJy": ("flux density", 1e-6),
    "nJy": ("flux density", 1e-9),
    "m": ("length", 1.0),
    "km": ("length", 1e3),
    "cm": ("length", 1e-2),
    "mm": ("length", 1e-3),
    "um": ("length", 1e-6),
    "nm": ("length", 1e-9),
    "Angstrom": ("length", 1e-10),
    "AU": ("length", 1.495978707e11),
    "Hz": ("frequency", 1.0),
    "kHz": ("frequency", 1e3),
    "MHz": ("frequency", 1e6),
    "GHz": ("frequency", 1e9),
    "deg2": ("solid angle", _DEGREE**2),
    "arcsec2": ("solid angle", (_DEGREE / 3600) ** 2),
    "pix": ("pixel", 1.0),
    "adu": ("count", 1.0),
}
"""Unit to its dimension and its size in the first unit of that dimension."""


def differ(left: str | None, right: str | None) -> bool:
    """Whether two units are both known and certainly not the same."""
    return left in UNITS and right in UNITS and left != right


def factor(unit: str, target: str) -> float | None:
    """Give what to multiply a value in ``unit`` by to have it in ``target``; None where that is not known."""
    if unit not in UNITS or target not in UNITS or UNITS[unit][0] != UNITS[target][0]:
        return None
    return UNITS[unit][1] / UNITS[target][1]

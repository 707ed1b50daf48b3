"""Every form in which a light curve leaves the broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vobroker.timeseries import plot
from vobroker.timeseries.dialects import DIALECTS
from vobroker.timeseries.model import LightCurve


@dataclass(frozen=True, slots=True)
class Format:
    """A form of output: media type, the file suffixes that mean it, and what makes it."""

    media_type: str
    suffixes: tuple[str, ...]
    write: Callable[..., bytes]


def _in(name: str) -> Format:
    """Give the form of a dialect."""
    dialect = DIALECTS[name]
    return Format(dialect.MEDIA_TYPE, dialect.SUFFIXES, lambda curve: dialect.write([curve.series]))


FORMATS: dict[str, Format] = {
    **{name: _in(name) for name in ("votable", "csv", "json", "parquet", "fits", "ecsv", "mivot")},
    "svg": Format("image/svg+xml", (".svg",), partial(plot.render, format="svg")),
    "png": Format("image/png", (".png",), partial(plot.render, format="png")),
}
"""Formats by name."""

PICTURES = frozenset({"svg", "png"})
"""Formats whose ``write`` also takes the keywords ``flux`` and ``dark``."""


def format_of(suffix: str) -> str | None:
    """Name the format that a file suffix (``.vot``) means; None when it means none."""
    return next((name for name, one in FORMATS.items() if suffix.lower() in one.suffixes), None)


def write(light_curve: LightCurve, name: str, *, flux: bool = False, dark: bool = False) -> bytes:
    """Write a light curve in one of the :data:`FORMATS`.

    Parameters
    ----------
    light_curve
        What to write.
    name
        Name of the format.
    flux, dark
        For the pictures, as in :func:`vobroker.timeseries.plot.render`.

    Raises
    ------
    KeyError
        If there is no such format.
    """
    how = {"flux": flux, "dark": dark} if name in PICTURES else {}
    return FORMATS[name].write(light_curve, **how)

"""Epoch photometry of several sources as Gaia's DataLink gives it, COMBINED (Gaia DR2 and DR3)."""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import gaia
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series

NAME = "gaia-combined"
TITLE = "Gaia DataLink, COMBINED"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS = gaia.LACKS


def recognise(look: Look) -> bool:
    """Tell whether it has the columns of Gaia's flat tables, of several sources."""
    return gaia.is_flat(look) and gaia.sources(look) > 1


def read(look: Look) -> Document:
    """Read the table.

    Raises
    ------
    TimeSeriesError
        If it is not as Gaia's tables are.
    """
    return Document(gaia.read(look), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write series, all in one table.

    Raises
    ------
    TimeSeriesError
        If one cannot be told in Gaia's terms.
    """
    return gaia.write(series)

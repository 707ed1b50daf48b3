"""Epoch photometry of one source as Gaia's DataLink gives it, INDIVIDUAL (Gaia DR2 and DR3)."""

from __future__ import annotations

from collections.abc import Sequence

from vobroker.timeseries import gaia
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series, only

NAME = "gaia-individual"
TITLE = "Gaia DataLink, INDIVIDUAL"
MEDIA_TYPE = "application/x-votable+xml"
SUFFIXES: tuple[str, ...] = ()
LACKS = gaia.LACKS


def recognise(look: Look) -> bool:
    """Tell whether it has the columns of Gaia's flat tables, of one source."""
    return gaia.is_flat(look) and gaia.sources(look) < 2


def read(look: Look) -> Document:
    """Read the table.

    Raises
    ------
    TimeSeriesError
        If it is not as Gaia's tables are.
    """
    return Document(gaia.read(look), NAME)


def write(series: Sequence[Series]) -> bytes:
    """Write a series.

    Raises
    ------
    TimeSeriesError
        If there is not exactly one, or it cannot be told in Gaia's terms.
    """
    return gaia.write([only(series, NAME)])

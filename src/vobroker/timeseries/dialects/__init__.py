"""One file per serialisation of light curves.

Each has the same names: ``NAME`` and ``TITLE``; ``MEDIA_TYPE`` and ``SUFFIXES``, none where the file's suffix
says nothing; ``LACKS``, what of :data:`vobroker.timeseries.aspects.ASPECTS` a document cannot hold, and why;
``recognise(look)``, ``read(look)`` and ``write(series)``. A dialect that annotates a table has ``BORROWS``
besides: what stands beside the annotation only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vobroker.timeseries.dialects import (
    astropy_timeseries,
    csv,
    ecsv,
    fits,
    gaia_combined,
    gaia_individual,
    gaia_raw,
    gavo,
    json,
    lightkurve,
    mivot,
    modelinstance,
    obscore,
    parquet,
    splat,
    ssap,
    vodml_mapping,
    votable,
    votable_bands,
    votable_long,
)
from vobroker.timeseries.look import Look
from vobroker.timeseries.series import Document, Series


class Dialect(Protocol):
    """What each module of this package is."""

    @property
    def NAME(self) -> str:
        """Its name."""

    @property
    def TITLE(self) -> str:
        """What it is."""

    @property
    def MEDIA_TYPE(self) -> str:
        """Media type of its documents."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:
        """Suffixes of files that mean it."""

    @property
    def LACKS(self) -> Mapping[str, str]:
        """Aspects that a document cannot hold, and why."""

    def recognise(self, look: Look) -> bool:
        """Tell whether a document is in the dialect; dialects that say more come before others."""

    def read(self, look: Look) -> Document:
        """Read a document."""

    def write(self, series: Sequence[Series]) -> bytes:
        """Write a document."""


_IN_ORDER: tuple[Dialect, ...] = (
    mivot,
    vodml_mapping,
    gavo,
    modelinstance,
    gaia_raw,
    gaia_individual,
    gaia_combined,
    obscore,
    ssap,
    splat,
    votable_long,
    votable_bands,
    votable,
    parquet,
    lightkurve,
    fits,
    astropy_timeseries,
    ecsv,
    json,
    csv,
)
# The first that recognises a document reads it.

DIALECTS: dict[str, Dialect] = {one.NAME: one for one in _IN_ORDER}
"""Dialects by name, in the order in which they are asked."""

DEFAULT = votable.NAME
"""The dialect that light curves are written in unless another is asked for."""


def borrows(dialect: Dialect) -> Mapping[str, str]:
    """Give what stands beside the annotation of a dialect, and why; nothing for other dialects."""
    found: Mapping[str, str] = getattr(dialect, "BORROWS", {})
    return found

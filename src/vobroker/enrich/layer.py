"""What is added to alerts: a table with at most one row an alert, made batch by batch.

Its rows are joined with the alerts ``USING (survey, alert_id)``, in a filter and in the archive alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vobroker.votypes.columns import Column, Table

KEYS = (
    Column("survey", "VARCHAR", "", "meta.id;instr.obsty", "Survey that sent the alert"),
    Column("alert_id", "BIGINT", "", "meta.id;meta.main", "Identifier of the alert"),
)

CROSSMATCH = Table(
    "crossmatch",
    (
        *KEYS,
        Column(
            "catalogue",
            "VARCHAR",
            "",
            "meta.id;meta.table",
            "Catalogue or watchlist, by its table of matches",
        ),
        Column("rank", "INTEGER", "", "meta.number", "1 for the best match of the alert in the catalogue"),
        Column("source_id", "VARCHAR", "", "meta.id;src", "Identifier of the entry"),
        Column("separation", "DOUBLE", "arcsec", "pos.angDistance", "Distance of alert and entry"),
    ),
    "Every entry of a catalogue that an alert matches, the best first",
)
"""All matches of all catalogues."""

CONTEXT = "context"
"""Name of the table that says where alerts are in the Galaxy."""

HISTORY = "history"
"""Name of the table that says what the light curves of alerts did."""

J2000 = 2451545.0
"""Julian date of the epoch J2000.0, TT."""

_PREFIXES = ("match_", "watchlist_", "region_", "skymap_", "classifier_")


def enriched(name: str) -> bool:
    """Whether a table of an archive was made here, and is none of a survey's."""
    return name == CROSSMATCH.name or has_one_row(name)


def has_one_row(name: str) -> bool:
    """Whether a table made here has at most one row an alert, so that filters may join it."""
    return name in (CONTEXT, HISTORY) or name.startswith(_PREFIXES)


def command_of(table: str) -> str:
    """Give the command that compares the alerts of an archive with what a table is of."""
    kind, _, name = table.partition("_")
    return f"{kind if name and kind != 'match' else 'catalogue'} match {name or '--all'}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a layer says of a batch.

    Attributes
    ----------
    table
        The table.
    rows
        Row numbers in the batch of the alerts that have one, int64, ascending.
    values
        Their rows, in the table's columns.
    matches
        Rows of :data:`CROSSMATCH`, of a catalogue.
    error
        Why it could say nothing, in one sentence; None when it could.
    warning
        What could not be said of some alerts, or of all: their rows have nulls.
    """

    table: Table
    rows: NDArray[np.int64]
    values: pa.Table
    matches: pa.Table | None = None
    error: str | None = None
    warning: str | None = None


class Layer(Protocol):
    """Something that alerts are compared with."""

    @property
    def table(self) -> Table:
        """Its table."""
        ...

    def of(self, alert: pa.RecordBatch) -> Found:
        """Compare alerts with it, by the columns of ``alert``; raises EnrichError if that cannot be done."""
        ...


def positions(alert: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the positions of alerts, ICRS degrees; NaN where there is none."""
    ra, dec = (np.asarray(alert[name].to_numpy(zero_copy_only=False), np.float64) for name in ("ra", "dec"))
    return ra, dec


def keys(alert: pa.RecordBatch, rows: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Give the identifiers of some alerts."""
    taken = pa.array(rows)
    return {column.name: alert[column.name].take(taken) for column in KEYS}

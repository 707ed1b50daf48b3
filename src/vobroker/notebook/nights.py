"""A small archive for who has none yet: simulated nights of both surveys, through the starter filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive
from vobroker.filters import starter_filters
from vobroker.pipeline.river import Counts, run
from vobroker.sources.simulator import as_raw_batches, simulate

NIGHTS = 3
VISITS = 6
"""Visits of each survey in a night."""

ALERTS = {"lsst": 60, "ztf": 40}
"""Alerts in a visit."""

TOTAL = NIGHTS * VISITS * sum(ALERTS.values())
"""Alerts in all."""

_SEED = 11  # of nights with something for every starter filter
_PAST = 40


def fill(archive: Archive, voevents: Path, told: Callable[[Counts], None]) -> Counts:
    """Let the nights flow into an archive.

    Parameters
    ----------
    archive
        Where they go; open for writing.
    voevents
        Folder for the events of the filters.
    told
        Is told how far it is, after each batch.
    """
    return run(
        _packets(archive),
        archive,
        schemas=default_schemas(),
        filters=starter_filters(),
        voevents=voevents,
        after_batch=told,
    )


def _packets(archive: Archive) -> Iterator[RawBatch]:
    for survey, alerts in ALERTS.items():
        visits = simulate(
            survey,
            seed=_SEED,
            nights=NIGHTS,
            visits=VISITS,
            alerts_per_visit=alerts,
            history_nights=_PAST,
        )
        yield from as_raw_batches(visits, position=archive.position(f"simulator:{survey}"))

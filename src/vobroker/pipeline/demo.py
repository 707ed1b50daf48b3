"""Simulated nights of both surveys at a pace that can be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event

from vobroker.alerts.packets import RawBatch
from vobroker.sources.simulator import as_raw_batches, simulate

PAST_NIGHTS = 3
"""Nights that flow in at once, so that objects have light curves when the page opens."""

LIVE_NIGHTS = 9
VISITS = 16
"""Visits of each survey in a night."""

ALERTS = {"lsst": 36, "ztf": 36}
"""Alerts in a visit."""


def nights(
    position: Callable[[str], int], stop: Event, *, seed: int = 20260305, seconds: float = 2.0
) -> Iterator[RawBatch]:
    """Yield a visit of each survey in turn.

    Parameters
    ----------
    position
        Gives the next position of a source, where a demo on the same archive left off.
    stop
        Ends the nights when set.
    seed
        Of the simulation.
    seconds
        Pause before each visit, after the past nights.
    """
    streams = [
        as_raw_batches(
            simulate(
                survey,
                seed=seed,
                nights=PAST_NIGHTS + LIVE_NIGHTS,
                visits=VISITS,
                alerts_per_visit=alerts,
                history_nights=20,
            ),
            position=position(f"simulator:{survey}"),
        )
        for survey, alerts in ALERTS.items()
    ]
    past = PAST_NIGHTS * VISITS * min(ALERTS.values())
    for visits in zip(*streams, strict=False):
        for visit in visits:
            if max(visit.progress.values()) > past and stop.wait(seconds):
                return
            yield visit

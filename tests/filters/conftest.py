"""Decoded packets for the filters: real ones, and simulated nights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.sources import files, simulator


@pytest.fixture(scope="session")
def supernova(shared: Path) -> AlertBatch:
    """34 successive ZTF packets of one transient."""
    (raw,) = files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"])
    (batch,) = decode(raw, default_schemas()).batches
    return batch


@pytest.fixture(scope="session")
def nights() -> dict[str, list[AlertBatch]]:
    """A few simulated nights of both surveys."""
    return {survey: _simulated(survey) for survey in ("lsst", "ztf")}


def _simulated(survey: str) -> list[AlertBatch]:
    visits = simulator.simulate(
        survey, seed=3, nights=4, visits=6, alerts_per_visit=40, history=False, cutouts=False
    )
    raw = simulator.as_raw_batches(visits)
    return [batch for one in raw for batch in decode(one, default_schemas()).batches]


@pytest.fixture(scope="session")
def write() -> Callable[[Path, str, str], Path]:
    """Write a filter file."""

    def put(folder: Path, name: str, text: str) -> Path:
        path = folder / f"{name}.adql"
        path.write_text(text, encoding="utf-8")
        return path

    return put

"""An archive of real and simulated alerts, every one of which has passed a filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter, starter_filters
from vobroker.pipeline.river import run
from vobroker.sources import files
from vobroker.sources.simulator import simulate, write


@pytest.fixture(scope="session")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's folder: 34 packets of one ZTF object, real Rubin packets, a few simulated visits."""
    root = tmp_path_factory.mktemp("events")
    for survey in ("lsst", "ztf"):
        visits = simulate(survey, seed=5, visits=3, alerts_per_visit=60, history=False, cutouts=False)
        write(visits, root / survey, "tar.gz")
    real = [shared / "alerts/ztf/ZTF21abiuvdk_series", shared / "alerts/lsst/real"]
    made = [next((root / survey).glob("*.tar.gz")) for survey in ("lsst", "ztf")]
    everything = compile_filter("everything", "SELECT alert_id FROM alert")
    with open_archive(root / "archive", authority="org.example.test") as archive:
        run(
            files.read([*real, *made], resume=archive.position, batch=64),
            archive,
            schemas=default_schemas(),
            filters=[everything, *starter_filters()],
        )
    return root / "archive"


@pytest.fixture
def archive(folder: Path) -> Iterator[Archive]:
    """The archive, open for reading."""
    with open_archive(folder, read_only=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def schema(shared: Path) -> etree.XMLSchema:
    """VOEvent-v2.0.xsd."""
    return etree.XMLSchema(etree.parse(shared / "voevent/schemas/VOEvent-v2.0.xsd"))

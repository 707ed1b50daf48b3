"""Catalogues made of arrays, and alerts of which only the position matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vobroker.enrich import catalogue
from vobroker.enrich.catalogue import Added, Roles
from vobroker.enrich.formats import open_source
from vobroker.sky import healpix29

Make = Callable[..., Added]
Alerts = Callable[[Any, Any], pa.RecordBatch]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a catalogue of columns; the first two are its position, unless roles say otherwise."""

    def add(given: dict[str, Any], name: str = "cat", **options: Any) -> Added:
        file = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(given), file)
        names = list(given)
        roles = Roles(*names[:2], **options.pop("roles", {}))
        return catalogue.add(tmp_path / "store", name, open_source(file), roles, **options)

    return add


@pytest.fixture
def alerts() -> Alerts:
    """Alerts at positions; NaN is none."""

    def at(ra: Any, dec: Any) -> pa.RecordBatch:
        lon, lat = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
        known = np.isfinite(lon) & np.isfinite(lat)
        cells = healpix29(np.where(known, lon, 0), np.where(known, lat, 0))
        return pa.record_batch(
            {
                "survey": pa.array(["lsst"] * len(lon)),
                "alert_id": pa.array(range(1, len(lon) + 1), pa.int64()),
                "ra": pa.array(lon, mask=~known),
                "dec": pa.array(lat, mask=~known),
                "healpix": pa.array(cells, mask=~known),
            }
        )

    return at

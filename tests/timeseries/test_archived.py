"""From real packets to the light curve, by the whole way and by a second one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.sources import files
from vobroker.timeseries import LightCurve, merge

MS = 1e-3 / 86400


def batches(shared: Path, size: int) -> Iterator[AlertBatch]:
    """The 34 packets of the nova, decoded, ``size`` at a time."""
    schemas = default_schemas()
    for raw in files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"], batch=size):
        decoded = decode(raw, schemas)
        assert not decoded.dead
        yield from decoded.batches


@pytest.fixture(scope="module")
def archived(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> LightCurve:
    """The nova as the archive has it."""
    with open_archive(tmp_path_factory.mktemp("archive")) as archive:
        for batch in batches(shared, 10):
            with archive.transaction() as transaction:
                transaction.add(batch)
        return archive.light_curve("ZTF21abiuvdk")


def test_the_archived_light_curve_is_the_independent_one(
    archived: LightCurve, ztf21abiuvdk: LightCurve
) -> None:
    assert_same_points(archived, ztf21abiuvdk)


def test_the_histories_of_the_packets_merge_to_it_too(shared: Path, ztf21abiuvdk: LightCurve) -> None:
    histories = [
        LightCurve("ztf", "ZTF21abiuvdk", 0, 0, pa.Table.from_batches([batch.measurements()]))
        for batch in batches(shared, 1)
    ]
    assert sum(map(len, histories)) > 400
    assert_same_points(merge(histories), ztf21abiuvdk)


def test_the_object_stands_where_its_detections_do(archived: LightCurve) -> None:
    assert archived.ra == pytest.approx(np.mean(archived.detections["ra"].to_pylist()), abs=1 / 3600)
    assert archived.dec == pytest.approx(np.mean(archived.detections["dec"].to_pylist()), abs=1 / 3600)


def assert_same_points(ours: LightCurve, theirs: LightCurve) -> None:
    for name in ("survey", "object_id", "kind", "measurement_id", "band", "positive", "visit"):
        assert ours.points[name].to_pylist() == theirs.points[name].to_pylist(), name
    for name in ("ra", "dec", "mag", "mag_error", "limiting_mag", "real_bogus"):
        np.testing.assert_array_equal(values(ours, name), values(theirs, name), err_msg=name)
    np.testing.assert_allclose(values(ours, "mjd"), values(theirs, "mjd"), rtol=0, atol=MS)
    for name in ("flux", "flux_error"):
        np.testing.assert_allclose(values(ours, name), values(theirs, name), rtol=1e-6, err_msg=name)


def values(light_curve: LightCurve, name: str) -> np.ndarray:
    return np.array(light_curve.points[name].to_pylist(), np.float64)

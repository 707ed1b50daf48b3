"""Light curves made from real packets by a second, independent way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from astropy.time import Time

from vobroker.timeseries import LightCurve
from vobroker.timeseries.model import POINTS

ZTF_BANDS = {1: "g", 2: "r", 3: "i"}
EXPOSURE = 30.0  # seconds; jd is the start of the exposure (ZTF alert schema)


def ztf_history(folder: Path) -> Iterator[dict[str, Any]]:
    """Every candidate and previous candidate of the packets in a folder, in order of arrival."""
    for path in sorted(folder.glob("*.avro")):
        with path.open("rb") as stream:
            for alert in fastavro.reader(stream):
                yield alert["candidate"] | {"objectId": alert["objectId"]}
                yield from alert["prv_candidates"] or ()


def ztf_point(candidate: dict[str, Any], object_id: str) -> dict[str, Any]:
    """One ZTF candidate in the columns of MEASUREMENT, worked out one number at a time."""
    start = Time(candidate["jd"], format="jd", scale="utc")
    point = dict.fromkeys(POINTS.names) | {
        "survey": "ztf",
        "object_id": object_id,
        "kind": "limit" if candidate["candid"] is None else "detection",
        "measurement_id": candidate["candid"] or candidate["pid"],
        "mjd": start.tai.mjd + EXPOSURE / 2 / 86400,
        "band": ZTF_BANDS[candidate["fid"]],
        "limiting_mag": candidate["diffmaglim"],
        "visit": candidate["pid"] // 10000,  # without readout channel and version
    }
    if candidate["candid"] is None:
        return point
    positive = candidate["isdiffpos"] in ("t", "1")
    flux = 10 ** ((31.4 - candidate["magpsf"]) / 2.5)
    return point | {
        "flux": flux if positive else -flux,
        "flux_error": flux * candidate["sigmapsf"] * math.log(10) / 2.5,
        "mag": candidate["magpsf"],
        "mag_error": candidate["sigmapsf"],
        "positive": positive,
        "ra": candidate["ra"],
        "dec": candidate["dec"],
        "real_bogus": candidate.get("drb"),
    }


@pytest.fixture(scope="session")
def ztf21abiuvdk(shared: Path) -> LightCurve:
    """The nova ZTF21abiuvdk out of 34 successive packets: 34 detections, 16 limits in between."""
    merged: dict[Any, dict[str, Any]] = {}
    for candidate in ztf_history(shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"):
        merged.setdefault(candidate["candid"] or (candidate["jd"], candidate["fid"]), candidate)
    points = [ztf_point(candidate, "ZTF21abiuvdk") for candidate in merged.values()]
    table = pa.Table.from_pylist(points, schema=POINTS)
    return LightCurve("ztf", "ZTF21abiuvdk", 0.8142853, 16.1456815, table)

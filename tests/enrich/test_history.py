"""What is said of a light curve is what a reader of the packet would find, and null where nothing can be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import BarycentricMeanEcliptic, GeocentricMeanEcliptic, SkyCoord, get_sun
from astropy.io.votable.ucd import parse_ucd
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.alerts.columns import ALERT, MEASUREMENT
from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.enrich.history import TABLE, History, summed_up
from vobroker.sources import files
from vobroker.votypes.arrow import schema

Row = dict[str, Any]
NOW = 60_000.0


def f32(value: float) -> float:
    return float(np.float32(value))


def known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def error_of(value: float | None) -> bool:
    return known(value) and value > 0


def line(points: list[Row], since: float) -> tuple[float | None, float | None]:
    """Weighted least squares, as textbooks have it."""
    used = [p for p in points if p["mjd"] >= since and error_of(p["mag_error"])]
    times = [p["mjd"] for p in used]
    if len(used) < 2 or max(times) - min(times) < 1e-3:
        return None, None
    weights = [1 / p["mag_error"] ** 2 for p in used]
    middle = math.fsum(w * (t - since) for w, t in zip(weights, times, strict=True)) / math.fsum(weights)
    mean = math.fsum(w * p["mag"] for w, p in zip(weights, used, strict=True)) / math.fsum(weights)
    away = [t - since - middle for t in times]
    square = math.fsum(w * a * a for w, a in zip(weights, away, strict=True))
    product = math.fsum(w * a * (p["mag"] - mean) for w, a, p in zip(weights, away, used, strict=True))
    return -product / square, square**-0.5


def colour(points: list[Row], blue: str, red: str) -> float | None:
    last: dict[str, Row] = {}
    found = None
    for point in points:
        last[point["band"]] = point
        if point["band"] in (blue, red) and blue in last and red in last:
            one, other = last[blue], last[red]
            if abs(one["mjd"] - other["mjd"]) <= 1:
                found = one["mag"] - other["mag"]
    return found


def reference(alert: Row, measured: list[Row]) -> Row:
    """What the table has of an alert, found step by step."""
    once = {(m["mjd"], m["measurement_id"]): m for m in reversed(measured) if m["kind"] == "detection"}
    seen = [once[key] for key in sorted(once)]
    told: Row = {f"n_{band}": sum(m["band"] == band for m in seen) for band in "ugrizy"}
    others = [m for m in measured if m["kind"] != "detection"]
    forced = [m for m in others if m["kind"] == "forced" and known(m["flux"]) and error_of(m["flux_error"])]
    shows = [m for m in forced if abs(m["flux"]) > 3 * m["flux_error"]]
    told["n_forced"] = len(shows)
    limits = [m for m in others if m["kind"] == "limit"] + [m for m in forced if m not in shows]
    before = [m["mjd"] for m in limits if seen and m["mjd"] < seen[0]["mjd"]]
    told["age"] = alert["mjd"] - seen[0]["mjd"] if seen else None
    told["gap"] = seen[0]["mjd"] - max(before) if before else None
    side = [m for m in seen if (m["positive"] is not False) == alert["positive"] and known(m["mag"])]
    brightest = min(side, key=lambda m: m["mag"], default={"mag": None, "mjd": None, "band": None})
    told |= {f"brightest_{name}": brightest[name] for name in ("mag", "mjd", "band")}
    same = [m for m in side if m["band"] == alert["band"]]
    mags = [m["mag"] for m in same]
    told["amplitude"] = max(mags) - min(mags) if len(same) > 1 else None
    for days in (3, 10):
        told[f"rate_{days}d"], told[f"rate_{days}d_error"] = line(same, alert["mjd"] - days)
    told["g_r"], told["r_i"] = colour(side, "g", "r"), colour(side, "r", "i")
    told |= dict.fromkeys(("flux_mean", "flux_sigma", "flux_chi2"))
    points = [
        (m["flux"], m["flux_error"] ** -2)
        for m in seen
        if m["band"] == alert["band"] and known(m["flux"]) and error_of(m["flux_error"])
    ]
    if points:
        weight = math.fsum(w for _, w in points)
        told["flux_mean"] = mean = math.fsum(w * f for f, w in points) / weight
    if len(points) > 1:
        told["flux_chi2"] = chi2 = math.fsum(w * (f - mean) ** 2 for f, w in points) / (len(points) - 1)
        told["flux_sigma"] = math.sqrt(chi2 * len(points) / weight)
    return told


def summed(alerts: list[Row], measured: list[Row]) -> list[Row]:
    target = pa.schema([pa.field("row", pa.int32()), *schema(MEASUREMENT)])
    found = summed_up(
        pa.RecordBatch.from_pylist(alerts, schema(ALERT)), pa.RecordBatch.from_pylist(measured, target)
    )
    assert found.rows.tolist() == list(range(len(alerts)))
    return found.values.drop_columns(["survey", "alert_id", "limit_mag"]).to_pylist()


SEASONS = {"season_age", "n_seasons"}  # have a test of their own


def assert_same(told: Row, expected: Row) -> None:
    assert set(told) == set(expected) | SEASONS
    for name, value in expected.items():
        exact = not isinstance(value, float) or TABLE[name].type == "DOUBLE"
        assert told[name] == (value if exact else pytest.approx(value, rel=1e-4, abs=1e-4)), name


def number(low: float, high: float) -> st.SearchStrategy[float | None]:
    """A value of a real packet, or what stands for none."""
    grid = st.integers(0, 40).map(lambda n: f32(low + n * (high - low) / 40))
    return st.one_of(grid, grid, grid, st.sampled_from([None, math.nan, math.inf]))


measurements = st.fixed_dictionaries(
    {
        "row": st.integers(0, 2),
        "kind": st.sampled_from(["detection", "detection", "forced", "limit"]),
        "measurement_id": st.integers(1, 4),
        "mjd": st.integers(0, 60).map(lambda n: NOW - n / 4),
        "band": st.sampled_from([*"ggrrrizuy", None]),
        "flux": number(-5000, 5000),
        "flux_error": number(0, 500),
        "mag": number(17, 22),
        "mag_error": number(0, 0.4),
        "positive": st.sampled_from([True, True, False, None]),
    }
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(measurements, max_size=40),
    st.lists(st.tuples(st.sampled_from([*"grri", None]), st.booleans()), min_size=3, max_size=3),
)
def test_it_is_what_a_reader_of_the_packet_finds(measured: list[Row], bands: list[tuple[str, bool]]) -> None:
    alerts = [
        {"survey": "lsst", "alert_id": n, "mjd": NOW, "band": band, "positive": positive}
        for n, (band, positive) in enumerate(bands)
    ]
    for alert, told in zip(alerts, summed(alerts, measured), strict=True):
        own = [m for m in measured if m["row"] == alert["alert_id"]]
        assert_same(told, reference(alert | {"band": alert["band"] or "none"}, own))


def detection(mjd: float, band: str, mag: float, row: int = 0, **more: Any) -> Row:
    flux = 10 ** ((31.4 - mag) / 2.5)
    told = {"row": row, "kind": "detection", "measurement_id": int(mjd * 1000), "mjd": mjd, "band": band}
    return told | {"flux": flux, "flux_error": flux / 20, "mag": mag, "mag_error": 0.05, **more}


ALERT_NOW = {"survey": "lsst", "alert_id": 1, "mjd": NOW, "band": "r", "positive": True}


def test_a_rise_is_positive_and_a_colour_is_of_one_night() -> None:
    told, apart = summed(
        [ALERT_NOW, ALERT_NOW],
        [
            {"row": 0, "kind": "limit", "measurement_id": 1, "mjd": NOW - 6, "band": "g"},
            *(detection(NOW - days, "r", 19 + 0.2 * days) for days in range(5)),
            detection(NOW - 0.4, "g", 18.7),
            detection(NOW - 3.5, "i", 20.0),
            *(
                detection(NOW - days, band, 19, row=1)
                for days, band in ((3, "g"), (1.1, "r"), (0, "i"), (2, "r"))
            ),
        ],
    )
    assert (told["n_g"], told["n_r"], told["n_i"], told["age"], told["gap"]) == (1, 5, 1, 4.0, 2.0)
    assert (told["rate_3d"], told["rate_10d"]) == pytest.approx((0.2, 0.2), abs=1e-6)
    assert told["rate_3d_error"] == pytest.approx(
        0.05 / math.sqrt(5), rel=1e-6
    )  # sum of squares of +-0.5, 1.5
    assert told["amplitude"] == pytest.approx(0.8, abs=1e-5)
    assert (told["brightest_band"], told["brightest_mjd"]) == ("g", NOW - 0.4)
    assert (told["g_r"], told["r_i"]) == pytest.approx((-0.3, 19.6 - 20.0), abs=1e-5)
    assert (apart["g_r"], apart["r_i"]) == (0.0, None)


@pytest.mark.parametrize(("ra", "dec"), [(10.0, 5.0), (266.0, -29.0), (359.9, 60.0)])
def test_a_season_begins_where_the_sun_is_as_far_along_the_ecliptic(ra: float, dec: float) -> None:
    there = {**ALERT_NOW, "ra": ra, "dec": dec}
    (told,) = summed([there], [detection(NOW - days, "r", 19.0) for days in range(0, 1461, 10)])
    assert told["n_seasons"] in (4, 5)
    longitude = SkyCoord(ra, dec, unit="deg").transform_to(BarycentricMeanEcliptic(equinox="J2000")).lon
    start = Time(NOW - told["season_age"], format="mjd", scale="tai")
    sun = get_sun(start).transform_to(GeocentricMeanEcliptic(equinox="J2000", obstime=start)).lon
    assert 0 <= told["season_age"] < 366.5
    assert abs((sun - longitude).wrap_at("180d").deg) < 0.03
    starts = NOW - told["season_age"] - 365.2564 * np.arange(5)
    seen = [0.5, -0.5, 200, 700, 701]
    times = starts[[0, 0, 1, 2, 2]] + seen
    (few,) = summed([there], [detection(mjd, "r", 19.0) for mjd in times if mjd <= NOW])
    assert few["n_seasons"] == len({np.searchsorted(-starts, -mjd) for mjd in times if mjd <= NOW})
    (moving,) = summed([there | {"solar_system": True}], [detection(NOW, "r", 19.0)])
    assert (moving["n_seasons"], moving["season_age"]) == (None, None)


def test_nothing_is_said_of_what_is_not_there() -> None:
    nothing = [dict.fromkeys(("flux", "flux_error", "mag", "mag_error"), x) for x in (None, math.nan)]
    no_detections = dict.fromkeys((f"n_{band}" for band in "ugrizy"), 0) | {"n_forced": 0}
    alone, unmeasured, limits, empty = summed(
        [ALERT_NOW] * 4,
        [
            detection(NOW, "r", 19.0),
            *(detection(NOW - n, "r", 19.0, row=1) | none for n, none in enumerate(nothing)),
            *({"row": 2, "kind": "limit", "measurement_id": n, "mjd": NOW - n, "band": "r"} for n in (1, 2)),
        ],
    )
    said = {name: value for name, value in alone.items() if value is not None and value != 0}
    assert said.pop("flux_mean") == pytest.approx(10 ** (12.4 / 2.5))
    assert said == {"n_r": 1, "brightest_mag": 19.0, "brightest_mjd": NOW, "brightest_band": "r"}
    assert alone["age"] == 0.0
    assert {k: v for k, v in unmeasured.items() if v is not None} == no_detections | {"n_r": 2, "age": 1.0}
    assert {k: v for k, v in limits.items() if v is not None} == no_detections
    assert empty == limits


def test_a_detection_counts_once_and_numbers_beyond_all_measure_are_null() -> None:
    far = {"mjd": 1e308, "mag": 3e38, "mag_error": 1e-45, "flux": 3e38, "flux_error": 1e-45}
    vast_ones = [detection(0, "r", 19.0, row=1) | far | more for more in ({}, {"mjd": 1.0, "mag": -3e38})]
    twice, vast = summed(
        [ALERT_NOW, ALERT_NOW | {"mjd": 1e308}],
        [detection(NOW, "r", 19.0), detection(NOW, "r", 19.0), *vast_ones],
    )
    assert twice["n_r"] == 1
    assert vast["n_r"] == 2
    assert all(value is None or math.isfinite(value) for value in vast.values() if not isinstance(value, str))


def test_the_series_of_a_supernova_grows_with_its_alerts(shared: Path) -> None:
    (raw,) = files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"])
    (batch,) = decode(raw, default_schemas()).batches
    found = History().of(batch).values
    assert found.schema.names == [column.name for column in TABLE]
    assert all(parse_ucd(column.ucd, check_controlled_vocabulary=True) for column in TABLE)
    alerts, measured = batch.alert.to_pylist(), batch.measurements().to_pylist()
    for n, told in enumerate(found.drop_columns(["survey", "alert_id", "limit_mag"]).to_pylist()):
        assert_same(told, reference(alerts[n], [m for m in measured if m["row"] == n]))
    rates = [rate for rate in found["rate_10d"].to_pylist() if rate is not None]
    assert max(rates) > 0.05
    assert min(rates) < 0

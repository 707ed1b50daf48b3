"""Asteroids on orbits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.sources.simulator import ephemeris, orbits

MJD = 61105.2


@pytest.fixture(scope="module")
def belt():
    rng = np.random.default_rng(3)
    ra, dec = 165 + rng.uniform(-1, 1, 200), 6 + rng.uniform(-1, 1, 200)
    fast = np.arange(200) % 10 == 0
    return orbits.draw(ra, dec, MJD, fast=fast, limit=23.0, serial=np.arange(200), rng=rng), ra, dec


def from_elements(table, mjd):
    """Heliocentric ecliptic positions by Kepler's equation, written out independently."""
    mean = np.radians(table["mean_motion"] * (mjd - table["peri_time"]))
    e = table["e"]
    anomaly = mean.copy()
    for _ in range(200):
        anomaly = anomaly - (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
    x, y = table["a"] * (np.cos(anomaly) - e), table["a"] * np.sqrt(1 - e**2) * np.sin(anomaly)
    node, peri, inclination = (np.radians(table[name]) for name in ("node", "argperi", "i"))
    u, v = x * np.cos(peri) - y * np.sin(peri), x * np.sin(peri) + y * np.cos(peri)
    return np.stack(
        [
            u * np.cos(node) - v * np.sin(node) * np.cos(inclination),
            u * np.sin(node) + v * np.cos(node) * np.cos(inclination),
            v * np.sin(inclination),
        ],
        axis=1,
    )


def test_they_stand_where_they_were_asked_to(belt):
    movers, ra, dec = belt
    seen = orbits.apparent(movers, MJD)
    assert seen["ra"] == pytest.approx(ra, abs=1e-9)
    assert seen["dec"] == pytest.approx(dec, abs=1e-9)


@pytest.mark.parametrize("days", [-2.0, 0.0, 2.0])
def test_the_elements_give_the_same_motion(belt, days):
    movers, _, _ = belt
    position, _ = movers.at(MJD + days)
    kepler = from_elements(orbits.elements(movers), MJD + days)
    assert ephemeris.ecliptic(position) == pytest.approx(kepler, abs=2e-6)


def test_the_main_belt_looks_like_one(belt):
    movers, _, _ = belt
    table, seen = orbits.elements(movers), orbits.apparent(movers, MJD)
    slow = ~movers.fast
    assert (table["a"][slow] > 1.8).all()
    assert (table["a"][slow] < 4.5).all()
    assert (table["e"] < 1).all()
    assert (table["i"][slow] < 40).all()
    rate = np.hypot(seen["rate_ra"], seen["rate_dec"])
    assert 0.1 < np.median(rate[slow]) < 0.35
    assert np.median(rate[~slow]) > 1.0
    # At opposition the belt moves backwards.
    assert np.median(seen["rate_ra"][slow]) < 0
    assert (seen["elongation"] > 150).all()


def test_the_rate_is_the_motion(belt):
    movers, _, _ = belt
    step = 1e-3
    before, after = (orbits.apparent(movers, MJD + sign * step / 2) for sign in (-1, 1))
    seen = orbits.apparent(movers, MJD)
    rate = (after["ra"] - before["ra"]) * np.cos(np.radians(seen["dec"])) / step
    assert rate == pytest.approx(seen["rate_ra"], rel=1e-3, abs=1e-3)


def test_brightness_reaches_down_to_the_limit(belt):
    movers, _, _ = belt
    mag = orbits.apparent(movers, MJD)["mag"]
    assert mag.min() > 16.9
    assert mag.max() < 23.0
    assert np.median(mag) > 20.5


@given(st.integers(0, 20_000_000))
def test_designations_unpack(serial):
    name, packed = orbits.designation(serial)
    assert len(packed) == 7
    assert packed[1:3] == name[2:4]
    assert (packed[3], packed[6]) == (name[5], name[6])
    tens = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(packed[4])
    assert f"{tens}{packed[5]}".lstrip("0") == name[7:]


def test_designations_differ():
    assert len({orbits.designation(serial) for serial in range(40_000)}) == 40_000

"""Distances and directions on the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from vobroker.sky import offset, position_angle, separation

ra_s = st.floats(0, 360)
dec_s = st.floats(-90, 90)
angle_s = st.floats(0, 360, exclude_max=True)
MAS = 1 / 3.6e6


@given(ra_s, dec_s, ra_s, dec_s)
def test_separation_is_the_one_of_astropy(ra1: float, dec1: float, ra2: float, dec2: float) -> None:
    theirs = SkyCoord(ra1, dec1, unit="deg").separation(SkyCoord(ra2, dec2, unit="deg")).deg
    assert separation(ra1, dec1, ra2, dec2) == pytest.approx(theirs, abs=1e-11)


@given(ra_s, dec_s, ra_s, dec_s)
def test_separation_has_no_direction(ra1: float, dec1: float, ra2: float, dec2: float) -> None:
    assert separation(ra1, dec1, ra2, dec2) == pytest.approx(separation(ra2, dec2, ra1, dec1), abs=1e-13)


@given(ra_s, st.floats(-80, 80), st.floats(-12, 0))
def test_small_separations_keep_nine_digits(ra: float, dec: float, exponent: float) -> None:
    """Even a nanoarcsecond apart, when the coordinates themselves can tell the positions apart."""
    north = dec + 10**exponent
    assert separation(ra, dec, ra, north) == pytest.approx(north - dec, rel=1e-9)


@given(ra_s, dec_s)
def test_antipodes_are_180_degrees_apart(ra: float, dec: float) -> None:
    assert separation(ra, dec, ra + 180, -dec) == pytest.approx(180, abs=1e-12)


def test_separation_across_ra_0_and_over_the_pole() -> None:
    assert separation(359.9999, 0, 0.0001, 0) == pytest.approx(0.0002, rel=1e-9)
    assert separation(0, 89.9999, 180, 89.9999) == pytest.approx(0.0002, rel=1e-9)
    assert separation(12.3, 90, 321, 90) < MAS / 1e6


def test_arrays_broadcast_and_nan_stays_nan() -> None:
    dec = np.array([0.0, 1.0, np.nan])
    result = separation(10, 0, np.full((2, 1), 10.0), dec)
    assert result.shape == (2, 3)
    np.testing.assert_allclose(result[0], [0, 1, np.nan], rtol=1e-12)


@given(ra_s, st.floats(-89, 89), angle_s, st.floats(1e-6, 179))
def test_offset_goes_the_distance_at_the_angle(ra: float, dec: float, angle: float, distance: float) -> None:
    there = offset(ra, dec, angle, distance)
    assert separation(ra, dec, *there) == pytest.approx(distance, abs=1e-11)
    turn = (position_angle(ra, dec, *there) - angle + 180) % 360 - 180
    assert abs(turn) * np.sin(np.radians(distance)) < 1e-11


@given(ra_s, dec_s, angle_s, st.floats(0, 180))
def test_offset_gives_a_position_on_the_sphere(ra: float, dec: float, angle: float, distance: float) -> None:
    ra2, dec2 = offset(ra, dec, angle, distance)
    assert 0 <= ra2 < 360
    assert -90 <= dec2 <= 90


def test_position_angle_is_from_north_through_east() -> None:
    assert position_angle(10, 0, [10, 11, 10, 9], [1, 0, -1, 0]).tolist() == [0, 90, 180, 270]
    here, there = SkyCoord(10, 60, unit="deg"), SkyCoord(200, 70, unit="deg")
    assert position_angle(10, 60, 200, 70) == pytest.approx(
        here.position_angle(there).to_value(u.deg), abs=1e-11
    )


def test_a_tiny_turn_to_the_west_is_not_360() -> None:
    assert position_angle(0, 0, -1e-300, 1) == 0
    assert offset(0, 0, 270, 1e-17)[0] == 0

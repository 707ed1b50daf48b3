"""TAI to UTC, leap seconds included, against astropy."""

from __future__ import annotations

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from vobroker.publish.times import iso_utc


@given(mjd=st.floats(41500, 61500))
def test_times_are_those_of_astropy(mjd: float) -> None:
    ours = Time(iso_utc(mjd), format="isot", scale="utc")
    assert abs((ours.tai - Time(mjd, format="mjd", scale="tai")).sec) < 2e-6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (35.5, "2016-12-31T23:59:59.500000"),
        (36.5, "2016-12-31T23:59:60.500000"),
        (37.5, "2017-01-01T00:00:00.500000"),
    ],
)
def test_a_leap_second_has_its_own_name(seconds: float, text: str) -> None:
    new_year = 57754.0  # 2017-01-01 in MJD, when TAI - UTC became 37 s
    assert iso_utc(new_year + seconds / 86400)[:-3] == text[:-3]

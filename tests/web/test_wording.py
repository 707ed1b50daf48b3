from __future__ import annotations

import pytest
from astropy import units as u
from astropy.coordinates import Angle
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from vobroker.web import wording


@given(st.floats(0, 360, exclude_max=True))
def test_right_ascension_is_the_nearest_hundredth_of_a_second(ra: float) -> None:
    shown = Angle(wording.hms(ra), u.hourangle)
    away = abs(shown.degree - ra) % 360
    assert min(away, 360 - away) * 240 <= 0.00501
    assert shown.hour < 24


@given(st.floats(-90, 90))
def test_declination_is_the_nearest_tenth_of_a_second(dec: float) -> None:
    assert abs(Angle(wording.dms(dec).replace("−", "-"), u.deg).degree - dec) * 3600 <= 0.0501


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-0.5, "−00:30:00.0"), (90, "+90:00:00.0"), (-1 / 7200, "−00:00:00.5"), (59.9999999, "+60:00:00.0")],
)
def test_declination_keeps_its_sign_and_carries(value: float, shown: str) -> None:
    assert wording.dms(value) == shown


def test_right_ascension_that_rounds_to_a_whole_turn_is_zero() -> None:
    assert wording.hms(359.9999999) == "00:00:00.00"


@pytest.mark.parametrize("mjd", [41317.5, 57754.0 + 36.5 / 86400, 61106.33273751894])
def test_utc_is_that_of_astropy(mjd: float) -> None:
    when = Time(
        round(Time(mjd, format="mjd", scale="tai").utc.mjd * 86400) / 86400, format="mjd", scale="utc"
    )
    assert wording.utc(mjd) == when.strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.count(1234567), "1\u202f234\u202f567"),
        (wording.night(20260305), "2026-03-05"),
        (wording.size(999), "999 B"),
        (wording.size(57_300), "57.3 kB"),
        (wording.share(1, 3), "33 %"),
        (wording.share(1, 300), "0.33 %"),
        (wording.share(0, 0), "–"),
        (wording.fixed(-1.5), "−1.50"),
        (wording.angle(0.5 / 3600), "0.50″"),
        (wording.angle(0.5), "30.00′"),
        (wording.utc(None), "–"),
        (wording.utc(1e9), "–"),
    ],
)
def test_words(written: str, expected: str) -> None:
    assert written == expected

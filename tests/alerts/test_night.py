"""Time scales against astropy, and nights at their edges."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time

from vobroker.alerts.night import night, tai_to_utc, utc_to_tai

RUBIN = -70.7494
PALOMAR = -116.8597


def test_tai_and_utc_agree_with_astropy_across_every_leap_second() -> None:
    moments = Time(
        ["1972-07-01", "1990-01-01", "1999-01-01", "2006-01-01", "2017-01-01", "2026-03-05T12:34:56"],
        scale="utc",
    )
    mjd = np.concatenate([moments.utc.mjd + step for step in (-1.5, 0.0, 1e-3)])
    expected = Time(mjd, format="mjd", scale="utc").tai.mjd
    np.testing.assert_allclose(utc_to_tai(mjd), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(tai_to_utc(expected), mjd, rtol=0, atol=1e-10)


def test_no_time_stays_no_time() -> None:
    assert np.isnan(utc_to_tai(np.array([np.nan]))).all()


@pytest.mark.parametrize("longitude", [RUBIN, PALOMAR, 0.0, 149.0])
def test_a_night_goes_from_local_noon_to_local_noon(longitude: float) -> None:
    noon = Time("2026-03-05T12:00:00", scale="utc").mjd - longitude / 360
    second = 1 / 86400
    times = utc_to_tai(
        np.array([noon - second, noon + second, noon + 0.5, noon + 1 - second, noon + 1 + second])
    )
    assert night(times, longitude).tolist() == [20260304, 20260305, 20260305, 20260305, 20260306]


def test_an_evening_and_its_morning_are_one_night() -> None:
    evening, morning = Time(["2026-03-06T00:30:00", "2026-03-06T09:00:00"], scale="utc").tai.mjd
    assert night(np.array([evening, morning]), RUBIN).tolist() == [20260305, 20260305]


def test_turns_of_the_year_and_leap_days() -> None:
    times = Time(["2024-02-29T22:00", "2024-03-01T22:00", "2025-12-31T22:00"], scale="utc").tai.mjd
    assert night(times, 0.0).tolist() == [20240229, 20240301, 20251231]

"""Fields and visits that the site could have made."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.sources.simulator import ephemeris, schedule
from vobroker.sources.simulator.sites import RUBIN, SURVEYS, ZTF


def nights(survey, start, visits, seed=0, fields=None):
    count = fields or schedule.field_count(survey, visits)
    chosen = schedule.choose_fields(survey, start, visits, count, np.random.default_rng(seed))
    return chosen, schedule.exposures(survey, chosen, start, visits, number=0, seed=seed)


@given(
    st.sampled_from(sorted(SURVEYS)),
    st.dates(date(2025, 7, 1), date(2030, 1, 1)),
    st.integers(1, 300),
    st.integers(0, 5),
)
@settings(max_examples=20, deadline=None)
def test_fields_are_up_in_the_dark_and_off_the_milky_way(name, start, visits, seed):
    survey = SURVEYS[name]
    _, made = nights(survey, start, visits, seed)
    starts = np.array([e.start_jd_utc - 2400000.5 for e in made])
    ra, dec = np.array([e.ra for e in made]), np.array([e.dec for e in made])
    sun = ephemeris.direction(-ephemeris.earth(starts))
    assert (ephemeris.altitude(*sun, starts, survey.longitude, survey.latitude) < -11.5).all()
    assert (ephemeris.altitude(ra, dec, starts, survey.longitude, survey.latitude) > 25).all()
    latitude = ephemeris.direction(ephemeris.galactic(ephemeris.unit(ra, dec)))[1]
    assert (np.abs(latitude) > 19).all()


def test_visits_follow_each_other_every_37_to_39_seconds():
    _, made = nights(RUBIN, date(2026, 3, 5), 200)
    steps = np.diff([e.mjd for e in made]) * 86400
    assert steps.min() >= 37 - 1e-3
    assert steps.max() <= 39 + 1e-3
    assert made[0].visit == 2026030500041
    assert len({e.visit for e in made}) == 200


def test_each_field_is_seen_twice_or_more_in_a_night_and_in_two_bands():
    chosen, made = nights(RUBIN, date(2026, 3, 5), 24)
    for field in chosen:
        mine = [e for e in made if e.field == field.index]
        assert len({e.band for e in mine}) == 2
        assert (mine[-1].mjd - mine[0].mjd) * 1440 > 7


def test_a_visit_carries_the_date_of_its_local_evening():
    _, made = nights(RUBIN, date(2026, 3, 5), 600)
    assert {e.visit // 100_000 for e in made} == {20260305}
    # All of that night in Chile is the next day in UTC.
    assert made[0].start_jd_utc > 2461105.5


def test_a_night_has_an_end():
    with pytest.raises(ValueError, match=r"the night of 2026-12-21 has room for \d+ visits, not 900"):
        nights(RUBIN, date(2026, 12, 21), 900)


def test_the_past_is_before_the_first_night_and_in_order():
    start = date(2026, 3, 5)
    chosen, made = nights(ZTF, start, 10)
    past = schedule.past_exposures(ZTF, chosen[0], start, 30, 0)
    times = [e.mjd for e in past]
    assert times == sorted(times)
    assert times[-1] < made[0].mjd
    assert {e.night for e in past} <= {start - timedelta(days=d) for d in range(1, 31)}
    assert len(past) == 20


def test_depth_follows_seeing_and_airmass():
    _, made = nights(RUBIN, date(2026, 3, 5), 300)
    g = [e for e in made if e.band == "g"]
    best, worst = min(g, key=lambda e: e.seeing * e.airmass), max(g, key=lambda e: e.seeing * e.airmass)
    assert best.depth > worst.depth
    assert all(22.5 < e.depth < 25.6 for e in g)

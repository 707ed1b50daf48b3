"""Light curves of the kinds."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from vobroker.sources.simulator import population, schedule
from vobroker.sources.simulator.sites import RUBIN

BEGIN, END = 61030.0, 61110.0
TIMES = np.linspace(BEGIN, END, 321)


@pytest.fixture(scope="module")
def objects():
    field = schedule.choose_fields(RUBIN, date(2026, 3, 5), 10, 1, np.random.default_rng(0))[0]
    return population.populate(RUBIN, field, 1000, (BEGIN, 61105.2, END), np.random.default_rng(1))


def curves(objects, name, band):
    part = objects.slices[[kind.name for kind in population.KINDS].index(name)]
    return np.array([objects.flux(t, band)[part] for t in TIMES]), objects.static[band][part], part


def parameters(objects, name):
    return objects.parameters[[kind.name for kind in population.KINDS].index(name)]


def test_supernovae_are_not_there_before_they_explode(objects):
    for name, days in (("SN Ia", -17.0), ("SN II", -6.0)):
        flux, _, _ = curves(objects, name, "r")
        p = parameters(objects, name)
        stretch = p["stretch"] if name == "SN Ia" else 1.0
        before = (TIMES[:, None] - p["time"]) / (1 + p["z"]) / stretch < days
        assert before.any()
        assert (flux[before] == 0).all()
        assert (flux >= 0).all()


def test_type_ia_peaks_where_the_truth_says_and_reddens(objects):
    p = parameters(objects, "SN Ia")
    flux, _, part = curves(objects, "SN Ia", "r")
    inside = (p["time"] > BEGIN + 25) & (p["time"] < END - 25)
    peak = 31.4 - 2.5 * np.log10(flux[:, inside].max(axis=0))
    assert peak == pytest.approx(objects.peak[part][inside], abs=0.03)
    late = [int(np.argmin(np.abs(TIMES - t))) for t in (p["time"] + 20 * (1 + p["z"]))[inside]]
    g = curves(objects, "SN Ia", "g")[0][:, inside]
    column = np.arange(inside.sum())
    assert (
        g[late, column] / flux[:, inside][late, column] < g.max(axis=0) / flux[:, inside].max(axis=0)
    ).all()


def test_type_two_has_a_plateau(objects):
    p = parameters(objects, "SN II")
    flux, _, _ = curves(objects, "SN II", "r")
    for i in np.flatnonzero((p["time"] > BEGIN + 10) & (p["time"] < BEGIN + 30) & (p["z"] < 0.2))[:5]:
        on = (p["time"][i] + 10 < TIMES) & (p["time"][i] + 45 > TIMES)
        assert flux[on, i].max() / flux[on, i].min() < 1.6


def test_one_supernova_is_near_and_new_on_the_first_night(objects):
    part = objects.slices[[kind.name for kind in population.KINDS].index("SN II")]
    before, after = (objects.flux(61105.2 + days, "r")[part][0] for days in (-1.0, 0.1))
    assert before == 0
    assert after > population.nanojansky(18.0)


def test_rr_lyrae_repeat_and_rise_faster_than_they_fall(objects):
    p = parameters(objects, "RR Lyrae")
    flux, static, part = curves(objects, "RR Lyrae", "g")
    again = objects.flux(BEGIN, "g")[part]
    for i in range(5):
        later = objects.flux(BEGIN + 100 * p["period"][i], "g")[part]
        assert later[i] == pytest.approx(again[i], rel=1e-6, abs=1e-3)
        phase = np.linspace(BEGIN, BEGIN + p["period"][i], 400)
        one = np.array([objects.flux(t, "g")[part][i] for t in phase])
        assert np.mean(np.diff(one) > 0) < 0.35
    swing = 2.5 * np.log10((flux + static).max(axis=0) / (flux + static).min(axis=0))
    # Eighty days do not meet every phase of every star.
    assert np.quantile(np.abs(swing - p["amplitude"]), 0.95) < 0.1
    assert (swing < p["amplitude"] + 0.02).all()


def test_binaries_are_never_brighter_than_the_template_by_much(objects):
    flux, static, _ = curves(objects, "eclipsing binary", "r")
    assert (flux / static < 0.06).all()
    assert (flux / static > -0.9).all()


def test_nuclei_wander_as_a_damped_random_walk(objects):
    p = parameters(objects, "AGN")
    flux, static, _ = curves(objects, "AGN", "r")
    walk = -2.5 * np.log10(1 + flux / static / 0.7) / p["sigma"]

    def structure(lag):
        return np.sqrt(np.mean((walk[lag:] - walk[:-lag]) ** 2))

    # A quarter of a day to a step: the structure function grows as the square root of the lag.
    assert structure(80) / structure(20) == pytest.approx(2.0, rel=0.25)
    assert structure(40) / structure(10) == pytest.approx(2.0, rel=0.25)


def test_outbursts_come_and_go(objects):
    flux, static, _ = curves(objects, "cataclysmic", "r")
    assert (flux >= 0).all()
    assert 0.05 < np.mean(flux > 2 * static) < 0.6
    bright = flux.max(axis=0) > 3 * static
    assert bright.mean() > 0.5


def test_flares_are_short_and_blue(objects):
    r, static, _ = curves(objects, "flare", "r")
    g, static_g, _ = curves(objects, "flare", "g")
    assert np.mean(r > 0.2 * static) < 0.1
    on = r > 0.05 * static
    assert ((g / static_g)[on] > (r / static)[on]).all()


def test_every_kind_is_there_even_in_a_small_field():
    field = schedule.choose_fields(RUBIN, date(2026, 3, 5), 2, 1, np.random.default_rng(0))[0]
    few = population.populate(RUBIN, field, 5, (BEGIN, 61105.2, END), np.random.default_rng(1))
    assert set(few.kind.tolist()) == set(range(len(population.KINDS)))

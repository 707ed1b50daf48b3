"""Matches of alerts with a catalogue are those of looking at every pair, wherever they are on the sky."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable.ucd import check_ucd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.enrich.conftest import Alerts, Make

from vobroker.enrich import EnrichError
from vobroker.enrich.match import MOST, Matcher
from vobroker.sky import offset, position_angle, separation

ra_s = st.one_of(st.floats(0, 360), st.sampled_from([0.0, 360.0, np.nextafter(360, 0), 1e-13, 180.0]))
dec_s = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 89.99999, -89.99999, 0.0]))
ARCSEC = 1 / 3600


@st.composite
def galaxies(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    """Ellipses from a star's to a large galaxy's, and alerts around their rims."""
    entries = draw(
        st.lists(
            st.tuples(
                ra_s,
                dec_s,
                st.floats(0.01, 3000),
                st.floats(0.05, 1),
                st.one_of(st.just(np.nan), st.floats(0, 180)),
            ),
            min_size=1,
            max_size=12,
        )
    )
    ra, dec, major, ratio, angle = np.array(entries).T
    places = [(draw(ra_s), draw(dec_s))]
    for row in draw(st.lists(st.integers(0, len(ra) - 1), min_size=1, max_size=8)):
        away = major[row] * ARCSEC * draw(st.sampled_from([0.0, 0.3, 0.9, 1.1, 2.0]))
        there = offset(ra[row], dec[row], draw(st.floats(0, 360)), away)
        places.append((float(there[0]), float(there[1])))
    return ra, dec, major, major * ratio, angle, *np.array(places).T


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(galaxies(), st.floats(0.5, 3))
def test_matches_are_those_of_every_pair(
    make: Make, alerts: Alerts, tmp_path: Path, sky: tuple[np.ndarray, ...], factor: float
) -> None:
    ra, dec, major, minor, angle, ras, decs = sky
    shutil.rmtree(tmp_path / "store", ignore_errors=True)
    make(
        {"lon": ra, "lat": dec, "id": np.arange(len(ra)), "a": major, "b": minor, "pa": angle},
        roles={"id": "id", "radius": 2.0, "major": "a", "minor": "b", "angle": "pa", "factor": factor},
    )
    matcher = Matcher(tmp_path / "store" / "cat")
    found = matcher.match(ras, decs)
    names = np.array(matcher.rows(found.entry)["id"].to_pylist(), int)

    apart = separation(ra, dec, ras[:, None], decs[:, None]) * 3600
    turned = np.radians(position_angle(ra, dec, ras[:, None], decs[:, None]) - np.nan_to_num(angle))
    round_ = np.where(np.isnan(angle), major, minor)
    ellipse = np.hypot(apart * np.cos(turned) / major, apart * np.sin(turned) / round_)
    score = np.minimum(apart / 2.0, ellipse / factor)
    sure, maybe = score < 1 - 1e-6, score <= 1 + 1e-6
    pairs = set(zip(found.position.tolist(), names.tolist(), strict=True))
    assert pairs >= set(zip(*map(np.ndarray.tolist, np.nonzero(sure)), strict=True))
    assert pairs <= set(zip(*map(np.ndarray.tolist, np.nonzero(maybe)), strict=True))
    for number, (position, name) in enumerate(zip(found.position, names, strict=True)):
        assert found.separation[number] == pytest.approx(apart[position, name], abs=1e-7)
        assert found.ellipse is not None
        assert found.ellipse[number] == pytest.approx(ellipse[position, name], rel=1e-5, abs=1e-5)
        if found.rank[number] > 1:
            before = names[number - 1]
            assert score[position, before] <= score[position, name] + 1e-5
    best = matcher.of(alerts(ras, decs))
    assert best.rows.tolist() == sorted(set(found.position.tolist()))
    assert best.values["id"].to_pylist() == names[found.rank == 1].tolist()
    near = [np.min(apart[row, names[found.position == row]]) for row in best.rows]
    assert best.values["nearest_separation"].to_pylist() == pytest.approx(near, abs=1e-7)
    counts = dict(zip(*np.unique(found.position, return_counts=True), strict=True))
    assert best.values["n_matches"].to_pylist() == [counts[row] for row in best.rows]


def test_each_entry_has_its_own_radius_and_a_null_one_that_of_all(make: Make, tmp_path: Path) -> None:
    make(
        {"ra": [0.0, 10.0, 20.0], "dec": [90.0, 0.0, -90.0], "r": [0.5, None, 120.0]},
        roles={"radius": 5.0, "radius_column": "r"},
    )
    matcher = Matcher(tmp_path / "store" / "cat")
    found = matcher.match(
        np.array([77.0, 77.0, 10.0, 10.0, 300.0]),
        np.array([90 - 0.4 * ARCSEC, 90 - 0.6 * ARCSEC, 4.9 * ARCSEC, 5.1 * ARCSEC, -90 + 119 * ARCSEC]),
    )
    assert found.position.tolist() == [0, 2, 4]
    assert found.separation == pytest.approx([0.4, 4.9, 119])


def test_of_a_bright_and_a_faint_entry_the_less_likely_by_chance_is_best(
    make: Make, alerts: Alerts, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    field = rng.uniform(-0.5, 0.5, (2, 3000))
    field = field[:, np.hypot(*field) > 0.01]
    ra = np.r_[0.0, 0.0, field[0] % 360]
    dec = np.r_[3.0 * ARCSEC, -1.0 * ARCSEC, field[1]]
    mag = np.r_[12.0, 21.9, rng.uniform(18, 22, field.shape[1])]
    ra, dec, mag = np.r_[ra, 90.0], np.r_[dec, 0.0], np.r_[mag, np.nan]
    made = make({"ra": ra, "dec": dec, "mag": mag}, roles={"radius": 5.0, "mag": "mag"})
    matcher = Matcher(tmp_path / "store" / "cat")
    found = matcher.match(np.zeros(1), np.zeros(1))
    assert matcher.rows(found.entry)["mag"].to_pylist() == pytest.approx([12.0, 21.9])
    assert found.chance is not None
    assert 10 * found.chance[0] < found.chance[1]
    expected = np.pi * 1.0**2 * made.info.density  # nearly all are brighter than the faint one
    assert found.chance[1] == pytest.approx(1 - np.exp(-expected), rel=0.05)
    best = matcher.of(alerts([0.0, 90.0], [0.0, 0.0])).values.to_pylist()
    row = [str(entry) for entry in found.entry]
    told = ("n_matches", "nearest_id", "nearest_separation", "brightest_id", "brightest_mag")
    assert [best[0][name] for name in told] == [2, row[1], pytest.approx(1), row[0], pytest.approx(12)]
    assert best[0]["separation"] == best[0]["brightest_separation"] == pytest.approx(3)
    unknown = ("brightest_id", "brightest_mag", "brightest_separation")
    assert [best[1][name] for name in unknown] == [None] * 3  # without a magnitude nothing is brightest
    assert best[1]["nearest_separation"] == 0
    assert all(
        check_ucd(column.ucd, check_controlled_vocabulary=True) for column in matcher.table if column.ucd
    )


def test_alerts_without_a_position_match_nothing(make: Make, alerts: Alerts, tmp_path: Path) -> None:
    make({"ra": [1.0], "dec": [2.0], "separation": ["a"]})
    matcher = Matcher(tmp_path / "store" / "cat")
    found = matcher.of(alerts([np.nan, 1.0], [np.nan, 2.0]))
    assert found.rows.tolist() == [1]
    assert found.values.to_pylist() == [
        {"survey": "lsst", "alert_id": 2, "separation": 0.0, "n_matches": 1, "ra": 1.0, "dec": 2.0,
         "separation_cat": "a"}
    ]  # fmt: skip
    assert matcher.of(alerts([5.0], [5.0])).values.num_rows == 0


def test_a_crowd_is_counted_and_cut(make: Make, alerts: Alerts, tmp_path: Path) -> None:
    make({"ra": np.full(500, 7.0), "dec": np.full(500, 7.0)})
    found = Matcher(tmp_path / "store" / "cat").of(alerts([7.0], [7.0]))
    assert found.values["n_matches"].to_pylist() == [500]
    assert found.matches is not None
    assert found.matches["rank"].to_pylist() == list(range(1, MOST + 1))


def test_too_many_pairs_are_an_error_of_this_catalogue(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vobroker.enrich.match.PAIRS", 99)
    make({"ra": np.full(10, 7.0), "dec": np.full(10, 7.0)})
    with pytest.raises(EnrichError, match="match_cat: 100 pairs"):
        Matcher(tmp_path / "store" / "cat").match(np.full(10, 7.0), np.full(10, 7.0))


def test_rows_come_from_all_partitions(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vobroker.enrich.hats.PARTITION", 50)
    monkeypatch.setattr("vobroker.enrich.hats.GROUP", 8)
    monkeypatch.setattr("vobroker.enrich.hats.CACHED", 1)
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 1000), np.degrees(np.arcsin(rng.uniform(-1, 1, 1000)))
    make({"ra": ra, "dec": dec, "n": np.arange(1000), "t": [f"é{n}" for n in range(1000)]})
    matcher = Matcher(tmp_path / "store" / "cat")
    found = matcher.match(ra, dec)
    assert found.position.tolist() == list(range(1000))
    rows = matcher.rows(found.entry)
    assert rows["n"].to_pylist() == list(range(1000))
    assert rows["t"].to_pylist()[::-99] == [f"é{n}" for n in range(1000)][::-99]

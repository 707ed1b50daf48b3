"""Matches with a catalogue are those of looking at every pair."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.sky import offset, separation
from vobroker.sky.crossmatch import ZONES, Catalogue

ARCSEC = 1 / 3600
HEIGHT = 180 / ZONES

# Places where right ascension or zones end, and neighbours that are as near as floats can be.
ra_s = st.one_of(
    st.floats(0, 360),
    st.sampled_from([0.0, 1e-13, 360.0, np.nextafter(360.0, 0.0), -1e-20, 180.0, 359.9999, 720.5, -90.0]),
)
dec_s = st.one_of(
    st.floats(-90, 90),
    st.sampled_from([-90.0, 90.0, np.nextafter(90.0, 0.0), 89.9999, -89.9999, 0.0, 5 * HEIGHT, -40 * HEIGHT]),
)
place_s = st.tuples(ra_s, dec_s)
radius_s = st.one_of(
    st.floats(0, 180), st.floats(-9, 2).map(lambda x: 10.0**x), st.sampled_from([0.0, 180.0])
)


@st.composite
def skies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """A catalogue, positions and a radius; some positions lie about the radius from an entry."""
    entries = draw(st.lists(place_s, max_size=25))
    positions = draw(st.lists(place_s, max_size=8))
    radius = draw(radius_s)
    if entries:
        for ra, dec in draw(st.lists(st.sampled_from(entries), max_size=8)):
            away = radius * draw(st.sampled_from([0.0, 0.5, 0.999, 1.0, 1.001, 1.5]))
            there = offset(ra, dec, draw(st.floats(0, 360)), min(away, 180))
            positions.append((float(there[0]), float(there[1])))
    theirs, ours = (np.array(x, np.float64).reshape(-1, 2).T for x in (entries, positions))
    return *theirs, *ours, radius


@settings(max_examples=150, deadline=None)
@given(skies())
def test_matches_are_those_of_every_pair(
    sky: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float],
) -> None:
    ra, dec, ras, decs, radius = sky
    catalogue = Catalogue(ra, dec)
    apart = separation(ras[:, None], decs[:, None], ra, dec)
    sure = apart < radius - 1e-12  # the last digit may differ between numpy and compiled code
    maybe = apart <= radius + 1e-12

    pairs = catalogue.within(ras, decs, radius)
    found = np.zeros(apart.shape, bool)
    found[pairs.position, pairs.entry] = True
    assert len(pairs.position) == np.count_nonzero(found)
    assert (found >= sure).all()
    assert (found <= maybe).all()
    np.testing.assert_allclose(pairs.separation, apart[pairs.position, pairs.entry], rtol=1e-9, atol=1e-12)
    order = np.lexsort((pairs.entry, pairs.separation, pairs.position))
    np.testing.assert_array_equal(order, np.arange(len(order)))

    entry, distance = catalogue.nearest(ras, decs, radius)
    # The nearest is the first of those within, which are in order.
    first = np.flatnonzero(np.diff(pairs.position, prepend=-1))
    matched = pairs.position[first]
    np.testing.assert_array_equal(np.flatnonzero(entry >= 0), matched)
    np.testing.assert_array_equal(entry[matched], pairs.entry[first])
    np.testing.assert_array_equal(distance[matched], pairs.separation[first])
    assert np.isnan(np.delete(distance, matched)).all()


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (83.0, 90.0), (271.0, -89.99), (359.9999, 60.0)])
def test_a_dense_field_is_matched_as_astropy_separates(ra: float, dec: float) -> None:
    rng = np.random.default_rng(3)
    angle, away = rng.uniform(0, 360, (2, 1000)), 0.5 * np.sqrt(rng.uniform(0, 1, (2, 1000)))
    theirs, ours = (offset(ra, dec, angle[k], away[k]) for k in (0, 1))
    catalogue = Catalogue(*theirs)
    a, b = (SkyCoord(*place, unit="deg") for place in (ours, theirs))
    apart = a[:, None].separation(b).deg
    entry, distance = catalogue.nearest(*ours, 180)
    np.testing.assert_array_equal(entry, apart.argmin(axis=1))
    np.testing.assert_allclose(distance, apart.min(axis=1), atol=1e-12)
    pairs = catalogue.within(*ours, 30 * ARCSEC)
    left, right = np.nonzero(apart <= 30 * ARCSEC)
    assert set(zip(pairs.position, pairs.entry, strict=True)) == set(zip(left, right, strict=True))
    assert len(pairs.position) > 200


def test_what_is_no_position_matches_nothing() -> None:
    none = [np.nan, np.inf, -np.inf, 10.0, 10.0, 10.0]
    decs = [0.0, 0.0, 0.0, np.nan, 90.5, -np.inf]
    catalogue = Catalogue([*none, 10.0], [*decs, 89.0])
    assert len(catalogue) == 1
    entry, apart = catalogue.nearest([*none, 10.0], [*decs, 89.0], 180)
    np.testing.assert_array_equal(entry, [-1] * 6 + [6])
    np.testing.assert_array_equal(apart, [np.nan] * 6 + [0])
    pairs = catalogue.within([*none, 10.0], [*decs, 89.0], 180)
    assert (pairs.position.tolist(), pairs.entry.tolist()) == ([6], [6])


def test_of_equals_the_first_row_is_the_nearest() -> None:
    catalogue = Catalogue([20.0, 10.0, 10.0, 10.0], [0.0, 5.0, 5.0, 5.0])
    assert catalogue.nearest([10.0], [5.0], 1)[0].tolist() == [1]


def test_an_empty_side_is_no_match() -> None:
    entry, apart = Catalogue([], []).nearest([1.0], [2.0], 180)
    assert (entry.tolist(), np.isnan(apart).tolist()) == ([-1], [True])
    assert not len(Catalogue([1.0], [2.0]).within([], [], 180).entry)


def test_too_many_pairs_are_refused_before_they_take_memory() -> None:
    catalogue = Catalogue(np.zeros(1000), np.zeros(1000))
    with pytest.raises(ValueError, match="1,000,000 pairs are within 1 degrees, more than the limit of 10"):
        catalogue.within(np.zeros(1000), np.zeros(1000), 1, limit=10)


@pytest.mark.parametrize("radius", [-1.0, 180.1, np.nan])
def test_a_radius_that_is_none_is_refused(radius: float) -> None:
    catalogue = Catalogue([1.0], [2.0])
    for match in (catalogue.nearest, catalogue.within):
        with pytest.raises(ValueError, match="not between 0 and 180"):
            match([1.0], [2.0], radius)


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of shapes \(2,\) and \(1,\)"):
        Catalogue([1.0, 2.0], [3.0])


def test_threads_share_a_catalogue() -> None:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 5000), np.degrees(np.arcsin(rng.uniform(-1, 1, 5000)))
    catalogue = Catalogue(ra, dec)
    alone = catalogue.nearest(ra + 0.1, dec, 1)[0]
    with ThreadPoolExecutor(4) as pool:
        for entry, _ in pool.map(lambda _: catalogue.nearest(ra + 0.1, dec, 1), range(8)):
            np.testing.assert_array_equal(entry, alone)

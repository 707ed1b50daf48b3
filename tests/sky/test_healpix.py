"""HEALPix cells of order 29 and the ranges of cells under a cone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vobroker.sky import cone_ranges, healpix29, healpix29_centre, offset, polygon_ranges, separation
from vobroker.sky.healpix import CELLS

MAS = 1 / 3.6e6


@pytest.mark.parametrize(
    ("source_id", "ra", "dec"),
    [
        (5853498713190525696, 217.39232147200883, -62.67607511676666),  # Proxima Centauri
        (2635476908753563008, 346.62639190, -5.04346182),  # TRAPPIST-1
    ],
)
def test_numbering_is_that_of_gaia(source_id: int, ra: float, dec: float) -> None:
    """A Gaia source_id starts with the nested order-12 cell (Gaia Collaboration 2016, A&A 595, A2)."""
    assert healpix29(ra, dec) >> 2 * (29 - 12) == source_id >> 35


def test_the_twelve_base_cells() -> None:
    """Górski et al. 2005, figure 4: four around each pole, four on the equator from ra 0."""
    centres = [(45, 41.8), (135, 41.8), (225, 41.8), (315, 41.8)]
    centres += [(0, 0), (90, 0), (180, 0), (270, 0)]
    centres += [(45, -41.8), (135, -41.8), (225, -41.8), (315, -41.8)]
    ra, dec = np.transpose(centres)
    assert (healpix29(ra, dec) >> 58).tolist() == list(range(12))


@given(st.integers(0, CELLS - 1))
@example(0)
@example(CELLS - 1)
def test_the_centre_of_a_cell_is_in_it(cell: int) -> None:
    assert healpix29(*healpix29_centre(cell)) == cell


@given(st.floats(0, 360), st.floats(-90, 90))
@example(0.0, 90.0)
@example(359.9999999999999, -90.0)
def test_a_position_is_near_the_centre_of_its_cell(ra: float, dec: float) -> None:
    assert separation(ra, dec, *healpix29_centre(healpix29(ra, dec))) < 0.42 * MAS


def test_ra_360_is_ra_0_and_shapes_are_kept() -> None:
    assert healpix29(360, 12) == healpix29(0, 12)
    assert healpix29(np.zeros((3, 2)), 1).shape == (3, 2)
    assert healpix29([], []).shape == (0,)
    assert healpix29(1, 2).dtype == np.int64


@pytest.mark.parametrize(
    ("ra", "dec", "sentence"),
    [
        ([1, 400], [0, 0], r"ra 400.0 is not between 0.0 and 360.0 \(position 1 of 2\)"),
        (-0.1, 0, "ra -0.1 is not between"),
        (0, -90.01, "dec -90.01 is not between -90.0 and 90.0"),
        ([0, 0, 0], [0, 0, np.nan], r"dec nan .* \(position 2 of 3\)"),
        (np.inf, 0, "ra inf"),
    ],
)
def test_a_bad_position_is_named(ra: object, dec: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        healpix29(ra, dec)


@pytest.mark.parametrize("cell", [-1, CELLS])
def test_a_cell_that_does_not_exist_is_named(cell: int) -> None:
    with pytest.raises(ValueError, match=f"HEALPix index {cell} is not between 0 and {CELLS - 1}"):
        healpix29_centre(cell)


positions = st.tuples(st.floats(0, 360), st.floats(-90, 90))
special = st.tuples(
    st.sampled_from([0.0, 45.0, 90.0, 180.0, 360.0]), st.sampled_from([-90.0, 0.0, 41.8103149, 90.0])
)
radii = st.one_of(st.floats(0, 180), st.floats(-13, 2).map(lambda exponent: 10.0**exponent), st.just(0.0))


@given(st.one_of(positions, special), radii, st.integers(0, 2**32))
def test_no_position_in_a_cone_is_missed(centre: tuple[float, float], radius: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle, part = rng.uniform(0, 360, 100), np.sqrt(rng.uniform(0, 1, 100))
    part[:50] = 1  # half of them on the rim
    ra, dec = offset(*centre, angle, radius * part)
    inside = separation(*centre, ra, dec) <= radius
    cells = healpix29(np.append(ra[inside], centre[0]), np.append(dec[inside], centre[1]))
    ranges = cone_ranges(*centre, radius)
    start, stop = np.transpose(ranges)
    which = np.searchsorted(start, cells, side="right") - 1
    assert (which >= 0).all()
    assert (cells < stop[which]).all()


@given(positions, radii)
def test_ranges_are_few_ordered_and_apart(centre: tuple[float, float], radius: float) -> None:
    ranges = cone_ranges(*centre, radius)
    edges = [edge for pair in ranges for edge in pair]
    assert edges == sorted(set(edges))
    assert edges[0] >= 0
    assert edges[-1] <= CELLS
    assert len(ranges) < 60


@given(positions, st.floats(-6, 2).map(lambda exponent: 10.0**exponent))
def test_ranges_cover_little_more_than_the_cone(centre: tuple[float, float], radius: float) -> None:
    covered = sum(stop - start for start, stop in cone_ranges(*centre, radius)) / CELLS
    assert covered < 3 * (1 - math.cos(math.radians(radius))) / 2


def test_the_whole_sky_is_one_range() -> None:
    assert cone_ranges(12, 34, 180) == [(0, CELLS)]


@pytest.mark.parametrize(("ra", "dec", "radius"), [(361, 0, 1), (0, 91, 1), (0, 0, -1), (0, 0, math.nan)])
def test_a_bad_cone_is_refused(ra: float, dec: float, radius: float) -> None:
    with pytest.raises(ValueError, match="is not between"):
        cone_ranges(ra, dec, radius)


def direction(ra: float, dec: float) -> tuple[float, float, float]:
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def triangle(corners: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Inward normals of the edges of the triangle with these corners."""
    a, b, c = (np.array(direction(*corner)) for corner in corners)
    sign = np.sign(np.dot(np.cross(a, b), c))
    return [tuple(sign * np.cross(*edge)) for edge in ((a, b), (b, c), (c, a))]


@given(st.one_of(positions, special), st.floats(-9, 1.7), st.integers(0, 2**32))
def test_no_position_in_a_polygon_is_missed(centre: tuple[float, float], exponent: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 10.0**exponent
    corners = np.transpose(offset(*centre, rng.uniform(0, 360, 3), size * rng.uniform(0.2, 1, 3)))
    part = triangle([tuple(corner) for corner in corners])
    ra, dec = offset(*centre, rng.uniform(0, 360, 300), size * rng.uniform(0, 1, 300))
    ra, dec = np.append(ra, corners[:, 0]), np.append(dec, corners[:, 1])
    vectors = np.array([direction(*place) for place in zip(ra, dec, strict=True)])
    inside = (vectors @ np.transpose(part) >= 0).all(axis=1)
    cells = healpix29(ra[inside], dec[inside])
    start, stop = np.transpose(polygon_ranges([part]))
    which = np.searchsorted(start, cells, side="right") - 1
    assert (which >= 0).all()
    assert (cells < stop[which]).all()


@pytest.mark.parametrize("pole", [(0, 90), (0, 0), (123, -45)])
def test_ranges_cover_little_more_than_a_polygon(pole: tuple[float, float]) -> None:
    corners = [tuple(map(float, offset(*pole, angle, 4.0))) for angle in (10, 120, 250)]
    first = [tuple(map(float, offset(*pole, angle, 1.0))) for angle in (10, 120, 250)]
    covered = sum(stop - start for start, stop in polygon_ranges([triangle(corners)])) / CELLS * 41252.96
    assert 15 < covered < 40
    assert polygon_ranges([triangle(corners), triangle(first)]) == polygon_ranges([triangle(corners)])

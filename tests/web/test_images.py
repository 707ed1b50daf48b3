from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from vobroker.web.images import MAX_SIDE, placeholder, png


def stamp(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(file)
    return file.getvalue()


def drawn(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return imread(io.BytesIO(picture))


@pytest.fixture(scope="module")
def star() -> np.ndarray:
    """A star in row 3 and column 5 of noisy sky."""
    pixels = np.random.default_rng(1).normal(100, 3, (21, 31))
    pixels[3, 5] = 5000
    return pixels


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8", "u2"])
def test_brightest_pixel_is_white_and_row_1_is_at_the_bottom(star: np.ndarray, kind: str) -> None:
    picture = drawn(png(stamp(star.clip(0, 255).astype(kind))))
    assert picture.shape[:2] == (21, 31)
    assert np.unravel_index(picture[..., 0].argmax(), (21, 31)) == (17, 5)
    assert picture[17, 5, 0] == 1


def test_pixel_without_value_is_transparent(star: np.ndarray) -> None:
    holed = star.copy()
    holed[0, 0] = np.nan
    picture = drawn(png(stamp(holed)))
    assert picture[20, 0, 3] == 0
    assert (picture[..., 3] == 1).sum() == 21 * 31 - 1


def test_flat_image_is_grey() -> None:
    assert set(np.round(drawn(png(stamp(np.ones((4, 4)))))[..., 0].ravel(), 1)) == {0.5}


@pytest.mark.parametrize(
    "pixels", [np.ones(9), np.ones((2, 2, 2)), np.full((3, 3), np.nan), np.ones((1, MAX_SIDE + 1))]
)
def test_what_is_no_image_is_not_drawn(pixels: np.ndarray) -> None:
    assert png(stamp(pixels)) is None


@given(st.data())
def test_damaged_fits_is_drawn_or_not_but_never_an_error(data: st.DataObject) -> None:
    good = bytearray(stamp(np.arange(64.0).reshape(8, 8)))
    for at in data.draw(st.lists(st.integers(0, 799), max_size=8)):
        good[at] = data.draw(st.integers(0, 255))
    png(bytes(good[: data.draw(st.integers(0, len(good)))]))


def test_placeholder_is_a_picture() -> None:
    assert drawn(placeholder()).shape[:2] == (63, 63)

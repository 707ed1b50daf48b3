from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.web.sky import project


@pytest.mark.parametrize(
    ("ra", "dec", "x", "y"),
    [(180, 0, 0, 0), (180, 90, 0, -100), (180, -90, 0, 100), (90, 0, 100, 0), (270, 0, -100, 0)],
)
def test_noon_is_in_the_middle_and_east_to_the_left(ra: float, dec: float, x: float, y: float) -> None:
    assert np.ravel(project([ra], [dec])) == pytest.approx([x, y], abs=1e-6)


@given(st.floats(0, 360), st.floats(-90, 90))
def test_every_place_is_within_the_ellipse(ra: float, dec: float) -> None:
    x, y = project([ra], [dec])
    assert (x[0] / 200) ** 2 + (y[0] / 100) ** 2 <= 1 + 1e-9


def test_areas_are_equal() -> None:
    """Half of a hemisphere's area lies below 30 degrees: sin 30° = 1/2."""
    y = -project([180.0], [30.0])[1][0] / 100
    assert (np.arcsin(y) + y * np.sqrt(1 - y * y)) / (np.pi / 2) == pytest.approx(0.5)

"""Whole columns as text."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from vobroker.votypes import texts
from vobroker.votypes.times_kernel import FIRST, LAST

US = pa.timestamp("us")

microseconds = st.one_of(
    st.none(),
    st.integers(FIRST, LAST),
    st.integers(-719_528, 2_932_896).map(lambda day: day * 86_400_000_000),  # midnights
)


@given(st.lists(microseconds, max_size=30), st.integers(0, 5))
@example([FIRST, LAST, -1, 0, 951_782_400_000_000, 4_107_542_399_999_999], 0)
@example([None, None], 1)
def test_times_are_written_as_arrow_does_with_a_t(values: list[int | None], start: int) -> None:
    array = pa.array(values, US)[start:]
    assert texts.timestamps(array).to_pylist() == [
        None if value is None else value.replace(" ", "T") for value in array.cast(pa.string()).to_pylist()
    ]


def test_years_without_four_digits_are_left_to_arrow() -> None:
    array = pa.array([LAST + 1, FIRST - 1, None, 0], US)
    assert texts.timestamps(array)[3].as_py() == "1970-01-01T00:00:00.000000"
    assert texts.timestamps(array)[0].as_py().endswith("10000-01-01T00:00:00.000000")

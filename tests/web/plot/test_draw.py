"""Plots of results: axes, the sky, words, what has no value, and what every picture says of itself."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.web.plot.test_choice import BAND, DEC, MAG, MAG_ERROR, MJD, RA, SURVEY

from vobroker.timeseries.plot import picture
from vobroker.votypes.arrow import data_type
from vobroker.votypes.columns import Column
from vobroker.web.plot import Choice, Drawing, draw, needed

OBJECT = Column("object_id", "VARCHAR", "", "meta.id;src")


def drawn(choice: Choice, values: dict[Column, list[object]], *, dark: bool = False) -> Drawing:
    rows = pa.table(
        {column.name: pa.array(cells, data_type(column.datatype)) for column, cells in values.items()}
    )
    columns = tuple(values)
    return draw(rows.select(needed(choice, columns)), columns, choice, dark=dark)


def test_magnitudes_grow_downwards_and_time_tells_its_scale() -> None:
    found = drawn(
        Choice("mjd", "mag", "band"), {MJD: [1.0, 2.0, 3.0], MAG: [20.0, 18.0, None], BAND: ["g", "r", "r"]}
    )
    (axes,) = found.figure.axes
    low, high = axes.get_ylim()
    assert low > high
    assert axes.get_xlabel() == "mjd (MJD, TAI)"
    assert [text.get_text() for text in found.figure.legends[0].get_texts()] == ["g", "r"]
    assert found.description == (
        "mag (mag) against mjd (MJD, TAI): 2 rows; 1 without values left out; x mjd (MJD, TAI) from 1 to 2;"
        " y mag (mag) from 18 to 20; colour band: g, r."
    )


def test_errors_are_drawn_with_their_values() -> None:
    with_error = drawn(Choice("mjd", "mag"), {MJD: [1.0, 2.0], MAG: [20.0, 18.0], MAG_ERROR: [0.1, None]})
    assert len(with_error.figure.axes[0].containers) == 1
    assert not drawn(Choice("mjd", "mag"), {MJD: [1.0], MAG: [20.0]}).figure.axes[0].containers


@pytest.mark.parametrize("ra", [[359.9, 0.1, 0.2], [10.0, 11.0, 12.0]])
def test_a_field_has_right_ascension_to_the_left_across_0_as_well(ra: list[float]) -> None:
    found = drawn(Choice("ra", "dec"), {RA: ra, DEC: [-1.0, 0.0, 1.0], OBJECT: ["a", "b", "c"]})
    (axes,) = found.figure.axes
    left, right = axes.get_xlim()
    assert 0 < left - right < 10
    assert [mark[0] for mark in found.marks] == sorted((mark[0] for mark in found.marks), reverse=True)
    assert [mark[1] for mark in found.marks] == sorted((mark[1] for mark in found.marks), reverse=True)
    found.figure.draw_without_rendering()
    ticks = {float(text.get_text()) for text in axes.get_xticklabels()}
    assert all(0 <= tick < 360 for tick in ticks)


@pytest.mark.parametrize(("ra", "dec"), [([0.0, 180.0], [0.0, 0.0]), ([10.0, 100.0], [89.0, 89.9])])
def test_what_is_far_apart_or_near_a_pole_is_on_a_map_of_the_whole_sky(
    ra: list[float], dec: list[float]
) -> None:
    found = drawn(Choice("ra", "dec"), {RA: [*ra, 1.0], DEC: [*dec, 0.0]})
    assert found.figure.axes[0].name == "mollweide"


def test_the_whole_sky_has_east_to_the_left() -> None:
    found = drawn(Choice("ra", "dec"), {RA: [90.0, 180.0, 270.0], DEC: [0.0, 0.0, 0.0]})
    x = [mark[0] for mark in found.marks]
    assert x == sorted(x, reverse=True)


def test_each_point_says_what_it_is_and_leads_to_its_object() -> None:
    found = drawn(
        Choice("mjd", "mag"),
        {
            MJD: [1.0, 2.0, 3.0],
            MAG: [20.0, 18.0, 19.0],
            SURVEY: ["ztf", None, "ztf"],
            OBJECT: ["a/b?", "c", None],
        },
    )
    assert [mark[2:] for mark in found.marks] == [
        ("object_id a/b?, mjd 1, mag 20", "/objects/ztf/a%2Fb%3F"),
        ("object_id c, mjd 2, mag 18", "/search?q=c"),
        ("mjd 3, mag 19", ""),
    ]
    svg = picture(found.figure, "svg", found.title, found.description)
    links = [
        a.get("{http://www.w3.org/1999/xlink}href")
        for a in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}a")
    ]
    assert links == ["/objects/ztf/a%2Fb%3F", "/search?q=c"]
    assert b'role="img"' in svg
    assert found.description.encode() in svg


def test_how_many_rows_there_are_of_each_word() -> None:
    found = drawn(Choice("band"), {BAND: ["g", "r", "g", None]})
    assert [patch.get_height() for patch in found.figure.axes[0].patches] == [2, 1]
    words = [f"w{number:02}" for number in range(30)] + ["often"] * 3
    many = drawn(Choice("band"), {BAND: words})
    assert many.figure.axes[0].get_xticklabels()[-1].get_text() == "others"
    assert sum(patch.get_height() for patch in many.figure.axes[0].patches) == 33


def test_many_points_are_painted_not_listed() -> None:
    rng = np.random.default_rng(1)
    found = drawn(Choice("mjd", "mag"), {MJD: rng.random(20_000).tolist(), MAG: rng.random(20_000).tolist()})
    assert found.marks == []
    assert len(picture(found.figure, "svg", found.title, found.description)) < 1_000_000


texts = st.text(max_size=30)
numbers = st.none() | st.floats(width=32)
WHEN = Column("when", "TIMESTAMP", "", "time", system="UTC")
FLAG = Column("$flag$ ^_{", "BOOLEAN")


@settings(max_examples=20, deadline=None)
@given(st.data(), st.integers(0, 4), st.booleans())
def test_any_values_make_a_picture(data: st.DataObject, rows: int, dark: bool) -> None:
    def some(cells: st.SearchStrategy[object]) -> list[object]:
        return data.draw(st.lists(st.none() | cells, min_size=rows, max_size=rows))

    values = {
        RA: some(numbers), DEC: some(numbers), MAG: some(numbers), BAND: some(texts), OBJECT: some(texts),
        WHEN: some(st.datetimes()), FLAG: some(st.booleans()),
    }  # fmt: skip
    names = [column.name for column in values]
    choice = Choice(
        data.draw(st.sampled_from(names)), data.draw(st.sampled_from(["", *names])),
        data.draw(st.sampled_from(["", *(name for name in names if name != "when")])),
    )  # fmt: skip
    found = drawn(choice, values, dark=dark)
    assert ElementTree.fromstring(picture(found.figure, "svg", found.title, found.description)) is not None

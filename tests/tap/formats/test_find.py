"""RESPONSEFORMAT names a format by its short name or its media type."""

from __future__ import annotations

import pytest

from vobroker.tap.formats import FORMATS, find


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("votable", "votable"),
        ("application/x-votable+xml", "votable"),
        ("application/x-votable xml", "votable"),  # a + that a client did not encode
        ("votable/td", "votable/td"),
        ("application/x-votable+xml;serialization=TABLEDATA", "votable/td"),
        ("application/x-votable+xml; Serialization=binary2", "votable/b2"),
        ('application/x-votable+xml;serialization="BINARY"', "votable/b"),
        ("VOTable/B2", "votable/b2"),
        ("text/xml", "xml"),
        ("application/fits", "fits"),
        ("application/vnd.apache.parquet", "parquet"),
        ("application/x-parquet", "parquet"),
        ("text/csv", "csv"),
        ("text/csv; header=present", "csv"),
        ("text/csv;header=present;charset=utf-8", "csv"),
        ("text/tab-separated-values", "tsv"),
        ("application/json", "json"),
        ("application/vnd.apache.arrow.stream", "arrow"),
    ],
)
def test_names(asked: str, name: str) -> None:
    assert find(asked).name == name


def test_the_first_is_the_default_of_tap() -> None:
    assert FORMATS[0] is find("votable")


def test_no_name_means_two_formats() -> None:
    for form in FORMATS:
        assert all(find(name) is form for name in form.names)


def test_votables_have_the_identifiers_of_tapregext() -> None:
    found = {form.name: form.standard_id.partition("#")[2] for form in FORMATS if form.standard_id}
    assert found == {
        "votable/td": "output-votable-td",
        "votable/b2": "output-votable-binary2",
        "votable/b": "output-votable-binary",
    }


@pytest.mark.parametrize("asked", ["", "xlsx", "text/csv;header=absent", "votable/b3", "\0", "x" * 10_000])
def test_unknown_ones_are_told_the_known_ones(asked: str) -> None:
    with pytest.raises(ValueError, match=r"there are: votable, votable/td, .*parquet, fits, csv"):
        find(asked)

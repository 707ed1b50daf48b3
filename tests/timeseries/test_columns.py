"""The columns of a light curve and the page about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy import units as u
from astropy.io.votable.ucd import parse_ucd

from vobroker.timeseries.columns import MEASUREMENT
from vobroker.votypes.columns import Column

PAGE = Path(__file__).resolve().parents[2] / "docs" / "light-curves.md"
columns = pytest.mark.parametrize("column", MEASUREMENT, ids=lambda column: column.name)


def test_the_page_has_the_table_of_columns() -> None:
    shown = re.findall(r"^\| (\w+) \| ([A-Z]+) \| (\w*) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert shown == [(c.name, c.type, c.unit, c.description) for c in MEASUREMENT]


@columns
def test_units_are_vounits(column: Column) -> None:
    u.Unit(column.unit, format="vounit")


@columns
def test_ucds_are_in_the_list_of_words(column: Column) -> None:
    assert parse_ucd(column.ucd, check_controlled_vocabulary=True, has_colon=False)

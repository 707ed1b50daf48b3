"""docs/types.md shows the type table as it is; ``make types`` writes it anew."""

from __future__ import annotations

import doctest

from scripts.types import PAGE, TITLES, page_part

from vobroker.votypes.databases import DATABASES
from vobroker.votypes.types import EXTENDED, TYPES


def test_the_page_has_the_tables_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(page_part()), "run make types"
    assert set(TITLES) == set(DATABASES)


def test_every_row_names_the_document_that_defines_it() -> None:
    assert [row.name for row in (*TYPES.values(), *EXTENDED.values()) if not row.source] == []


def test_the_examples_of_the_page_are_so() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False) == (0, 5)

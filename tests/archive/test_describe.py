from __future__ import annotations

from pathlib import Path

import pytest

from vobroker.archive.describe import updated

PAGE = Path(__file__).resolve().parents[2] / "docs" / "archive.md"


def test_the_page_has_the_tables_as_they_are() -> None:
    page = PAGE.read_text()
    assert updated(page) == page, "run: python -m vobroker.archive.describe docs/archive.md"


def test_a_page_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the tables"):
        updated("# The archive")

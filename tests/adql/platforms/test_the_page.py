"""docs/platforms.md says what the tests of this folder showed; ``make platforms`` writes it anew.

This file comes last: it needs what the others recorded.
"""

from __future__ import annotations

import os
from pathlib import Path

from vobroker.adql.features import FEATURES
from vobroker.adql.platforms import ENGINES

from .conftest import Record
from .matrix import BEGIN, END, page_part

PAGE = Path(__file__).parents[3] / "docs" / "platforms.md"


def test_every_feature_was_tried_on_every_platform(record: Record) -> None:
    assert len(record.texts) > 300, "the tests of this folder run together"
    for platform in ENGINES:
        words = " ".join(record.refused[platform])
        missing = [name for name in FEATURES if name not in record.exact[platform] and name not in words]
        assert missing in ([], ["user-defined function"]), platform


def test_the_page_says_what_the_tests_showed(record: Record) -> None:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    current = before + page_part(record) + after
    if os.environ.get("VOBROKER_WRITE_PAGES"):
        PAGE.write_text(current)
    assert current == PAGE.read_text(), "docs/platforms.md is not current: run make platforms"

"""Ways to say where a listener begins."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.gateway.cursor import CursorError, Cursors
from vobroker.gateway.since import Since, since

CURSORS = Cursors(bytes(range(32)))
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


@given(st.text(max_size=200))
def test_what_is_no_place_is_said_to_be_none(text: str) -> None:
    with suppress(CursorError):
        found = since(text, "a", CURSORS, now=NOW)
        assert text == "" or found != Since()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Since()),
        ("beginning", Since(place=0)),
        ("2h", Since(time=datetime(2026, 3, 5, 10))),
        ("90s", Since(time=datetime(2026, 3, 5, 11, 58, 30))),
        ("3d", Since(time=datetime(2026, 3, 2, 12))),
        ("999999d", Since(place=0)),
        ("2026-03-05T01:02:03", Since(time=datetime(2026, 3, 5, 1, 2, 3))),
        ("2026-03-05T01:02:03+02:00", Since(time=datetime(2026, 3, 4, 23, 2, 3))),
        ("2026-03-05", Since(time=datetime(2026, 3, 5))),
        (CURSORS.seal("a", 7), Since(place=7)),
        ("ivo://org.example/a#1", Since(ivorn="ivo://org.example/a#1")),
    ],
)
def test_ways_to_say_where_to_begin(text: str, found: Since) -> None:
    assert since(text, "a", CURSORS, now=NOW) == found

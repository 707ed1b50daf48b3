"""Cursors: nobody else can make one, nobody can see what is in one, and they outlive the process."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.gateway.cursor import CursorError, Cursors
from vobroker.gateway.seal import KEY_FILE

CURSORS = Cursors(bytes(range(32)))


@given(st.integers(0, 2**63), st.sampled_from(["a", "young-supernova", "x" * 64]))
def test_a_cursor_is_the_place_it_was_made_of(place: int, stream: str) -> None:
    cursor = CURSORS.seal(stream, place)
    assert CURSORS.open(stream, cursor) == place
    assert CURSORS.seal(stream, place) == cursor
    with pytest.raises(CursorError, match="not one of this stream"):
        CURSORS.open("another", cursor)


@given(st.integers(0, 31), st.characters(codec="ascii"))
def test_a_changed_cursor_is_none(at: int, other: str) -> None:
    cursor = CURSORS.seal("a", 12345)
    changed = cursor[:at] + other + cursor[at + 1 :]
    if changed == cursor:
        return
    with pytest.raises(CursorError):
        CURSORS.open("a", changed)


def test_neighbours_look_nothing_like_each_other() -> None:
    made = [CURSORS.seal("a", place) for place in range(100)]
    assert len({cursor[:8] for cursor in made}) == 100
    assert len({cursor[-8:] for cursor in made}) == 100


def test_keys_are_made_once_and_can_be_replaced(tmp_path: Path) -> None:
    cursor = Cursors.of(tmp_path).seal("a", 5)
    file = tmp_path / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert Cursors.of(tmp_path).open("a", cursor) == 5
    file.write_text("ab" * 32 + "\n" + file.read_text())
    both = Cursors.of(tmp_path)
    assert both.open("a", cursor) == 5
    assert both.seal("a", 5) != cursor
    file.write_text("ab" * 32 + "\n")
    with pytest.raises(CursorError):
        Cursors.of(tmp_path).open("a", cursor)
    for damage in ("xyz\n", "abcd\n", ""):
        file.write_text(damage)
        with pytest.raises(CursorError, match=KEY_FILE):
            Cursors.of(tmp_path)

"""Frames: four bytes of length in network order, and the content."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.voevent.vtp import VTPError
from vobroker.voevent.vtp.framing import Frames, frame

CONTENTS = st.lists(st.binary(max_size=300), max_size=8)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(CONTENTS, st.lists(st.integers(0, 10**6), max_size=30))
def test_contents_come_out_however_the_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    frames = Frames(300)
    found = []
    for piece in in_pieces(b"".join(map(frame, contents)), cuts):
        whole, problem = frames.feed(piece)
        assert problem is None
        found += whole
    assert found == contents
    assert frames.waiting is None
    assert frames.held == 0


@given(CONTENTS, st.integers(301, 2**32 - 1), st.binary(max_size=1000))
def test_a_frame_above_the_limit_is_told_behind_those_before_it_and_nothing_of_it_is_kept(
    contents: list[bytes], length: int, rest: bytes
) -> None:
    frames = Frames(300)
    found, problem = frames.feed(b"".join(map(frame, contents)) + length.to_bytes(4, "big") + rest)
    assert found == contents
    assert isinstance(problem, VTPError)
    assert str(problem) == f"the frame announces {length} bytes; the limit is 300"
    assert frames.held == 0


@given(st.binary(max_size=500))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    frames = Frames(100)
    found, problem = frames.feed(data)
    taken = b"".join(map(frame, found))
    assert data.startswith(taken)
    assert problem is not None or frames.held == len(data) - len(taken)


@pytest.mark.parametrize(
    ("there", "waiting"), [(b"", None), (b"\0\0", (0, 0)), (b"\0\0\0\x09abc", (3, 9)), (b"\0\0\0\0", None)]
)
def test_what_is_missing_of_a_frame_is_known(there: bytes, waiting: tuple[int, int] | None) -> None:
    frames = Frames(100)
    frames.feed(there)
    assert frames.waiting == waiting

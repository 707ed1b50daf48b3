from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from vobroker.archive import segments
from vobroker.archive.errors import ArchiveError
from vobroker.archive.segments import Segments

PACKETS = [memoryview(bytes([n]) * 1000 * n) for n in range(1, 6)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Segments]:
    opened = Segments(tmp_path, 1, 0)
    yield opened
    opened.close()


def test_a_packet_comes_back_as_it_was(store: Segments) -> None:
    places = list(zip(*store.append(PACKETS), strict=True))
    assert [store.read(*place) for place in places] == [bytes(packet) for packet in PACKETS]


def test_a_segment_is_a_plain_zstd_file(store: Segments) -> None:
    store.append(PACKETS)
    with zstandard.open(store.path(1), "rb", dctx=zstandard.ZstdDecompressor()) as stream:
        first = stream.read(1000)
    assert first == bytes(PACKETS[0])


def test_frames_lie_one_behind_the_other(store: Segments) -> None:
    _, starts, lengths = store.append(PACKETS[:3])
    _, more, _ = store.append(PACKETS[3:])
    assert starts == [0, lengths[0], lengths[0] + lengths[1]]
    assert more[0] == sum(lengths)


def test_bytes_after_the_last_committed_frame_are_overwritten(store: Segments) -> None:
    store.append(PACKETS[:2])
    end = store.end
    with store.path(1).open("ab") as file:
        file.write(b"half a packet")
    numbers, starts, lengths = store.append(PACKETS[2:3])
    assert starts == [end]
    assert store.read(numbers[0], starts[0], lengths[0]) == bytes(PACKETS[2])
    assert store.path(1).stat().st_size == end + lengths[0]


def test_a_full_segment_is_followed_by_the_next(store: Segments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_SIZE", 50)
    first = store.append(PACKETS)
    second = store.append(PACKETS)
    assert {*first[0]} == {1}
    assert {*second[0]} == {2}
    assert second[1][0] == 0
    store.cut(1, sum(first[2]))
    assert not store.path(2).exists()
    assert store.read(*next(zip(*first, strict=True))) == bytes(PACKETS[0])


def test_a_damaged_frame_is_an_error_that_names_the_file_and_the_byte(store: Segments) -> None:
    numbers, starts, lengths = store.append([memoryview(os.urandom(5000))] * 2)
    with store.path(1).open("r+b") as file:
        file.seek(starts[1] + 2500)
        file.write(b"\0\0\0\0")
    with pytest.raises(ArchiveError, match=rf"000001\.seg is damaged at byte {starts[1]}"):
        store.read(numbers[1], starts[1], lengths[1])


def test_a_missing_segment_is_an_error_that_names_it(store: Segments) -> None:
    with pytest.raises(ArchiveError, match=r"000007\.seg: No such file"):
        store.read(7, 0, 10)


def test_a_full_disk_is_an_error_and_leaves_what_was_there(store: Segments) -> None:
    places = list(zip(*store.append(PACKETS), strict=True))
    before = store.end
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 1000, old[1]))
    try:
        with pytest.raises(ArchiveError, match=r"cannot write packets to .*000001\.seg: File too large"):
            store.append([memoryview(os.urandom(100_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert store.end == before
    assert [store.read(*place) for place in places] == [bytes(packet) for packet in PACKETS]
    assert store.read(*[part[0] for part in store.append(PACKETS[:1])]) == bytes(PACKETS[0])

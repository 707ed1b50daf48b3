"""The journal: what was taken once is known for as long as it is kept, through restarts and crashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vobroker.voevent.vtp import Event, Journal, VTPError, examine
from vobroker.voevent.vtp.journal import Fate

from .peers import ivorn, packet


def events(*numbers: int) -> list[tuple[Event, str]]:
    return [(examine(packet(number)), "a peer") for number in numbers]


def fates(journal: Journal, *packets: bytes) -> list[Fate]:
    return [one.fate for one in journal.add([(examine(one), "a peer") for one in packets])]


def test_an_event_is_new_once_also_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert fates(journal, packet(1), packet(1)) == [Fate.NEW, Fate.KNOWN]
    with Journal(tmp_path) as journal:
        assert fates(journal, packet(1), packet(2)) == [Fate.KNOWN, Fate.NEW]
        assert [(entry.sequence, entry.ivorn, entry.content) for entry in journal.after(0)] == [
            (1, ivorn(1), packet(1)),
            (2, ivorn(2), packet(2)),
        ]


def test_other_content_is_told_and_another_way_of_writing_the_same_is_not(tmp_path: Path) -> None:
    rewritten = packet(1).replace(b"'", b'"').replace(b"<?xml version=", b"<?xml  version=")
    rewritten = rewritten.replace(b'role="test" version="2.0"', b'version="2.0"   role="test"')
    assert rewritten != packet(1)
    with Journal(tmp_path) as journal:
        other = packet(1, more='<Param name="more" value="1"/>')
        assert fates(journal, packet(1), rewritten, other) == [Fate.NEW, Fate.KNOWN, Fate.OTHER]
        (conflict,) = journal.conflicts()
        assert (conflict.ivorn, conflict.digest) == (ivorn(1), examine(other).digest)
        assert [entry.content for entry in journal.after(0)] == [packet(1)]


def test_places_are_found_by_identifier_and_by_time(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for number in range(5):
            journal.add(events(number), received=1000.0 + number)
        assert [journal.place_of(ivorn(number)) for number in (0, 4, 7)] == [1, 5, None]
        assert [journal.place_at(when) for when in (0.0, 1002.0, 1002.5, 2000.0)] == [0, 2, 3, 5]


def test_the_old_and_what_is_too_much_is_forgotten_and_numbers_are_never_used_again(tmp_path: Path) -> None:
    with Journal(tmp_path, keep_days=1) as journal:
        journal.add(events(1, 2), received=0.0)
        journal.add(events(3), received=86_400.0)
        assert journal.prune(86_401.0) == 2
        assert [entry.ivorn for entry in journal.after(0)] == [ivorn(3)]
        assert journal.prune(10 * 86_400.0) == 1
    with Journal(tmp_path, max_bytes=200_000) as journal:
        assert journal.newest() == 3
        (verdict,) = journal.add(events(4))
        assert verdict.sequence == 4
        large = [packet(number, more=f"<Description>{'x' * 20_000}</Description>") for number in range(5, 30)]
        fates(journal, *large)
        while journal.prune():
            pass
        assert 0 < journal.count() < 25
        assert journal.size() <= 200_000
        assert journal.after(0)[-1].ivorn == ivorn(29)


def test_few_events_come_at_a_time_and_at_least_one(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.add(events(*range(10)))
        assert len(journal.after(0, most=3)) == 3
        assert len(journal.after(0, most_bytes=1)) == 1
        assert [entry.sequence for entry in journal.after(8)] == [9, 10]
        assert journal.after(10) == []


def test_one_process_has_a_journal_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(VTPError, match="in use by another process"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"something else" * 100)
    with pytest.raises(VTPError, match=f"cannot open the journal {tmp_path}"):
        Journal(tmp_path)

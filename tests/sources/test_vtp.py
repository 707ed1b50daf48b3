"""Events of a VTP broker in the archive: each once, wrong ones as dead letters, every packet counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.voevent.vtp.peers import broker, ivorn, packet, speaking

from vobroker.archive import ArchiveError, access, open_archive
from vobroker.sources import vtp
from vobroker.voevent.vtp import Journal
from vobroker.voevent.vtp.events import examine
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.subscriber import BEGINNING, Subscriber


async def receive(folder: Path, where: object, most: int) -> Mapping[str, int]:
    turns = access(str(folder / "archive"))
    try:
        with Journal(folder / "journal") as journal:
            async with Subscriber(where, journal, since=BEGINNING, say=lambda _: None) as subscriber:
                return await vtp.carry(subscriber, turns, most=most)
    finally:
        turns.close()


def rows(folder: Path) -> list[tuple[str, str]]:
    with open_archive(folder / "archive", read_only=True) as archive:
        found = archive.query("SELECT ivorn, source FROM voevent ORDER BY number").to_pylist()
        return [(row["ivorn"], row["source"]) for row in found]


def test_events_are_archived_once_through_restarts(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, _, where):
            for numbers in (range(3), range(3, 5)):
                await opened.add([(examine(packet(number)), "test") for number in numbers])
                counts = await receive(tmp_path, where, len(numbers))
                assert counts == {"archived": len(numbers)}
        assert rows(tmp_path) == [(ivorn(number), f"vtp:{where}") for number in range(5)]

    asyncio.run(run())


def test_what_was_received_and_not_committed_is_archived_by_the_next_process(tmp_path: Path) -> None:
    """The archive refuses, the process ends: the journal still has what was acknowledged."""
    held = tmp_path / "archive"

    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, _, where):
            await opened.add([(examine(packet(number)), "test") for number in range(3)])
            said: list[str] = []
            turns = access(str(held))

            def refuse(*_: object) -> list[str]:
                raise ArchiveError("the disk is full")

            with Journal(tmp_path / "journal") as journal, pytest.MonkeyPatch.context() as patch:
                patch.setattr(vtp, "_commit", refuse)
                async with Subscriber(where, journal, since=BEGINNING) as subscriber:
                    carrying = asyncio.create_task(vtp.carry(subscriber, turns, say=said.append))
                    async with asyncio.timeout(60):
                        while not said:
                            await asyncio.sleep(0.005)
                    carrying.cancel()
                    await asyncio.gather(carrying, return_exceptions=True)
            turns.close()
            assert said == ["the disk is full; trying again"]
        # The broker is gone for good; what it had is not asked for again.
        assert (await receive(tmp_path, where, 3)) == {"archived": 3}
        assert [name for name, _ in rows(tmp_path)] == [ivorn(number) for number in range(3)]

    asyncio.run(run())


def test_packets_that_are_no_events_are_dead_letters_with_their_bytes(tmp_path: Path) -> None:
    other = packet(1, more="<Param/>")
    sent = [packet(1), b"\xff no XML", packet(1), other, packet(2)]

    async def speech(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(map(frame, sent)))
        await reader.read()

    async def run() -> None:
        async with speaking(speech) as where:
            # The same packet again is known to the journal, and goes no further.
            assert await receive(tmp_path, where, 4) == {"archived": 2, "dead": 2}

    asyncio.run(run())
    with open_archive(tmp_path / "archive", read_only=True) as archive:
        letters = archive.query("SELECT reason, data FROM dead_letter ORDER BY reason").to_pylist()
        (account,) = archive.query(
            "SELECT sum(received) AS received, sum(archived) AS archived, sum(dead) AS dead FROM ledger"
        ).to_pylist()
    assert [(row["reason"], row["data"]) for row in letters] == [
        ("conflict", other),
        ("not-voevent", sent[1]),
    ]
    assert account == {"received": 4, "archived": 2, "dead": 2}


def test_a_journal_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, _, where):
            await opened.add([(examine(packet(number)), "test") for number in range(3)])
            assert await receive(tmp_path, where, 3) == {"archived": 3}
            (tmp_path / "journal").rename(tmp_path / "lost")
            await opened.add([(examine(packet(3)), "test")])
            assert await receive(tmp_path, where, 4) == {"duplicate": 3, "archived": 1}

    asyncio.run(run())

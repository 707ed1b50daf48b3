"""The outbox to a VTP broker: every event gets there, and subscribers see none twice."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from pathlib import Path

import pytest
from tests.voevent.vtp.comet_broker import Comet, comet
from tests.voevent.vtp.peers import broker, speaking

from vobroker.archive import Archive, access
from vobroker.publish.folder import PublishError
from vobroker.publish.render import packets
from vobroker.publish.vtp import Courier, VTPOutbox
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.events import Event, examine

__all__ = ["comet"]


def smallest(archive: Archive) -> str:
    """The stream with the fewest events."""
    rows = archive.query("SELECT stream FROM event GROUP BY stream ORDER BY count(*), stream LIMIT 1")
    return str(rows["stream"][0].as_py())


def expected(archive: Archive, stream: str | None = None) -> list[tuple[str, bytes]]:
    return [(one.ivorn, one.content) for batch in packets(archive, stream=stream) for one in batch]


def test_the_events_of_a_stream_reach_the_broker_once(archive: Archive, tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, where, _):
            stream = "everything"
            wanted = expected(archive, stream)
            outbox = VTPOutbox(where, tmp_path, stream=stream)
            assert await asyncio.to_thread(outbox, archive) == len(wanted) > 0
            assert await asyncio.to_thread(outbox, archive) == 0
            # Another process has the file only.
            assert await asyncio.to_thread(VTPOutbox(where, tmp_path, stream=stream), archive) == 0
            assert [(e.ivorn, e.content) for e in opened.journal.after(0, 10_000, 2**30)] == wanted
            assert opened.state().received == len(wanted)

    asyncio.run(run())


def test_killed_before_its_position_is_written_it_submits_again_and_the_broker_takes_none_twice(
    archive: Archive, tmp_path: Path
) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, where, _):
            stream = smallest(archive)
            number = len(expected(archive, stream))
            for folder in ("one", "other"):  # the second has not seen what the first noted
                outbox = VTPOutbox(where, tmp_path / folder, stream=stream)
                assert await asyncio.to_thread(outbox, archive) == number
                assert outbox.refused == 0
            state = opened.state()
            assert (state.taken, state.known) == (number, number)

    asyncio.run(run())


def test_a_broker_that_is_away_loses_nothing(archive: Archive, tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (_, where, _):
            pass
        outbox = VTPOutbox(where, tmp_path, stream=smallest(archive))
        with pytest.raises(PublishError, match=r"cannot connect to .* 0 events submitted, the others follow"):
            await asyncio.to_thread(outbox, archive)
        async with broker(tmp_path / "broker", where.port):
            assert await asyncio.to_thread(outbox, archive) == len(expected(archive, smallest(archive)))

    asyncio.run(run())


def test_a_broker_that_says_nothing_is_an_error(archive: Archive, tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        async with speaking(silent) as where:
            outbox = VTPOutbox(where, tmp_path, seconds=0.1)
            with pytest.raises(PublishError, match=r"silent for 0\.1 seconds"):
                await asyncio.to_thread(outbox, archive)

    asyncio.run(run())


def test_a_broker_that_hangs_holds_up_nobody_at_the_archive(folder: Path, tmp_path: Path) -> None:
    sent = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sent.set()
        await asyncio.Event().wait()

    async def run() -> None:
        turns = access(shutil.copytree(folder, tmp_path / "archive"))
        async with speaking(silent) as where:
            said: list[str] = []
            outbox = VTPOutbox(where, tmp_path, stream="everything", seconds=1)
            courier = Courier(outbox, turns, said.append)
            courier.__enter__()
            await sent.wait()
            # What is sent has no answer yet.
            assert await asyncio.to_thread(turns.positions)
            await asyncio.to_thread(courier.__exit__, None, None, None)
        turns.close()
        assert "silent for 1 seconds" in said[-1]

    asyncio.run(run())


def test_a_courier_delivers_what_is_there_and_what_comes(folder: Path, tmp_path: Path) -> None:
    async def run() -> None:
        turns = access(shutil.copytree(folder, tmp_path / "archive"))
        async with broker(tmp_path / "broker") as (opened, where, _):
            with turns.take() as archive:
                number = len(expected(archive, smallest(archive)))
                outbox = VTPOutbox(where, tmp_path, stream=smallest(archive))
            courier = Courier(outbox, turns, pytest.fail)
            courier.__enter__()
            await asyncio.to_thread(courier.__exit__, None, None, None)
            assert opened.state().taken == number
        turns.close()

    asyncio.run(run())


def test_who_waits_for_another_process_keeps_the_archive_from_nobody(folder: Path, tmp_path: Path) -> None:
    async def run() -> None:
        place = shutil.copytree(folder, tmp_path / "archive")
        turns, others = access(place), access(place)
        async with broker(tmp_path / "broker") as (opened, where, _):
            with turns.take() as archive:
                stream = smallest(archive)
            outbox = VTPOutbox(where, tmp_path, stream=stream)
            with (tmp_path / f".vtp-127.0.0.1-{where.port}-{stream}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                delivering = asyncio.create_task(asyncio.to_thread(outbox.deliver, turns))
                assert await asyncio.to_thread(others.positions)
                others.close()
                assert opened.state().received == 0
            assert await delivering == opened.state().taken > 0
        turns.close()

    asyncio.run(run())


def test_what_is_refused_is_told_and_noted_and_does_not_stop_the_others(
    archive: Archive, tmp_path: Path
) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, where, _):
            stream = "everything"
            wanted = expected(archive, stream)
            taken = examine(wanted[1][1].replace(b"vobroker", b"somebody"))
            await opened.add([(Event(wanted[1][0], taken.content, taken.digest), "test")])
            said: list[str] = []
            outbox = VTPOutbox(where, tmp_path, stream=stream, say=said.append)
            assert await asyncio.to_thread(outbox, archive) == len(wanted) - 1
            assert outbox.refused == 1
            assert said[0].startswith(f"{where} does not take {wanted[1][0]}: ")
            (noted,) = (tmp_path / f".vtp-127.0.0.1-{where.port}-{stream}.refused").read_text().splitlines()
            assert noted.startswith(f"{wanted[1][0]}\t")
            assert "other content" in noted

    asyncio.run(run())


def test_comet_takes_the_outbox_and_says_what_it_has_already(
    archive: Archive, tmp_path: Path, comet: Comet
) -> None:
    """On a second run from the beginning, Comet naks all, because it has them."""
    where: Place = comet.authors
    stream = smallest(archive)
    number = len(expected(archive, stream))
    for folder in ("one", "other"):
        outbox = VTPOutbox(where, tmp_path / folder, stream=stream)
        assert outbox(archive) == number
        assert outbox.refused == 0

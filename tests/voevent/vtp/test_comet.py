"""Comet as author and as subscriber, and events that go from us to Comet and back."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from vobroker.voevent.vtp import Journal
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.relay import relay
from vobroker.voevent.vtp.subscriber import Subscriber

from . import comet_broker
from .peers import broker, ivorn, packet
from .test_broker import connected, until


def send(place: Place, content: bytes) -> tuple[bool, str]:
    """Submit with ``comet-sendvo``; say whether it saw an ack, and what it said."""
    program = shutil.which("comet-sendvo", path=Path(sys.executable).parent)
    assert program, "Comet needs comet-sendvo beside the interpreter"
    done = subprocess.run(
        [sys.executable, program, f"--host={place.host}", f"--port={place.port}"],
        input=content,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0, done.stdout.decode()


def test_comet_is_an_author_and_hears_why_not(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path) as (opened, authors, _):
            for content, taken, told in (
                (packet(1), True, "Event was sent successfully"),
                (packet(1), True, "Event was sent successfully"),
                (packet(1, more="<Description/>"), False, "was received with other content at 20"),
                (
                    packet(2).replace(b"<Who>", b"<Whom/><Who>"),
                    False,
                    "refused to accept VOEvent (the packet",
                ),
            ):
                acknowledged, said = await asyncio.to_thread(send, authors, content)
                assert acknowledged is taken, said
                assert told in said
            assert opened.state().taken == 1

    asyncio.run(run())


def test_events_go_from_comet_to_us_to_comet_to_us_once_and_filtered(tmp_path: Path) -> None:
    """comet-sendvo, our broker, Comet's broker with a filter, our broker as its subscriber, and back."""

    async def run() -> None:
        async with broker(tmp_path / "ours") as (first, authors, subscribers):
            remote = f"--remote={subscribers.host}:{subscribers.port}"
            wanted = "--filter=//Param[@name='number' and @value > 1]"
            (tmp_path / "comet").mkdir()
            opening = comet_broker.running(tmp_path / "comet", remote, wanted)
            comet = await asyncio.to_thread(opening.__enter__)
            try:
                await until(lambda: any(one.filters for one in first.state().subscribers))
                (state,) = first.state().subscribers
                assert (state.ivorn, state.filters) == (comet_broker.IVORN, (wanted.partition("=")[2],))
                with Journal(tmp_path / "relayed") as kept:
                    async with (
                        broker(tmp_path / "second") as (second, _, last),
                        Subscriber(comet.subscribers, kept) as subscriber,
                        Subscriber(last, Journal(tmp_path / "back")) as back,
                        connected(last) as peer,
                    ):
                        relaying = [
                            asyncio.create_task(relay(subscriber, second)),
                            asyncio.create_task(relay(back, first)),  # a circle
                        ]
                        await until(lambda: len(second.state().subscribers) == 2)
                        await until(lambda: subscriber.state().connected)
                        await peer.subscribe()
                        for number in range(1, 5):
                            acknowledged, said = await asyncio.to_thread(send, authors, packet(number))
                            assert acknowledged, said
                        assert await peer.events(3) == [ivorn(2), ivorn(3), ivorn(4)]
                        await until(lambda: first.state().relayed.get("known") == 3)
                        assert first.state().newest == 4
                        assert second.state().relayed == {"new": 3}
                        await until(lambda: first.state().subscribers[0].answered == 3)
                        for task in relaying:
                            task.cancel()
                        await asyncio.gather(*relaying, return_exceptions=True)
                    back.journal.close()
            finally:
                await asyncio.to_thread(opening.__exit__, None, None, None)

    asyncio.run(run())

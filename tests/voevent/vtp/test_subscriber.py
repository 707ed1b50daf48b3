"""The subscriber: what a broker sends is kept, answered and given once, whatever the connection does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vobroker.voevent.vtp import Broker, Journal, Limits, VTPError, messages
from vobroker.voevent.vtp.author import Author
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.events import Event, examine
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.messages import XPATH, Message
from vobroker.voevent.vtp.subscriber import BEGINNING, Patience, Subscriber, is_event
from vobroker.voevent.vtp.tokens import fingerprint

from .comet_broker import Comet, comet
from .peers import ivorn, packet, read, speaking

__all__ = ["comet"]

BROKER = "ivo://org.example/broker"
QUICK = Patience(first_delay=0.01, most_delay=0.05)


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    with Journal(tmp_path / "kept") as journal:
        yield journal


@asynccontextmanager
async def broker(folder: Path, port: int = 0, **options: Any) -> AsyncIterator[tuple[Broker, Place]]:
    with Journal(folder) as journal:
        async with Broker(BROKER, journal, **options) as opened:
            _, port = await opened.listen(None, ("127.0.0.1", port))
            yield opened, Place("127.0.0.1", port)


async def publish(opened: Broker, *numbers: int) -> None:
    await opened.add([(examine(packet(number)), "test") for number in numbers])


async def first(subscriber: Subscriber, number: int) -> list[str]:
    """The next events; they are done with."""
    found = []
    async for batch in subscriber.batches((await asyncio.to_thread(subscriber.journal.place, "read"))[0]):
        found += [entry.ivorn for entry in batch if is_event(entry)]
        await subscriber.done(batch[-1].sequence)
        if len(found) >= number:
            return found
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.005)


def test_events_come_in_order_and_are_acknowledged(tmp_path: Path, kept: Journal) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, where), Subscriber(where, kept) as subscriber:
            await until(lambda: bool(opened.state().subscribers))
            await publish(opened, *range(100))
            assert await first(subscriber, 100) == [ivorn(number) for number in range(100)]
            await until(lambda: opened.state().subscribers[0].answered == 100)
            state = subscriber.state()
            assert (state.received, state.new, state.connections, state.newest) == (100, 100, 1, 100)

    asyncio.run(run())


def test_after_a_restart_of_either_side_what_was_missed_comes_and_nothing_twice(
    tmp_path: Path, kept: Journal
) -> None:
    async def run() -> None:
        found = []
        async with broker(tmp_path / "broker") as (opened, where):
            async with Subscriber(where, kept) as subscriber:
                await until(lambda: bool(opened.state().subscribers))
                await publish(opened, 1, 2)
                found += await first(subscriber, 2)
            await publish(opened, 3, 4)  # nobody listens
        async with Subscriber(where, kept, patience=QUICK, say=lambda _: None) as subscriber:
            async with broker(tmp_path / "broker", where.port) as (opened, _):  # it was down
                found += await first(subscriber, 2)
            async with broker(tmp_path / "broker", where.port) as (opened, _):
                await publish(opened, 5)
                found += await first(subscriber, 1)
            assert subscriber.state().connections >= 2
        assert found == [ivorn(number) for number in (1, 2, 3, 4, 5)]

    asyncio.run(run())


def test_a_reader_that_breaks_off_goes_on_where_it_was(tmp_path: Path, kept: Journal) -> None:
    async def run() -> None:
        async with broker(tmp_path / "broker") as (opened, where):
            await publish(opened, *range(5))
            found = []
            for wanted in (2, 3):
                async with Subscriber(where, kept, since=BEGINNING) as subscriber:
                    events = aiter(subscriber)
                    found.append([(await anext(events)).ivorn for _ in range(wanted)])
                    await events.aclose()
        # The last one that was given may not have been dealt with.
        assert found == [[ivorn(0), ivorn(1)], [ivorn(1), ivorn(2), ivorn(3)]]

    asyncio.run(run())


def test_a_filter_keeps_away_what_is_not_wanted(tmp_path: Path, kept: Journal) -> None:
    async def run() -> None:
        wanted = [(XPATH, "//Param[@name='number' and @value > 3]")]
        async with (
            broker(tmp_path / "broker") as (opened, where),
            Subscriber(where, kept, filters=wanted, since=BEGINNING) as subscriber,
        ):
            await publish(opened, *range(6))
            assert await first(subscriber, 2) == [ivorn(4), ivorn(5)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filters": [(XPATH, "//[")]}, "lets us go: the XPath filter"),
        ({"token": "guessed"}, "lets us go: this broker serves only subscribers who prove a token"),
        ({}, "lets us go: this broker serves only subscribers who prove a token"),
    ],
    ids=["filter", "token", "no token"],
)
def test_who_is_let_go_for_good_is_told_why(
    tmp_path: Path, kept: Journal, options: dict[str, Any], sentence: str
) -> None:
    async def run() -> None:
        tokens = {} if "filters" in options else {fingerprint("secret"): "somebody"}
        async with broker(tmp_path / "broker", tokens_of_subscribers=tokens) as (_, where):
            with pytest.raises(VTPError, match=sentence):
                async with Subscriber(where, kept, **options) as subscriber:
                    await first(subscriber, 1)

    asyncio.run(run())


def test_a_token_is_proved(tmp_path: Path, kept: Journal) -> None:
    async def run() -> None:
        tokens = {fingerprint("secret"): "somebody"}
        async with (
            broker(tmp_path / "broker", tokens_of_subscribers=tokens) as (opened, where),
            Subscriber(where, kept, token="secret") as subscriber,
        ):
            await until(lambda: any(one.name == "somebody" for one in opened.state().subscribers))
            await publish(opened, 1)
            assert await first(subscriber, 1) == [ivorn(1)]

    asyncio.run(run())


def test_iamalive_is_answered(tmp_path: Path, kept: Journal) -> None:
    async def run() -> None:
        async with (
            broker(tmp_path / "broker") as (opened, where),
            Subscriber(where, kept) as subscriber,
        ):
            await until(lambda: bool(opened.state().subscribers))
            (there,) = opened.broadcaster.connections
            there._alive, there._missed = 0.0, 1  # it is due, and the last one has no answer
            await until(lambda: there._alive > 0.0 and there._missed == 0)
            assert subscriber.state().connections == 1

    asyncio.run(run())


def test_bad_packets_are_kept_named_and_answered_and_do_not_stop_the_others(kept: Journal) -> None:
    answers: list[Message] = []
    sent = [
        b"\xff\xfe no XML",
        b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
        packet(1).replace(b"#1", b""),
        packet(2),
        packet(2),
        packet(2, more="<Param/>"),
        messages.Message("iamalive", BROKER).write(),
        b"<trn:Transport xmlns:trn='urn:x'/>",
        packet(3),
    ]

    async def speech(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(map(frame, sent)))
        while True:
            answers.append(messages.read(await read(reader)))

    async def run() -> None:
        said: list[str] = []
        async with speaking(speech) as where, Subscriber(where, kept, say=said.append) as subscriber:
            assert await first(subscriber, 2) == [ivorn(2), ivorn(3)]
            await until(lambda: len(answers) == 6)
            state = subscriber.state()
        assert (state.received, state.new, state.known, state.other, state.unusable) == (7, 2, 1, 1, 3)
        entries = kept.after(0)
        assert [is_event(entry) for entry in entries] == [False] * 3 + [True] * 2 + [False]
        assert {entry.content for entry in entries} == {*sent[:4], sent[5], sent[8]}
        assert [(one.role, one.origin) for one in answers] == [
            ("iamalive", BROKER),
            ("nak", "ivo://org.example/stream"),
            ("ack", ivorn(2)),
            ("ack", ivorn(2)),
            ("nak", ivorn(2)),
            ("ack", ivorn(3)),
        ]
        told = "\n".join(said)
        for part in ("not well-formed", "document type", "does not name an event", "came before", "urn:x"):
            assert part in told

    asyncio.run(run())


def test_brokers_that_misbehave_are_left_and_tried_again(kept: Journal) -> None:
    """One after the other: nothing blocks, and what was received in between is not lost."""
    harm = [b"\x7f\xff\xff\xff", b"\0\0\1\0<half", frame(b"garbage") * 100, b"", b"GET / HTTP/1.1\r\n"]
    connections = iter(range(len(harm) + 2))

    async def speech(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(connections)
        if number == len(harm):
            await asyncio.Event().wait()  # never a word
        if number < len(harm):
            writer.write(frame(packet(number)) + harm[number])
            writer.write_eof()
        else:
            writer.write(frame(packet(number)))
        await reader.read()
        await asyncio.Event().wait()

    async def run() -> None:
        said: list[str] = []
        patience = Patience(silence=0.3, first_delay=0.01, most_delay=0.01)
        async with (
            speaking(speech) as where,
            Subscriber(where, kept, patience=patience, say=said.append) as subscriber,
        ):
            numbers = [*range(len(harm)), len(harm) + 1]
            assert await first(subscriber, len(numbers)) == [ivorn(number) for number in numbers]
        told = "\n".join(said)
        for part in (
            "announces 2147483647 bytes; the limit is",
            "gone after 5 of 256 bytes of a frame",
            "has sent 100 packets that are of no use",
            "has closed the connection",
            "announces 1195725856 bytes",
            "has been silent for 0.3 seconds",
        ):
            assert part in told

    asyncio.run(run())


def test_a_frame_that_comes_too_slowly_ends_the_connection(kept: Journal) -> None:
    async def speech(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in frame(packet(1)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)

    async def run() -> None:
        said: list[str] = []
        patience = Patience(frame=0.2, first_delay=0.01)
        async with speaking(speech) as where, Subscriber(where, kept, patience=patience, say=said.append):
            await until(lambda: bool(said))
        assert "bytes of a frame came in 0.2 seconds" in said[0]

    asyncio.run(run())


def test_a_reader_that_is_slow_holds_up_neither_the_broker_nor_the_answers(
    tmp_path: Path, kept: Journal
) -> None:
    async def run() -> None:
        limits = Limits(window=8)
        async with (
            broker(tmp_path / "broker", limits=limits) as (opened, where),
            Subscriber(where, kept) as subscriber,
        ):
            await until(lambda: bool(opened.state().subscribers))
            await publish(opened, *range(500))  # nobody reads
            await until(lambda: opened.state().subscribers[0].answered == 500)
            async for batch in subscriber.batches(0, most=7):
                assert len(batch) <= 7
                if batch[-1].sequence == 500:
                    break

    asyncio.run(run())


def test_what_one_subscriber_keeps_another_reads_on(kept: Journal) -> None:
    """Identifiers are known again after a restart, even those of packets that were no events."""
    kept.add([(Event("sha256:00", b"x", b"x"), "test"), (examine(packet(1)), "test")])
    assert [is_event(entry) for entry in kept.after(0)] == [False, True]


def test_comet_is_a_broker_for_our_subscribers(tmp_path: Path, comet: Comet) -> None:
    async def run() -> None:
        wanted = [(XPATH, "//Param[@name='number' and @value > 11]")]
        with Journal(tmp_path / "all") as one, Journal(tmp_path / "some") as other:
            async with (
                Subscriber(comet.subscribers, one) as every,
                Subscriber(comet.subscribers, other, filters=wanted) as some,
            ):
                await until(lambda: every._skew is not None and some._skew is not None)
                # It has said who it is; our filter is there when it has read what we answered.
                async for receipt in Author(comet.authors).submit_all(packet(n) for n in range(10, 14)):
                    assert receipt.taken, receipt
                assert await first(every, 4) == [ivorn(n) for n in range(10, 14)]
                assert (await first(some, 2))[-2:] == [ivorn(12), ivorn(13)]
                assert every.state().connections == 1

    asyncio.run(run())

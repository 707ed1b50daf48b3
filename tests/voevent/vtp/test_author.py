"""The author: every event gets an answer, or an error that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vobroker.voevent.vtp import Broker, Journal, VTPError
from vobroker.voevent.vtp.author import Author, Receipt
from vobroker.voevent.vtp.dial import Place, Unreachable, place
from vobroker.voevent.vtp.messages import Message
from vobroker.voevent.vtp.tokens import fingerprint

from .comet_broker import Comet, comet
from .peers import forever, ivorn, packet, read, saying, speaking

__all__ = ["comet"]

ONCE: dict[str, Any] = {"patience": 0, "seconds": 30}


@asynccontextmanager
async def broker(folder: Path, **options: Any) -> AsyncIterator[tuple[Broker, Place]]:
    with Journal(folder) as journal:
        async with Broker("ivo://org.example/broker", journal, **options) as opened:
            port, _ = await opened.listen(("127.0.0.1", 0))
            yield opened, Place("127.0.0.1", port)


async def receipts(author: Author, packets: Iterable[bytes]) -> list[Receipt]:
    return [receipt async for receipt in author.submit_all(packets)]


def test_events_are_taken_in_order_over_few_connections(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path) as (opened, where):
            found = await receipts(Author(where), map(packet, range(300)))
            assert [(one.ivorn, one.taken) for one in found] == [(ivorn(n), True) for n in range(300)]
            assert opened.state().taken == 300
            assert opened.receiver.counts["connected"] == 1

    asyncio.run(run())


def test_a_nak_has_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path) as (_, where):
            wrong = packet(2).replace(b"<Who>", b"<Whom/><Who>")
            packets = [packet(1), packet(1, more="<Param/>"), b"nonsense", wrong, packet(1), packet(3)]
            found = sorted(await receipts(Author(where), packets), key=lambda one: one.number)
        assert [one.taken for one in found] == [True, False, False, False, True, True]
        assert "received with other content" in found[1].remark
        assert found[2] == Receipt(2, "", False, found[2].remark)
        assert "not well-formed XML" in found[2].remark
        assert "Whom" in found[3].remark
        assert "received before" in found[4].remark

    asyncio.run(run())


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_token_is_proved(tmp_path: Path, known: bool) -> None:
    async def run() -> None:
        tokens = {fingerprint("secret"): "somebody"}
        async with broker(tmp_path, tokens_of_authors=tokens) as (_, where):
            author = Author(where, token="secret" if known else "guessed", **ONCE)
            if known:
                assert [one.taken for one in await receipts(author, map(packet, range(3)))] == [True] * 3
                without = await Author(where, **ONCE).submit(packet(4))
                assert "prove a token" in without.remark
            else:
                with pytest.raises(VTPError, match="lets us go: the token is not known"):
                    await author.submit(packet(1))

    asyncio.run(run())


def test_a_broker_that_lets_nobody_in_says_so_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker(tmp_path, authors=["192.0.2.0/24"]) as (_, where):
            with pytest.raises(VTPError, match=r"lets us go: connections from 127.0.0.1 are not allowed"):
                await Author(where).submit(packet(1))

    asyncio.run(run())


def test_what_was_not_answered_is_sent_again() -> None:
    """A broker that takes an event, dies before its ack, and comes back."""
    seen: list[bytes] = []

    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read(reader))
        if len(seen) > 2:
            writer.write(_framed(Message("ack", ivorn(1), "ivo://org.example/broker")))
            await reader.read()

    async def run() -> None:
        async with speaking(dying) as where:
            receipt = await Author(where, first_delay=0.01).submit(packet(1))
            assert receipt == Receipt(0, ivorn(1), True, again=True)
            assert seen == [packet(1)] * 3

    asyncio.run(run())


def test_a_busy_broker_is_asked_again_and_nobody_there_is_an_error(tmp_path: Path) -> None:
    async def run() -> None:
        later = Message("nak", ivorn(1), "ivo://b", result="the disk is full; try again later").write()
        async with speaking(saying(later)) as where:
            author = Author(where, patience=0.1, first_delay=0.01)
            with pytest.raises(Unreachable, match=r"does not take .*#1: the disk is full.*; tried \d+ times"):
                await author.submit(packet(1))
        with pytest.raises(Unreachable, match=r"cannot connect to .*: Connection refused"):
            await Author(where, **ONCE).submit(packet(1))

    asyncio.run(run())


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(b"\0\0\0\x20<half")


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await forever()


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)


async def _gigantic(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read(reader)
    writer.write(b"\x7f\xff\xff\xff")
    await reader.read()


def _framed(message: Message) -> bytes:
    content = message.write()
    return len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize(
    ("speech", "sentence"),
    [
        (_half, "has gone after 5 of 32 bytes of a frame"),
        (_never, "has been silent for 0.2 seconds"),
        (_gigantic, "the frame announces 2147483647 bytes; the limit is 65536"),
        (_closes, "without an answer to"),
        (saying(b"\xff\xfe garbage"), "not well-formed XML"),
        (saying(b"<a/>"), "not a <Transport>"),
        (saying(Message("iamalive", "ivo://b").write()), "answers an event with iamalive"),
        (
            saying(Message("ack", "ivo://b#7", "ivo://b").write()),
            "acknowledges 'ivo://b#7', which",
        ),
    ],
    ids=["half", "silent", "gigantic", "closes", "garbage", "xml", "message", "another"],
)
def test_brokers_that_answer_wrongly_are_named(speech: Any, sentence: str) -> None:
    async def run() -> None:
        async with speaking(speech) as where:
            seconds = 0.2 if speech is _never else 30
            with pytest.raises(VTPError, match=sentence):
                await Author(where, patience=0, seconds=seconds).submit(packet(1))

    asyncio.run(run())


def test_comet_takes_our_events_and_naks_what_it_has_seen(comet: Comet) -> None:
    async def run() -> None:
        found = await receipts(Author(comet.authors), map(packet, [1, 2, 3, 1]))
        assert [(one.ivorn, one.taken) for one in found] == [
            (ivorn(1), True),
            (ivorn(2), True),
            (ivorn(3), True),
            (ivorn(1), False),
        ]
        assert "Previously seen" in found[-1].remark

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("broker.example.org", Place("broker.example.org", 8098)),
        ("broker.example.org:1", Place("broker.example.org", 1)),
        ("[2001:db8::1]:99", Place("2001:db8::1", 99)),
        ("[::1]", Place("::1", 8098)),
    ],
)
def test_places_are_read(text: str, found: Place) -> None:
    assert place(text, 8098) == found
    assert place(str(found), 0) == found


@pytest.mark.parametrize("text", ["", "host:", "host:0", "host:70000", "a b", "::1", "http://host"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(VTPError, match="no place of a broker"):
        place(text, 8098)

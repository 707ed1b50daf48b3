"""The broker against peers of every kind, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from vobroker.voevent.vtp import Broker, Limits, Refused, VTPError, examine, messages
from vobroker.voevent.vtp.broadcaster import SINCE, SINCE_TIME
from vobroker.voevent.vtp.dial import Place
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.messages import XPATH, Message
from vobroker.voevent.vtp.receiver import MORE
from vobroker.voevent.vtp.tokens import CHALLENGE, PROOF, fingerprint, prove

from .peers import broker, ivorn, packet

US = "ivo://org.example/somebody"


class Peer:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *contents: bytes | Message) -> None:
        for content in contents:
            self.writer.write(frame(content.write() if isinstance(content, Message) else content))

    async def hear(self) -> bytes:
        async with asyncio.timeout(120):
            length = await self.reader.readexactly(4)
            return await self.reader.readexactly(int.from_bytes(length, "big"))

    async def message(self) -> Message:
        return messages.read(await self.hear())

    async def is_let_go(self) -> bool:
        async with asyncio.timeout(120):
            return await self.reader.read() == b""

    async def subscribe(self, *params: tuple[str, str]) -> Message:
        asked = await self.message()
        self.say(Message("authenticate", asked.origin, US, params=params))
        return asked

    async def events(self, number: int, *, answered: bool = True) -> list[str]:
        found = []
        while len(found) < number:
            content = await self.hear()
            found.append(examine(content).ivorn)
            if answered:
                self.say(Message("ack", found[-1], US))
        return found


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(*place)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.005)


async def publish(opened: Broker, *numbers: int) -> None:
    await opened.add([(examine(packet(number)), "test") for number in numbers])


def running(
    folder: Path, test: Callable[[Broker, Place, Place], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run a test with a broker, which must hold nothing of its peers when they have left."""

    async def run() -> None:
        async with broker(folder, **options) as (opened, authors, subscribers):
            await test(opened, authors, subscribers)
            await until(lambda: not opened.receiver.connections and not opened.broadcaster.connections)
            assert opened.receiver.held == opened.broadcaster.held == 0
            assert len(opened._filters) == 0

    asyncio.run(run())


# -- authors -----------------------------------------------------------------------------------------


def test_each_event_has_an_answer_in_the_order_of_the_events(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            other = packet(1, more='<Param name="more" value="1"/>')
            wrong = packet(3).replace(b"<Who>", b"<Whom/><Who>")
            peer.say(packet(1), packet(2), packet(1), other, wrong, packet(4))
            answers = [await peer.message() for _ in range(6)]
            assert [(one.role, one.origin) for one in answers] == [
                ("ack", ivorn(1)),
                ("ack", ivorn(2)),
                ("ack", ivorn(1)),
                ("nak", ivorn(1)),
                ("nak", ivorn(3)),
                ("ack", ivorn(4)),
            ]
            assert {one.response for one in answers} == {opened.ivorn}
            assert answers[0].value(MORE) == str(opened.limits.pipelined)
            assert "received before, at 20" in str(answers[2].result)
            assert "events do not change: send a new one that supersedes it" in str(answers[3].result)
            assert "Whom" in str(answers[4].result)
        state = opened.state()
        assert (state.received, state.taken, state.known, state.other, state.refused) == (6, 3, 1, 1, 1)

    running(tmp_path, test)


BOMB = b"""<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a ivorn="ivo://a.b/c#d">&c;</a>"""
OUTSIDE = b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>'


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (frame(BOMB), "document type"),
        (frame(OUTSIDE), "document type"),
        (frame(packet(1).replace(b'name="number"', b'name="\xff\xfe"')), "not well-formed"),
        (frame(packet(1).replace(b"ivoa.net/xml/VOEvent/v2.0", b"example.org")), "namespace"),
        (frame(b"<html/>"), "html"),
        (frame(b""), "not well-formed"),
        (frame(packet(1).replace(b' ivorn="', b' name="')), "ivorn"),
        (b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n", "the frame announces 1195725856 bytes; the limit is"),
        (b"\xff\xff\xff\xff", "the frame announces 4294967295 bytes"),
        (b"\0\0\1\0<half", "the connection ended after 5 of 256 bytes of a frame"),
        (b"\0\0", "the connection ended after 0 of 0 bytes of a frame"),
        (frame(Message("iamalive", US).write()), "no use for iamalive"),
    ],
    ids=[
        *("bomb", "external", "utf-8", "namespace", "no-event", "empty", "nameless"),
        *("http", "gigantic", "half", "less", "message"),
    ],
)
def test_what_is_no_event_has_a_nak_and_the_next_author_an_ack(
    tmp_path: Path, sent: bytes, reason: str
) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            peer.writer.write(frame(packet(7)) + sent)
            peer.writer.write_eof()
            assert (await peer.message()).origin == ivorn(7)
            answer = await peer.message()
            assert answer.role == "nak"
            assert reason in str(answer.result)
            assert await peer.is_let_go()
        async with connected(authors) as peer:
            peer.say(packet(2))
            assert (await peer.message()).role == "ack"

    running(tmp_path, test)


def test_authors_that_are_slow_or_silent_are_told_and_let_go(tmp_path: Path) -> None:
    async def test(_: Broker, authors: Place, __: Place) -> None:
        async with connected(authors) as slow, connected(authors) as silent, connected(authors) as done:
            slow.writer.write(b"\0\0\1\0<half")
            done.say(packet(1))
            assert (await done.message()).role == "ack"
            assert await done.is_let_go()
            told = await slow.message()
            assert told.result == "only 5 of 256 bytes of a frame came in 0.1 seconds"
            assert (await silent.message()).result == "no event came in 1 seconds"
            assert await slow.is_let_go()
            assert await silent.is_let_go()

    quick = Limits(frame_seconds=0.1, idle_seconds=1, linger_seconds=0.1)
    running(tmp_path, test, limits=quick)


def test_who_is_not_allowed_or_one_too_many_is_told_so(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, subscribers: Place) -> None:
        async with connected(authors) as peer:
            assert (await peer.message()).result == "connections from 127.0.0.1 are not allowed"
            assert await peer.is_let_go()
        async with connected(subscribers) as first, connected(subscribers) as second:
            await first.subscribe()
            told = [await second.message()]
            assert told[0].result == "there are 1 subscribers already; try again later"
            assert await second.is_let_go()
            await publish(opened, 1)
            assert await first.events(1) == [ivorn(1)]

    running(tmp_path, test, authors=["192.0.2.0/24"], limits=Limits(subscribers=1))


def test_half_frames_of_many_authors_have_no_more_memory_than_there_is(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        half = b"\0\1\0\0" + b" " * 40_000
        async with connected(authors) as first, connected(authors) as second, connected(authors) as third:
            for peer in (first, second):
                peer.writer.write(half)
            await until(lambda: opened.receiver.held >= 2 * len(half))
            third.writer.write(half)
            told = await third.message()
            assert told.result == "there is no memory for your frame; try again later"
            assert await third.is_let_go()

    running(tmp_path, test, limits=Limits(memory_bytes=100_000))


def test_events_that_come_too_fast_are_read_later_and_all_taken(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            peer.say(*map(packet, range(250)))
            assert [(await peer.message()).origin for _ in range(250)] == list(map(ivorn, range(250)))
        assert opened.state().of_authors["delayed"] > 0

    running(tmp_path, test, limits=Limits(rate=200))


def test_an_author_that_does_not_read_the_answers_is_not_listened_to(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
            event = frame(packet(1))
            with suppress(OSError):
                async with asyncio.timeout(120):
                    while True:  # until nothing more goes out, and the connection is cut
                        peer.writer.write(event * 1000)
                        await peer.writer.drain()
            await until(lambda: not opened.receiver.connections)

    quick = Limits(frame_seconds=0.2, close_seconds=0.1)
    running(tmp_path, test, limits=quick)


def test_authors_that_cut_the_connection_are_forgotten_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        for number in range(100):
            with socket.create_connection(authors) as one:
                if number % 2:  # a reset; else what we answer is
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.sendall(frame(packet(number)) * (number % 3) + frame(b"nonsense"))
            await asyncio.sleep(0)
        await until(lambda: not opened.receiver.connections)

    running(tmp_path, test)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("token", ["secret", "guessed", None])
def test_authors_prove_a_token_or_give_nothing(tmp_path: Path, token: str | None) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            if token is not None:
                peer.say(Message("authenticate", US, US))
                asked = (await peer.message()).value(CHALLENGE)
                assert asked is not None
                peer.say(Message("authenticate", US, US, params=((PROOF, prove(token, asked)),)))
                if token == "guessed":
                    assert (await peer.message()).result == "the token is not known"
                    assert await peer.is_let_go()
                    return
                assert (await peer.message()).role == "authenticate"
            peer.say(packet(1))
            answer = await peer.message()
            assert (answer.role == "ack") is (token == "secret")
            assert opened.state().taken == (token == "secret")

    running(tmp_path, test, tokens_of_authors={fingerprint("secret"): "somebody"})


def test_an_event_is_taken_if_whoever_verifies_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def verify(content: bytes) -> None:
        if b"number 3" in content:
            raise RuntimeError("the verifier fails")
        if b"signed" not in content:
            raise Refused("the event is not signed by who may")

    async def test(opened: Broker, authors: Place, _: Place) -> None:
        async with connected(authors) as peer:
            peer.say(packet(1, more="<Description>signed</Description>"), packet(2))
            answers = [await peer.message() for _ in range(2)]
            assert [one.role for one in answers] == ["ack", "nak"]
            assert answers[1].result == "the event is not signed by who may"
            peer.say(packet(3, more="<Description>number 3</Description>"))
            assert "try again later" in str((await peer.message()).result)
        assert opened.state().failed == 1

    with caplog.at_level(logging.CRITICAL):
        running(tmp_path, test, verify=verify)


def test_a_full_disk_is_a_nak_and_not_the_end(tmp_path: Path) -> None:
    async def test(opened: Broker, authors: Place, _: Place) -> None:
        writer = opened.journal._writer
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}")
        large = packet(1, more=f"<Description>{'x' * 100_000}</Description>")
        async with connected(authors) as peer:
            peer.say(large)
            told = await peer.message()
            assert (told.role, told.origin) == ("nak", ivorn(1))
            assert told.result == "the broker cannot keep events at the moment; try again later"
            writer.execute("PRAGMA max_page_count = 100000")
            peer.say(large)
            assert (await peer.message()).role == "ack"

    running(tmp_path, test)


def test_after_a_restart_what_was_taken_is_known(tmp_path: Path) -> None:
    async def first(_: Broker, authors: Place, __: Place) -> None:
        async with connected(authors) as peer:
            peer.say(packet(1))
            assert (await peer.message()).result is None

    async def second(_: Broker, authors: Place, __: Place) -> None:
        async with connected(authors) as peer:
            peer.say(packet(1), packet(1, more="<Description/>"))
            assert "received before" in str((await peer.message()).result)
            assert (await peer.message()).role == "nak"

    running(tmp_path, first)
    running(tmp_path, second)


# -- subscribers -------------------------------------------------------------------------------------


def test_a_subscriber_that_reads_nothing_delays_nobody_and_holds_little(tmp_path: Path) -> None:
    large = "<Description>" + "x" * 20_000 + "</Description>"

    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as stuck, connected(subscribers) as other:
            await stuck.subscribe()
            stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await other.subscribe()
            reading = asyncio.create_task(other.events(600))
            for begin in range(0, 600, 50):
                events = [examine(packet(n, more=large)) for n in range(begin, begin + 50)]
                await opened.add([(event, "test") for event in events])
            assert await reading == [ivorn(number) for number in range(600)]
            (behind,) = (one for one in opened.broadcaster.connections if one.backlog)
            assert behind._transport is not None
            assert behind._transport.get_write_buffer_size() < 2**21
            assert len(opened.broadcaster.recent) <= 100
            states = sorted(opened.state().subscribers, key=lambda one: one.backlog)
            assert (states[0].sent, states[0].backlog, states[1].answered) == (600, 0, 0)
            assert states[1].backlog > 300

    running(tmp_path, test, limits=Limits(recent_events=100))


def test_who_answers_no_event_is_told_counted_and_let_go_and_can_have_the_rest_later(tmp_path: Path) -> None:
    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            await peer.subscribe()
            await until(lambda: any(one._told for one in opened.broadcaster.connections))
            await publish(opened, *range(20))
            assert len(await peer.events(8, answered=False)) == 8
            told = await peer.message()
            assert told.result == (f"no answer to {ivorn(0)} came in 0.1 seconds; 12 events more are waiting")
            assert await peer.is_let_go()
        assert opened.state().of_subscribers["too slow"] == 1

    async def later(_: Broker, __: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            await peer.subscribe((SINCE, ivorn(7)))
            assert await peer.events(12) == [ivorn(number) for number in range(8, 20)]

    running(tmp_path, test, limits=Limits(window=8, ack_seconds=0.1))
    running(tmp_path, later, limits=Limits(window=8))


def test_iamalive_goes_both_ways_and_who_misses_two_is_let_go(tmp_path: Path) -> None:
    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as dead, connected(subscribers) as alive:
            await dead.subscribe()
            await alive.subscribe()

            async def live() -> None:
                while True:
                    asked = await alive.message()
                    assert (asked.role, asked.origin) == ("iamalive", opened.ivorn)
                    alive.say(Message("iamalive", asked.origin, US))

            living = asyncio.create_task(live())
            roles = [(await dead.message()).role for _ in range(3)]
            assert roles == ["iamalive", "iamalive", "nak"]
            assert await dead.is_let_go()
            assert [one.ivorn for one in opened.state().subscribers] == [US]
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

    running(tmp_path, test, limits=Limits(alive_seconds=0.3))


def test_who_comes_back_gets_what_was_missed_before_what_comes(tmp_path: Path) -> None:
    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        await publish(opened, *range(300))
        for params, first in (
            (((SINCE, ivorn(9)),), 10),
            (((SINCE_TIME, "beginning"),), 0),
            (((SINCE, "ivo://unknown/event#1"), (SINCE_TIME, "2000-01-01T00:00:00Z")), 0),
        ):
            async with connected(subscribers) as peer:
                await peer.subscribe(*params)
                assert await peer.events(300 - first) == [ivorn(number) for number in range(first, 300)]
        async with connected(subscribers) as peer:
            await peer.subscribe((SINCE_TIME, "beginning"), (XPATH, "//Param[@value > 296]"))
            assert await peer.events(3) == [ivorn(297), ivorn(298), ivorn(299)]
            await publish(opened, 1000, 1, 1001)
            assert await peer.events(2) == [ivorn(1000), ivorn(1001)]

    running(tmp_path, test, limits=Limits(recent_events=50))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (((XPATH, "//["),), "the XPath filter '//[' cannot be used"),
        (((XPATH, "//Param[unknown()]"),), "cannot be used"),
        (((XPATH, ""),), "the XPath filter is empty"),
        (((XPATH, "x" * 2000),), "a filter has 2000 characters; the limit is 1000"),
        (tuple((XPATH, f"//P{n}") for n in range(11)), "there are 11 filters; the limit is 10"),
        ((("sql-filter", "1=1"),), "filters are xpath-filter, not sql-filter"),
        (((SINCE_TIME, "yesterday"),), "since-time 'yesterday' is no time such as"),
        (((XPATH, "//*[count(//*) + " * 30 + "1" + "]" * 30),), "filter"),
    ],
    ids=["syntax", "function", "empty", "long", "many", "kind", "time", "deep"],
)
def test_filters_that_cannot_be_used_are_told(
    tmp_path: Path, params: tuple[tuple[str, str], ...], reason: str
) -> None:
    async def test(_: Broker, __: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            await peer.subscribe(*params)
            told = await peer.message()
            assert told.role == "nak"
            assert reason in str(told.result)
            assert await peer.is_let_go()

    running(tmp_path, test)


def test_a_filter_that_does_not_end_is_ended_and_the_others_go_on(tmp_path: Path) -> None:
    endless = "count(//Param[" + "count(//@*[count(//@*[count(//@*[count(//@*) > 1]) > 1]) > 1]) > 1]) > 1"
    many = "".join(f'<Param name="p{n}" value="{n}"/>' for n in range(300))

    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as evil, connected(subscribers) as good:
            await evil.subscribe((XPATH, endless))
            await good.subscribe((XPATH, "//Param[@value='299']"))
            await until(lambda: all(one._told for one in opened.broadcaster.connections))
            await opened.add([(examine(packet(1, more=many)), "test")])
            assert "takes longer than 2 seconds" in str((await evil.message()).result)
            assert await evil.is_let_go()
            assert await good.events(1) == [ivorn(1)]
        assert opened.state().of_subscribers["failed filters"] == 1

    running(tmp_path, test)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"nonsense", "not well-formed"),
        (packet(1), "a <VOEvent>, not a <Transport>"),
        (BOMB, "document type"),
    ],
    ids=["nonsense", "event", "bomb"],
)
def test_subscribers_that_say_what_they_should_not_are_let_go(
    tmp_path: Path, said: bytes, reason: str
) -> None:
    async def test(_: Broker, __: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            await peer.subscribe()
            peer.say(said)
            assert reason in str((await peer.message()).result)
            assert await peer.is_let_go()

    running(tmp_path, test)


def test_who_wants_nothing_is_let_go_in_the_end(tmp_path: Path) -> None:
    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            await peer.subscribe((SINCE_TIME, "beginning"))
            await publish(opened, *range(20))
            with suppress(VTPError):
                while True:
                    peer.say(Message("nak", examine(await peer.hear()).ivorn, US, result="no"))
            assert await peer.is_let_go()
        assert opened.state().of_subscribers["not wanted"] == 10

    running(tmp_path, test)


def test_who_says_nothing_at_all_gets_every_event_after_a_while(tmp_path: Path) -> None:
    async def test(opened: Broker, _: Place, subscribers: Place) -> None:
        async with connected(subscribers) as peer:
            assert (await peer.message()).role == "authenticate"
            await publish(opened, 1)
            assert await peer.events(1) == [ivorn(1)]

    running(tmp_path, test, limits=Limits(answer_seconds=0.05))


def test_when_the_broker_ends_everybody_is_answered_and_let_go(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            broker(tmp_path, limits=Limits(close_seconds=2.0)) as (opened, authors, subscribers),
            connected(authors) as author,
            connected(subscribers) as subscriber,
        ):
            await subscriber.subscribe()
            await until(lambda: any(one._told for one in opened.broadcaster.connections))
            author.say(packet(1))
            await until(lambda: opened.state().received == 1)
            await opened.close()
            assert (await author.message()).role == "ack"
            assert await author.is_let_go()
            assert await subscriber.events(1, answered=False) == [ivorn(1)]
            assert await subscriber.is_let_go()

    asyncio.run(run())

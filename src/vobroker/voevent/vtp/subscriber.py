"""The subscriber: receives a broker's events, keeps them, and answers each with ack or nak.

An event is in the journal before it is acknowledged. From there it is read by whoever wants it, at his own
speed: who is slow holds up neither the broker nor the memory. The journal also knows, after a restart as
well, what has come before, and from where the broker is asked to go on when a connection is made anew.

What is no event that can be named is kept under a name of its own (:func:`is_event` tells), and so is an
event that came before with other content: what a broker sends is not lost because it is wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.vtp import messages
from vobroker.voevent.vtp.author import ANONYMOUS
from vobroker.voevent.vtp.backoff import Backoff
from vobroker.voevent.vtp.broadcaster import MAX_SKEW, SINCE, SINCE_TIME
from vobroker.voevent.vtp.connection import log
from vobroker.voevent.vtp.dial import Line, Place, Unreachable, dial, proof, refusal
from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.vtp.events import Event, examined
from vobroker.voevent.vtp.journal import Entry, Fate, Journal
from vobroker.voevent.vtp.messages import Message
from vobroker.voevent.xml import MAX_BYTES, parse

BEGINNING = "beginning"
"""For :attr:`Subscriber.since`: all that the broker still has."""

_UNNAMED = "sha256:"
_MOST_UNNAMED = 100
_LOOKED_AT = 100
_OVERLAP = 60.0  # seconds by which clocks may differ when a broker goes back to a time
_PRUNE_SECONDS = 60.0
_T = TypeVar("_T")


def is_event(entry: Entry) -> bool:
    """Whether an entry of a subscriber's journal is an event, and none that contradicts an earlier one."""
    return not entry.ivorn.startswith(_UNNAMED)


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of a subscriber, in seconds.

    Attributes
    ----------
    connect
        To connect.
    silence
        Without a sign of life; brokers send ``iamalive`` every minute.
    frame
        For a frame from its first byte to its last.
    steady
        After which a connection counts as a good one, and the delays begin anew.
    first_delay, most_delay
        Before a connection is made again, at first and at most.
    """

    connect: float = 20.0
    silence: float = 150.0
    frame: float = 20.0
    steady: float = 5.0
    first_delay: float = 1.0
    most_delay: float = 60.0


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription so far: ``received = new + known + other + unusable``.

    Attributes
    ----------
    connected
        Whether there is a connection.
    connections
        Connections so far.
    received
        Packets that were received and kept.
    new, known, other
        Events that had not come before, that had, and that had with other content.
    unusable
        What is no event with an identifier.
    newest
        Number of the newest entry in the journal.
    skew
        Seconds by which the clock of the broker is ahead; None where it has not told its time.
    """

    connected: bool
    connections: int
    received: int
    new: int
    known: int
    other: int
    unusable: int
    newest: int
    skew: float | None


class Subscriber:
    """A subscription to one broker; ``async with`` begins and ends it, ``async for`` gives the events.

    Parameters
    ----------
    broker
        Where it serves subscribers.
    journal
        Where events are kept, for this broker alone. The subscriber does not close it.
    ivorn
        What the subscriber calls itself.
    filters
        Names and texts of filters, such as ``("xpath-filter", "//Param[@name='mag']")``; a broker that knows
        their kind sends what passes at least one, others send everything.
    token
        Proved to a broker that asks for it; it does not travel.
    since
        Where to begin when nothing was received before: an event's identifier, a time in ISO 8601, or
        :data:`BEGINNING`; with what comes when not given. Later on it is the last event that came. Only some
        brokers can go back.
    tls
        Whom to trust, for connections that are encrypted.
    patience
        See :class:`Patience`.
    say
        Is told what goes wrong, in one sentence; the log when not given.
    """

    def __init__(
        self,
        broker: Place,
        journal: Journal,
        *,
        ivorn: str = ANONYMOUS,
        filters: Sequence[tuple[str, str]] = (),
        token: str | None = None,
        since: str = "",
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.broker = broker
        self.journal = journal
        self.since = since
        self._ivorn = ivorn
        self._filters = tuple(filters)
        self._token = token
        self._tls = tls
        self._patience = patience or Patience()
        self._say = say or (lambda sentence: log.log(logging.WARNING, "%s", sentence))
        self._counts: Counter[str] = Counter()
        self._line: Line | None = None
        self._welcome = False  # it has served us once, and not only let us go
        self._skew: float | None = None
        self._unnamed = 0  # of this connection
        self._newest = journal.newest()
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        # One thread writes the journal and one reads it, as with brokers.
        self._writing = ThreadPoolExecutor(1, "vtp-write")
        self._reading = ThreadPoolExecutor(1, "vtp-read")

    async def __aenter__(self) -> Self:
        self._running = asyncio.get_running_loop().create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        self._running.cancel()
        with suppress(asyncio.CancelledError, VTPError):
            await self._running
        self._writing.shutdown()
        self._reading.shutdown()

    # -- what has come ---------------------------------------------------------------------------

    async def batches(self, after: int, most: int = 500) -> AsyncGenerator[list[Entry], None]:
        """Give the entries of the journal behind a place, and then those that come, some at a time.

        Parameters
        ----------
        after
            Number of the last entry that is not wanted any more.
        most
            Most entries at a time.

        Raises
        ------
        VTPError
            If the broker lets us go for good; what has come is given before.
        """
        assert self._running is not None
        while True:
            news, ended = self._news, self._running.done()
            entries = await self._read(self.journal.after, after, most)
            if entries:
                yield entries
                after = entries[-1].sequence
            elif ended:
                await self._running
                return
            else:
                waiting = asyncio.ensure_future(news.wait())
                try:
                    await asyncio.wait((waiting, self._running), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()

    async def __aiter__(self) -> AsyncGenerator[Entry, None]:
        """Give the events, each when the one before is done with.

        How far it was is noted in the journal from time to time, and when it ends: after a crash some events
        are given again.
        """
        place, _ = await self._read(self.journal.place, "read")
        begun = place
        try:
            async for entries in self.batches(place):
                for entry in entries:
                    if is_event(entry):
                        yield entry
                    place = entry.sequence
                await self.done(place)
                begun = place
        finally:
            if place > begun:
                await self.done(place)

    async def done(self, sequence: int, reader: str = "read") -> None:
        """Note that the entries up to this one are done with, by one of those who read them."""
        await self._write(self.journal.set_place, reader, sequence)

    def state(self) -> SubscriptionState:
        """Tell how it is."""
        names = ("connections", "received", "new", "known", "other", "unusable")
        counts: dict[str, Any] = {name: self._counts[name] for name in names}
        return SubscriptionState(
            connected=self._line is not None, newest=self._newest, skew=self._skew, **counts
        )

    # -- the connection --------------------------------------------------------------------------

    async def _run(self) -> None:
        """Connect, and connect again, until the broker lets us go for good."""
        patience = self._patience
        backoff = Backoff(patience.first_delay, patience.most_delay)
        said = ""
        while True:
            began = time.monotonic()
            try:
                await self._over_one_connection()
            except VTPError as error:
                if self._welcome and time.monotonic() - began >= patience.steady:
                    backoff.reset()
                    said = ""
                if not self._welcome and not isinstance(error, Unreachable):
                    raise
                if str(error) != said:
                    self._say(f"{error}; trying again")
                    said = str(error)
            await asyncio.sleep(backoff.delay())

    async def _over_one_connection(self) -> None:
        patience = self._patience
        line = await dial(
            self.broker,
            frame_limit=MAX_BYTES,
            frame_seconds=patience.frame,
            seconds=patience.connect,
            tls=self._tls,
        )
        self._line = line
        self._counts["connections"] += 1
        self._unnamed = 0
        clock = asyncio.get_running_loop().time
        begun, pruned = clock(), clock()
        try:
            while contents := await line.receive(patience.silence):
                await self._take(line, contents)
                self._welcome = self._welcome or clock() - begun >= patience.steady
                if clock() - pruned >= _PRUNE_SECONDS:
                    pruned = clock()
                    while await self._write(self.journal.prune):
                        pass
            raise Unreachable(f"{self.broker} has closed the connection")
        finally:
            self._line = None
            await line.close()

    async def _take(self, line: Line, contents: Sequence[bytes]) -> None:
        """Answer messages at once, and events when they are kept."""
        events: list[tuple[Event, str]] = []
        for content in contents:
            try:
                root = parse(content)
            except VOEventError as error:
                events.append((_unnamed(content), str(error)))
                continue
            if etree.QName(root).localname == "Transport":
                try:
                    message = messages.of(root)
                except VTPError as error:  # of a message that is wrong nothing need be kept
                    self._strange(f"{self.broker}: {error}")
                else:
                    await self._answer(line, message)
                continue
            try:
                events.append((examined(content, root, strict=False), ""))
            except VOEventError as error:
                events.append((_unnamed(content, root.get("ivorn", "")), str(error)))
        if events:
            await self._keep(line, events)
        if self._unnamed >= _MOST_UNNAMED:
            raise VTPError(f"{self.broker} has sent {self._unnamed} packets that are of no use")

    async def _keep(self, line: Line, events: Sequence[tuple[Event, str]]) -> None:
        kept = [(event, str(self.broker)) for event, _ in events]
        verdicts = await self._write(self.journal.add, kept)
        others = [
            (_unnamed(event.content, event.ivorn), str(self.broker))
            for (event, _), verdict in zip(events, verdicts, strict=True)
            if verdict.fate is Fate.OTHER
        ]
        if others:
            verdicts_of_others = await self._write(self.journal.add, others)
            self._newest = max(self._newest, *(one.sequence for one in verdicts_of_others))
        answers = []
        for (event, problem), verdict in zip(events, verdicts, strict=True):
            reason = problem
            if problem:
                self._counts["unusable"] += 1
                self._strange(f"{self.broker} sends what is no event: {problem}")
            elif verdict.fate is Fate.OTHER:
                self._counts["other"] += 1
                reason = f"{event.ivorn} came before with other content, at {messages.iso(verdict.received)}"
                self._say(f"{self.broker}: {reason}")
            else:
                self._counts["known" if verdict.fate is Fate.KNOWN else "new"] += 1
            self._counts["received"] += 1
            self._newest = max(self._newest, verdict.sequence)
            named = event.ivorn.partition(" ")[2] if problem else event.ivorn
            if named:  # else there is no saying what is answered
                role = "nak" if reason else "ack"
                answers.append(Message(role, named, self._ivorn, result=reason or None).write())
        self._welcome = self._welcome or any(not problem for _, problem in events)
        news, self._news = self._news, asyncio.Event()
        news.set()
        if answers:
            await line.send(answers)

    def _strange(self, sentence: str) -> None:
        self._unnamed += 1
        self._say(sentence)

    async def _answer(self, line: Line, message: Message) -> None:
        skew = messages.skew(message)
        if skew is not None and abs(skew) > MAX_SKEW and not (self._skew and abs(self._skew) > MAX_SKEW):
            where = "ahead" if skew > 0 else "behind"
            self._say(f"the clock of {self.broker} is {abs(skew):.0f} seconds {where}")
        self._skew = self._skew if skew is None else skew
        match message.role:
            case "iamalive":
                await line.say(Message("iamalive", message.origin, self._ivorn))
                self._welcome = True
            case "authenticate":
                wanted = (*self._filters, *await self._missed(), *proof(message, self._token))
                await line.say(Message("authenticate", message.origin, self._ivorn, params=wanted))
            case "nak":
                raise refusal(self.broker, message)
            case _:
                self._strange(f"{self.broker} sends {message.role} of {message.origin[:200]}")

    async def _missed(self) -> list[tuple[str, str]]:
        """Say what came last, so that the broker goes on from there."""
        newest = await self._read(self.journal.newest)
        entries = await self._read(self.journal.after, max(0, newest - _LOOKED_AT), _LOOKED_AT)
        if not entries:
            if not self.since:
                return []
            if self.since.startswith("ivo://"):
                return [(SINCE, self.since)]
            return [(SINCE_TIME, self.since)]
        told = [(SINCE_TIME, messages.iso(entries[-1].received - _OVERLAP))]
        last = next((entry for entry in reversed(entries) if is_event(entry)), None)
        return [(SINCE, last.ivorn), *told] if last else told

    async def _read(self, function: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, function, *arguments)

    async def _write(self, function: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, function, *arguments)


def _unnamed(content: bytes, ivorn: str = "") -> Event:
    """Give a packet under a name that no event has."""
    digest = hashlib.sha256(content)
    return Event(f"{_UNNAMED}{digest.hexdigest()} {ivorn[:1000]}".strip(), content, digest.digest())

"""The broker's side towards subscribers: everybody gets every event that they want, at their own speed.

There is no queue for each subscriber. The newest events are in memory once, as they are sent; a subscriber is
a place in their order, and a number of events that it has not answered. Who does not answer stays where he
is, at no cost to the others; who has fallen behind what is in memory is served from the journal, as is one
who comes back and says how far he had got.

Params of the answer to ``authenticate``, all optional: ``xpath-filter`` (Comet's convention) and other
filters, ``since`` (identifier of the last event that came), ``since-time`` (when it came, for a broker that
does not know the identifier; ``beginning`` for all that there is), ``proof`` (see
:mod:`vobroker.voevent.vtp.tokens`).
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from vobroker.voevent.vtp import messages, tokens
from vobroker.voevent.vtp.connection import Connection, Listener, log
from vobroker.voevent.vtp.errors import VTPError
from vobroker.voevent.vtp.filters import Filter, FilterError, Filters, passing
from vobroker.voevent.vtp.framing import LENGTH_BYTES, frame
from vobroker.voevent.vtp.journal import Entry
from vobroker.voevent.vtp.limits import Limits, Networks
from vobroker.voevent.vtp.messages import Acks, Message

SINCE = "since"
"""Param with the identifier of the last event that came."""

SINCE_TIME = "since-time"
"""Param with the time when it came, ISO 8601 in UTC, or ``beginning``."""

MAX_SKEW = 60.0
"""Seconds by which clocks may differ without a remark."""

_WRITTEN_AT_ONCE = 2**20
_READ_AT_ONCE = 200
_JOINED = 16
_MISSED_ALIVES = 2
_MAX_NAKS = 10

SAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" ivorn="ivo://org.example/sample#1" role="test"
 version="2.0"><Who><AuthorIVORN>ivo://org.example/author</AuthorIVORN><Date>2026-01-01T00:00:00</Date></Who>
<What><Param name="a" value="1"/><Group name="b"><Param name="c" value="2"/></Group></What><WhereWhen>
<ObsDataLocation><ObservatoryLocation/><ObservationLocation><AstroCoordSystem/><AstroCoords/></ObservationLocation>
</ObsDataLocation></WhereWhen><How/><Why importance="1"><Concept/><Inference><Name/></Inference></Why>
<Citations><EventIVORN cite="followup"/></Citations></voe:VOEvent>"""
"""What filters are tried on besides the newest event, so that their functions are called."""


class Sent(NamedTuple):
    """An event as it is sent."""

    sequence: int
    ivorn: bytes
    framed: bytes

    @property
    def content(self) -> bytes:
        """The packet."""
        return self.framed[LENGTH_BYTES:]


def sent(entry: Entry) -> Sent:
    """Give an event of the journal as it is sent."""
    return Sent(entry.sequence, entry.ivorn.encode(), frame(entry.content))


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal is asked, in a thread of its own.

    Attributes
    ----------
    after
        Events behind a place, some at a time.
    place_of
        Place of an event by its identifier.
    place_at
        Place before the events since a time.
    """

    after: Callable[[int, int], Awaitable[Sequence[Sent]]]
    place_of: Callable[[str], Awaitable[int | None]]
    place_at: Callable[[float], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class SubscriberState:
    """A subscriber as operators see it.

    Attributes
    ----------
    peer, name
        Address, and whose token it has proved.
    ivorn
        What it calls itself.
    filters
        Its filters.
    sent, answered, naks
        Events that were sent, that were answered, and that it did not want.
    unanswered, backlog
        Events without an answer, and events that it was not sent yet.
    skew
        Seconds by which its clock is ahead; None where it has not told its time.
    """

    peer: str
    name: str
    ivorn: str
    filters: tuple[str, ...]
    sent: int
    answered: int
    naks: int
    unanswered: int
    backlog: int
    skew: float | None


class Subscription(Connection):
    """The connection of a subscriber."""

    frame_limit = messages.MAX_BYTES
    listener: Broadcaster

    def __init__(self, listener: Broadcaster) -> None:
        super().__init__(listener)
        self.filters: list[Filter] = []
        self.name = self.ivorn = ""
        self.skew: float | None = None
        self.sent = self.answered = self.naks = 0
        self.position = 0
        self.unanswered: dict[bytes, float] = {}
        self._acks = Acks()
        self._challenge = tokens.challenge()
        self._ready = False
        self._told = False  # it has said what it wants
        self._busy = False  # a task fills, or finds out what it wants
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = self._alive = 0.0
        self._missed = self._in_a_row = 0

    def opened(self) -> None:
        """Ask who it is. What comes from now on is kept for it until it has said what it wants."""
        self.position = self.listener.newest
        self._opened = self._alive = self.listener.now()
        ours = self.listener.ivorn
        self.answer(Message("authenticate", ours, params=((tokens.CHALLENGE, self._challenge),)))

    def left(self) -> None:
        """Give its filters back."""
        self.listener.filters.leave(self.filters)
        self.filters = []

    # -- what it says ----------------------------------------------------------------------------

    def received(self, content: bytes) -> None:
        """Take an answer."""
        origin = self._acks.origin(content)
        if origin is not None and origin in self.unanswered:
            self._acknowledged(origin)
            return
        try:
            message = messages.read(content)
        except VTPError as error:
            self.refuse(str(error))
            return
        self._look_at_clock(message)
        if message.role == "iamalive":
            self._missed = 0
        elif message.role == "authenticate":
            self._authenticate(message)
        else:
            self._acks.learn(content, message)
            if message.role == "nak":
                self._not_wanted(message)
            self._acknowledged(message.origin.encode(), wanted=message.role == "ack")

    def _acknowledged(self, origin: bytes, *, wanted: bool = True) -> None:
        if self.unanswered.pop(origin, None) is None:
            self.listener.counts["strange answers"] += 1
            return
        self.answered += 1
        self.listener.counts["answered"] += 1
        self._missed = 0
        if wanted:
            self._in_a_row = 0
        if len(self.unanswered) == self.limits.window // 2:
            self.pump()  # it may have been kept waiting

    def _not_wanted(self, message: Message) -> None:
        self.naks += 1
        self.listener.counts["not wanted"] += 1
        self._in_a_row += 1
        self.listener.note(f"{self.peer}: nak of {message.origin}: {message.result or 'no reason given'}")
        if self._in_a_row >= _MAX_NAKS:
            self.refuse(f"{_MAX_NAKS} naks in a row; filters keep away what you do not want")

    def _look_at_clock(self, message: Message) -> None:
        skew = messages.skew(message)
        if skew is not None and abs(skew) > MAX_SKEW and not (self.skew and abs(self.skew) > MAX_SKEW):
            self.listener.note(
                f"the clock of {self.peer} is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}",
                logging.WARNING,
            )
        self.skew = self.skew if skew is None else skew

    def _authenticate(self, message: Message) -> None:
        if any(task for task in self._tasks if task.get_name() == "authenticate"):
            self.refuse("one authenticate at a time")
            return
        self.ivorn = (message.response or "")[:200]
        if self.listener.tokens:
            name = tokens.whose(self.listener.tokens, self._challenge, message.value(tokens.PROOF))
            if name is None:
                self.listener.counts["unknown"] += 1
                self.refuse("this broker serves only subscribers who prove a token")
                return
            self.name = name
        self._begin(self._agree(message), "authenticate")

    async def _agree(self, message: Message) -> None:
        """Take the filters and the place from which it wants events."""
        wanted = [(name, text) for name, text in message.params if name.endswith("-filter")]
        taken: list[Filter] = []
        try:
            if len(wanted) > self.limits.filters:
                raise FilterError(f"there are {len(wanted)} filters; the limit is {self.limits.filters}")
            samples = [SAMPLE, *(event.content for event in self.listener.recent[-1:])]
            for name, text in dict.fromkeys(wanted):
                taken.append(await self.listener.filters.take(name, text, samples))
            if not self._told:
                await self._go_back(message)
        except VTPError as error:
            self.listener.filters.leave(taken)
            self.refuse(str(error))
            return
        if self.closing is not None:
            self.listener.filters.leave(taken)
            return
        self.listener.filters.leave(self.filters)
        self.filters = taken
        self._told = self._ready = True
        self.pump()

    async def _go_back(self, message: Message) -> None:
        since, time = message.value(SINCE), message.value(SINCE_TIME)
        if since is None and time is None:
            return
        place = await self.listener.past.place_of(since) if since else None
        if place is None and time == "beginning":
            place = 0
        elif place is None and time:
            try:
                said = datetime.fromisoformat(time)
            except ValueError:
                reason = f"{SINCE_TIME} {time[:40]!r} is no time such as 2026-03-05T01:02:03Z"
                raise VTPError(reason) from None
            said = said if said.tzinfo else said.replace(tzinfo=UTC)
            place = await self.listener.past.place_at(said.timestamp())
        if place is None:
            self.listener.note(f"{self.peer} asks for what came since {since}, which is not known here")
        elif place < self.position:
            self.listener.note(f"{self.peer} asks for {self.position - place} events that it missed")
            self.position = place

    # -- what it gets ----------------------------------------------------------------------------

    def pump(self) -> None:
        """Send what it may have now; never waits."""
        if self._busy or self.paused or not self._ready or self.closing is not None:
            return
        recent = self.listener.recent
        while self.position < self.listener.newest and not self.paused:
            room = self.limits.window - len(self.unanswered)
            if room <= 0:
                return
            if self.filters or not recent or recent[0].sequence > self.position + 1:
                self._busy = True
                self._begin(self._fill(), "fill")
                return
            events, data = self.listener.batch(self.position, room)
            if not events:
                return
            self._send(events, data)

    def _send(self, events: Sequence[Sent], data: bytes, position: int | None = None) -> None:
        now = self.listener.now()
        for event in events:
            self.unanswered[event.ivorn] = now
        self.sent += len(events)
        self.listener.counts["sent"] += len(events)
        self.position = events[-1].sequence if position is None else position
        self.send(data)

    async def _fill(self) -> None:
        """Send what must be looked for: in the journal, or through filters."""
        try:
            while self.closing is None and not self.paused and self.position < self.listener.newest:
                room = self.limits.window - len(self.unanswered)
                if room <= 0:
                    return
                newest = self.listener.newest
                events = await self.listener.events(self.position, min(room, _READ_AT_ONCE))
                if not events:  # they are forgotten
                    self.position = newest
                    continue
                chosen = events
                if self.filters:
                    numbers = await passing(self.filters, [(e.sequence, e.content) for e in events])
                    chosen = [event for event in events if event.sequence in numbers]
                if self.closing is not None:
                    return
                self.position = events[-1].sequence
                if chosen:
                    data = b"".join(event.framed for event in chosen)
                    self._send(chosen, data, self.position)
        except FilterError as error:
            self.listener.counts["failed filters"] += 1
            self.refuse(str(error))
        except VTPError as error:
            log.error("%s", error)
            self.refuse("the broker cannot read its journal at the moment")
        finally:
            self._busy = False

    def resume_writing(self) -> None:
        """Go on where it reads again."""
        super().resume_writing()
        self.pump()

    def _begin(self, work: Awaitable[None], name: str) -> None:
        async def run() -> None:
            await work

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("serving %s failed", self.peer, exc_info=error)
            self.refuse("the broker failed")
        elif self.closing is None:
            self.pump()  # what came meanwhile

    # -- deadlines -------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Look whether it is alive, and answers."""
        if not self._told and not self._tasks and now - self._opened >= self.limits.answer_seconds:
            if self.listener.tokens:
                self.refuse(f"no answer to authenticate came in {self.limits.answer_seconds:g} seconds")
                return
            self._told = self._ready = True
            self.pump()
        for ivorn, when in self.unanswered.items():  # the first is the oldest
            if now - when >= self.limits.ack_seconds:
                self.listener.counts["too slow"] += 1
                self.refuse(
                    f"no answer to {ivorn.decode()} came in {self.limits.ack_seconds:g} seconds;"
                    f" {self.backlog} events more are waiting"
                )
                return
            break
        if now - self._alive >= self.limits.alive_seconds:
            if self._missed >= _MISSED_ALIVES:
                self.listener.counts["too slow"] += 1
                self.refuse(f"{self._missed} iamalive were not answered")
                return
            self._alive = now
            self._missed += 1
            if not self.paused:
                self.answer(Message("iamalive", self.listener.ivorn))

    @property
    def backlog(self) -> int:
        """Events that it was not sent yet; fewer where numbers are missing, or filters keep some away."""
        return max(0, self.listener.newest - self.position)

    def state(self) -> SubscriberState:
        """Tell how it is."""
        return SubscriberState(
            self.peer,
            self.name,
            self.ivorn,
            tuple(one.text for one in self.filters),
            self.sent,
            self.answered,
            self.naks,
            len(self.unanswered),
            self.backlog,
            self.skew,
        )


class Broadcaster(Listener[Subscription]):
    """Listens for subscribers.

    Parameters
    ----------
    past
        What is not in memory any more.
    newest
        Place of the newest event so far.
    filters
        Kinds of filters.
    known
        Names by the fingerprints of their tokens; empty where none is needed.

    Attributes
    ----------
    recent
        Newest events, in order.
    newest
        Place of the newest event.
    """

    what = "subscribers"

    def __init__(
        self,
        ivorn: str,
        limits: Limits,
        allowed: Networks,
        past: Past,
        newest: int,
        filters: Filters,
        *,
        known: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(ivorn, limits, allowed)
        self.most = limits.subscribers
        self.past = past
        self.newest = newest
        self.filters = filters
        self.tokens = known or {}
        self.recent: list[Sent] = []
        self._bytes = 0
        self._joined: dict[tuple[int, int], tuple[Sequence[Sent], bytes]] = {}

    def make(self) -> Subscription:
        """Make a connection."""
        return Subscription(self)

    def publish(self, events: Sequence[Sent]) -> None:
        """Send events to everybody who wants them; never waits."""
        if not events:
            return
        self._joined.clear()
        self.recent += events
        self._bytes += sum(len(event.framed) for event in events)
        self.newest = events[-1].sequence
        self._trim()
        for subscription in list(self.connections):
            subscription.pump()

    def _trim(self) -> None:
        most, size = self.limits.recent_events, self.limits.recent_bytes
        if len(self.recent) <= most and self._bytes <= size:
            return
        # A quarter at once: taking from the front of a list costs as much as it is long.
        most, size = most * 3 // 4, size * 3 // 4
        gone = max(0, len(self.recent) - most)
        self._bytes -= sum(len(event.framed) for event in self.recent[:gone])
        while gone < len(self.recent) and self._bytes > size:
            self._bytes -= len(self.recent[gone].framed)
            gone += 1
        del self.recent[:gone]

    def batch(self, position: int, most: int) -> tuple[Sequence[Sent], bytes]:
        """Give events in memory behind a place, and their bytes; the same for all who are there."""
        start = self._index(position)
        most = min(most, len(self.recent) - start)
        key = position, most
        found = self._joined.get(key)
        if found is None:
            events: list[Sent] = []
            size = 0
            for event in self.recent[start : start + most]:
                size += len(event.framed)
                if events and size > _WRITTEN_AT_ONCE:
                    break
                events.append(event)
            found = events, b"".join(event.framed for event in events)
            if len(self._joined) < _JOINED:
                self._joined[key] = found
        return found

    def _index(self, position: int) -> int:
        """Give the index of the first event in memory behind a place."""
        guess = position - self.recent[0].sequence + 1
        if 0 < guess <= len(self.recent) and self.recent[guess - 1].sequence == position:
            return guess
        return bisect_right(self.recent, position, key=lambda event: event.sequence)

    async def events(self, position: int, most: int) -> Sequence[Sent]:
        """Give events behind a place, from memory or else from the journal."""
        if self.recent and self.recent[0].sequence <= position + 1:
            return self.batch(position, most)[0]
        return await self.past.after(position, most)

    def state(self) -> list[SubscriberState]:
        """Tell how all subscribers are."""
        return [one.state() for one in self.connections if one.closing is None]

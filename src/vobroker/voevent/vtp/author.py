"""The author: submits events to a broker, and says of each what became of it.

The standard has an author connect for each event, and so does this one, unless the broker's ack has the
Param ``more`` (see :mod:`vobroker.voevent.vtp.receiver`): then the others follow on the same connection, some
at a time.

What was sent and not answered is sent again. That is safe: events are known by their identifiers, and a
broker that has one takes it no second time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from vobroker.voevent.vtp import messages
from vobroker.voevent.vtp.backoff import Backoff
from vobroker.voevent.vtp.dial import LATER, Line, Place, Unreachable, dial, proof, refusal
from vobroker.voevent.vtp.errors import Refused, VTPError
from vobroker.voevent.vtp.events import Event, examine
from vobroker.voevent.vtp.messages import Message
from vobroker.voevent.vtp.receiver import MORE

ANONYMOUS = "ivo://org.example.vobroker/anonymous"
"""What who gives no identifier calls himself."""

_MOST_ON_WAY = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an event.

    Attributes
    ----------
    number
        Which of the packets that were given it was, from 0 on.
    ivorn
        Its identifier; empty where it has none.
    taken
        Whether the broker has it.
    remark
        Why not, or what the broker has to say.
    again
        Whether it was sent more than once, so that the broker may have known it from us.
    """

    number: int
    ivorn: str
    taken: bool
    remark: str = ""
    again: bool = False


class Author:
    """An author.

    Parameters
    ----------
    broker
        Where it takes events.
    ivorn
        What the author calls itself.
    token
        Proved to the broker before anything is sent; it does not travel.
    tls
        Whom to trust, for connections that are encrypted.
    seconds
        Time to connect, and time for an answer.
    patience
        Time for which a broker that cannot be reached is tried again; 0 for one attempt.
    first_delay
        Seconds before the second attempt; those before the others double.
    """

    def __init__(
        self,
        broker: Place,
        *,
        ivorn: str = ANONYMOUS,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = 20.0,
        patience: float = 60.0,
        first_delay: float = 1.0,
    ) -> None:
        self.broker = broker
        self._ivorn = ivorn
        self._token = token
        self._tls = tls
        self._seconds = seconds
        self._patience = patience
        self._first_delay = first_delay

    async def submit(self, packet: bytes) -> Receipt:
        """Submit one event; see :meth:`submit_all`."""
        async with aclosing(self.submit_all([packet])) as receipts:
            return await anext(receipts)

    async def submit_all(self, packets: Iterable[bytes]) -> AsyncGenerator[Receipt, None]:
        """Submit events, and give what becomes of each; nothing is taken from ``packets`` ahead of its time.

        What is no VOEvent with an identifier is not sent; its receipt says so.

        Raises
        ------
        Unreachable
            If the broker cannot be reached, does not answer or asks to wait, for longer than the patience.
            Of events without a receipt it is not known whether it has them.
        VTPError
            If it lets us go for good, or does not speak the protocol.
        """
        work = _Work(iter(packets))
        clock = asyncio.get_running_loop().time
        backoff, failures, began = Backoff(self._first_delay), 0, 0.0
        while True:
            try:
                async with aclosing(self._over_one_connection(work)) as receipts:
                    async for receipt in receipts:
                        backoff.reset()
                        failures = 0
                        yield receipt
            except Unreachable as error:
                began = began if failures else clock()
                failures += 1
                delay = backoff.delay()
                if clock() + delay - began > self._patience:
                    tries = f"; tried {failures} times in {clock() - began:.0f} seconds" * (failures > 1)
                    raise Unreachable(f"{error}{tries}") from error
                await asyncio.sleep(delay)
            if work.done():
                return

    async def _over_one_connection(self, work: _Work) -> AsyncGenerator[Receipt, None]:
        """Send what one connection takes."""
        for refused in work.fill(1):
            yield refused
        if not work.ready:
            return
        line = await dial(
            self.broker,
            frame_limit=messages.MAX_BYTES,
            frame_seconds=self._seconds,
            seconds=self._seconds,
            tls=self._tls,
        )
        try:
            if self._token is not None:
                await self._prove(line)
            room = 1
            while True:
                for refused in work.fill(room):
                    yield refused
                if work.ready:
                    await line.send([event.content for _, event in work.send()])
                if not work.on_way:
                    return
                for content in await self._answers(line, work):
                    message = messages.read(content)
                    yield self._receipt(message, work)
                    room = _room(message, room)
                if not room:
                    return
        finally:
            work.back()
            await line.close()

    async def _answers(self, line: Line, work: _Work) -> list[bytes]:
        contents = await line.receive(self._seconds)
        if not contents:
            first = next(iter(work.on_way))
            raise Unreachable(f"{self.broker} has closed the connection without an answer to {first}")
        return contents

    def _receipt(self, message: Message, work: _Work) -> Receipt:
        if message.role not in ("ack", "nak"):
            raise VTPError(f"{self.broker} answers an event with {message.role}")
        number, event = work.on_way.get(message.origin, (0, None))
        if event is None:
            if message.role == "nak":
                raise refusal(self.broker, message)
            raise VTPError(f"{self.broker} acknowledges {message.origin[:200]!r}, which it was not sent")
        remark = message.result or ""
        if message.role == "nak" and remark.endswith(LATER):
            raise Unreachable(f"{self.broker} does not take {event.ivorn}: {remark}")
        del work.on_way[message.origin]
        again = event.ivorn in work.again
        work.again.discard(event.ivorn)
        taken = message.role == "ack"
        return Receipt(number, event.ivorn, taken, remark or ("" if taken else "no reason given"), again)

    async def _prove(self, line: Line) -> None:
        """Ask for the challenge, and answer it."""
        params: tuple[tuple[str, str], ...] = ()
        for answering in (False, True):
            await line.say(Message("authenticate", self._ivorn, self._ivorn, params=params))
            contents = await line.receive(self._seconds)
            if not contents:
                raise Unreachable(f"{self.broker} has closed the connection when a token was to be proved")
            message = messages.read(contents[0])
            if message.role == "nak":
                raise refusal(self.broker, message)
            params = proof(message, self._token)
            if message.role != "authenticate" or not (params or answering):
                raise VTPError(f"{self.broker} knows nothing of tokens")


class _Work:
    """Events that are to be sent, and events that are on their way."""

    def __init__(self, packets: Iterator[bytes]) -> None:
        self._packets = enumerate(packets)
        self._todo: deque[tuple[int, Event]] = deque()
        self._ended = False
        self.ready: list[tuple[int, Event]] = []
        self.on_way: dict[str, tuple[int, Event]] = {}
        self.again: set[str] = set()

    def fill(self, room: int) -> Iterator[Receipt]:
        """Take events until so many are on their way; give receipts of those that cannot be sent."""
        names = {*self.on_way, *(event.ivorn for _, event in self.ready)}
        while len(names) < room:
            if not self._todo:
                given = next(self._packets, None)
                if given is None:
                    self._ended = True
                    return
                number, packet = given
                try:
                    self._todo.append((number, examine(packet, strict=False)))
                except Refused as refused:
                    yield Receipt(number, "", False, str(refused))
                    continue
            numbered = self._todo[0]
            if numbered[1].ivorn in names:  # answers are told apart by their identifiers
                return
            self._todo.popleft()
            names.add(numbered[1].ivorn)
            self.ready.append(numbered)

    def send(self) -> list[tuple[int, Event]]:
        """Give what is to be sent now; it is on its way."""
        events, self.ready = self.ready, []
        self.on_way.update((numbered[1].ivorn, numbered) for numbered in events)
        return events

    def back(self) -> None:
        """Take back what was not answered."""
        self.again.update(self.on_way)
        self._todo.extendleft(reversed([*self.on_way.values(), *self.ready]))
        self.on_way.clear()
        self.ready.clear()

    def done(self) -> bool:
        """Whether nothing is left."""
        return self._ended and not (self._todo or self.ready or self.on_way)


def _room(message: Message, room: int) -> int:
    """Give how many events may be on their way after an answer; 0 where the connection is to end."""
    if message.role == "nak":  # says nothing of it
        return room if room > 1 else 0
    try:
        return max(0, min(int(message.value(MORE) or 0), _MOST_ON_WAY))
    except ValueError:
        return 0

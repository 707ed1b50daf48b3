"""The broker's side towards authors: takes events, and answers each with ack or nak.

The standard has an author connect for each event. This receiver also takes many on one connection: an ack
says so in a Param ``more``, the number of events that may wait for their answers; authors that do not know it
see an ack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.vtp import messages, tokens
from vobroker.voevent.vtp.connection import Connection, Listener
from vobroker.voevent.vtp.errors import Refused, VTPError
from vobroker.voevent.vtp.events import Event, examined
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.journal import Fate, Verdict
from vobroker.voevent.vtp.limits import Limits, Networks, Rates
from vobroker.voevent.vtp.messages import Message
from vobroker.voevent.xml import parse

MORE = "more"
"""Param of an ack: how many events may be on their way on this connection."""

Answer = Callable[[Verdict | VTPError], None]
"""What is to be done when it is known what became of an event."""


class Intake(Protocol):
    """What takes the events: the broker."""

    def take(self, event: Event, peer: str, answer: Answer) -> None:
        """Take an event; the answer comes when it is in the journal, or cannot be."""


class Submission(Connection):
    """The connection of an author; answers go out in the order of the events."""

    listener: Receiver

    def __init__(self, listener: Receiver) -> None:
        self.frame_limit = listener.limits.event_bytes
        super().__init__(listener)
        self._answers: deque[list[Message]] = deque()  # a place for each event; empty until it is answered
        self._late: deque[bytes] = deque()  # events that came faster than they may
        self._challenge = self._name = ""
        self._last = 0.0
        self._answered = self._ended = False

    def opened(self) -> None:
        """Wait for the first event."""
        self._last = self.listener.now()

    def received(self, content: bytes) -> None:
        """Take an event or a message, now or when it may come."""
        self._last = self.listener.now()
        delay = 0.0 if self._late else self.listener.rates.wait(self.host)
        if self._late or delay:
            self._late.append(content)
        else:
            self._take(content)
        if delay:
            self._delay(delay)

    def _delay(self, seconds: float) -> None:
        self.listener.counts["delayed"] += 1
        self.stop_reading(stop=True)
        self.listener.later(seconds, self._go_on)

    def _go_on(self) -> None:
        while self._late and self.closing is None:
            self._take(self._late.popleft())
            if self._late and (delay := self.listener.rates.wait(self.host)):
                self._delay(delay)
                return
        self._read_on()

    def _read_on(self) -> None:
        """Read on if there is room for answers, and go where nothing more comes."""
        if self.closing is None and not self._late:
            if self._ended:
                self.ended()
            elif len(self._answers) < self.limits.pipelined:
                self.stop_reading(stop=False)

    def _take(self, content: bytes) -> None:
        ivorn = None
        try:
            root = parse(content)
            if etree.QName(root).localname == "Transport":
                self._message(messages.of(root))
                return
            ivorn = root.get("ivorn")
            if self.listener.tokens and not self._name:
                raise Refused("this broker takes events only from authors who prove a token")
            event = examined(content, root, strict=self.listener.strict)
        except VOEventError as error:
            self.listener.counts["received"] += 1
            self._place(self._refusal(ivorn, str(error), "refused"))
            self._flush()
            return
        self.listener.counts["received"] += 1
        place = self._place()
        self.listener.intake.take(event, self.peer, lambda verdict: self._judged(event, place, verdict))

    def _place(self, answer: Message | None = None) -> list[Message]:
        place = [] if answer is None else [answer]
        self._answers.append(place)
        if len(self._answers) >= self.limits.pipelined:
            self.stop_reading(stop=True)
        return place

    def _refusal(self, ivorn: str | None, reason: str, count: str) -> Message:
        self.listener.counts[count] += 1
        self.listener.note(f"{self.peer}: nak of {ivorn or 'what came'}: {reason}")
        return Message("nak", ivorn or self.listener.ivorn, self.listener.ivorn, result=reason)

    def _message(self, message: Message) -> None:
        """Answer a message that is no event; the only one that an author has use for is authenticate."""
        if message.role != "authenticate":
            self.refuse(f"a receiver has no use for {message.role}")
            return
        proof = message.value(tokens.PROOF)
        if self.listener.tokens and proof is not None:
            name = tokens.whose(self.listener.tokens, self._challenge, proof) if self._challenge else None
            if name is None:
                self.listener.counts["unknown"] += 1
                self.refuse("the token is not known")
                return
            self._name = name
        self._challenge = tokens.challenge()
        ours = self.listener.ivorn
        self.answer(Message("authenticate", ours, ours, params=((tokens.CHALLENGE, self._challenge),)))

    def _judged(self, event: Event, place: list[Message], verdict: Verdict | VTPError) -> None:
        if isinstance(verdict, Refused):
            place.append(self._refusal(event.ivorn, str(verdict), "refused"))
        elif isinstance(verdict, VTPError):
            reason = "the broker cannot keep events at the moment; try again later"
            place.append(self._refusal(event.ivorn, reason, "failed"))
        elif verdict.fate is Fate.OTHER:
            when = messages.iso(verdict.received)
            reason = (
                f"{event.ivorn} was received with other content at {when}; events do not change:"
                " send a new one that supersedes it"
            )
            place.append(self._refusal(event.ivorn, reason, "other"))
        else:
            known = verdict.fate is Fate.KNOWN
            self.listener.counts["known" if known else "taken"] += 1
            remark = f"received before, at {messages.iso(verdict.received)}" if known else event.remark
            params = ((MORE, str(self.limits.pipelined)),)
            place.append(
                Message("ack", event.ivorn, self.listener.ivorn, params=params, result=remark or None)
            )
        self._flush()

    def _flush(self) -> None:
        """Write the answers that are there, up to the first that is not."""
        full = len(self._answers) >= self.limits.pipelined
        written = []
        while self._answers and self._answers[0]:
            written.append(frame(self._answers.popleft()[0].write()))
        if written:
            self._answered = True
            self.send(b"".join(written))
        if self._ended or (full and written):
            self._read_on()

    def ended(self) -> None:
        """Go when all is answered."""
        self._ended = True
        if not self._answers and not self._late:
            self.close("the author left")

    def tick(self, now: float) -> None:
        """Look whether the author has anything to say."""
        if self._answers or self._late:
            return
        limit = self.limits.linger_seconds if self._answered else self.limits.idle_seconds
        if now - self._last < limit:
            return
        if self._answered:
            self.close("the author has no more events")
        else:
            self.refuse(f"no event came in {limit:g} seconds")


class Receiver(Listener[Submission]):
    """Listens for authors.

    Parameters
    ----------
    intake
        What takes the events.
    strict
        Whether events must be valid.
    known
        Names by the fingerprints of their tokens; empty where none is needed.
    """

    what = "authors"

    def __init__(
        self,
        ivorn: str,
        limits: Limits,
        allowed: Networks,
        intake: Intake,
        *,
        strict: bool = True,
        known: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(ivorn, limits, allowed)
        self.most = limits.authors
        self.intake = intake
        self.strict = strict
        self.tokens = known or {}
        self.rates = Rates(limits.rate)

    def make(self) -> Submission:
        """Make a connection."""
        return Submission(self)

    def later(self, delay: float, what: Callable[[], None]) -> None:
        """Do something later."""
        assert self._loop is not None
        self._loop.call_later(delay, what)

    def sweep(self) -> None:
        """Look at the deadlines."""
        super().sweep()
        self.rates.forget()

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
from vobroker.voevent.vtp.events import MAX_IVORN, Event, examined
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.journal import Fate, Verdict
from vobroker.voevent.vtp.limits import Limits, Networks, Rates
from vobroker.voevent.vtp.messages import Message
from vobroker.voevent.xml import parse

MORE = "more"
"""Param of an ack: how many events may be on their way on this connection."""

Answer = Callable[[Verdict | VTPError], None]
"""What is to be done when it is known what became of an event."""

_AT_ONCE = 32
"""Events of one author before the others have their turn."""


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
        self._came: deque[bytes | VTPError] = deque()  # what nobody has looked at yet
        self._answers: deque[list[Message]] = deque()  # a place for each event; empty until it is answered
        self._counted = False  # whether the first of what came was counted by the rate
        self._later = self._flushing = False
        self._challenge = self._name = ""
        self._last = 0.0
        self._answered = self._ended = False

    def opened(self) -> None:
        """Wait for the first event."""
        self._last = self.listener.now()

    def received(self, content: bytes) -> None:
        """Take an event or a message, now or when it may come."""
        if not self._ended:
            self._last = self.listener.now()
            self.hold(len(content))
            self._came.append(content)
            self._go_on()

    def broken(self, problem: str) -> None:
        """Say so when all that came before is answered."""
        if not self._ended:
            self._ended = True
            self._came.append(VTPError(problem))
            self._go_on()

    def ended(self) -> None:
        """Go when all is answered."""
        self._ended = True
        self._go_on()

    def pause_writing(self) -> None:
        """Take nothing more from who does not read the answers."""
        super().pause_writing()
        self._go_on()

    def resume_writing(self) -> None:
        """Go on where they are read."""
        super().resume_writing()
        self._go_on()

    def _go_on(self) -> None:
        """Take what there is room for, and read on or not."""
        if self._later or self.closing is not None or self.listener.stopped:
            return
        turn = 0
        while self._came and self._has_room() and self.closing is None:
            delay = 0.0
            if not self._counted:
                delay = self.listener.rates.wait(self.host)
                self._counted = True
            if delay or turn == _AT_ONCE:
                self.listener.counts["delayed"] += bool(delay)
                self._later = True
                self.listener.later(delay, self._again)
                break
            self._counted = False
            turn += 1
            self._take(self._came.popleft())
        if self.closing is not None:
            return
        if self._ended and not self._came and not self._answers:
            self.close("the author left")
        else:
            # Who has ended is read on, so that nothing unread is left, see Connection.close.
            self.stop_reading(stop=not self._ended and (bool(self._came) or not self._has_room()))

    def _again(self) -> None:
        self._later = False
        self._go_on()

    def _has_room(self) -> bool:
        limits = self.limits
        return (
            len(self._answers) < limits.pipelined
            and not self.paused
            and (not self._answers or self.held < limits.pipelined_bytes)
        )

    def _take(self, content: bytes | VTPError) -> None:
        ivorn, size = None, 0
        try:
            if isinstance(content, VTPError):
                raise content
            size = len(content)
            root = parse(content)
            if etree.QName(root).localname == "Transport":
                self._message(messages.of(root))
                self.hold(-size)
                return
            ivorn = root.get("ivorn")
            if self.listener.tokens and not self._name:
                raise Refused("this broker takes events only from authors who prove a token")
            event = examined(content, root, strict=self.listener.strict)
        except VOEventError as error:
            self.hold(-size)
            self.listener.counts["received"] += 1
            self._answers.append([self._refusal(ivorn, str(error), "refused")])
            if ivorn is None:  # what cannot be named can only be answered by leaving
                self._ended = True
                self.hold(-sum(len(one) for one in self._came if isinstance(one, bytes)))
                self._came.clear()
            self._flush_soon()
            return
        self.listener.counts["received"] += 1
        place: list[Message] = []
        self._answers.append(place)
        self.listener.intake.take(event, self.peer, lambda verdict: self._judged(event, place, verdict))

    def _refusal(self, ivorn: str | None, reason: str, count: str) -> Message:
        self.listener.counts[count] += 1
        named = (ivorn or "")[:MAX_IVORN]
        self.listener.note(f"{self.peer}: nak of {named or 'what came'}: {reason}")
        return Message("nak", named or self.listener.ivorn, self.listener.ivorn, result=reason)

    def _message(self, message: Message) -> None:
        """Answer a message that is no event; the only one that an author has use for is authenticate."""
        if message.role != "authenticate":
            raise VTPError(f"a receiver has no use for {message.role}")
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
        self.hold(-len(event.content))
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
        self._flush_soon()

    def _flush_soon(self) -> None:
        """Write the answers of one turn together."""
        if not self._flushing:
            self._flushing = True
            self.listener.later(0, self._flush)

    def _flush(self) -> None:
        """Write the answers that are there, up to the first that is not."""
        self._flushing = False
        written = []
        while self._answers and self._answers[0]:
            written.append(frame(self._answers.popleft()[0].write()))
        if written:
            self._answered = True
            self._last = self.listener.now()
            self.send(b"".join(written))
        self._go_on()

    def tick(self, now: float) -> None:
        """Look whether the author has anything to say."""
        silent = now - self._last
        if self.paused:
            if silent >= self.limits.frame_seconds:
                self.close("the author does not read the answers")
        elif self._came or self._answers:
            self._go_on()
        elif self._answered:
            if silent >= self.limits.linger_seconds:
                self.close("the author has no more events")
        elif silent >= self.limits.idle_seconds:
            self.refuse(f"no event came in {self.limits.idle_seconds:g} seconds")


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
        """Do something when others had their turn."""
        assert self._loop is not None
        self._loop.call_later(delay, what) if delay else self._loop.call_soon(what)

    def sweep(self) -> None:
        """Look at the deadlines."""
        super().sweep()
        self.rates.forget()

"""The broker: what a receiver or another broker gives goes into the journal, and then to the subscribers.

Events that come while the disk is busy with others are written together with the next commit. So an author
waits for about one sync however many there are, and nobody is told of an event that a crash could take away.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vobroker.voevent.vtp.broadcaster import Broadcaster, Past, Sent, SubscriberState, sent
from vobroker.voevent.vtp.connection import log
from vobroker.voevent.vtp.errors import Refused, VTPError
from vobroker.voevent.vtp.events import Event
from vobroker.voevent.vtp.filters import Filters, Judge
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.journal import Entry, Fate, Journal, Verdict
from vobroker.voevent.vtp.limits import ANYWHERE, LOOPBACK, Limits, Networks
from vobroker.voevent.vtp.messages import XPATH
from vobroker.voevent.vtp.receiver import Answer, Receiver
from vobroker.voevent.vtp.xpath import XPathJudge

AUTHORS_PORT = 8098
"""Port for authors."""

SUBSCRIBERS_PORT = 8099
"""Port for subscribers."""

Verify = Callable[[bytes], object]
"""Finds out who has signed a packet; raises Refused where nobody has who may. Runs in several threads."""

_PRUNE_SECONDS = 10.0
_COMMITTED_AT_ONCE = 1000
_VERIFIED_AT_ONCE = 8
_FATES = ("received", "taken", "known", "other", "refused", "failed")


@dataclass(frozen=True, slots=True)
class BrokerState:
    """A broker as operators see it.

    Every event is counted once: ``received`` is the sum of ``taken``, ``known``, ``other``, ``refused``,
    ``failed`` and of those under way. They are counted since the start, the journal is as it is.

    Attributes
    ----------
    received
        Events that came from authors.
    taken, known, other
        New ones, ones that were there already, ones whose identifier was there with other content.
    refused, failed
        Ones that are not valid or not signed, ones that could not be written.
    authors
        Authors connected.
    newest
        Place of the newest event in the journal.
    of_authors, of_subscribers
        What else has happened on either side, by name.
    relayed
        Events of other brokers, by what became of them.
    subscribers
        Who is connected, and how far they are.
    """

    received: int
    taken: int
    known: int
    other: int
    refused: int
    failed: int
    authors: int
    newest: int
    of_authors: Mapping[str, int]
    of_subscribers: Mapping[str, int]
    relayed: Mapping[str, int]
    subscribers: tuple[SubscriberState, ...]


class Broker:
    """A broker.

    Parameters
    ----------
    ivorn
        What it calls itself, such as ``ivo://org.example/broker``.
    journal
        Where events are kept. The broker does not close it.
    limits
        What peers may do.
    authors, subscribers
        Networks that may connect, as CIDR.
    strict
        Whether events of authors must be valid.
    filters
        Kinds of filters besides XPath, by the names of their Params.
    tokens_of_authors, tokens_of_subscribers
        Names by the fingerprints of the tokens that authors and subscribers must prove one of; empty where
        none is needed.
    verify
        See :data:`Verify`; None where events need no signature.

    Attributes
    ----------
    relayed
        Events of other brokers, by what became of them.
    """

    def __init__(
        self,
        ivorn: str,
        journal: Journal,
        limits: Limits | None = None,
        *,
        authors: Sequence[str] = LOOPBACK,
        subscribers: Sequence[str] = ANYWHERE,
        strict: bool = True,
        filters: Mapping[str, Judge] | None = None,
        tokens_of_authors: Mapping[str, str] | None = None,
        tokens_of_subscribers: Mapping[str, str] | None = None,
        verify: Verify | None = None,
    ) -> None:
        self.ivorn = ivorn
        self.journal = journal
        self.limits = limits or Limits()
        self._verify = verify
        judges = {XPATH: XPathJudge(), **(filters or {})}
        self._filters = Filters(judges, self.limits.filter_chars, self.limits.filter_seconds)
        self.receiver = Receiver(
            ivorn, self.limits, Networks(authors), self, strict=strict, known=tokens_of_authors
        )
        self.broadcaster = Broadcaster(
            ivorn,
            self.limits,
            Networks(subscribers),
            Past(self._after, self._place_of, self._place_at),
            journal.newest(),
            self._filters,
            known=tokens_of_subscribers,
        )
        self.relayed: Counter[str] = Counter()
        self._arrived: list[tuple[Event, str, Answer]] = []
        self._committing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._stopped = False
        self._sweeping: asyncio.Task[None] | None = None
        # One thread writes the journal and one reads it, so that who catches up delays nobody.
        self._writing = ThreadPoolExecutor(1, "vtp-write")
        self._reading = ThreadPoolExecutor(1, "vtp-read")
        self._verifying = ThreadPoolExecutor(_VERIFIED_AT_ONCE, "vtp-verify")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def listen(
        self,
        authors: tuple[str, int] | None = None,
        subscribers: tuple[str, int] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> tuple[int, int]:
        """Begin to listen.

        Parameters
        ----------
        authors, subscribers
            Host and port; port 0 for any that is free. None to leave out.
        tls
            Certificate, for connections that are encrypted.

        Returns
        -------
        tuple of int
            The ports; 0 for one that was left out.

        Raises
        ------
        VTPError
            If nothing can listen there.
        """
        here = await self.receiver.listen(*authors, tls) if authors else 0
        there = await self.broadcaster.listen(*subscribers, tls) if subscribers else 0
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        return here, there

    async def stop(self) -> None:
        """Take no more, answer what came; subscribers stay."""
        self.receiver.stop()
        while self._committing is not None:
            await self._committing
        await self.receiver.close("the broker ends")
        self._stopped = True
        self._news.set()

    async def close(self) -> None:
        """Take no more, answer what came, let everybody go."""
        await self.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await self.broadcaster.close("the broker ends")
        await self._filters.close()
        self._writing.shutdown()
        self._reading.shutdown()
        self._verifying.shutdown()

    # -- events ----------------------------------------------------------------------------------

    def take(self, event: Event, peer: str, answer: Answer) -> None:
        """Take an event; the answer comes when it is in the journal, or cannot be."""
        self._arrived.append((event, peer, answer))
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit())

    async def add(self, events: Sequence[tuple[Event, str]]) -> list[Verdict | Refused]:
        """Take events from elsewhere, such as another broker; wait until it is known what became of each.

        Raises
        ------
        VTPError
            If one of them cannot be written.
        """
        answers: list[Verdict | VTPError] = []
        all_there = asyncio.Event()

        def answer(verdict: Verdict | VTPError) -> None:
            answers.append(verdict)
            if len(answers) == len(events):
                all_there.set()

        for event, peer in events:
            self.take(event, peer, answer)
        if events:
            await all_there.wait()
        found: list[Verdict | Refused] = []
        for verdict in answers:  # in the order of the events
            if isinstance(verdict, VTPError) and not isinstance(verdict, Refused):
                raise verdict
            found.append(verdict)
        return found

    async def batches(self, after: int, most: int = 500) -> AsyncGenerator[list[Entry], None]:
        """Give the events of the journal behind a place, and then those that come, until the broker stops.

        Parameters
        ----------
        after
            Number of the last event that is not wanted any more.
        most
            Most events at a time.
        """
        while True:
            news, stopped = self._news, self._stopped
            entries: list[Entry] = await self._read(self.journal.after, after, most)
            if entries:
                yield entries
                after = entries[-1].sequence
            elif stopped:
                return
            else:
                await news.wait()

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._arrived:
                some, self._arrived = (
                    self._arrived[:_COMMITTED_AT_ONCE],
                    self._arrived[_COMMITTED_AT_ONCE:],
                )
                try:
                    verdicts, new = await loop.run_in_executor(
                        self._writing, self._write, [(event, peer) for event, peer, _ in some]
                    )
                except Exception as error:  # nobody may be left without an answer
                    log.exception("taking %d events failed", len(some))
                    verdicts, new = [VTPError(str(error))] * len(some), []
                self.broadcaster.publish(new)
                news, self._news = self._news, asyncio.Event()
                news.set()
                for (_, _, answer), verdict in zip(some, verdicts, strict=True):
                    answer(verdict)
        finally:
            self._committing = None

    def _write(self, events: Sequence[tuple[Event, str]]) -> tuple[list[Verdict | VTPError], list[Sent]]:
        """Write events to the journal; in a thread."""
        refused: list[VTPError | None] = [None] * len(events)
        if self._verify is not None:
            refused = list(self._verifying.map(self._signed, events))
        good = [one for one, refusal in zip(events, refused, strict=True) if refusal is None]
        try:
            judged: Sequence[Verdict | VTPError] = self.journal.add(good)
        except VTPError as error:
            log.error("%s", error)
            judged = [error] * len(good)
        new = [
            Sent(verdict.sequence, event.ivorn.encode(), frame(event.content))
            for (event, _), verdict in zip(good, judged, strict=True)
            if isinstance(verdict, Verdict) and verdict.fate is Fate.NEW
        ]
        rest = iter(judged)
        return [refusal or next(rest) for refusal in refused], new

    def _signed(self, one: tuple[Event, str]) -> VTPError | None:
        assert self._verify is not None
        try:
            self._verify(one[0].content)
        except Refused as refused:
            return refused
        except Exception as error:  # of the verifier's own
            log.exception("%s cannot be verified", one[0].ivorn)
            return VTPError(str(error))
        return None

    async def _read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._reading, function, *arguments)

    async def _after(self, sequence: int, most: int) -> Sequence[Sent]:
        return [sent(entry) for entry in await self._read(self.journal.after, sequence, most)]

    async def _place_of(self, ivorn: str) -> int | None:
        place: int | None = await self._read(self.journal.place_of, ivorn)
        return place

    async def _place_at(self, received: float) -> int:
        return int(await self._read(self.journal.place_at, received))

    # -- housekeeping ----------------------------------------------------------------------------

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        pruned = loop.time()
        while True:
            await asyncio.sleep(self.limits.sweep_seconds)
            try:
                self.receiver.sweep()
                self.broadcaster.sweep()
                if loop.time() - pruned >= _PRUNE_SECONDS:
                    pruned = loop.time()
                    while await loop.run_in_executor(self._writing, self.journal.prune):
                        pass
            except VTPError as error:
                log.error("%s", error)
            except Exception:
                log.exception("looking after the connections failed")

    def state(self) -> BrokerState:
        """Tell how everything is."""
        counts = self.receiver.counts
        return BrokerState(
            **{name: counts[name] for name in _FATES},
            authors=len(self.receiver.connections),
            newest=self.broadcaster.newest,
            of_authors={name: number for name, number in counts.items() if name not in _FATES},
            of_subscribers=dict(self.broadcaster.counts),
            relayed=dict(self.relayed),
            subscribers=tuple(self.broadcaster.state()),
        )


def write_state(state: BrokerState, file: Path) -> None:
    """Write a state as JSON, so that a reader finds it whole."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps({"time": time.time(), **asdict(state)}, indent=2) + "\n")
    os.replace(part, file)

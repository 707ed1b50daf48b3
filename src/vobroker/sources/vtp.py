"""The events of a VTP broker: from the journal of a subscription into the event archive.

What is archived and how far the journal was read commit in one transaction, so that nothing is lost and
nothing comes twice, wherever the process ends. Packets that are no events go into the archive as well, as
dead letters.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from vobroker.alerts.origin import Origin
from vobroker.archive import Access, ArchiveError, ReceivedPacket
from vobroker.voevent.vtp.backoff import Backoff
from vobroker.voevent.vtp.broker import Broker
from vobroker.voevent.vtp.journal import Entry, Journal
from vobroker.voevent.vtp.subscriber import Subscriber

BATCH = 500
"""Most packets in one transaction."""

OWN = "vtp:authors"
"""Source of what a broker of ours takes."""

_IDENTITY = "identity"
_REST_SECONDS = 0.25


async def carry(
    subscriber: Subscriber | Broker,
    turns: Access,
    *,
    after_batch: Callable[[Mapping[str, int]], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
    most: int | None = None,
) -> Mapping[str, int]:
    """Carry what a broker sends into the archive, until it is cancelled or so many packets were received.

    Parameters
    ----------
    subscriber
        The subscription, begun; or a broker of ours, with what its authors send, until it stops.
    turns
        Of this process at the archive.
    after_batch
        Called after each commit with the counts so far.
    say
        Is told when the archive does not take a batch, which is then tried again.
    most
        Packets after which it ends; never when not given.

    Returns
    -------
    mapping
        Numbers of packets by what became of them: ``archived``, ``duplicate`` and ``dead``; their sum is the
        number of packets that were received.

    Raises
    ------
    VTPError
        If the broker lets us go for good.
    """
    counts: Counter[str] = Counter()
    source = f"vtp:{subscriber.broker}" if isinstance(subscriber, Subscriber) else OWN
    async with _thread(turns) as run:
        partition = await run(_identity, subscriber.journal)
        position = await run(_position, turns, source, partition)
        async with aclosing(subscriber.batches(max(0, position - 1), BATCH)) as batches:
            async for entries in batches:
                backoff, said = Backoff(0.5, 30.0), ""
                while True:
                    try:
                        counts.update(await run(_commit, turns, entries, source, partition))
                        break
                    except ArchiveError as error:
                        if str(error) != said:
                            said = str(error)
                            say(f"{error}; trying again")
                        await asyncio.sleep(backoff.delay())
                if after_batch is not None:
                    after_batch(counts)
                if most is not None and counts.total() >= most:
                    break
    return counts


@asynccontextmanager
async def _thread(turns: Access) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Give a way to do something with the archive in a thread that it has for itself."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "archive") as pool:

        async def rest() -> None:
            while True:
                await asyncio.sleep(_REST_SECONDS)
                await loop.run_in_executor(pool, turns.rest)

        resting = loop.create_task(rest())
        try:
            yield lambda function, *arguments: loop.run_in_executor(pool, function, *arguments)
        finally:
            resting.cancel()
            await asyncio.gather(resting, return_exceptions=True)


def _identity(journal: Journal) -> int:
    """Give a number that another journal of the same broker, begun anew, would not have."""
    number, _ = journal.place(_IDENTITY)
    if not number:
        number = 1 + secrets.randbelow(2**31 - 1)
        journal.set_place(_IDENTITY, number)
    return number


def _position(turns: Access, source: str, partition: int) -> int:
    with turns.take() as archive:
        return archive.position(source, partition)


def _commit(turns: Access, entries: Sequence[Entry], source: str, partition: int) -> list[str]:
    packets = [
        ReceivedPacket(
            entry.content,
            Origin(source, partition, entry.sequence),
            datetime.fromtimestamp(entry.received, UTC),
        )
        for entry in entries
    ]
    with turns.take() as archive, archive.transaction() as transaction:
        fates = transaction.add_voevents(packets)
        transaction.set_positions({(source, partition): entries[-1].sequence + 1})
    return fates

"""Events of another broker, passed on as if authors had sent them."""

from __future__ import annotations

from contextlib import aclosing

from vobroker.voevent.vtp.broker import Broker
from vobroker.voevent.vtp.errors import Refused
from vobroker.voevent.vtp.events import Event, examine
from vobroker.voevent.vtp.subscriber import Subscriber, is_event

_NAME = "relayed"


async def relay(subscriber: Subscriber, broker: Broker) -> None:
    """Pass on what a subscription brings, until it ends.

    Brokers may subscribe to each other: an event that is known is not passed on again. How far it has come
    is noted in the journal of the subscription once the broker has the events in its own.

    Parameters
    ----------
    subscriber
        The subscription, begun.
    broker
        Who passes the events on.

    Raises
    ------
    VTPError
        If the other broker lets us go for good, or the journal cannot be written.
    """
    place, _ = subscriber.journal.place(_NAME)
    async with aclosing(subscriber.batches(place)) as batches:
        async for entries in batches:
            events: list[tuple[Event, str]] = [
                (examine(entry.content, strict=False), str(subscriber.broker))
                for entry in entries
                if is_event(entry)
            ]
            for verdict in await broker.add(events):
                broker.relayed["refused" if isinstance(verdict, Refused) else verdict.fate.value] += 1
            await subscriber.done(entries[-1].sequence, _NAME)

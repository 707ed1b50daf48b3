"""A process of a consumer group: it counts, or it decodes and filters, and notes when it had each alert."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from importlib.resources import files
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, Message, TopicPartition

from bench.streaming.clients import CONSUMER, HEADER, MARK, StreamError, settings

FILTERS = {
    "all": "SELECT * FROM alert",
    "none": "SELECT * FROM alert WHERE 1 = 0",
    "real": files("vobroker.filters").joinpath("library", "fast-moving.adql").read_text(encoding="utf-8"),
}
BATCH = 256
LINGER_SECONDS = 0.1
"""Longest time that an alert waits for others of its batch."""


@dataclass(frozen=True)
class Reader:
    """One member of a group.

    Parameters
    ----------
    brokers, topic, group
        Where it reads.
    kind
        ``read``, or a name of :data:`FILTERS`.
    alerts
        Alerts of a burst.
    notes
        File for what it saw: numbers, times of sending and of having.
    warm
        A packet to decode and filter before the first burst, so that nothing is compiled during it.
    """

    brokers: str
    topic: str
    group: str
    kind: str
    alerts: int
    notes: Path
    warm: bytes


def consume(pipe: Pipe, reader: Reader, positions: MutableSequence[int]) -> None:
    """Say ``assigned`` whenever it is, read until told to stop, say ``had`` with the alerts passed."""
    judge = None if reader.kind == "read" else _filter(reader.kind)
    if judge is not None:
        judge([reader.warm])
    consumer = Consumer(settings(reader.brokers) | CONSUMER | {"group.id": reader.group})

    def assigned(_: Consumer, partitions: list[TopicPartition]) -> None:
        pipe.send(("assigned", [partition.partition for partition in partitions]))

    consumer.subscribe([reader.topic], on_assign=assigned)
    marks = bytearray()
    had: list[int] = []
    size = 0
    passed: Counter[int] = Counter()
    while not pipe.poll():
        messages = _gather(consumer, BATCH if judge else 1)
        if not messages:
            continue
        for message in messages:
            marks += _mark(message)
            size += len(message.value())
        if judge:
            numbers = [MARK.unpack(_mark(message))[1] for message in messages]
            for row in judge([message.value() for message in messages]):
                passed[numbers[row] // reader.alerts] += 1
        had += [time.monotonic_ns()] * len(messages)
        for message in messages:
            positions[message.partition()] = message.offset() + 1
    consumer.close()
    sent, numbers = np.frombuffer(bytes(marks), "<i8").reshape(-1, 2).T
    np.savez(reader.notes, number=numbers, sent=sent, had=np.array(had, np.int64))
    pipe.send(("had", {"bytes": size, "passed": dict(passed)}))


def _gather(consumer: Consumer, most: int) -> list[Message]:
    """Wait for a message, and for as many more as come while it may wait."""
    first = consumer.poll(0.1)
    if first is None:
        return []
    messages = [first]
    if most > 1:
        messages += consumer.consume(most - 1, timeout=LINGER_SECONDS)
    for message in messages:
        if message.error() is not None:
            raise StreamError(f"a consumer was told: {message.error().str()}")
    return messages


def _mark(message: Message) -> bytes:
    ((name, mark),) = message.headers()
    assert name == HEADER
    return mark


def _filter(kind: str) -> Callable[[list[bytes]], list[int]]:
    """Give the function that decodes packets and tells which pass."""
    from vobroker.alerts.decode import decode
    from vobroker.alerts.origin import Origin
    from vobroker.alerts.packets import RawBatch
    from vobroker.alerts.schemas import default_schemas
    from vobroker.filters import compile_filter, run

    compiled = compile_filter(kind, FILTERS[kind])
    schemas = default_schemas()

    def judge(packets: list[bytes]) -> list[int]:
        raw = RawBatch(packets, [Origin("bench", 0, number) for number in range(len(packets))])
        decoded = decode(raw, schemas)
        if decoded.dead or len(decoded.batches) != 1:
            raise StreamError(f"{len(decoded.dead)} packets could not be decoded")
        (done,) = run([compiled], decoded.batches[0])
        if done.error is not None or done.seen != len(packets):
            raise StreamError(f"the filter '{kind}' failed: {done.error}")
        rows: list[int] = done.rows.to_pylist()
        return rows

    return judge

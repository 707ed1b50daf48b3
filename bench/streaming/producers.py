"""A process that sends its part of every burst and notes when the brokers had it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from confluent_kafka import KafkaError, Message, Producer

from bench.streaming.clients import HEADER, MARK, PRODUCER, StreamError, settings
from bench.streaming.packets import Pool


@dataclass(frozen=True)
class Sender:
    """The part of one producer: alerts ``first`` to ``last`` of every burst, in turn to all partitions."""

    brokers: str
    topic: str
    pool: Pool
    first: int
    last: int
    alerts: int
    partitions: int
    bursts: int
    every: float


def produce(pipe: Pipe, sender: Sender) -> None:
    """Say ``ready``, wait for the time of the first burst, send all bursts, say ``sent`` with their times."""
    packets = sender.pool.load()
    producer = Producer(settings(sender.brokers) | PRODUCER)
    producer.list_topics(sender.topic, timeout=10)
    delivered = 0
    latest = 0
    refused: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        nonlocal delivered, latest
        if error is not None:
            refused.append(error)
            return
        delivered += 1
        latest = time.monotonic_ns()

    pipe.send(("ready", None))
    begin: int = pipe.recv()
    times: list[tuple[int, int]] = []
    for burst in range(sender.bursts):
        due = begin + int(burst * sender.every * 1e9)
        # A producer that is late begins at once: the survey does not wait either.
        time.sleep(max(due - time.monotonic_ns(), 0) / 1e9)
        first = time.monotonic_ns()
        for number in range(sender.first, sender.last):
            mark = MARK.pack(time.monotonic_ns(), burst * sender.alerts + number)
            while True:
                try:
                    producer.produce(
                        sender.topic,
                        packets[number % len(packets)],
                        partition=number % sender.partitions,
                        headers=[(HEADER, mark)],
                        on_delivery=on_delivery,
                    )
                    break
                except BufferError:
                    producer.poll(0.01)
            producer.poll(0)
        left = producer.flush(120)
        if refused or left or delivered != (burst + 1) * (sender.last - sender.first):
            reason = refused[0].str() if refused else "no answer within 120 s"
            raise StreamError(f"{len(refused) + left} alerts were not taken by the brokers: {reason}")
        times.append((first, latest))
    pipe.send(("sent", times))
    pipe.recv()  # it stays until nobody looks at its CPU any more

"""A process that sends its part of each burst to Kafka; needs confluent-kafka.

It hears ``burst`` (what to send), ``go`` (now), ``stop``; it says ``ready``, ``part`` (so many are there),
``sent``, ``say`` and ``problem``. It ends when its pipe is closed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from vobroker.kafka.problems import KafkaProblem, explain
from vobroker.kafka.settings import LARGEST, Connection

PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    # Measured on loopback: 3/4 of the rate without it, and 45 % of the bytes; zstd has 1/2 and 29 %.
    "compression.type": "lz4",
    "linger.ms": 5,
    "batch.size": 2**20,
    "message.max.bytes": LARGEST,
    # The largest message has to find room in the queue, and no more than a few hundred others.
    "queue.buffering.max.kbytes": LARGEST // 1024 + 16 * 1024,
}
"""Properties of the producers, unless the connection says else."""

Headers = list[tuple[str, str | bytes | None]]

_TELL_SECONDS = 0.25
_LAST_SECONDS = 10.0  # after a stop, for what is on its way
_ANSWER_SECONDS = 10


@dataclass
class _Tally:
    """What became of the packets of a burst."""

    delivered: int = 0
    bytes: int = 0
    failed: int = 0
    error: KafkaError | None = None
    told: float = field(default_factory=time.monotonic)

    def count(self, error: KafkaError | None, message: Message) -> None:
        """Take a delivery report."""
        if error is None:
            self.delivered += 1
            self.bytes += len(message)
        else:
            self.failed += 1
            self.error = self.error or error


@dataclass
class _Sender:
    pipe: Pipe
    producer: Producer
    there: Connection
    topic: str
    errors: list[KafkaError]
    said: set[str] = field(default_factory=set)

    def send(self, packets: Path, rows: list[tuple[int, int, bytes]], headers: Headers) -> _Tally:
        """Send packets and wait until the brokers have them; a word on the pipe ends it early."""
        tally = _Tally()
        self.said.clear()
        with packets.open("rb", buffering=0) as file:
            for start, size, key in rows:
                packet = os.pread(file.fileno(), size, start)
                while not self._queued(packet, key, headers, tally):
                    self._look(tally, 0.1)
                    if self.pipe.poll():
                        break
                self._look(tally, 0)
                if self.pipe.poll():
                    break
        until = None
        while len(self.producer):
            self._look(tally, 0.05)
            if until is None and self.pipe.poll():
                until = time.monotonic() + _LAST_SECONDS
            if until and time.monotonic() > until:
                self.producer.purge()
        return tally

    def _queued(self, packet: bytes, key: bytes, headers: Headers, tally: _Tally) -> bool:
        try:
            self.producer.produce(self.topic, packet, key, headers=headers, on_delivery=tally.count)
        except BufferError:  # the queue is full
            return False
        return True

    def _look(self, tally: _Tally, seconds: float) -> None:
        """Take what the brokers say; tell how far it is.

        Raises
        ------
        KafkaProblem
            If going on makes no sense.
        """
        self.producer.poll(seconds)
        while self.errors:
            error = self.errors.pop()
            problem = explain(error, brokers=self.there.brokers, topic=self.topic)
            if error.fatal() or not problem.passing:
                raise KafkaProblem(problem.sentence)
            if problem.sentence not in self.said:
                self.said.add(problem.sentence)
                self.pipe.send(("say", f"{problem.sentence}; trying again"))
        if time.monotonic() - tally.told > _TELL_SECONDS:
            tally.told = time.monotonic()
            self.pipe.send(("part", tally.delivered))

    def idle(self) -> None:
        """Wait for a word."""
        while not self.pipe.poll(0.2):
            self.producer.poll(0)
            self.errors.clear()  # what matters of it is met again when there is something to send


def serve(pipe: Pipe, there: Connection, topic: str) -> None:
    """Send bursts as long as the pipe is open; another process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt from the keyboard is the parent's
    errors: list[KafkaError] = []
    try:
        chosen = {name: value for name, value in PRODUCER.items() if name not in there.security}
        producer = Producer(there.client({**chosen, "error_cb": errors.append}))
        producer.list_topics(topic, timeout=_ANSWER_SECONDS)  # the first burst shall not wait for it
        _serve(_Sender(pipe, producer, there, topic, errors))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody wants anything any more
        return
    except KafkaException as error:
        problem = explain(error.args[0], brokers=there.brokers, topic=topic)
        pipe.send(("problem", problem.sentence))
    except KafkaProblem as problem:
        pipe.send(("problem", str(problem)))
    except OSError as error:
        pipe.send(("problem", f"the packets cannot be read: {error.strerror}"))


def _serve(sender: _Sender) -> None:
    sender.pipe.send(("ready",))
    packets, rows = Path(), []
    visit: int | None = None
    while True:
        sender.idle()
        match sender.pipe.recv():
            case "burst", burst, first, last:
                packets, visit = burst.packets, burst.visit
                rows = np.load(burst.index, mmap_mode="r")[first:last].tolist()
            case "go", moment:
                headers: Headers = [("visit_time", b"%d" % moment)]
                if visit is not None:
                    headers.append(("visit", b"%d" % visit))
                tally = sender.send(packets, rows, headers)
                reason = ""
                if tally.error is not None:
                    problem = explain(tally.error, brokers=sender.there.brokers, topic=sender.topic)
                    reason = problem.sentence
                sender.pipe.send(("sent", tally.delivered, tally.bytes, tally.failed, reason))

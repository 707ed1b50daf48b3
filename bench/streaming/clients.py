"""What producers, consumers and their conductor share: settings, the mark on a message, words of failure."""

from __future__ import annotations

import struct
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any

from vobroker.kafka.settings import LARGEST, connection

HEADER = "bench"
MARK = struct.Struct("<qq")
"""Header of a message: nanoseconds of the monotonic clock at the producer's call, number of the alert."""

PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "none",
    "linger.ms": 5,
    "message.max.bytes": LARGEST,
}
CONSUMER: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": True,
    "partition.assignment.strategy": "range",
    "queued.max.messages.kbytes": 64 * 1024,
    "fetch.message.max.bytes": 2**24,
    "receive.message.max.bytes": 2 * LARGEST,
    "fetch.queue.backoff.ms": 20,
}


class StreamError(Exception):
    """The benchmark cannot go on, with the reason in one sentence."""


def settings(brokers: str, **properties: Any) -> dict[str, Any]:
    """Give the configuration of a client, silent about what is told otherwise."""
    return connection(brokers).client({name.replace("_", "."): value for name, value in properties.items()})


def guarded(work: Callable[..., None], pipe: Pipe, *arguments: Any) -> None:
    """Run a process's work; what goes wrong is sent to the conductor, and the process ends with 1."""
    try:
        work(pipe, *arguments)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        pipe.send(("failed", f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})"))
        raise SystemExit(1) from None

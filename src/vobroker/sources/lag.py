"""How far an archive is behind the topics that it is filled from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from vobroker.kafka.settings import Connection

FRESH = 5.0
"""Seconds that an answer of the brokers is believed."""

_SECONDS = 2.0  # time for one answer
_MOST = 500  # partitions
_PREFIX = "kafka:"


class Behind(NamedTuple):
    """A partition: the offset that the archive goes on from, and the end; None where no broker told."""

    topic: str
    partition: int
    position: int
    end: int | None

    @property
    def packets(self) -> int | None:
        """Packets that are still to be read."""
        return None if self.end is None else max(0, self.end - self.position)


class Lag:
    """Asks brokers for the ends of what an archive has read; threads may share it.

    Parameters
    ----------
    connection
        The brokers.
    positions
        Gives the archive's positions by (source, partition).
    """

    def __init__(
        self, connection: Connection, positions: Callable[[], Mapping[tuple[str, int], int]]
    ) -> None:
        self._connection, self._positions = connection, positions
        self._lock = threading.Lock()
        self._known: tuple[float, Sequence[Behind]] = (float("-inf"), ())
        self._consumer: Consumer | None = None

    def __call__(self) -> Sequence[Behind]:
        """Give all partitions, as they were at most :data:`FRESH` seconds ago."""
        with self._lock:
            if time.monotonic() - self._known[0] > FRESH:
                self._known = time.monotonic(), self._asked()
            return self._known[1]

    def close(self) -> None:
        """Leave the brokers."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _asked(self) -> list[Behind]:
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        if self._consumer is None:
            # It joins no group: it only asks.
            self._consumer = Consumer(self._connection.client({"group.id": "vobroker-lag"}))
        found, answers = [], True
        for (source, partition), position in sorted(self._positions().items())[:_MOST]:
            if not source.startswith(_PREFIX):
                continue
            topic, end = source.removeprefix(_PREFIX), None
            if answers:
                try:
                    told = self._consumer.get_watermark_offsets(
                        TopicPartition(topic, partition), timeout=_SECONDS
                    )
                    end = None if told is None else int(told[1])
                except KafkaException:
                    end = None
                answers = end is not None  # a broker that is away is not asked for each partition
            found.append(Behind(topic, partition, position, end))
        return found

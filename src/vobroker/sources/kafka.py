"""Packets from Kafka topics: one member of a consumer group.

The archive, not the broker, says where to go on: its positions are committed with the rows. The broker is
only told of them, for whoever watches the group's lag there. A partition that is seen for the first time gets
its start, and the start is committed before anything is read: a worker that dies early begins there again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.packets import RawBatch
from vobroker.kafka.problems import KafkaProblem, explain
from vobroker.kafka.settings import LARGEST, Connection, SettingsError

BATCH_BYTES = 64 * 2**20
"""A batch ends when its packets pass this, however few they are."""

QUEUE_KILOBYTES = 64 * 1024
"""Most kilobytes that wait in memory for the river, whatever the lag: fetching pauses then."""

LINGER_SECONDS = 0.02
"""Longest time that a packet waits for others of its batch while the batch is wanted."""

_ANSWER_SECONDS = 5
_LONGEST_DELAY = 30.0

Positions = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin in a partition that was never read.

    Parameters
    ----------
    at
        ``earliest``, ``latest``, or a time: the first packet that the broker received then or later.
    cursor
        Positions by (topic, partition); they go before ``at``.
    """

    at: str | datetime = "earliest"
    cursor: Positions = field(default_factory=dict)


def start(text: str) -> Start:
    """Read a start: ``earliest``, ``latest``, a time in ISO 8601 (UTC unless it says else), or a file.

    The file is a cursor in JSON: a list of objects with ``source``, ``partition`` and ``position``, as
    ``vobroker ledger --positions --json`` prints it.

    Raises
    ------
    SettingsError
        If it is none of these.
    """
    if text in ("earliest", "latest"):
        return Start(text)
    try:
        moment = datetime.fromisoformat(text)
        return Start(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except ValueError:
        path = Path(text)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        cursor = {
            (str(row["source"]).removeprefix("kafka:"), int(row["partition"])): int(row["position"])
            for row in rows
        }
    except FileNotFoundError:
        raise SettingsError(
            f"the start is 'earliest', 'latest', a time such as 2026-11-24T03:00:00, or a file; not '{text}'"
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path} is no cursor: {error}") from None
    return Start("earliest", cursor)


@dataclass
class KafkaSource:
    """The packets of some topics, batch after batch; iterate once.

    Parameters
    ----------
    connection
        The brokers.
    topics
        Names, or regular expressions that begin with ``^``.
    group
        Consumer group; its members share the partitions.
    positions
        Gives the archive's positions by (source, partition).
    remember
        Commits positions to the archive before anything is read from them.
    start
        Where to begin in a partition that the archive does not know.
    stop
        When set, the source ends.
    say
        Told of what goes wrong and may pass, one sentence each.
    until_end
        End when all that is there was read; a topic or broker that is not there is then an error.
    batch
        Most packets in a batch.
    properties
        Further properties of the consumer.

    Attributes
    ----------
    wanted
        Cleared while nobody could take the next batch: it goes on collecting then.
    """

    connection: Connection
    topics: Sequence[str]
    group: str
    positions: Callable[[], Positions]
    remember: Callable[[dict[tuple[str, int], int]], None]
    start: Start = field(default_factory=Start)
    stop: Event = field(default_factory=Event)
    say: Callable[[str], None] = lambda _: None
    until_end: bool = False
    batch: int = 512
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wanted = Event()
        self.wanted.set()
        self._errors: list[KafkaError] = []
        self._assigned: set[tuple[str, int]] = set()
        self._goal: dict[tuple[str, int], int] = {}
        self._noting = Lock()
        self._committed: dict[tuple[str, int], int] = {}

    def __iter__(self) -> Iterator[RawBatch]:
        """Yield batches as they arrive.

        Raises
        ------
        KafkaProblem
            If trying again cannot change what the brokers refuse; with ``until_end`` also for what could.
        """
        try:
            consumer = Consumer(self.connection.client(self._settings()))
        except KafkaException as error:
            raise KafkaProblem(self._told(error.args[0])) from error
        try:
            self._await_topics(consumer)
            if self.until_end:
                self._goal = self._all_ends(consumer)
            consumer.subscribe(
                list(self.topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
            )
            yield from self._batches(consumer)
        except KafkaException as error:
            raise KafkaProblem(self._told(error.args[0])) from error
        finally:
            self._report(consumer)
            consumer.close()

    def _settings(self) -> dict[str, Any]:
        return {
            "group.id": self.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "partition.assignment.strategy": "cooperative-sticky",
            "isolation.level": "read_committed",
            "enable.partition.eof": self.until_end,
            "session.timeout.ms": 10_000,
            "max.poll.interval.ms": 600_000,
            "topic.metadata.refresh.interval.ms": 10_000,
            "queued.max.messages.kbytes": QUEUE_KILOBYTES,
            "fetch.message.max.bytes": 2**24,  # of a partition at once; a larger message comes all the same
            "receive.message.max.bytes": 2 * LARGEST,
            "fetch.wait.max.ms": 50,
            "error_cb": self._errors.append,
            **self.properties,
        }

    def acknowledge(self, progress: Positions) -> None:
        """Note what the archive has committed; the broker is told, for those who watch the group there."""
        with self._noting:
            self._committed.update(progress)

    def _report(self, consumer: Consumer) -> None:
        """Tell the broker what was committed, from the reading thread: a consumer serves one at a time."""
        with self._noting:
            done, self._committed = self._committed, {}
        held = [
            TopicPartition(_topic(source), partition, position)
            for (source, partition), position in done.items()
            if (source, partition) in self._assigned
        ]
        if held:
            with suppress(KafkaException, RuntimeError):  # the partition may have gone meanwhile
                consumer.commit(offsets=held, asynchronous=True)

    # -- what is there -----------------------------------------------------------------------------

    def _await_topics(self, consumer: Consumer) -> None:
        """Wait until the brokers answer and know the topics; say why not, once for each reason."""
        delay, said = 1.0, ""
        while not self.stop.is_set():
            sentence, passing = self._missing(consumer)
            if not sentence:
                return
            if not passing or self.until_end:
                raise KafkaProblem(sentence)
            if sentence != said:
                self.say(f"{sentence}; trying again")
                said = sentence
            self.stop.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _missing(self, consumer: Consumer) -> tuple[str, bool]:
        """Say what is missing, and whether it may come; nothing when nothing is."""
        self._errors.clear()
        try:
            known = consumer.list_topics(timeout=_ANSWER_SECONDS).topics
        except KafkaException as error:
            consumer.poll(0)  # what the connection was told arrives with it
            problems = [explain(e, brokers=self.connection.brokers) for e in (*self._errors, error.args[0])]
            worst = next((p for p in problems if not p.passing), problems[0])
            return worst.sentence, worst.passing
        if any(topic.startswith("^") for topic in self.topics):
            return "", True
        absent = [topic for topic in self.topics if topic not in known or known[topic].error is not None]
        if not absent:
            return "", True
        return f"there is no topic {', '.join(absent)} on {self.connection.brokers}", True

    # -- partitions come and go --------------------------------------------------------------------

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        known = dict(self.positions())
        new = {(p.topic, p.partition) for p in partitions if (_source(p.topic), p.partition) not in known}
        starts = self._starts(consumer, sorted(new)) if new else {}
        if starts:
            self.remember(starts)
        for partition in partitions:
            place = (_source(partition.topic), partition.partition)
            partition.offset = known.get(place, starts.get(place, 0))
            if place in known:
                partition.offset = self._reachable(consumer, partition)
            self._assigned.add(place)
        consumer.incremental_assign(partitions)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._assigned.discard((_source(partition.topic), partition.partition))
        consumer.incremental_unassign(partitions)

    def _starts(self, consumer: Consumer, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Find where to begin in partitions that were never read."""
        at = self.start.at
        asked: dict[tuple[str, int], int] = {}
        if isinstance(at, datetime):
            moment = int(at.timestamp() * 1000)
            wanted = [TopicPartition(*place, moment) for place in places]
            for answer in consumer.offsets_for_times(wanted, timeout=_ANSWER_SECONDS):
                asked[answer.topic, answer.partition] = answer.offset
        starts = {}
        for place in places:
            low, high = self._ends(consumer, *place)
            offset = asked.get(place, low if at == "earliest" else high)
            offset = self.start.cursor.get(place, offset)
            offset = high if offset in (OFFSET_END, OFFSET_BEGINNING) or offset < 0 else offset
            starts[_source(place[0]), place[1]] = min(max(offset, low), high)
        return starts

    def _reachable(self, consumer: Consumer, partition: TopicPartition) -> int:
        """Give the offset to go on from; what the broker no longer has, or never had, is said."""
        low, high = self._ends(consumer, partition.topic, partition.partition)
        name = f"{partition.topic}[{partition.partition}]"
        if partition.offset < low:
            gone = low - partition.offset
            self.say(f"{name}: {gone} packets from {partition.offset} on are gone from the broker")
            return low
        if partition.offset > high:
            raise KafkaProblem(
                f"{name} ends at {high}, but the archive has read it to {partition.offset}: the topic "
                "was made anew; give it another name, or use another archive"
            )
        return partition.offset

    def _all_ends(self, consumer: Consumer) -> dict[tuple[str, int], int]:
        """Give the end of every partition that has packets."""
        known = consumer.list_topics(timeout=_ANSWER_SECONDS).topics
        ends = {}
        for topic in sorted(name for name in known if self._wants(name)):
            for partition in known[topic].partitions:
                low, high = self._ends(consumer, topic, partition)
                if high > low:
                    ends[_source(topic), partition] = high
        return ends

    def _wants(self, name: str) -> bool:
        # As librdkafka: a topic matches when the expression, which begins with ^, finds something in it.
        return any(re.search(t, name) if t.startswith("^") else t == name for t in self.topics)

    def _ends(self, consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
        """Ask for the first and the next offset of a partition; a broker that is down is waited for."""
        delay = 1.0
        while True:
            try:
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=_ANSWER_SECONDS
                )
            except KafkaException as error:
                if self.until_end or self.stop.is_set():
                    raise
                self.say(f"{topic}[{partition}]: {self._told(error.args[0])}; trying again")
                self.stop.wait(delay)
                delay = min(2 * delay, _LONGEST_DELAY)
            else:
                return int(low), int(high)

    # -- packets -----------------------------------------------------------------------------------

    def _batches(self, consumer: Consumer) -> Iterator[RawBatch]:
        said: dict[int, float] = {}
        while not self.stop.is_set():
            raw = self._gather(consumer)
            if raw.progress:
                yield raw
            self._report(consumer)
            if not raw.progress and self.until_end and self._at_end():
                return
            self._tell(said)

    def _gather(self, consumer: Consumer) -> RawBatch:
        """Collect a batch: until it is full, or is wanted and the first packet has waited a little."""
        raw = RawBatch(shared=True)
        size = largest = 0
        until: float | None = None
        while (room := self.batch - len(raw.origins) - len(raw.dead)) > 0 and size < BATCH_BYTES:
            # The first packet comes alone: it shall not wait for others, and it tells how large they may be.
            number = min(room, 64, max((BATCH_BYTES - size) // max(largest, 1), 1)) if until else 1
            left = max(until - time.monotonic(), 0.0) if until else 0.5
            late = until is not None and left == 0.0
            if late and self.wanted.is_set():
                break
            messages = consumer.consume(number, timeout=LINGER_SECONDS if late else left)
            for message in messages:
                taken = self._take(raw, message)
                size, largest = size + taken, max(largest, taken)
            if self.stop.is_set() or (until is None and not messages):
                break
            if until is None and raw.progress:
                until = time.monotonic() + LINGER_SECONDS
        return raw

    def _take(self, raw: RawBatch, message: Message) -> int:
        """Put a message into a batch; give its size."""
        error = message.error()
        if error is not None:
            self._ran_into(error, raw, message)
            return 0
        topic, partition, offset = (
            str(message.topic()),
            int(message.partition() or 0),
            int(message.offset() or 0),
        )
        origin = Origin(_source(topic), partition, offset)
        raw.progress[origin.source, partition] = offset + 1
        data = message.value()
        if data is None:
            raw.dead.append(DeadLetter(origin, "not-avro", f"{origin}: the message has no content", b""))
            return 0
        raw.data.append(data)
        raw.origins.append(origin)
        return len(data)

    def _ran_into(self, error: KafkaError, raw: RawBatch, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            # The marks of transactions take offsets too: the end may lie behind the last message.
            place = (_source(str(message.topic())), int(message.partition() or 0))
            raw.progress[place] = int(message.offset() or 0)
        elif error.code() == KafkaError._MAX_POLL_EXCEEDED:
            self.say(
                "the archive was busy too long, and the group went on without this worker; it joins again"
            )
        elif error.fatal() or not explain(error).passing:
            raise KafkaProblem(self._told(error, str(message.topic() or "")))
        else:
            self.say(self._told(error, str(message.topic() or "")))

    def _at_end(self) -> bool:
        """Whether the group has read, and the archive has, all that was there in the beginning."""
        read = self.positions()
        return all(read.get(place, -1) >= end for place, end in self._goal.items())

    def _tell(self, said: dict[int, float]) -> None:
        """Say what the connection ran into: each kind once a minute; end on what cannot pass."""
        while self._errors:
            error = self._errors.pop(0)
            problem = explain(error, brokers=self.connection.brokers, group=self.group)
            if error.fatal() or error.code() == KafkaError._AUTHENTICATION:
                raise KafkaProblem(problem.sentence)
            if time.monotonic() - said.get(error.code(), -60) >= 60:
                said[error.code()] = time.monotonic()
                self.say(f"{problem.sentence}; trying again")

    def _told(self, error: KafkaError, topic: str = "") -> str:
        topics = topic or ", ".join(self.topics)
        return explain(error, brokers=self.connection.brokers, topic=topics, group=self.group).sentence


def _source(topic: str) -> str:
    return f"kafka:{topic}"


def _topic(source: str) -> str:
    return source.removeprefix("kafka:")

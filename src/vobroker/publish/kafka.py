"""The outbox on Kafka: what passed a filter goes to the filter's own topic, each event exactly once.

Events of the archive are sent in transactions. How far they have gone is committed with them, as the offset
of a consumer group in a topic of its own that has no messages; the event it stands for is the offset's
metadata. Killed anywhere, the next process goes on from there: a transaction is there whole, or not at all.
Readers want ``isolation.level=read_committed``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from vobroker.archive import Archive
from vobroker.kafka.problems import KafkaProblem, explain
from vobroker.kafka.settings import LARGEST, Connection
from vobroker.kafka.topics import ensure_topic
from vobroker.publish import gcn
from vobroker.publish.folder import PublishError
from vobroker.publish.render import Packet, packets
from vobroker.voevent import write

FORMS = ("voevent", "gcn", "packet")
"""What a message holds: a VOEvent 2.0 document, a notice in JSON with the field names of the General
Coordinates Network, or the survey's packet as it arrived."""

_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
_ANSWER_SECONDS = 10
_BATCH = 200
_OPEN_MILLISECONDS = 15_000


class KafkaOutbox:
    """Publishes the events of one archive; call it with the archive whenever there may be new ones.

    Parameters
    ----------
    connection
        The brokers.
    prefix
        Topics are called this and the filter's name; they are made when they are not there.
    form
        What the messages hold, see :data:`FORMS`.
    embed
        How VOEvents carry their light curve, see :func:`vobroker.publish.render.packets`.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        *,
        form: str = "voevent",
        embed: str | Mapping[str, str] = "none",
    ) -> None:
        self.connection = connection
        self.prefix = prefix
        self.form = form
        self.embed = embed if form == "voevent" else "none"
        self.group = f"{prefix}outbox"
        self._name = f"{self.group}-{uuid.uuid4()}"
        self._errors: list[KafkaError] = []
        self._topics: set[str] = set()
        self._last = 0
        self._producer: Producer | None = None
        self._reader: Consumer | None = None

    def __call__(self, archive: Archive) -> int:
        """Publish what was not published yet; give the number of events.

        Raises
        ------
        PublishError
            If the brokers do not take them. Nothing is lost: the next call goes on from the last transaction.
        """
        newest = archive.query("SELECT coalesce(max(sequence), 0) AS newest FROM event")[0][0].as_py()
        if newest <= self._last:
            return 0
        self._errors.clear()
        try:
            after = self._position(archive)
            encode = gcn.encode if self.form == "gcn" else write
            rendered = packets(archive, after=after, batch=_BATCH, form=self.embed, encode=encode)
            sent = sum(self._send(batch, archive) for batch in rendered)
        except KafkaException as error:
            self.close()
            raise PublishError(self._told(error.args[0])) from error
        except KafkaProblem as problem:
            self.close()
            raise PublishError(str(problem)) from problem
        self._last = newest
        return sent

    def close(self) -> None:
        """Leave the brokers; what was not committed is never seen."""
        reader, self._reader, self._producer = self._reader, None, None
        self._topics.clear()
        if reader is not None:
            reader.close()

    def _position(self, archive: Archive) -> int:
        """Give the number of the last event that was published from this archive; 0 when none was."""
        if self._reader is None or self._producer is None:
            self._topic("outbox", partitions=1)
            self._reader = Consumer(
                self.connection.client(
                    {
                        "group.id": self.group,
                        "enable.auto.commit": False,
                        # An open transaction of a process that died is waited for.
                        "isolation.level": "read_committed",
                        "error_cb": self._errors.append,
                    }
                )
            )
            self._producer = Producer(
                self.connection.client(
                    {
                        "transactional.id": self._name,
                        "transaction.timeout.ms": _OPEN_MILLISECONDS,
                        "delivery.timeout.ms": _OPEN_MILLISECONDS,
                        "compression.type": "lz4",
                        "linger.ms": 1,
                        "message.max.bytes": LARGEST,
                        "error_cb": self._errors.append,
                    }
                )
            )
            self._producer.init_transactions(_ANSWER_SECONDS)
        place = TopicPartition(self.group, 0)
        (found,) = self._reader.committed([place], timeout=_OPEN_MILLISECONDS / 1000 + _ANSWER_SECONDS)
        if found.error is not None:
            raise KafkaException(found.error)
        if found.offset == OFFSET_INVALID:
            return 0
        last = archive.event(found.metadata or "")
        if last is None or last["sequence"] != found.offset:
            raise KafkaProblem(
                f"the topics {self.prefix}… hold the events of another archive; choose another prefix"
            )
        return int(found.offset)

    def _send(self, batch: list[Packet], archive: Archive) -> int:
        producer, reader = self._producer, self._reader
        assert producer is not None
        assert reader is not None
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            # The others of the transaction are thrown away with the one that was refused.
            if error is not None and error.code() not in _PURGED:
                refused.append(error)

        for stream in {event.stream for event in batch}:
            self._topic(stream)
        producer.begin_transaction()
        try:
            for event in batch:
                arrived = self.form == "packet"
                content = archive.packet(event.survey, event.alert_id) if arrived else event.content
                self._produce(producer, event, content, delivered)
            last = TopicPartition(self.group, 0, batch[-1].sequence, batch[-1].ivorn)
            producer.send_offsets_to_transaction([last], reader.consumer_group_metadata(), _ANSWER_SECONDS)
            producer.commit_transaction(2 * _ANSWER_SECONDS)
        except KafkaException as error:
            with suppress(KafkaException):  # else it ends by its time
                producer.abort_transaction(_ANSWER_SECONDS)
            # What a message was refused for says more than that its transaction failed.
            raise (KafkaException(refused[0]) if refused else error) from error
        return len(batch)

    def _produce(self, producer: Producer, event: Packet, content: bytes, delivered: Any) -> None:
        told = ("ivorn", "survey", "alert_id", "version")
        headers: list[tuple[str, str | bytes | None]] = [(n, str(getattr(event, n))) for n in told]
        while True:
            try:
                producer.produce(
                    f"{self.prefix}{event.stream}",
                    content,
                    event.object_id or str(event.alert_id),
                    headers=headers,
                    on_delivery=delivered,
                )
            except BufferError:
                producer.poll(0.1)
            else:
                producer.poll(0)
                return

    def _topic(self, name: str, partitions: int | None = None) -> None:
        topic = f"{self.prefix}{name}"
        if topic not in self._topics:
            ensure_topic(self.connection, topic, partitions=partitions)
            self._topics.add(topic)

    def _told(self, error: KafkaError) -> str:
        errors = (*self._errors, error)
        self._errors.clear()
        problems = [explain(e, brokers=self.connection.brokers, topic=f"{self.prefix}…") for e in errors]
        return next((p for p in problems if not p.passing), problems[-1]).sentence

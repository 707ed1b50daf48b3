"""The outbox on a real broker: each event once, in its topic, whatever happens meanwhile."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from tests.brokers import MINE, Cluster

from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.filters import compile_filter
from vobroker.kafka.settings import Connection
from vobroker.pipeline import river
from vobroker.publish.folder import PublishError
from vobroker.publish.kafka import KafkaOutbox
from vobroker.sources import simulator
from vobroker.voevent import read

FILTERS = [
    compile_filter("every-alert", "SELECT * FROM alert"),
    compile_filter("bright-ones", "SELECT * FROM alert WHERE mag < 21"),
]


@pytest.fixture(scope="module")
def alerts() -> list[bytes]:
    visits = simulator.simulate("lsst", seed=5, visits=2, alerts_per_visit=150, history=False, cutouts=False)
    return [packet for visit in visits for packet in visit.packets]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return open_archive(tmp_path / "archive")


@pytest.fixture
def prefix() -> str:
    return f"{MINE}{uuid.uuid4().hex[:6]}."


def flow(archive: Archive, packets: list[bytes]) -> int:
    """Let alerts in and give the number of events they made."""
    before = len(archive.events(limit=10_000))
    raw = RawBatch(packets, [Origin("files", 0, before + n) for n in range(len(packets))])
    river.run([raw], archive, schemas=default_schemas(), filters=FILTERS)
    return len(archive.events(limit=10_000)) - before


def messages(brokers: str, prefix: str) -> list[Message]:
    """Read what is committed in all topics of a prefix, to their ends."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": prefix, "isolation.level": "read_committed",
         "enable.partition.eof": True, "enable.auto.commit": False}
    )  # fmt: skip
    known = consumer.list_topics(timeout=10).topics
    places = [TopicPartition(t, p, 0) for t in known if t.startswith(prefix) for p in known[t].partitions]
    consumer.assign(places)
    found: list[Message] = []
    ends = 0
    until = time.monotonic() + 40
    while ends < len(places):
        assert time.monotonic() < until
        for message in consumer.consume(500, timeout=1):
            if message.error() is None:
                found.append(message)
            else:
                ends += 1
    consumer.close()
    return found


def ivorns(found: list[Message]) -> list[str]:
    return sorted(dict(message.headers() or [])["ivorn"].decode() for message in found)


def test_each_event_once_in_the_topic_of_its_filter(
    kafka1: Cluster, archive: Archive, prefix: str, alerts: list[bytes]
) -> None:
    outbox = KafkaOutbox(Connection(kafka1.brokers), prefix)
    assert outbox(archive) == 0
    first = flow(archive, alerts[:150])
    assert outbox(archive) == first > 150
    assert outbox(archive) == 0
    second = flow(archive, alerts[150:])
    # Another process goes on where this one stopped.
    assert KafkaOutbox(Connection(kafka1.brokers), prefix)(archive) == second
    assert outbox(archive) == 0
    found = messages(kafka1.brokers, prefix)
    assert ivorns(found) == sorted(event["ivorn"] for event in archive.events(limit=10_000))
    for message in found:
        event = read(message.value() or b"")
        headers = {name: value.decode() for name, value in message.headers() or [] if value is not None}
        known = archive.event(headers["ivorn"])
        assert event.ivorn == headers["ivorn"]
        assert known is not None
        assert message.topic() == prefix + known["stream"]
        assert (message.key() or b"").decode() == known["object_id"]
        assert headers["survey"] == "lsst"
        assert int(headers["alert_id"]) == known["alert_id"]
        assert message.timestamp()[0] == TIMESTAMP_CREATE_TIME


def test_the_packets_themselves(kafka1: Cluster, archive: Archive, prefix: str, alerts: list[bytes]) -> None:
    flow(archive, alerts[:60])
    KafkaOutbox(Connection(kafka1.brokers), prefix, form="packet")(archive)
    found = [m.value() for m in messages(kafka1.brokers, prefix) if m.topic() == f"{prefix}every-alert"]
    assert sorted(found) == sorted(alerts[:60])


def test_notices_in_json(kafka1: Cluster, archive: Archive, prefix: str, alerts: list[bytes]) -> None:
    number = flow(archive, alerts[:20])
    KafkaOutbox(Connection(kafka1.brokers), prefix, form="gcn")(archive)
    found = messages(kafka1.brokers, prefix)
    assert len(found) == number
    told = [json.loads(message.value() or b"") for message in found]
    assert sorted(one["id"][0] for one in told) == ivorns(found)


def test_a_transaction_that_fails_leaves_nothing_and_is_made_good(
    kafka1: Cluster, archive: Archive, prefix: str, alerts: list[bytes]
) -> None:
    number = flow(archive, alerts[:60])
    narrow = kafka1.topic(called=f"{prefix}bright-ones", **{"max.message.bytes": "1000"})
    outbox = KafkaOutbox(Connection(kafka1.brokers), prefix)
    with pytest.raises(PublishError, match="do not take messages so large"):
        outbox(archive)
    assert messages(kafka1.brokers, prefix) == []
    client = AdminClient({"bootstrap.servers": kafka1.brokers})
    wide = ConfigEntry("max.message.bytes", "1000000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, narrow, incremental_configs=[wide])
    for done in client.incremental_alter_configs([change]).values():
        done.result(10)
    assert outbox(archive) == number
    assert ivorns(messages(kafka1.brokers, prefix)) == sorted(
        event["ivorn"] for event in archive.events(limit=10_000)
    )


def test_brokers_that_are_not_there_are_named(archive: Archive, alerts: list[bytes]) -> None:
    flow(archive, alerts[:10])
    with pytest.raises(PublishError, match=r"127\.0\.0\.1:9\b"):
        KafkaOutbox(Connection("127.0.0.1:9"), "nowhere.")(archive)


def test_topics_of_another_archive_are_left_alone(
    kafka1: Cluster, archive: Archive, tmp_path: Path, prefix: str, alerts: list[bytes]
) -> None:
    flow(archive, alerts[:30])
    KafkaOutbox(Connection(kafka1.brokers), prefix)(archive)
    with open_archive(tmp_path / "another", authority="org.example.another") as another:
        flow(another, alerts[30:60])
        with pytest.raises(PublishError, match="events of another archive; choose another prefix"):
            KafkaOutbox(Connection(kafka1.brokers), prefix)(another)

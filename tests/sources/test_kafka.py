"""The Kafka source on a real broker: what arrives, where it begins, and what is said when it cannot."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from tests.brokers import MINE, Cluster

from vobroker.alerts.packets import RawBatch
from vobroker.kafka.problems import KafkaProblem
from vobroker.kafka.settings import Connection, SettingsError, connection
from vobroker.sources.kafka import KafkaSource, Start, start

Positions = dict[tuple[str, int], int]


class Reader:
    """Reads topics to their end, and keeps positions as an archive does."""

    def __init__(self, there: Connection | str, *topics: str, **options: Any) -> None:
        self.positions: Positions = options.pop("positions", {})
        self.said: list[str] = []
        there = Connection(there) if isinstance(there, str) else there
        options = {"until_end": True, "say": self.said.append} | options
        group = options.pop("group", f"test-{time.monotonic_ns()}")
        self.source = KafkaSource(
            there, topics, group, lambda: self.positions, self.positions.update, **options
        )

    def read(self) -> list[RawBatch]:
        batches = []
        for raw in self.source:
            self.positions.update(raw.progress)
            batches.append(raw)
        return batches

    def values(self) -> list[bytes]:
        return [data for raw in self.read() for data in raw.data]


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def test_everything_arrives_with_its_place(kafka1: Cluster) -> None:
    topic = kafka1.topic(3)
    kafka1.send(topic, numbered(0, 300), 3)
    reader = Reader(kafka1.brokers, topic)
    batches = reader.read()
    places = {
        data: (origin.source, origin.partition, origin.position)
        for raw in batches
        for data, origin in zip(raw.data, raw.origins, strict=True)
    }
    assert places == {b"%d" % n: (f"kafka:{topic}", n % 3, n // 3) for n in range(300)}
    assert reader.positions == {(f"kafka:{topic}", n): 100 for n in range(3)}
    assert all(raw.shared for raw in batches)


def test_a_batch_has_an_end(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    kafka1.send(topic, numbered(0, 100))
    assert max(len(raw.data) for raw in Reader(kafka1.brokers, topic, batch=7).read()) == 7


def test_large_packets_arrive_and_batches_stay_small(kafka1: Cluster) -> None:
    topic = kafka1.topic(**{"max.message.bytes": str(2**26)})
    kafka1.send(topic, [bytes(20 * 2**20)] * 5)
    batches = Reader(kafka1.brokers, topic).read()
    assert [len(data) for raw in batches for data in raw.data] == [20 * 2**20] * 5
    assert max(sum(map(len, raw.data)) for raw in batches) <= 84 * 2**20


def test_a_message_without_content_is_a_dead_letter_with_its_place(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    kafka1.send(topic, [b"a", None, b"b"])
    (letter,) = [letter for raw in Reader(kafka1.brokers, topic).read() for letter in raw.dead]
    assert letter.message == f"kafka:{topic}[0:1]: the message has no content"


class TestStart:
    def test_the_archive_says_where_to_go_on(self, kafka1: Cluster) -> None:
        topic = kafka1.topic(2)
        kafka1.send(topic, numbered(0, 20), 2)
        known = {(f"kafka:{topic}", 0): 7, (f"kafka:{topic}", 1): 10}
        assert Reader(kafka1.brokers, topic, positions=known).values() == [b"14", b"16", b"18"]

    def test_earliest_and_latest(self, kafka1: Cluster) -> None:
        topic = kafka1.topic()
        kafka1.send(topic, numbered(0, 5))
        assert len(Reader(kafka1.brokers, topic).values()) == 5
        reader = Reader(kafka1.brokers, topic, start=Start("latest"))
        assert reader.values() == []
        # The start is kept: what comes while nobody reads is not lost.
        kafka1.send(topic, numbered(5, 7))
        again = Reader(kafka1.brokers, topic, start=Start("latest"), positions=reader.positions)
        assert again.values() == [b"5", b"6"]

    def test_a_time(self, kafka1: Cluster) -> None:
        topic = kafka1.topic()
        kafka1.send(topic, numbered(0, 3))
        time.sleep(0.05)
        moment = datetime.now(UTC)
        time.sleep(0.05)
        kafka1.send(topic, numbered(3, 6))
        assert Reader(kafka1.brokers, topic, start=Start(moment)).values() == [b"3", b"4", b"5"]
        later = Start(moment + timedelta(days=1))
        assert Reader(kafka1.brokers, topic, start=later).values() == []

    def test_a_cursor(self, kafka1: Cluster, tmp_path: Path) -> None:
        topic = kafka1.topic(2)
        kafka1.send(topic, numbered(0, 8), 2)
        rows = [
            {"source": f"kafka:{topic}", "partition": 0, "position": "3"},
            {"source": f"kafka:{topic}", "partition": 1, "position": "99"},
        ]
        (tmp_path / "cursor.json").write_text(json.dumps(rows))
        reader = Reader(kafka1.brokers, topic, start=start(str(tmp_path / "cursor.json")))
        assert reader.values() == [b"6"]

    @pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "/no/such/file"])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(SettingsError, match="the start is 'earliest', 'latest'"):
            start(text)

    @pytest.mark.parametrize("content", [b"{}", b"[1]", b"\xff", b"[{}]", b'[{"source": "x"}]'])
    def test_a_file_that_is_no_cursor_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "cursor").write_bytes(content)
        if content == b"{}":
            assert start(str(tmp_path / "cursor")).cursor == {}
            return
        with pytest.raises(SettingsError, match="cursor is no cursor"):
            start(str(tmp_path / "cursor"))


def test_what_the_broker_has_deleted_is_said(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    kafka1.send(topic, numbered(0, 10))
    client = AdminClient({"bootstrap.servers": kafka1.brokers})
    for done in client.delete_records([TopicPartition(topic, 0, 6)]).values():
        done.result(10)
    reader = Reader(kafka1.brokers, topic, positions={(f"kafka:{topic}", 0): 2})
    assert reader.values() == [b"6", b"7", b"8", b"9"]
    assert reader.said == [f"{topic}[0]: 4 packets from 2 on are gone from the broker"]


def test_a_topic_that_was_made_anew_is_an_error(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    reader = Reader(kafka1.brokers, topic, positions={(f"kafka:{topic}", 0): 5})
    with pytest.raises(
        KafkaProblem, match=r"ends at 0, but the archive has read it to 5: the topic was made anew"
    ):
        reader.read()


def test_topics_by_regular_expression(kafka1: Cluster) -> None:
    stem = kafka1.topic(called=f"{MINE}night-{time.monotonic_ns()}")
    other = kafka1.topic(called=f"{stem}_programid1")
    kafka1.send(stem, [b"no"])
    kafka1.send(other, [b"yes"])
    assert Reader(kafka1.brokers, f"^{stem}_programid[0-9]$").values() == [b"yes"]


def test_uncommitted_transactions_are_not_read(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    producer = Producer({"bootstrap.servers": kafka1.brokers, "transactional.id": topic})
    producer.init_transactions(30)
    for value, commit in ((b"aborted", False), (b"committed", True)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(10)
        producer.commit_transaction(10) if commit else producer.abort_transaction(10)
    reader = Reader(kafka1.brokers, topic)
    assert reader.values() == [b"committed"]


class TestSecurity:
    def test_scram_and_tls(self, kafka1: Cluster) -> None:
        topic = kafka1.topic()
        kafka1.send(topic, [b"x"])
        password = {"VOBROKER_KAFKA_PASSWORD": kafka1.password}
        for listener, properties in (
            (1, ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-256"]),
            (2, ["sasl.mechanism=SCRAM-SHA-256", f"ssl.ca.location={kafka1.certificate}"]),
        ):
            there = connection(
                kafka1.addresses(listener), user="vobroker", properties=properties, environment=password
            )
            assert Reader(there, topic).values() == [b"x"]

    def test_oauthbearer(self, kafka1: Cluster) -> None:
        topic = kafka1.topic()
        kafka1.send(topic, [b"x"])
        properties = [
            "security.protocol=SASL_PLAINTEXT",
            "sasl.mechanism=OAUTHBEARER",
            "enable.sasl.oauthbearer.unsecure.jwt=true",
            "sasl.oauthbearer.config=principal=vobroker",
        ]
        there = connection(kafka1.addresses(1), properties=properties, environment={})
        assert Reader(there, topic).values() == [b"x"]

    def test_a_wrong_password_is_one_line_without_it(self, kafka1: Cluster) -> None:
        there = connection(
            kafka1.addresses(1),
            user="vobroker",
            properties=["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-256"],
            environment={"VOBROKER_KAFKA_PASSWORD": "tell-nobody"},
        )
        with pytest.raises(KafkaProblem, match="refuse the user or its password") as caught:
            Reader(there, "any", until_end=False).read()
        assert "tell-nobody" not in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_certificate_that_is_not_known_is_an_error(self, kafka1: Cluster) -> None:
        there = connection(kafka1.addresses(2), user="vobroker", environment={"VOBROKER_KAFKA_PASSWORD": "x"})
        with pytest.raises(KafkaProblem, match=r"no TLS connection to .* certificate"):
            Reader(there, "any", until_end=False).read()


class TestMissing:
    def test_a_broker_that_is_not_there(self) -> None:
        with pytest.raises(KafkaProblem, match=r"no connection to 127.0.0.1:1: .*refused") as caught:
            Reader("127.0.0.1:1", "any").read()
        assert "\n" not in str(caught.value)

    def test_a_topic_that_is_not_there(self, kafka1: Cluster) -> None:
        with pytest.raises(KafkaProblem, match=r"there is no topic nothing-of-the-kind on 127"):
            Reader(kafka1.brokers, "nothing-of-the-kind").read()

    def test_a_topic_that_comes_later_is_waited_for(self, kafka1: Cluster) -> None:
        name = f"{MINE}later-{time.monotonic_ns()}"
        stop = threading.Event()
        reader = Reader(kafka1.brokers, name, until_end=False, stop=stop)
        found: list[bytes] = []

        def read() -> None:
            for raw in reader.source:
                found.extend(raw.data)
                stop.set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        time.sleep(0.5)
        kafka1.topic(called=name)
        kafka1.send(name, [b"at last"])
        thread.join(60)
        stop.set()
        assert found == [b"at last"]
        assert reader.said == [f"there is no topic {name} on {kafka1.brokers}; trying again"]

    def test_a_property_that_does_not_exist(self, kafka1: Cluster) -> None:
        there = connection(kafka1.brokers, properties=["no.such.thing=1"], environment={})
        with pytest.raises(KafkaProblem, match=r'No such configuration property: "no\.such\.thing"'):
            Reader(there, "any").read()


def test_a_slow_reader_holds_no_more_than_its_queue(kafka1: Cluster) -> None:
    """However far behind: the packets stay on the broker."""
    topic = kafka1.topic()
    kafka1.send(topic, [bytes(200_000)] * 2000)  # 400 MB
    stop = threading.Event()
    reader = Reader(kafka1.brokers, topic, stop=stop, batch=16)
    batches = iter(reader.source)
    next(batches)
    process = psutil.Process()
    before = process.memory_info().rss
    time.sleep(3)
    assert process.memory_info().rss - before < 200 * 2**20
    stop.set()
    batches.close()  # type: ignore[attr-defined]


def test_the_group_is_told_what_was_committed(kafka1: Cluster) -> None:
    topic = kafka1.topic()
    kafka1.send(topic, numbered(0, 10))
    reader = Reader(kafka1.brokers, topic, group=topic)
    for raw in reader.source:
        reader.positions.update(raw.progress)
        reader.source.acknowledge(raw.progress)
    client = AdminClient({"bootstrap.servers": kafka1.brokers})
    (answer,) = client.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0)])]
    ).values()
    assert answer.result(10).topic_partitions[0].offset == 10

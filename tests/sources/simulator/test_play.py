"""A night played into a real broker: what arrives, when, in which order, and what is said when it cannot."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from hypothesis import given
from hypothesis import strategies as st
from tests.brokers import Cluster, name

from vobroker.alerts.schemas import default_schemas
from vobroker.kafka.problems import KafkaProblem
from vobroker.kafka.settings import LARGEST, Connection
from vobroker.kafka.topics import ensure_topic
from vobroker.sources import simulator
from vobroker.sources.simulator.bursts import EXPOSURE_SECONDS, exposures

SMALL: dict[str, Any] = {"history_nights": 0, "cutouts": False, "alerts_per_visit": 40}


def messages(cluster: Cluster, topic: str) -> list[Message]:
    """Everything in a topic."""
    consumer = Consumer(
        {"bootstrap.servers": cluster.brokers, "group.id": topic, "enable.partition.eof": True}
    )
    parts = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in parts])
    found, ended = [], 0
    while ended < len(parts):
        message = consumer.poll(10)
        assert message is not None, f"{topic} gives nothing more after {len(found)} messages"
        if message.error() is None:
            found.append(message)
        else:
            ended += 1
    consumer.close()
    return found


def headers(message: Message) -> dict[str, int]:
    return {key: int(value) for key, value in message.headers()}


def played(cluster: Cluster, topic: str, bursts: Any, **options: Any) -> list[simulator.Sent]:
    there = Connection(cluster.brokers)
    ensure_topic(there, topic, partitions=options.pop("partitions", 3))
    return list(simulator.play(bursts, there, topic, **options))


@pytest.fixture(scope="module")
def evening(kafka1: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[simulator.Sent], str]:
    """Four visits, one second apart, by three producers."""
    topic, spool = name(), tmp_path_factory.mktemp("spool")
    bursts = simulator.simulated("lsst", spool, visits=4, every=90.0, jitter=20.0, seed=3, **SMALL)
    sent = played(kafka1, topic, bursts, factor=100.0, producers=3)
    assert not list(spool.iterdir())
    return sent, topic


@pytest.fixture(scope="module")
def visits() -> list[simulator.Visit]:
    return list(simulator.simulate("lsst", visits=4, seed=3, **SMALL))


class TestASimulatedNight:
    def test_every_packet_arrives_once_and_as_it_was(
        self, kafka1: Cluster, evening: tuple[Any, str], visits: list[simulator.Visit]
    ) -> None:
        sent, topic = evening
        found = messages(kafka1, topic)
        assert Counter(m.value() for m in found) == Counter(p for visit in visits for p in visit.packets)
        assert [(s.number, s.visit, s.alerts, s.wanted, s.bytes) for s in sent] == [
            (number, visit.visit, 40, 40, sum(map(len, visit.packets)))
            for number, visit in enumerate(visits, 1)
        ]

    def test_the_prefix_is_that_of_rubins_registry(self, kafka1: Cluster, evening: tuple[Any, str]) -> None:
        assert {struct.unpack(">bI", m.value()[:5]) for m in messages(kafka1, evening[1])} == {(0, 1000)}

    def test_keys_are_objects_and_headers_tell_the_visit(
        self, kafka1: Cluster, evening: tuple[Any, str], visits: list[simulator.Visit]
    ) -> None:
        sent, topic = evening
        begun = {s.visit: s.begun for s in sent}
        expected = {
            packet: (key.encode(), visit.visit)
            for visit in visits
            for packet, key in zip(visit.packets, visit.truth["object_id"].to_pylist(), strict=True)
        }
        for message in messages(kafka1, topic):
            told = headers(message)
            assert (message.key(), told["visit"]) == expected[message.value()]
            assert told["visit_time"] == begun[told["visit"]]
            # The broker's clock is ours, in milliseconds.
            assert 0 <= message.timestamp()[1] * 1_000_000 - told["visit_time"] + 1_000_000 < 5e9

    def test_an_object_stays_in_its_partition_and_in_order(
        self, kafka1: Cluster, evening: tuple[Any, str]
    ) -> None:
        at: dict[bytes, list[tuple[int, int]]] = {}
        for message in messages(kafka1, evening[1]):
            at.setdefault(message.key(), []).append((message.partition(), headers(message)["visit_time"]))
        assert any(len(places) > 1 for places in at.values())
        for places in at.values():
            assert len({partition for partition, _ in places}) == 1
            assert [moment for _, moment in places] == sorted(moment for _, moment in places)

    def test_visits_keep_their_intervals(self, evening: tuple[list[simulator.Sent], str]) -> None:
        sent, _ = evening
        begun = np.array([s.begun for s in sent]) / 1e9
        due = begun - [s.late for s in sent]
        assert np.all((np.diff(due) > 0.89) & (np.diff(due) < 1.11))
        assert np.median([s.late for s in sent]) < 0.1
        assert len(set(np.round(np.diff(begun), 2))) > 1


def test_zstd_containers_of_ztf(kafka1: Cluster, tmp_path: Path) -> None:
    topic = name()
    there = Connection(kafka1.brokers, {"compression.type": "zstd"})
    ensure_topic(there, topic)
    bursts = simulator.simulated("ztf", tmp_path, visits=1, every=0, **SMALL)
    (sent,) = simulator.play(bursts, there, topic, producers=1)
    (visit,) = simulator.simulate("ztf", visits=1, **SMALL)
    assert {m.value() for m in messages(kafka1, topic)} == set(visit.packets)
    assert sent.alerts == 40


def test_a_visit_that_is_not_ready_is_late_and_the_next_are_not_delayed(
    kafka1: Cluster, tmp_path: Path
) -> None:
    def slow() -> Any:
        for number, burst in enumerate(
            simulator.simulated("lsst", tmp_path, visits=3, every=1, jitter=0, **SMALL)
        ):
            if number == 1:
                time.sleep(1.6)
            yield burst

    first, second, third = played(kafka1, name(), slow(), producers=1)
    assert first.late < 0.1
    assert 0.4 < second.late < 1.1
    assert second.why == "packets not ready"
    assert third.late < 0.4
    assert third.begun - first.begun == pytest.approx(2e9, abs=2e8)


def test_a_queue_smaller_than_the_burst_holds_back_and_loses_nothing(kafka1: Cluster, tmp_path: Path) -> None:
    topic = name()
    there = Connection(kafka1.brokers, {"queue.buffering.max.messages": "5", "linger.ms": "50"})
    ensure_topic(there, topic)
    bursts = simulator.simulated("lsst", tmp_path, visits=1, every=0, **SMALL | {"alerts_per_visit": 300})
    (sent,) = simulator.play(bursts, there, topic, producers=2)
    assert sent.alerts == len(messages(kafka1, topic)) == 300


class TestARecordedNight:
    @pytest.mark.parametrize(
        ("survey", "form"),
        [("lsst", "confluent"), ("lsst", "multi"), ("ztf", "tar.gz"), ("ztf", "container")],
    )
    def test_every_form_gives_its_exposures(self, tmp_path: Path, survey: str, form: str) -> None:
        options: dict[str, Any] = {"visits": 3, "nights": 2, **SMALL | {"alerts_per_visit": 4}}
        night, spool = tmp_path / "night", tmp_path / "spool"
        spool.mkdir()
        simulator.write(simulator.simulate(survey, **options), night, form)
        visits = list(simulator.simulate(survey, **options))
        bursts = simulator.recorded(night, spool, default_schemas())
        assert [len(burst) for burst in bursts] == [4] * 6
        times = np.array([visit.mjd for visit in visits])
        assert np.cumsum([burst.after for burst in bursts]) == pytest.approx(
            (times - times[0]) * 86400, abs=0.01
        )
        rows = np.load(bursts[0].index)
        content = bursts[0].packets.read_bytes()
        for burst, visit in zip(bursts, visits, strict=True):
            mine = rows[burst.first : burst.last].tolist()
            assert {row[2].decode() for row in mine} == set(visit.truth["object_id"].to_pylist())
            if form != "multi":
                found = {content[start : start + size] for start, size, _ in mine}
                assert found == set(visit.packets)

    def test_it_is_played_in_order_and_in_its_own_time(self, kafka1: Cluster, tmp_path: Path) -> None:
        night, spool, topic = tmp_path / "night", tmp_path / "spool", name()
        spool.mkdir()
        # Names are of the alerts and so in order of time; these are against it.
        visits = list(simulator.simulate("ztf", visits=4, **SMALL))
        night.mkdir()
        for number, visit in enumerate(reversed(visits)):
            for row, packet in enumerate(visit.packets):
                (night / f"{number}-{row}.avro").write_bytes(packet)
        bursts = simulator.recorded(night, spool, default_schemas(), visits=3)
        sent = played(kafka1, topic, bursts, factor=50.0, partitions=1)
        times = np.array([visit.mjd for visit in visits[:3]]) * 86400 / 50
        begun = np.array([s.begun for s in sent]) / 1e9
        assert begun - begun[0] == pytest.approx(times - times[0], abs=0.15)
        arrived = messages(kafka1, topic)
        assert len(arrived) == 120
        mjd = [next(fastavro.reader(io.BytesIO(m.value())))["candidate"]["jd"] for m in arrived]
        assert mjd == sorted(mjd)

    def test_real_packets(self, data: Path, kafka1: Cluster, tmp_path: Path) -> None:
        said: list[str] = []
        bursts = simulator.recorded(data / "alerts", tmp_path, default_schemas(), say=said.append)
        topic = name()
        assert ensure_topic(Connection(kafka1.brokers), topic).startswith("made the topic")
        sent = list(simulator.play(bursts, Connection(kafka1.brokers), topic, factor=1e12))
        assert sum(s.alerts for s in sent) == sum(map(len, bursts)) == len(messages(kafka1, topic)) > 0

    def test_what_cannot_be_read_is_left_out_and_said(self, tmp_path: Path) -> None:
        (tmp_path / "spool").mkdir()
        night = tmp_path / "night"
        simulator.write(simulator.simulate("ztf", visits=1, **SMALL), night, "container")
        (night / "0.avro").write_bytes(b"Obj\x01")
        said: list[str] = []
        (burst,) = simulator.recorded(night, tmp_path / "spool", default_schemas(), say=said.append)
        assert len(burst) == 40
        (sentence,) = said
        assert sentence.startswith("1 packets are left out, since they cannot be read: ")
        assert "0.avro" in sentence

    @given(st.lists(st.floats(0, 300), min_size=1, max_size=60))
    def test_exposures_part_the_night(self, seconds: list[float]) -> None:
        mjd = 61000 + np.sort(seconds) / 86400
        first = exposures(mjd)
        assert first[0] == 0
        assert np.all(np.diff(first) > 0)
        parts = np.split((mjd - 61000) * 86400, first[1:])
        # MJD of today are known to a microsecond.
        assert all(part[-1] - part[0] <= EXPOSURE_SECONDS + 1e-5 for part in parts)
        assert all(b[0] - a[0] > EXPOSURE_SECONDS - 1e-5 for a, b in pairwise(parts))


class TestTheTopic:
    def test_it_is_made_with_room_for_the_largest(self, kafka1: Cluster) -> None:
        topic, there = name(), Connection(kafka1.brokers)
        assert ensure_topic(there, topic, partitions=5) == f"made the topic {topic} with 5 partitions"
        assert ensure_topic(there, topic, partitions=5) == ""
        assert ensure_topic(there, topic) == ""
        sentence = f"the topic {topic} is there with 5 partitions, not 7; it stays so"
        assert ensure_topic(there, topic, partitions=7) == sentence
        client = AdminClient({"bootstrap.servers": kafka1.brokers})
        assert len(client.list_topics(topic, timeout=10).topics[topic].partitions) == 5
        (config,) = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        assert config.result(10)["max.message.bytes"].value == str(LARGEST)

    def test_more_copies_than_brokers(self, kafka1: Cluster) -> None:
        with pytest.raises(KafkaProblem, match=r"[Rr]eplica") as caught:
            ensure_topic(Connection(kafka1.brokers), name(), replication=3)
        assert "\n" not in str(caught.value)

    def test_a_property_that_does_not_exist(self, kafka1: Cluster) -> None:
        with pytest.raises(KafkaProblem, match=r'No such configuration property: "no\.such"'):
            ensure_topic(Connection(kafka1.brokers, {"no.such": "1"}), name())

    def test_messages_that_it_does_not_take(self, kafka1: Cluster, tmp_path: Path) -> None:
        topic = kafka1.topic(**{"max.message.bytes": "2000"})
        bursts = simulator.simulated("lsst", tmp_path, visits=2, every=0, **SMALL)
        with pytest.raises(KafkaProblem, match=r"40 of 40 alerts could not be sent: .* messages so large"):
            list(simulator.play(bursts, Connection(kafka1.brokers), topic))


def test_a_stop_while_sending_leaves_a_true_count(kafka1: Cluster, tmp_path: Path) -> None:
    topic, stop = name(), threading.Event()
    # One message in each request, each of which takes its time: the burst takes seconds.
    slow = {"max.in.flight.requests.per.connection": "1", "batch.num.messages": "1"}
    there = Connection(kafka1.brokers, slow | {"queue.buffering.max.messages": "2"})
    ensure_topic(there, topic, partitions=1)
    options = SMALL | {"alerts_per_visit": 4000}
    bursts = simulator.simulated("lsst", tmp_path, visits=2, every=0, stop=stop, **options)
    sent = list(
        simulator.play(
            bursts,
            there,
            topic,
            producers=1,
            stop=stop,
            state=lambda sentence: stop.set() if sentence.startswith("sending") else None,
        )
    )
    assert len(sent) == 1
    assert 0 < sent[0].alerts < sent[0].wanted == 4000
    assert len(messages(kafka1, topic)) == sent[0].alerts


def workers() -> list[psutil.Process]:
    """Processes that were started for a play; others of the tests are not among them."""
    running = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in running if "spawn_main" in " ".join(child.cmdline())]


class TestAProcessDies:
    def test_that_sends(self, kafka1: Cluster, tmp_path: Path) -> None:
        bursts = simulator.simulated("lsst", tmp_path, visits=2, every=60, **SMALL)

        def kill(sentence: str) -> None:
            if sentence.startswith("visit 2 in"):
                for child in workers():
                    child.kill()

        with pytest.raises(KafkaProblem, match="a process that sends to Kafka has died"):
            played(kafka1, name(), bursts, producers=1, factor=60.0, state=kill)

    def test_that_makes_packets(self, tmp_path: Path) -> None:
        bursts = simulator.simulated("lsst", tmp_path, visits=3, **SMALL | {"alerts_per_visit": 2000})
        next(bursts)
        (child,) = workers()
        child.kill()
        with pytest.raises(RuntimeError, match="the process that makes packets ended with -9"):
            list(bursts)


def test_the_simulator_needs_no_kafka(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["confluent_kafka"] = None
from vobroker.sources import simulator
print(next(simulator.simulate("lsst", visits=1, alerts_per_visit=2, history_nights=0)).visit)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

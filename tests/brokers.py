"""Real Kafka for the tests: clusters that scripts/kafka.sh starts, and topics on them."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "kafka.sh"
STATE = Path(
    os.environ.get("VOBROKER_KAFKA")
    or Path(os.environ.get("TMPDIR", "/tmp")) / f"vobroker-kafka-{os.getuid()}"
)
MINE = f"test-{uuid.uuid4().hex[:6]}-"
"""How the names of this run's topics begin: another run may use the same brokers."""

BASE = int(os.environ.get("VOBROKER_KAFKA_PORT", "19092"))


def name() -> str:
    """Name a topic that is deleted after the tests, whoever makes it."""
    return f"{MINE}{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Cluster:
    """A running cluster of 1 or 3 brokers."""

    size: int
    state: Path = STATE
    base: int = BASE

    def addresses(self, listener: int = 0) -> str:
        """Addresses of a listener: 0 plain, 1 SASL, 2 SASL over TLS."""
        first = self.base + 100 * (self.size // 3) + listener
        return ",".join(f"127.0.0.1:{first + 10 * node}" for node in range(self.size))

    @property
    def brokers(self) -> str:
        return self.addresses()

    @property
    def password(self) -> str:
        return (self.state / "password").read_text().strip()

    @property
    def certificate(self) -> str:
        return str(self.state / "ca.pem")

    def topic(self, partitions: int = 1, called: str = "", **config: str) -> str:
        """Make a topic of its own."""
        called = called or name()
        new = NewTopic(called, partitions, self.size, config=config)
        client = AdminClient({"bootstrap.servers": self.brokers})
        for done in client.create_topics([new]).values():
            done.result(30)
        return called

    def send(
        self, topic: str, values: Sequence[bytes | None], partitions: int = 1, **properties: object
    ) -> None:
        """Send messages in turn to the partitions of a topic, and wait until the brokers have them."""
        producer = Producer({"bootstrap.servers": self.brokers, "message.max.bytes": 2**26} | properties)
        refused: list[object] = []
        for number, value in enumerate(values):
            producer.produce(
                topic, value, partition=number % partitions, on_delivery=lambda e, _: e and refused.append(e)
            )
            producer.poll(0)
        assert producer.flush(60) == 0
        assert refused == []

    def kill(self, node: int) -> None:
        """End a broker as a power cut would."""
        kafka("kill", str(self.size), str(node))

    def start(self, node: int) -> None:
        """Start a broker and wait until it answers."""
        kafka("node", str(self.size), str(node))


def kafka(*arguments: str, **where: str) -> str:
    """Run scripts/kafka.sh."""
    done = subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, timeout=240, check=False, env=os.environ | where
    )
    if done.returncode:
        pytest.fail(f"scripts/kafka.sh {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _cluster(size: int) -> Iterator[Cluster]:
    kafka("start", str(size))
    cluster = Cluster(size)
    yield cluster
    client = AdminClient({"bootstrap.servers": cluster.brokers})
    mine = [topic for topic in client.list_topics(timeout=30).topics if topic.startswith(MINE)]
    for done in client.delete_topics(mine).values() if mine else ():
        done.result(30)


@pytest.fixture(scope="session")
def kafka1() -> Iterator[Cluster]:
    """One broker; it goes on after the tests."""
    yield from _cluster(1)


@pytest.fixture(scope="session")
def kafka_with_rights(kafka1: Cluster) -> Iterator[Cluster]:
    """One broker that asks who may do what: that of all tests, unless it runs since it did not."""
    asked = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    client = AdminClient({"bootstrap.servers": kafka1.brokers})  # without it nobody fetches the answer
    try:
        client.describe_acls(asked).result(60)
    except KafkaException:
        state, base = Path(tempfile.mkdtemp(prefix="vobroker-kafka-")), BASE + 1000
        where = {"VOBROKER_KAFKA": str(state), "VOBROKER_KAFKA_PORT": str(base)}
        kafka("start", "1", **where)
        yield Cluster(1, state, base)
        kafka("wipe", **where)
    else:
        yield kafka1


@pytest.fixture(scope="session")
def kafka3() -> Iterator[Cluster]:
    """Three brokers, stopped after the tests: they take a gigabyte of memory."""
    yield from _cluster(3)
    kafka("stop", "3")

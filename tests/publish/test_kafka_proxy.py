"""A Kafka proxy before the brokers: readers see its address alone, and do what they may and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from tests.brokers import Cluster, name

from vobroker.sources import simulator
from vobroker.voevent import read

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy/kroxylicious/proxy.yaml"
PASSWORD = "a password of a reader"


@dataclass(frozen=True)
class Published:
    """What a reader needs to know, and what was sent."""

    address: str
    certificate: str
    topic: str
    other: str
    events: int

    def properties(self, password: str = PASSWORD, **more: object) -> dict[str, object]:
        return {
            "bootstrap.servers": self.address,
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": self.certificate,
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": "ada",
            "sasl.password": password,
            "log_level": 0,
            **more,
        }


def free_ports(number: int) -> int:
    """Find some free ports in a row."""
    for first in range(21_000, 29_000, number):
        try:
            for port in range(first, first + number):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def published(kafka_with_rights: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """Alerts that a worker has read, filtered and published, behind the proxy as it is shipped."""
    cluster, folder = kafka_with_rights, tmp_path_factory.mktemp("proxy")
    source, prefix = cluster.topic(), f"{name()}."
    visit = next(
        simulator.simulate("lsst", seed=5, visits=1, alerts_per_visit=20, history=False, cutouts=False)
    )
    cluster.send(source, list(visit.packets))
    (folder / "all.adql").write_text("SELECT alert_id FROM alert")
    subprocess.run(
        [
            *(sys.executable, "-m", "vobroker", "run", "-a", "archive", "-b", cluster.brokers, "-t", source),
            *("--until-end", "--filters", "all.adql", "--publish-to", prefix),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=240,
    )
    let_in(cluster, prefix)

    first = free_ports(3)
    text = CONFIG.read_text()
    for shipped, here in (
        ("kafka.internal:9093", cluster.addresses(1)),
        ("alerts.example.org:9094", f"127.0.0.1:{first}"),
        ("port: 9190", f"port: {first + 2}"),
        ("end: 3", "end: 1"),
        ("/etc/kroxylicious/key.pem", str(cluster.state / "key.pem")),
        ("/etc/kroxylicious/certificate.pem", cluster.certificate),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, here)
    (folder / "proxy.yaml").write_text(text)
    command = [ROOT / "scripts/kroxylicious.sh", folder / "proxy.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout
            assert proxy.stdout.readline() == "ready\n"
            yield Published(f"127.0.0.1:{first}", cluster.certificate, f"{prefix}all", source, 20)
        finally:
            proxy.kill()


def let_in(cluster: Cluster, prefix: str) -> None:
    """Make a user, who may read what is published, in groups of hers."""
    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    made = UserScramCredentialUpsertion(
        "ada", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), PASSWORD.encode()
    )
    for done in admin.alter_user_scram_credentials([made]).values():
        done.result(60)
    rights = [
        AclBinding(
            kind,
            begins,
            ResourcePatternType.PREFIXED,
            "User:ada",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        for kind, begins in ((ResourceType.TOPIC, prefix), (ResourceType.GROUP, "ada-"))
    ]
    for done in admin.create_acls(rights).values():
        done.result(60)


def first_error(client: Consumer | Producer, seen: list[KafkaError]) -> int:
    """Wait for what the broker says against somebody."""
    until = time.monotonic() + 60
    while not seen and time.monotonic() < until:
        found = client.poll(0.2)
        if found is not None and not isinstance(found, int) and found.error():
            seen.append(found.error())
    assert seen, "nothing was refused"
    return seen[0].code()


def test_a_reader_gets_what_was_published_and_knows_the_proxy_alone(published: Published) -> None:
    consumer = Consumer(
        published.properties(**{
            "group.id": "ada-1", "auto.offset.reset": "earliest", "isolation.level": "read_committed"
        })
    )  # fmt: skip
    told = consumer.list_topics(timeout=60)
    first = int(published.address.rpartition(":")[2])
    assert {f"{one.host}:{one.port}" for one in told.brokers.values()} <= {
        published.address,
        f"127.0.0.1:{first + 1}",
    }
    assert published.topic in told.topics
    assert all(one.startswith(published.topic.removesuffix("all")) for one in told.topics)
    consumer.subscribe([published.topic])
    found: list[bytes] = []
    until = time.monotonic() + 60
    while len(found) < published.events and time.monotonic() < until:
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None
            found.append(message.value())
    consumer.close()
    assert len({read(packet).ivorn for packet in found}) == published.events


def test_who_does_not_know_the_password_is_refused(published: Published) -> None:
    seen: list[KafkaError] = []
    consumer = Consumer(published.properties("guessed", **{"group.id": "ada-2", "error_cb": seen.append}))
    assert first_error(consumer, seen) == KafkaError._AUTHENTICATION
    consumer.close()


@pytest.mark.parametrize(("group", "code"), [
    ("ada-3", KafkaError.TOPIC_AUTHORIZATION_FAILED), ("bob-1", KafkaError.GROUP_AUTHORIZATION_FAILED)
], ids=["another topic", "another's group"])  # fmt: skip
def test_what_is_not_hers_is_refused(published: Published, group: str, code: int) -> None:
    consumer = Consumer(published.properties(**{"group.id": group}))
    consumer.subscribe([published.other if group == "ada-3" else published.topic])
    assert first_error(consumer, []) == code
    consumer.close()


def test_nobody_writes(published: Published) -> None:
    seen: list[KafkaError] = []
    producer = Producer(published.properties())
    producer.produce(published.topic, b"x", on_delivery=lambda error, _: seen.append(error))
    producer.flush(60)
    assert [error.code() for error in seen] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]

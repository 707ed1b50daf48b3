"""The Kafka clusters that are measured: found, started where nobody did, and left as they were."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from bench.streaming.clients import StreamError, settings
from bench.streaming.watch import listening

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "kafka.sh"
_BASE = int(os.environ.get("VOBROKER_KAFKA_PORT", "19092"))
ONE = f"127.0.0.1:{_BASE}"
THREE = ",".join(f"127.0.0.1:{_BASE + 100 + 10 * node}" for node in range(3))


def find(brokers: str, *, hint: str = "start one with `make kafka`") -> dict[str, int]:
    """Ask which brokers there are: ``host:port`` and port of each.

    Raises
    ------
    StreamError
        If none answers.
    """
    try:
        known = AdminClient(settings(brokers)).list_topics(timeout=3).brokers
    except KafkaException:
        raise StreamError(f"no Kafka broker answers at {brokers}; {hint}") from None
    return {f"{broker.host}:{broker.port}": broker.port for broker in known.values()}


def processes(brokers: str) -> list[psutil.Process]:
    """Give the brokers' processes; none where they run elsewhere or cannot be seen."""
    known = find(brokers)
    local = all(name.startswith(("127.", "localhost:")) for name in known)
    return listening(known.values()) if local else []


@contextmanager
def three_brokers(brokers: str) -> Iterator[None]:
    """Have three brokers; those that this starts it also stops."""
    try:
        found = find(brokers)
    except StreamError:
        if brokers != THREE:
            raise
    else:
        if len(found) < 3:
            raise StreamError(f"replication needs three brokers; {brokers} has {len(found)}")
        yield
        return
    try:
        _script("start")
        yield
    finally:
        _script("stop")


def _script(verb: str) -> None:
    done = subprocess.run([SCRIPT, verb, "3"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StreamError(done.stderr.strip() or f"{SCRIPT} {verb} 3 failed")


@contextmanager
def topic(brokers: str, partitions: int, replication: int) -> Iterator[tuple[str, AdminClient]]:
    """Make a topic and take it away afterwards."""
    admin = AdminClient(settings(brokers))
    name = f"bench-{uuid.uuid4().hex[:12]}"
    try:
        for done in admin.create_topics([NewTopic(name, partitions, replication)]).values():
            done.result(30)
    except KafkaException as error:
        raise StreamError(f"no topic could be made on {brokers}: {error.args[0].str()}") from None
    try:
        yield name, admin
    finally:
        for done in admin.delete_topics([name], operation_timeout=30).values():
            done.result(30)

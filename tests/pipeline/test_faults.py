"""Whatever happens to a worker, nothing is lost and nothing stands twice: real workers, real brokers."""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.brokers import MINE, Cluster
from tests.publish.test_kafka import messages

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import ArchiveError, Turns, locks, open_archive
from vobroker.kafka.settings import Connection
from vobroker.pipeline import worker
from vobroker.sources.kafka import KafkaSource

from .conftest import Holds
from .workers import Worker, alerts, ended, kill_in_the_middle, received, until


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    return alerts(900)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def test_a_worker_killed_in_the_middle_of_batches(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    topic = kafka1.topic(2)
    kafka1.send(topic, packets, 2)
    chance = random.Random(4)
    for _ in range(3):
        kill_in_the_middle(Worker(kafka1, topic, folder), folder, chance)
    Worker(kafka1, topic, folder, "--until-end").end()
    holds(folder, packets)


def test_a_worker_among_others_killed_is_replaced(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    topic = kafka1.topic(4)
    kafka1.send(topic, packets, 4)
    parent = Worker(kafka1, topic, folder, "--workers", "2", "--until-end")
    with ended(parent):
        children = psutil.Process(parent.process.pid).children
        until(lambda: len(children()) == 2)
        until(lambda: received(folder) > 0)
        victim = children()[0]
        victim.kill()
        parent.until_said(f"worker {victim.pid} was ended by signal 9")
        parent.end()
    holds(folder, packets)


def test_a_worker_killed_while_it_publishes(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds, tmp_path: Path
) -> None:
    """What passes goes on to another topic in transactions: each event is there once."""
    topic, out = kafka1.topic(2), kafka1.topic(called=f"{MINE}{time.monotonic_ns()}.every-alert")
    kafka1.send(topic, packets, 2)
    (tmp_path / "every-alert.adql").write_text("SELECT * FROM alert")
    options = ("--filters", str(tmp_path), "--publish-to", out.removesuffix("every-alert"))
    chance = random.Random(2)
    sent = 0
    for _ in range(3):
        member = Worker(kafka1, topic, folder, *options)
        before = sent
        until(lambda: ends(kafka1, out) > before, otherwise=lambda: member.said)  # noqa: B023
        time.sleep(chance.uniform(0, 0.5))
        member.kill()
        sent = ends(kafka1, out)
    Worker(kafka1, topic, folder, "--until-end", *options).end()
    holds(folder, packets)
    with open_archive(folder, read_only=True) as archive:
        events = sorted(row["ivorn"] for row in archive.events(limit=2000))
    found = [dict(message.headers() or [])["ivorn"] for message in messages(kafka1.brokers, out)]
    assert sorted(ivorn.decode() for ivorn in found) == events
    assert len(events) == len(packets)


def ends(cluster: Cluster, topic: str) -> int:
    """Give the offset after the last message, committed or not."""
    consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": topic})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
    finally:
        consumer.close()


def test_members_that_come_and_go(kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds) -> None:
    topic = kafka1.topic(6)
    stays = Worker(kafka1, topic, folder)
    sender = threading.Thread(target=slowly, args=(kafka1, topic, packets, 6, 8.0))
    guests: list[Worker] = []
    with ended(stays):
        sender.start()
        for number in range(4):
            guests.append(Worker(kafka1, topic, folder))
            time.sleep(2)
            guests[number].process.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
        sender.join()
        for guest in guests:
            guest.process.wait(60)
        until(lambda: received(folder) == len(packets), 90, lambda: stays.said)
        stays.stop()
    # One that is ended before it has begun dies of the signal.
    assert all(guest.process.returncode in ((-9,) if n % 2 else (0, -15)) for n, guest in enumerate(guests))
    holds(folder, packets)


def test_a_worker_that_slept_is_overtaken(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    """It wakes with packets in hand that its successor has committed long ago."""
    topic = kafka1.topic(2)
    kafka1.send(topic, packets[:450], 2)
    sleeper = Worker(kafka1, topic, folder)
    with ended(sleeper):
        until(lambda: received(folder) == 450, otherwise=lambda: sleeper.said)
        until(lambda: _asleep_beside_its_turn(sleeper, folder))
        kafka1.send(topic, packets[450:], 2)
        Worker(kafka1, topic, folder, "--until-end").end()
        sleeper.process.send_signal(signal.SIGCONT)
        time.sleep(2)
        sleeper.stop()
    holds(folder, packets)


def _asleep_beside_its_turn(worker: Worker, folder: Path) -> bool:
    """Put a worker to sleep when it does not have the archive: nobody could overtake it then."""
    worker.process.send_signal(signal.SIGSTOP)
    try:
        os.close(locks.take(folder, patience=0))
    except ArchiveError:
        worker.process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        return False
    return True


def test_brokers_killed_one_by_one_then_most_of_them(
    kafka3: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    topic = kafka3.topic(3)
    member = Worker(kafka3, topic, folder)
    sender = threading.Thread(target=slowly, args=(kafka3, topic, packets, 3, 12.0))
    with ended(member):
        sender.start()
        try:
            for node in (1, 2):
                kafka3.kill(node)
                time.sleep(2)
                kafka3.start(node)
            kafka3.kill(2)
            kafka3.kill(3)
            time.sleep(2)
        finally:
            for node in (1, 2, 3):
                kafka3.start(node)
        sender.join()
        until(lambda: received(folder) == len(packets), 120, lambda: member.said)
        member.stop()
    holds(folder, packets)


@pytest.fixture
def registry() -> Iterator[tuple[int, list[bool]]]:
    """A registry that knows LSST's schema by another number, and can be silenced."""
    answer = json.dumps({"schema": default_schemas().by_id(1000).text}).encode()
    answers = [False]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if answers[0] else 503)
            self.end_headers()
            self.wfile.write(answer if answers[0] else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, answers
    server.shutdown()
    server.server_close()


def test_the_registry_down_then_up_then_gone(
    kafka1: Cluster,
    folder: Path,
    packets: list[bytes],
    holds: Holds,
    registry: tuple[int, list[bool]],
) -> None:
    port, answers = registry
    framed = [b"\0" + struct.pack(">i", 4711) + packet[5:] for packet in packets[:120]]
    topic = kafka1.topic()
    kafka1.send(topic, framed[:60])
    member = Worker(kafka1, topic, folder, "--registry", f"http://127.0.0.1:{port}")
    with ended(member):
        member.until_said("the schema registry does not answer")
        member.stop()
    assert received(folder) == 0
    answers[0] = True
    member = Worker(kafka1, topic, folder, "--registry", f"http://127.0.0.1:{port}")
    with ended(member):
        until(lambda: received(folder) == 60, otherwise=lambda: member.said)
        member.stop()
    answers[0] = False
    kafka1.send(topic, framed[60:])
    # The schema was kept: a new process needs no registry for it.
    Worker(kafka1, topic, folder, "--until-end", "--registry", f"http://127.0.0.1:{port}").end()
    holds(folder, framed)


def test_the_disk_full_then_cleared(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    topic = kafka1.topic()
    kafka1.send(topic, packets)
    limit = ("sh", "-c", 'ulimit -f 3000 && exec "$@"', "sh")
    full = Worker(kafka1, topic, folder, "--until-end", before=limit)
    with ended(full):
        full.until_said("trying again")
        assert "File too large" in full.said
        assert 0 < received(folder) < len(packets)
        full.kill()
    Worker(kafka1, topic, folder, "--until-end").end()
    holds(folder, packets)


def test_a_slow_consumer_behind_a_fast_producer(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds
) -> None:
    """A megabyte each: they do not all fit into what a worker may hold."""
    large = [packet + bytes(2**20) for packet in packets[:300]]  # what lies behind an alert is damage
    sent = [*large, *packets[:60]]
    topic = kafka1.topic(2, **{"max.message.bytes": str(2**24)})
    kafka1.send(topic, sent, 2)
    member = Worker(kafka1, topic, folder)
    most = 0
    with ended(member):
        process = psutil.Process(member.process.pid)

        def done() -> bool:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return received(folder) == len(sent)

        until(done, 120, lambda: member.said)
        member.stop()
    assert most < 900e6
    holds(folder, sent, dead=len(large))


def test_duplicates_and_disorder(kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds) -> None:
    chance = random.Random(9)
    damaged = [packet[: len(packet) // 2] for packet in packets[:20]]
    sent = [*packets, *chance.sample(packets, 200), *damaged]
    chance.shuffle(sent)
    topic = kafka1.topic(3)
    kafka1.send(topic, sent, 3)
    parent = Worker(kafka1, topic, folder, "--workers", "2", "--until-end")
    with ended(parent):
        parent.end()
    found = holds(folder, sent, duplicate=200, dead=20)
    assert found.packets == tuple(sorted(packets))


class Clock(datetime):
    """The computer's clock, but set wrong."""

    wrong = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.wrong


def test_clocks_that_jump(
    kafka1: Cluster, folder: Path, packets: list[bytes], holds: Holds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of worker and producer go a year ahead, then two back."""
    for place in ("vobroker.alerts.decode", "vobroker.archive.transaction"):
        monkeypatch.setattr(f"{place}.datetime", Clock)
    topic = kafka1.topic(**{"message.timestamp.after.max.ms": str(2**50), "retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": kafka1.brokers})
    turns, stop = Turns(folder), threading.Event()
    source = KafkaSource(
        Connection(kafka1.brokers), [topic], topic, turns.positions, turns.remember, stop=stop
    )
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(worker.run, source, turns, schemas=default_schemas())
        try:
            for turn, days in enumerate((0, 365, -365)):
                monkeypatch.setattr(Clock, "wrong", timedelta(days=days))
                end = 300 * turn + 300
                for packet in packets[end - 300 : end]:
                    producer.produce(topic, packet, timestamp=int(Clock.now(UTC).timestamp() * 1000))
                assert producer.flush(30) == 0
                until(lambda: run.done() or turns.positions().get((f"kafka:{topic}", 0)) == end)  # noqa: B023
        finally:
            stop.set()
    assert run.result().archived == 900
    holds(folder, packets)
    with open_archive(folder, read_only=True) as archive:
        years = archive.query("SELECT DISTINCT year(received) AS y FROM alert ORDER BY y")["y"].to_pylist()
    this = datetime.now(UTC).year
    assert years[0] < this < years[-1]


def slowly(cluster: Cluster, topic: str, values: list[bytes], partitions: int, seconds: float) -> None:
    """Send over some time, as the survey would; what the brokers have not taken is sent until they do."""
    producer = Producer(
        {
            "bootstrap.servers": cluster.brokers,
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": 120_000,
        }
    )
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % partitions)
        producer.poll(seconds / len(values))
    assert producer.flush(120) == 0

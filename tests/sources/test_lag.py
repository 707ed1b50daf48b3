"""How far an archive is behind, told by a real broker, and by none."""

from __future__ import annotations

import time

from tests.brokers import Cluster

from vobroker.kafka.settings import Connection
from vobroker.sources import lag
from vobroker.sources.lag import Behind, Lag


def test_what_is_still_to_be_read_is_counted(kafka1: Cluster) -> None:
    topic = kafka1.topic(2)
    kafka1.send(topic, [b"%d" % number for number in range(30)], 2)
    positions = {(f"kafka:{topic}", 0): 5, (f"kafka:{topic}", 1): 15, ("/packets", 0): 3}
    found = Lag(Connection(kafka1.brokers), lambda: positions)
    assert found() == [Behind(topic, 0, 5, 15), Behind(topic, 1, 15, 15)]
    assert [one.packets for one in found()] == [10, 0]
    found.close()


def test_a_broker_that_is_away_is_asked_once_and_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(lag, "_SECONDS", 0.2)
    positions = {("kafka:a", number): 7 for number in range(100)}
    found = Lag(Connection("127.0.0.1:1"), lambda: positions)
    begun = time.monotonic()
    assert {one.end for one in found()} == {None}
    assert time.monotonic() - begun < 10
    found.close()

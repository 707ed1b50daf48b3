"""Two writers have different content for one alert at the same time: who commits first has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from tests.archive.conftest import decoded, raw
from tests.archive.test_transaction import altered, counts

from vobroker.alerts.packets import RawBatch
from vobroker.archive import Archive, open_archive
from vobroker.archive.check import check
from vobroker.pipeline.river import Counts, commit

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def writers(database: str) -> Iterator[tuple[Archive, Archive]]:
    with open_archive(database) as one, open_archive(database) as other:
        yield one, other


def put(archive: Archive, batch: RawBatch) -> Counts:
    told = Counts()
    commit(batch, decoded(batch), archive, [], told)
    return told


def waits(server: Ask) -> bool:
    """Whether a session of vobroker waits for another one."""
    ((number,),) = server(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'vobroker' AND wait_event_type = 'Lock'"
    )
    return bool(number)


@pytest.mark.parametrize("commits", [True, False], ids=["the first commits", "the first breaks off"])
def test_the_second_waits_for_the_first(
    writers: tuple[Archive, Archive], server: Ask, ztf: list[bytes], commits: bool
) -> None:
    one, other = writers
    told: list[Counts] = []
    second = threading.Thread(target=lambda: told.append(put(other, raw([altered(ztf[0]), ztf[1]], "other"))))
    broken = nullcontext() if commits else pytest.raises(ZeroDivisionError)
    with broken, one.transaction() as transaction:
        transaction.add(decoded(raw([ztf[0]], "one")).batches[0])
        second.start()
        end = time.monotonic() + 20
        while not waits(server):
            assert time.monotonic() < end, "the second writer does not wait"
            time.sleep(0.01)
        assert commits or 1 / 0
    second.join()
    alert_id = decoded(raw([ztf[0]])).batches[0].alert["alert_id"][0].as_py()
    (counted,) = told
    if commits:
        assert (counted.received, counted.archived, counted.dead) == (2, 1, 1)
        assert one.packet("ztf", alert_id) == ztf[0]
        (letter,) = one.dead_letters()
        assert (letter["reason"], letter["source"], letter["position"]) == ("conflict", "other", 0)
        assert one.dead_letter(letter["id"])["data"] == altered(ztf[0])
        assert counts(one) == {"received": 3, "archived": 2, "duplicate": 0, "dead": 1}
    else:
        assert (counted.received, counted.archived, counted.dead) == (2, 2, 0)
        assert one.packet("ztf", alert_id) == altered(ztf[0])
        assert counts(one) == {"received": 2, "archived": 2, "duplicate": 0, "dead": 0}
    assert check(one).faults == []


def test_many_conflicts_at_once(writers: tuple[Archive, Archive], ztf: list[bytes]) -> None:
    """One writer has the packets, the other has all of them altered, from the last to the first."""
    together = threading.Barrier(2)
    found: dict[str, Counts] = {}

    def write(archive: Archive, packets: list[bytes], source: str) -> None:
        told = Counts()
        together.wait()
        for start in range(0, len(packets), 4):
            batch = raw(packets[start : start + 4], source, start)
            commit(batch, decoded(batch), archive, [], told)
        found[source] = told

    packets = ztf[:16]
    others = [altered(packet) for packet in packets[::-1]]
    threads = [
        threading.Thread(target=write, args=arguments)
        for arguments in ((writers[0], packets, "one"), (writers[1], others, "other"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, other = found["one"], found["other"]
    assert one.received == other.received == 16
    assert one.archived + other.archived == one.dead + other.dead == 16
    assert one.archived + one.dead == other.archived + other.dead == 16
    archive = writers[0]
    stored = {archive.packet("ztf", row["alert_id"]) for row in archive.latest(100)}
    letters = {archive.dead_letter(row["id"])["data"] for row in archive.dead_letters()}
    assert stored | letters == {*packets, *others}
    assert len(stored) == len(letters) == 16
    assert check(archive).faults == []

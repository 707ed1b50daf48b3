"""Dead letters are tried again when what they lacked has come."""

from __future__ import annotations

from pathlib import Path

import pytest

from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource, default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.archive.balance import faults
from vobroker.filters import starter_filters
from vobroker.pipeline import river
from vobroker.pipeline.redrive import redrive
from vobroker.sources import simulator

NOWHERE = SchemaSource()


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    (visit,) = simulator.simulate(
        "lsst", seed=11, nights=1, visits=1, alerts_per_visit=40, history=False, cutouts=False
    )
    return visit.packets


@pytest.fixture
def archive(tmp_path: Path, packets: list[bytes]) -> Archive:
    """An archive that had no schema for LSST packets, and got something else besides."""
    store = open_archive(tmp_path / "archive")
    data = [*packets, b"\x00nothing of the kind"]
    origins = [Origin("kafka:alerts", n % 3, n) for n in range(len(data))]
    river.run([RawBatch(data, origins)], store, schemas=NOWHERE)
    assert store.query("SELECT count(*) FROM dead_letter")[0][0].as_py() == len(data)
    return store


def totals(archive: Archive) -> tuple[int, int, int, int]:
    sums = archive.query("SELECT sum(received), sum(archived), sum(duplicate), sum(dead) FROM ledger")
    return tuple(int(column[0].as_py()) for column in sums.columns)  # type: ignore[return-value]


def test_letters_that_can_be_used_now_move_to_the_archive(archive: Archive, packets: list[bytes]) -> None:
    tried, used, counts = redrive(archive, schemas=default_schemas(), filters=starter_filters())
    assert (tried, used, counts.archived) == (41, 40, 40)
    assert totals(archive) == (41, 40, 0, 1)
    assert faults(archive) == []
    stored = {archive.packet("lsst", int(row["alert_id"])) for row in archive.latest(100)}
    assert stored == set(packets)
    assert archive.query("SELECT count(*) FROM filter_ledger WHERE seen = 40")[0][0].as_py() >= 1


def test_letters_that_still_lack_something_stay(archive: Archive) -> None:
    assert redrive(archive, schemas=NOWHERE)[:2] == (41, 0)
    assert totals(archive) == (41, 0, 0, 41)


def test_only_some_are_tried(archive: Archive) -> None:
    assert redrive(archive, schemas=default_schemas(), numbers=[1, 2, 41])[:2] == (3, 2)
    assert redrive(archive, schemas=default_schemas(), reason="unknown-schema-id")[0] == 39
    assert redrive(archive, schemas=default_schemas(), reason="too-large")[0] == 0
    assert faults(archive) == []


def test_an_alert_that_came_again_meanwhile_is_a_duplicate(archive: Archive, packets: list[bytes]) -> None:
    again = RawBatch(packets[:10], [Origin("night", 0, n) for n in range(10)])
    river.run([again], archive, schemas=default_schemas())
    _, used, counts = redrive(archive, schemas=default_schemas())
    assert (used, counts.archived, counts.duplicate) == (40, 30, 10)
    assert totals(archive) == (51, 40, 10, 1)
    assert faults(archive) == []


def test_a_conflict_is_never_tried(archive: Archive) -> None:
    letter = DeadLetter(Origin("kafka:alerts", 0, 99), "conflict", "other content", b"x")
    with archive.transaction() as transaction:
        transaction._file([letter], [20260305], [1])
    assert redrive(archive, schemas=default_schemas())[0] == 41

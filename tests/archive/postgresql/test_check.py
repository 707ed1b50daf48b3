"""An archive that is looked through tells what is missing or damaged, on either engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.archive.conftest import Ingest, decoded, raw

from vobroker.archive import Archive
from vobroker.archive.check import SHOWN, check
from vobroker.archive.inventory import inventory
from vobroker.filters import compile_filter, run

Tamper = Callable[..., None]


@pytest.fixture
def tamper(either: Archive, request: pytest.FixtureRequest) -> Tamper:
    """Change the tables of the archive past vobroker."""

    def change(sql: str, *parameters: Any) -> None:
        if either.platform == "duckdb":
            either._db.execute(sql, list(parameters))  # type: ignore[attr-defined]
            return
        with psycopg.connect(request.getfixturevalue("database"), autocommit=True) as server:
            psycopg.RawCursor(server).execute(sql.replace("?", "$1"), parameters)

    return change


@pytest.fixture
def filled(either: Archive, ingest: Ingest, ztf: list[bytes], rubin: list[bytes]) -> Archive:
    """An archive with alerts of two surveys, a dead letter, and events."""
    ingest(either, [*ztf[:12], ztf[12][:900]])
    with either.transaction() as transaction:
        fresh, _ = transaction.add(decoded(raw(rubin[:3], "rubin")).batches[0])
        assert fresh is not None
        everything = compile_filter("everything", "-- Everything\nSELECT alert_id FROM alert")
        transaction.add_matches(list(run([everything], fresh)), fresh)
    return either


def test_all_is_well(filled: Archive) -> None:
    seen: list[tuple[int, int]] = []
    found = check(filled, watch=lambda so_far, total: seen.append((so_far.packets, total)))
    assert found.faults == []
    assert (found.alerts, found.packets, found.dead_letters) == (15, 15, 1)
    assert found.size == filled.query("SELECT CAST(sum(size) AS BIGINT) AS n FROM payload")["n"][0].as_py()
    assert seen[0] == (0, 15)
    assert seen[-1] == (15, 15)


DAMAGE = {
    "DELETE FROM alert WHERE alert_id = {0}": [
        "the packet of ztf alert {0} has no alert",
        "native columns of ztf alert {0} have no alert",
    ],
    "DELETE FROM payload WHERE alert_id = {0}": ["ztf alert {0} has no packet"],
    "DELETE FROM ztf WHERE alert_id = {0}": ["ztf alert {0} has no native columns"],
    "UPDATE payload SET size = 7 WHERE alert_id = {0}": ["the packet of ztf alert {0} has "],
    "UPDATE payload SET digest = {1} WHERE alert_id = {0}": [
        "the packet of ztf alert {0} has other content than it had when it came"
    ],
    "UPDATE payload SET head = 99 WHERE alert_id = {0}": [
        "the head of the packet of ztf alert {0} is not there"
    ],
    'UPDATE payload SET "schema" = 99 WHERE alert_id = {0}': [
        "the schema of the packet of ztf alert {0} is not there"
    ],
    "UPDATE object SET n_alerts = 77 WHERE survey = 'ztf'": [
        "ztf object ZTF21abiuvdk does not have the alerts that it counts"
    ],
    "UPDATE dead_letter SET data = {1}": ["dead letter 1 has other bytes than it had when it came"],
    "UPDATE filter_ledger_entry SET seen = seen + 1": ["filter everything has not judged in night 20"],
    "DELETE FROM event WHERE sequence = 2": ["filter everything, version "],
    "UPDATE event SET alert_id = 5 WHERE sequence = 1": ["an event is of lsst alert 5, which is not there"],
    "UPDATE ledger_entry SET duplicate = 5 WHERE survey = 'lsst'": ["rubin[0] lsst night"],
}
"""Statements, of which each spoils another alert, and what is said of it."""


def test_what_is_wrong_is_told(filled: Archive, tamper: Tamper) -> None:
    numbers = sorted(row["alert_id"] for row in filled.latest(100) if row["survey"] == "ztf")
    a_byte = "'\\x01'::blob"
    expected = ["ztf: the ledger has 12 alerts, the archive 11 alerts and 11 packets"]
    if filled.platform != "duckdb":
        a_byte = a_byte.replace("blob", "bytea")
        expected.append(f"ztf alert {numbers[-1]} has arrived, but is not there")
    for sql, sentences in DAMAGE.items():
        number = numbers.pop() if "{0}" in sql else 0
        tamper(sql.format(number, a_byte))
        expected += [sentence.format(number) for sentence in sentences]
    faults = check(filled).faults
    for sentence in expected:
        assert any(fault.startswith(sentence) for fault in faults), (sentence, faults)
    assert len({fault for fault in faults if fault.startswith(tuple(expected))}) == len(faults), faults
    assert check(filled, packets=False).packets == 0


def test_damaged_packets_are_told_and_the_others_read(filled: Archive, tamper: Tamper) -> None:
    first, second = (row["alert_id"] for row in filled.latest(100)[-2:])
    if filled.platform == "duckdb":
        segment = Path(filled.place) / "packets/000001.seg"
        data = bytearray(segment.read_bytes())
        data[1000] ^= 0xFF
        segment.write_bytes(data)
        tamper("UPDATE payload SET segment = 7 WHERE alert_id = ?", first)
    else:
        tamper("UPDATE payload SET data = NULL WHERE alert_id = ?", first)
        tamper(
            "UPDATE payload SET data = set_byte(data, 1000, 255 - get_byte(data, 1000)) WHERE alert_id = ?",
            second,
        )
    found = check(filled)
    assert found.packets == 15
    damaged, lost = sorted(found.faults, key=len, reverse=True)
    assert damaged.startswith("the packet of ztf alert ")
    assert " is damaged: " in damaged
    assert lost == f"the packet of ztf alert {first} cannot be read"


def test_of_many_faults_the_first_are_told(filled: Archive, tamper: Tamper) -> None:
    tamper("DELETE FROM ztf")
    faults = check(filled, packets=False).faults
    assert len(faults) == SHOWN + 1
    assert faults[-1] == "… and 2 more of this kind"


def test_an_order_of_arrival_that_lacks_alerts(
    archive: Archive, ingest: Ingest, ztf: list[bytes], server
) -> None:
    ingest(archive, ztf[:3])
    server("DELETE FROM arrival WHERE number = 1")
    server("UPDATE arrival SET alert_id = 3 WHERE number = 2")
    assert [fault.split(" has ")[-1] for fault in check(archive).faults] == [
        "not arrived",
        "not arrived",
        "arrived, but is not there",
    ]


def test_the_inventory_counts_what_is_there(filled: Archive) -> None:
    told = inventory(filled)
    assert told.place == filled.place
    assert told.engine.startswith("DuckDB " if filled.platform == "duckdb" else "PostgreSQL ")
    assert told.format == 1
    assert told.tables > 100_000
    assert told.packets > 12 * 30_000
    assert {
        name: told.rows[name] for name in ("alert", "payload", "ztf", "lsst", "event", "dead_letter")
    } == {"alert": 15, "payload": 15, "ztf": 12, "lsst": 3, "event": 3, "dead_letter": 1}
    assert [(one.survey, one.alerts) for one in told.surveys] == [("lsst", 3), ("ztf", 12)]
    assert told.surveys[1].first_night <= told.surveys[1].last_night

"""Duplicates, conflicts and dead letters are counted alike on both engines."""

from __future__ import annotations

import pytest
from tests.archive.conftest import Ingest, decoded, raw
from tests.archive.test_transaction import altered, counts

from vobroker.archive import Archive
from vobroker.archive.balance import faults
from vobroker.pipeline.river import Counts, commit

from .content import content


def test_a_replay_changes_nothing_but_the_count_of_duplicates(
    either: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    packets = [*ztf[:9], altered(ztf[3]), ztf[9][:5000]]
    ingest(either, packets)
    before = content(either)
    first = counts(either)
    assert first == {"received": 11, "archived": 9, "duplicate": 0, "dead": 2}
    ingest(either, packets)
    after = content(either)
    assert {name for name in before if before[name] != after[name]} == {"ledger"}
    assert counts(either) == first | {"received": 22, "duplicate": 11}
    assert faults(either) == []


def test_conflicts_within_a_batch_and_across_batches(
    either: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    ingest(either, [ztf[0], altered(ztf[0]), ztf[0]])
    ingest(either, [altered(ztf[0])], start=3)
    assert counts(either) == {"received": 4, "archived": 1, "duplicate": 1, "dead": 2}
    assert [row["position"] for row in either.dead_letters()] == [3, 1]
    assert [row["id"] for row in either.dead_letters()] == [2, 1]
    assert faults(either) == []


def test_released_letters_leave_the_account(either: Archive, ingest: Ingest, ztf: list[bytes]) -> None:
    ingest(either, [ztf[0], ztf[1][:5000], ztf[2][:5000]])
    assert counts(either) == {"received": 3, "archived": 1, "duplicate": 0, "dead": 2}
    letter = next(row for row in either.dead_letters() if row["position"] == 1)
    whole = raw([ztf[1]], start=1)
    told = Counts()
    commit(whole, decoded(whole), either, [], told, letters=[letter["id"]])
    assert (told.received, told.archived) == (1, 1)
    assert counts(either) == {"received": 3, "archived": 2, "duplicate": 0, "dead": 1}
    assert [row["position"] for row in either.dead_letters()] == [2]
    assert faults(either) == []


def test_an_exception_in_the_transaction_leaves_nothing(
    either: Archive, ingest: Ingest, ztf: list[bytes], rubin: list[bytes]
) -> None:
    ingest(either, ztf[:5])
    before = content(either)
    batch = raw([*ztf[5:], *rubin], start=5)
    with pytest.raises(ZeroDivisionError), either.transaction() as transaction:  # noqa: PT012
        found = decoded(batch)
        for alerts in found.batches:
            transaction.add(alerts)
        transaction.set_positions(batch.progress)
        1 / 0  # noqa: B018
    assert "lsst" not in either.tables()
    assert content(either) == before
    ingest(either, [*ztf[5:], *rubin], start=5)
    assert [either.packet("ztf", row["alert_id"]) for row in either.latest(100) if row["survey"] == "ztf"][
        ::-1
    ] == ztf
    assert faults(either) == []


def test_a_lost_row_shows_in_the_balance(archive: Archive, ingest: Ingest, ztf: list[bytes], server) -> None:
    ingest(archive, [*ztf[:3], ztf[4][:99]])
    server("DELETE FROM alert WHERE alert_id = 1642404680815015001")
    server("DELETE FROM dead_letter")
    assert faults(archive) == [
        "ztf: the ledger has 3 alerts, the archive 2 alerts and 3 packets",
        "the ledger has 1 dead letters, the archive 0 of them",
    ]

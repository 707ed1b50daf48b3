from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vobroker.alerts.decode import decode
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive

DAMAGED = b"Obj\x01 and then nothing that makes sense"
ID = "1642404680815015001"


def vobroker(*words: object) -> Result:
    import typer

    from vobroker.cli import alert, deadletter, ledger

    app = typer.Typer()
    ledger.register(app)
    deadletter.register(app)
    alert.register(app)
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


@pytest.fixture
def night(tmp_path: Path, shared: Path) -> Path:
    """An archive with three ZTF alerts, one of them received twice, and a dead letter."""
    files = sorted((shared / "alerts/ztf/ZTF21abiuvdk_series").glob("*.avro"))[:3]
    packets = [path.read_bytes() for path in (*files, files[0])]
    raw = RawBatch(packets, [Origin("night.tar!x", 0, n) for n in range(4)])
    letter = DeadLetter(Origin("night.tar!y", 0, 4), "bad-container", "night.tar!y is damaged", DAMAGED, 4)
    with open_archive(tmp_path / "archive") as archive, archive.transaction() as transaction:
        for batch in decode(raw, default_schemas()).batches:
            transaction.add(batch)
        transaction.add_dead_letters([letter])
    return tmp_path / "archive"


def test_the_ledger_says_what_became_of_every_alert(night: Path) -> None:
    done = vobroker("ledger", "--archive", night)
    assert done.exit_code == 0, done.output
    assert "5 received = 3 archived + 1 duplicates + 1 dead letters" in done.output
    assert "dead letters: 1 bad-container" in done.output
    assert "20210701" in done.output or "20210630" in done.output


def test_the_ledger_as_json(night: Path) -> None:
    told = json.loads(vobroker("ledger", "--json", "--archive", night).stdout)
    assert told["totals"] == {"received": 5, "archived": 3, "duplicate": 1, "dead": 1}
    assert told["faults"] == []
    assert {line["source"] for line in told["ledger"]} == {"night.tar"}


def test_a_ledger_that_does_not_balance_is_a_failure(night: Path) -> None:
    with open_archive(night) as archive:
        archive._db.execute("DELETE FROM dead_letter")
    done = vobroker("ledger", "--archive", night)
    assert done.exit_code == 1
    assert "the ledger has 1 dead letters, the archive 0 of them" in done.output


def test_without_an_archive_the_commands_say_so(tmp_path: Path) -> None:
    for words in (("ledger",), ("alert", "ztf", "1"), ("deadletter", "list")):
        done = vobroker(*words, "--archive", tmp_path / "none")
        assert done.exit_code == 1
        assert "there is no archive in" in done.output


def test_dead_letters_are_listed_shown_and_saved(night: Path, tmp_path: Path) -> None:
    assert "night.tar!y is damaged" in vobroker("deadletter", "list", "--archive", night).output
    shown = json.loads(vobroker("deadletter", "show", "1", "--json", "--archive", night).stdout)
    assert (shown["reason"], shown["at"], shown["size"]) == ("bad-container", 4, len(DAMAGED))
    vobroker("deadletter", "save", "1", tmp_path / "letter", "--archive", night)
    assert (tmp_path / "letter").read_bytes() == DAMAGED
    missing = vobroker("deadletter", "show", "7", "--archive", night)
    assert missing.exit_code == 1
    assert "there is no dead letter 7" in missing.output


def test_an_alert_is_shown_with_units(night: Path) -> None:
    done = vobroker("alert", "ztf", ID, "--archive", night)
    assert done.exit_code == 0, done.output
    assert "ZTF21abiuvdk" in done.output
    assert "deg" in done.output
    told = json.loads(vobroker("alert", "ztf", ID, "--json", "--archive", night).stdout)
    assert told["alert_id"] == ID
    assert told["native"]["programid"] == 1


def test_an_alert_gives_its_packet_and_cutouts(night: Path, tmp_path: Path, shared: Path) -> None:
    done = vobroker(
        "alert", "ztf", ID, "--archive", night, "--packet", tmp_path / "p", "--cutouts", tmp_path / "stamps"
    )
    assert done.exit_code == 0, done.output
    (original,) = (shared / "alerts/ztf/ZTF21abiuvdk_series").glob(f"*{ID}*")
    assert (tmp_path / "p").read_bytes() == original.read_bytes()
    assert len(list((tmp_path / "stamps").glob("*.fits"))) == 3


def test_an_alert_that_is_not_there_is_named(night: Path) -> None:
    done = vobroker("alert", "ztf", "5", "--archive", night)
    assert done.exit_code == 1
    assert "there is no ztf alert 5" in done.output

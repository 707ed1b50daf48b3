"""``vobroker ingest`` says what became of each alert, and its status says whether the user must act."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vobroker.cli import app


@pytest.fixture
def packets(data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "packets"
    shutil.copytree(data / "alerts", folder)
    return folder


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def test_good_and_bad_together(packets: Path, tmp_path: Path) -> None:
    done = vobroker("ingest", packets, "--archive", tmp_path / "archive")
    assert done.exit_code == 0, done.output
    assert "9 received = 7 archived + 0 duplicates + 2 dead letters" in done.output
    assert "vobroker deadletter list" in done.output
    ledger = vobroker("ledger", "--archive", tmp_path / "archive")
    assert ledger.exit_code == 0
    assert "9 received = 7 archived + 0 duplicates + 2 dead letters" in ledger.output


def test_the_same_again_is_all_duplicates(packets: Path, tmp_path: Path) -> None:
    for expected in ("7 archived + 0 duplicates + 2 dead", "0 archived + 9 duplicates + 0 dead"):
        done = vobroker("ingest", packets, "--archive", tmp_path / "archive")
        assert expected in done.output


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    done = vobroker("ingest", tmp_path / "nothing", "--archive", tmp_path / "archive")
    assert done.exit_code == 2
    assert "no such file or folder" in done.output
    assert not (tmp_path / "archive").exists()


def test_nothing_but_damage(packets: Path, tmp_path: Path) -> None:
    done = vobroker("ingest", packets / "ztf-1.3-truncated.avro", "--archive", tmp_path / "archive")
    assert done.exit_code == 1
    assert "none of the input could be used" in done.output


def test_a_filter_that_is_wrong_stops_before_anything_is_read(packets: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.adql").write_text("SELECT magg FROM alert")
    done = vobroker(
        "ingest", packets, "--archive", tmp_path / "archive", "--filters", tmp_path / "wrong.adql"
    )
    assert done.exit_code == 2
    assert "magg" in done.output
    assert not (tmp_path / "archive").exists()


def test_a_registry_that_is_no_address(packets: Path, tmp_path: Path) -> None:
    done = vobroker("ingest", packets, "--archive", tmp_path / "archive", "--registry", "file:///etc/passwd")
    assert done.exit_code == 2
    assert "must begin with http" in done.output


def test_benchmarks_are_listed() -> None:
    done = vobroker("bench")
    assert done.exit_code == 0
    assert done.output.split() == [
        "adql",
        "catalogue",
        "classifier",
        "conformance",
        "crossmatch",
        "decode",
        "filters",
        "gateway",
        "history",
        "latency",
        "querylog",
        "river",
        "sky",
        "stream",
        "tap",
        "visits",
        "voevent",
        "vtp",
    ]
    assert vobroker("bench", "nothing").exit_code == 2

"""``vobroker archive``: what is in an archive, whether it is whole, and its copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vobroker.archive import open_archive
from vobroker.cli import app


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments], env={"COLUMNS": "120"})


@pytest.fixture(scope="module")
def archive(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    done = vobroker("ingest", data / "alerts", "--archive", folder, "--no-filters")
    assert done.exit_code == 0, done.output
    return folder


def test_info_says_what_is_there(archive: Path) -> None:
    done = vobroker("archive", "info", "-a", archive)
    assert done.exit_code == 0
    for told in (f"archive  {archive}", "engine   DuckDB", "format 1", "kB packets", "alerts in 2 nights"):
        assert told in done.stdout, done.stdout
    document = json.loads(vobroker("archive", "info", "-a", archive, "--json").stdout)
    assert document["rows"]["alert"] == document["rows"]["payload"] == 7
    assert {survey["survey"] for survey in document["surveys"]} == {"lsst", "ztf"}
    assert document["packets"] == sum(path.stat().st_size for path in (archive / "packets").iterdir())


def test_check_says_that_all_is_well_or_what_is_wrong(archive: Path, tmp_path: Path) -> None:
    done = vobroker("archive", "check", "-a", archive)
    assert done.exit_code == 0
    assert "looked at 7 alerts, 7 packets" in done.stdout
    assert "everything is there" in done.stdout
    assert vobroker("archive", "copy", "-a", archive, "--to", tmp_path / "copy").exit_code == 0
    (tmp_path / "copy/packets/000001.seg").write_bytes(b"")
    done = vobroker("archive", "check", "-a", tmp_path / "copy")
    assert done.exit_code == 1
    assert "error: the archive is not whole:\n" in done.stderr
    assert done.stderr.count("cannot be read\n") == 7
    assert "everything" not in done.stdout
    quick = vobroker("archive", "check", "-a", tmp_path / "copy", "--no-packets")
    assert quick.exit_code == 0
    assert "no packets" in quick.stdout
    document = json.loads(vobroker("archive", "check", "-a", tmp_path / "copy", "--json").stdout)
    assert len(document["faults"]) == 7
    assert document["packets"] == 7


def test_copy_says_what_it_has_copied_and_verified(archive: Path, tmp_path: Path) -> None:
    done = vobroker("archive", "copy", "-a", archive, "--to", tmp_path / "copy")
    assert done.exit_code == 0, done.output
    told = "9 received = 7 archived + 0 duplicates + 2 dead letters"
    for sentence in ("copied and verified in", "SHA-256 of the 7 packets on both sides: ", told):
        assert sentence in done.stdout, done.stdout
    with open_archive(archive, read_only=True) as old, open_archive(tmp_path / "copy") as new:
        assert repr(new.latest(10)) == repr(old.latest(10))
    document = json.loads(
        vobroker("archive", "copy", "-a", tmp_path / "copy", "--to", tmp_path / "next", "--json").stdout
    )
    assert document["rows"]["alert"] == 7
    assert document["ledger"] == {"received": 9, "archived": 7, "duplicate": 0, "dead": 2}
    assert document["digest"] in done.stdout


def test_what_cannot_be_copied_is_an_error(archive: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("-a", tmp_path / "none", "--to", tmp_path / "copy"), "there is no archive in"),
        (("-a", archive, "--to", archive), "is the archive that is to be copied"),
        (
            ("-a", archive, "--to", "postgresql://me:secret@127.0.0.1:1/alerts"),
            "cannot open the archive postgresql://me@127.0.0.1:1/alerts: ",
        ),
    ):
        done = vobroker("archive", "copy", *arguments)
        assert done.exit_code == 1
        assert told in done.stderr
        assert "secret" not in done.output
    assert not (tmp_path / "copy").exists()
    assert vobroker("archive", "copy", "-a", archive).exit_code == 2

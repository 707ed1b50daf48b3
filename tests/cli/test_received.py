"""``vobroker voevent add``: packets from elsewhere, archived once."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from vobroker.cli import app


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def test_packets_are_added_once_and_what_is_none_is_told(tmp_path):
    from tests.archive.test_voevents import packet

    (tmp_path / "good.xml").write_bytes(packet(1).content)
    (tmp_path / "bad.xml").write_text("no packet")
    archive = tmp_path / "archive"
    first = vobroker("voevent", "add", tmp_path, "--archive", archive)
    assert first.exit_code == 0
    assert "2 received = 1 archived + 0 duplicates + 1 dead letters" in first.output
    again = vobroker("voevent", "add", tmp_path / "good.xml", "--archive", archive)
    assert "1 received = 0 archived + 1 duplicates + 0 dead letters" in again.output
    asked = vobroker("query", "SELECT ivorn FROM voevent", "--archive", archive, "--format", "csv")
    assert asked.output.split() == ["ivorn", "ivo://org.example/stream#1"]


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "bad.xml").write_text("no packet")
    done = vobroker("voevent", "add", tmp_path / "bad.xml", "--archive", tmp_path / "archive")
    assert done.exit_code == 1
    assert vobroker("voevent", "add", tmp_path / "none.xml", "--archive", tmp_path / "a").exit_code == 2

"""The command line on an archive that ``--archive postgresql://…`` names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vobroker.cli import app


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def test_from_packets_to_answers(
    database: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = vobroker("ingest", data / "alerts", "--archive", database)
    assert done.exit_code == 0, done.output
    told = "9 received = 7 archived + 0 duplicates + 2 dead letters"
    assert told in done.output
    ledger = vobroker("ledger", "--archive", database)
    assert ledger.exit_code == 0, ledger.output
    assert told in ledger.output
    text = "SELECT object_id FROM object WHERE survey = 'ztf' ORDER BY object_id"
    asked = vobroker("query", text, "--archive", database, "--json")
    assert asked.exit_code == 0, asked.output
    name = json.loads(asked.stdout)["rows"][0]["object_id"]
    curve = vobroker("lightcurve", name, "--archive", database, "--json")
    assert curve.exit_code == 0, curve.output
    assert json.loads(curve.stdout)["object_id"] == name

"""The command line of the simulator."""

from __future__ import annotations

import json

import typer
from typer.testing import CliRunner

from vobroker.cli import simulate

app = typer.Typer()
simulate.register(app)
run = CliRunner().invoke


def test_a_night_on_disk(tmp_path):
    arguments = ["ztf", "--out", str(tmp_path), "--visits", "2", "--alerts", "6", "--history-nights", "0"]
    done = run(app, [*arguments, "--form", "tar.gz"])
    assert done.exit_code == 0, done.output
    assert "12 alerts" in done.stdout
    assert (tmp_path / "20260305.tar.gz").exists()
    assert (tmp_path / "truth.csv").read_text().startswith('"object_id","name","kind"')


def test_summary_as_json(tmp_path):
    arguments = ["lsst", "--out", str(tmp_path), "--visits", "1", "--alerts", "6", "--no-cutouts"]
    done = run(app, [*arguments, "--no-history", "--history-nights", "0", "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["alerts"] == sum(summary["kinds"].values()) == 6
    assert summary["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("*.avro"))


def test_errors_are_one_sentence(tmp_path):
    for arguments, message in (
        (["ztf", "--form", "confluent"], "ZTF does not send the Confluent wire format"),
        (["lsst", "--visits", "5000"], "has room for"),
        (["lsst", "--start", "soon"], "--start must be a date such as 2026-03-05, not 'soon'"),
        (["lsst", "--schema", "9.0"], "not 9.0"),
    ):
        done = run(app, [*arguments, "--out", str(tmp_path), "--alerts", "3", "--history-nights", "0"])
        assert done.exit_code == 1
        assert message in done.stderr

"""The command line of the simulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.brokers import Cluster, name
from typer.testing import CliRunner

from vobroker.cli import simulate

app = typer.Typer()
simulate.register(app)
run = CliRunner().invoke

FAST = ["--history-nights", "0", "--no-cutouts", "--every", "0", "--jitter", "0", "--producers", "1"]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Give the signals back: the command takes them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def play(*arguments: str) -> Any:
    return run(app, ["simulate", "play", "--topic", name(), *arguments])


def test_a_night_on_disk(tmp_path: Path) -> None:
    arguments = ["ztf", "--out", str(tmp_path), "--visits", "2", "--alerts", "6", "--history-nights", "0"]
    done = run(app, ["simulate", *arguments, "--form", "tar.gz"])
    assert done.exit_code == 0, done.output
    assert "12 alerts" in done.stdout
    assert (tmp_path / "20260305.tar.gz").exists()
    assert (tmp_path / "truth.csv").read_text().startswith('"object_id","name","kind"')


def test_summary_as_json(tmp_path: Path) -> None:
    arguments = ["lsst", "--out", str(tmp_path), "--visits", "1", "--alerts", "6", "--no-cutouts"]
    done = run(app, ["simulate", *arguments, "--no-history", "--history-nights", "0", "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["alerts"] == sum(summary["kinds"].values()) == 6
    assert summary["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("*.avro"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ztf", "--form", "confluent"], "ZTF does not send the Confluent wire format"),
        (["lsst", "--visits", "5000"], "has room for"),
        (["lsst", "--start", "soon"], "--start must be a date such as 2026-03-05, not 'soon'"),
        (["lsst", "--schema", "9.0"], "not 9.0"),
    ],
)
def test_errors_are_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    arguments = [*arguments, "--out", str(tmp_path), "--alerts", "3", "--history-nights", "0"]
    done = run(app, ["simulate", *arguments])
    assert done.exit_code == 1
    assert message in done.stderr


def test_a_line_for_each_visit_and_a_last_one(kafka1: Cluster) -> None:
    done = play("--kafka", kafka1.brokers, "--visits", "2", "--alerts", "30", "--partitions", "3", *FAST)
    assert done.exit_code == 0, done.output
    first, second, last = done.stdout.splitlines()
    assert first.startswith("visit 1: 30 alerts, ")
    assert first.endswith(" MB/s, on time")
    assert second.startswith("visit 2: 30 alerts, ")
    assert last.startswith("2 visits, 60 alerts, ")
    assert "with 3 partitions" in done.stderr


def test_a_recorded_night_told_as_json(kafka1: Cluster, tmp_path: Path) -> None:
    night = ["ztf", "--out", str(tmp_path), "--visits", "2", "--alerts", "5", "--history-nights", "0"]
    run(app, ["simulate", *night, "--no-cutouts"])
    done = play("--kafka", kafka1.brokers, "--night", str(tmp_path), "--factor", "100", "--json")
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[-1] == "10 alerts in 2 exposures, over 0 s"
    summary = json.loads(done.stdout)
    assert (summary["alerts"], summary["interrupted"]) == (10, False)
    assert [visit["alerts"] for visit in summary["visits"]] == [5, 5]
    assert summary["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("*.avro"))
    began = [int(visit["begun"]) / 1e9 for visit in summary["visits"]]
    assert 0.38 < began[1] - began[0] < 0.6  # 40 s in the night


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["--kafka", "nowhere"], 2, "a broker is given as host:port, not as 'nowhere'"),
            (["--kafka", "127.0.0.1:1"], 1, "no connection to 127.0.0.1:1: "),
            (["--kafka", "127.0.0.1:1", "--factor", "0"], 2, "--factor must be greater than 0, not 0"),
            (["--kafka", "127.0.0.1:1", "--night", "/no/such"], 2, "there is no /no/such"),
            (["--kafka", "127.0.0.1:1", "--start", "soon"], 1, "--start must be a date"),
            (
                ["--kafka", "127.0.0.1:1", "--night", "/", "--alerts", "3"],
                2,
                "--alerts is of a simulated night",
            ),
            (["--kafka", "127.0.0.1:1", "--set", "sasl.password=x"], 2, "sasl.password is a secret"),
        ],
    )
    def test_in_one_line(self, arguments: list[str], status: int, message: str) -> None:
        done = play(*arguments)
        assert done.exit_code == status, done.output
        (line,) = done.stderr.splitlines()
        assert message in line

    def test_a_wrong_password(self, kafka1: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VOBROKER_KAFKA_PASSWORD", "tell-nobody")
        security = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-256"]
        done = play(
            "--kafka", kafka1.addresses(1), "--user", "vobroker", *(x for s in security for x in ("--set", s))
        )
        assert done.exit_code == 1
        assert "refuse the user or its password" in done.stderr
        assert "tell-nobody" not in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_a_night_without_packets(self, kafka1: Cluster, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("cloudy")
        done = play("--kafka", kafka1.brokers, "--night", str(tmp_path))
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1] == f"error: there are no packets in {tmp_path}"

    def test_a_night_of_other_files(self, kafka1: Cluster, tmp_path: Path) -> None:
        (tmp_path / "image.avro").write_bytes(b"SIMPLE  = ")
        done = play("--kafka", kafka1.brokers, "--night", str(tmp_path))
        assert done.exit_code == 1
        assert "image.avro: not an Avro packet" in done.stderr

    def test_what_the_simulator_refuses(self, kafka1: Cluster) -> None:
        done = play("--kafka", kafka1.brokers, "--visits", "5000", "--producers", "1")
        assert done.exit_code == 1
        assert "has room for" in done.stderr


@pytest.mark.parametrize("every", [60, 0])
def test_an_interrupt_from_the_keyboard_ends_it_cleanly(kafka1: Cluster, tmp_path: Path, every: int) -> None:
    """While it waits for the next visit, and while it sends without a pause."""
    command = [sys.executable, "-m", "vobroker", "simulate", "play", "--kafka", kafka1.brokers, "-t", name()]
    command += ["--visits", "500", "--alerts", "20", *FAST, "--every", str(every)]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(0.3)
    os.killpg(child.pid, signal.SIGINT)
    rest, wrong = child.communicate(timeout=20)
    assert first.startswith("visit 1: 20 alerts, ")
    assert child.returncode == 0, wrong
    last = rest.splitlines()[-1]
    assert last.endswith("; interrupted")
    assert "Traceback" not in wrong
    assert not list(tmp_path.iterdir())

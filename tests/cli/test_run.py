"""vobroker run: what is wrong is said in one line, and what was read is shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.brokers import Cluster

from vobroker.sources import simulator


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vobroker", "run", "-a", str(folder / "archive"), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "100", **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["-b", "nonsense", "-t", "t"], 2, "a broker is given as host:port, not as 'nonsense'"),
        (["-b", "h:1"], 2, "name a topic with --topic, or a survey with --survey"),
        (["-b", "h:1", "--survey", "sdss"], 2, "no preset 'sdss'; there are: rubin, ztf, generic"),
        (["-b", "h:1", "-t", "t", "--start", "soon"], 2, "soon"),
        (["-b", "h:1", "-t", "t", "--set", "linger"], 2, "name=value, not as 'linger'"),
        (["-b", "h:1", "-t", "t", "--set", "sasl.password=x"], 2, "sasl.password is a secret"),
        (["-b", "h:1", "-t", "t", "--publish-to", "a b"], 2, "topics cannot begin with 'a b'"),
        (["-b", "h:1", "-t", "t", "--publish-as", "json"], 2, "voevent, gcn, packet, not 'json'"),
        (["-b", "h:1", "-t", "t", "--registry", "file:///x"], 2, "http"),
        (["-b", "127.0.0.1:9", "-t", "t", "--until-end"], 1, "no connection to 127.0.0.1:9"),
        (["-b", "h:1", "-t", "t", "--set", "no.such=1"], 1, "no.such"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], status: int, line: str
) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == status, done.stderr
    assert line in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_topic_that_is_not_there(kafka1: Cluster, tmp_path: Path) -> None:
    done = run(tmp_path, "-b", kafka1.brokers, "-t", "test-nowhere", "--until-end")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: there is no topic test-nowhere on {kafka1.brokers}\n",
    )


def test_a_password_that_is_refused_is_not_shown(kafka1: Cluster, tmp_path: Path) -> None:
    security = ("--user", "vobroker", "--set", "security.protocol=sasl_plaintext")
    done = run(
        tmp_path, "-b", kafka1.addresses(1), "-t", "t", *security, "--set", "sasl.mechanism=SCRAM-SHA-256",
        VOBROKER_KAFKA_PASSWORD="wrong-secret",
    )  # fmt: skip
    assert done.returncode == 1
    assert "refuse the user or its password" in done.stderr
    assert "wrong-secret" not in done.stderr + done.stdout


def test_a_schema_that_nobody_knows_is_a_dead_letter(kafka1: Cluster, tmp_path: Path) -> None:
    topic = kafka1.topic()
    (visit,) = simulator.simulate("lsst", visits=1, alerts_per_visit=5, history=False, cutouts=False)
    kafka1.send(topic, [*visit.packets, b"\0\0\0\x7f\xff" + visit.packets[0][5:]])
    done = run(tmp_path, "-b", kafka1.brokers, "-t", topic, "--group", topic, "--until-end")
    assert done.returncode == 0, done.stderr
    assert re.search(r"6 received = 5 archived \+ 0 duplicates \+ 1 dead letters", done.stdout + done.stderr)
    listed = subprocess.run(
        [sys.executable, "-m", "vobroker", "deadletter", "list", "-a", str(tmp_path / "archive"), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (letter,) = json.loads(listed.stdout)
    assert (letter["source"], letter["partition"], letter["position"]) == (f"kafka:{topic}", 0, 5)
    assert letter["reason"] == "unknown-schema-id"
    assert "no schema with id 32767" in letter["message"]

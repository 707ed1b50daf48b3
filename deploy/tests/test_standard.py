"""The profile ``standard``: nights through Kafka into PostgreSQL, read through the proxy, and killings."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "scripts" / "containers.sh")
PROJECT = "vobroker-standard-test"
pytestmark = pytest.mark.timeout(900)


class Standard:
    """The profile in a project of its own, with its own secrets, at a free port."""

    def __init__(self, secrets: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.at = f"https://localhost:{port}"
        self.environment = {
            **os.environ,
            "VOBROKER_SECRETS": str(secrets),
            "VOBROKER_TLS_PORT": str(port),
            "VOBROKER_ADDRESS": self.at,
        }
        self.say(str(ROOT / "deploy" / "secrets.sh"))
        trust = ssl.create_default_context(cafile=str(secrets / "tls_certificate"))
        self.http = httpx.Client(verify=trust, base_url=self.at, timeout=60)

    def say(self, *words: str) -> str:
        print("$", *words)
        done = subprocess.run(
            words,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        print(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def compose(self, *words: str) -> str:
        return self.say(SCRIPT, "compose", "-p", PROJECT, "--profile", "standard", *words)

    def kill(self, service: str) -> None:
        name = f"{PROJECT}-{service}-1"
        pid = int(self.say(SCRIPT, "podman", "inspect", "--format", "{{.State.Pid}}", name))
        os.kill(pid, signal.SIGKILL)

    def night(self, evening: str) -> None:
        """Send 300 alerts of an evening to Kafka."""
        self.compose(
            *("run", "--rm", "-T", "--no-deps", "worker", "simulate", "play", "--kafka", "kafka:9092"),
            *("--topic", "alerts-simulated", "--partitions", "4", "--visits", "2", "--alerts", "150"),
            *("--every", "3", "--history-nights", "5", "--no-cutouts", "--start", evening, "--json"),
        )

    def count(self) -> int:
        """Count the alerts over TAP; none while something is not back yet."""
        query = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM alert", "RESPONSEFORMAT": "csv"}
        try:
            answer = self.http.get("/tap/sync", params=query)
        except httpx.HTTPError:
            return -1
        return int(answer.text.split()[1]) if answer.status_code == 200 else -1


def until(true: Callable[[], object], seconds: float = 200) -> None:
    """Wait for what another process brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(1)


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standard]:
    standard = Standard(tmp_path_factory.mktemp("secrets"))
    standard.compose("down", "--volumes")
    yield standard
    standard.http.close()
    standard.compose("logs", "--tail", "20")
    standard.compose("down", "--volumes")


def test_a_night_comes_through_kafka(standard: Standard) -> None:
    standard.compose("up", "-d", "--wait")
    standard.night("2026-03-05")
    until(lambda: standard.count() == 300)


def test_the_database_has_q3c(standard: Standard) -> None:
    query = "SELECT string_agg(extname, ' ') FROM pg_extension"
    shell = (
        f'PGPASSWORD=$(cat /run/secrets/database_password) psql -h /tmp -U vobroker -At -c "{query}" alerts'
    )
    found = standard.compose("exec", "-T", "database", "sh", "-c", shell).split()
    assert "q3c" in found


def test_streams_and_voevents_come_through_the_proxy(standard: Standard) -> None:
    page = standard.http.get(
        "/streams/bright/page", params={"since": "beginning", "wait": "30", "limit": "1"}
    )
    assert page.status_code == 200, page.text
    events = standard.http.get("/events/bright/stream", params={"since": "beginning", "follow": "false"})
    assert events.status_code == 200
    assert "ivo://" in events.text


def test_nothing_else_is_reachable_from_outside(standard: Standard) -> None:
    for service in ("database", "kafka", "web", "gateway", "worker"):
        form = "{{range $port, $host := .NetworkSettings.Ports}}{{$host}}{{end}}"
        ports = standard.say(SCRIPT, "podman", "inspect", "--format", form, f"{PROJECT}-{service}-1")
        assert "127.0.0.1" not in ports
        assert "0.0.0.0" not in ports


def test_killed_ones_come_back_and_nothing_is_lost(standard: Standard) -> None:
    for service in ("worker", "gateway", "database"):
        standard.kill(service)
    standard.night("2026-03-06")
    until(lambda: standard.count() == 600)


def test_all_survives_down(standard: Standard) -> None:
    standard.compose("down")
    standard.compose("up", "-d", "--wait")
    until(lambda: standard.count() == 600)

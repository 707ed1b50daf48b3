"""The profile ``embedded`` is brought up, used, hurt, saved and taken down, with real containers.

``make test-deploy`` builds the images first. The tests are one story: each goes on where the last one ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pyvo
from lxml import etree

import vobroker

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "scripts" / "containers.sh")
PROJECT = "vobroker-test"
pytestmark = pytest.mark.timeout(900)


class Broker:
    """The profile in a project of its own, at a free port."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.at = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "VOBROKER_PORT": str(self.port),
            "VOBROKER_PROJECT": PROJECT,
            "COMPOSE": f"{SCRIPT} compose",
            "DOCKER": f"{SCRIPT} podman",
        }

    def say(self, *words: str, **more: str) -> str:
        print("$", *words)
        done = subprocess.run(
            words, env={**self.environment, **more}, capture_output=True, text=True, timeout=600, check=False
        )
        print(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def compose(self, *words: str, **more: str) -> str:
        return self.say(SCRIPT, "compose", "-p", PROJECT, "--profile", "embedded", *words, **more)

    def podman(self, *words: str) -> str:
        return self.say(SCRIPT, "podman", *words).strip()

    def backup(self, *words: str) -> str:
        return self.say(str(ROOT / "deploy" / "backup.sh"), *words)

    def up(self, serve: str = "") -> None:
        self.compose("up", "-d", "--wait", VOBROKER_SERVE=serve)

    def inspect(self, form: str) -> str:
        return self.podman("inspect", "--format", form, f"{PROJECT}-broker-1")

    def alerts(self) -> set[tuple[str, int]]:
        rows = pyvo.dal.TAPService(f"{self.at}/tap").search(
            "SELECT survey, alert_id FROM alert", maxrec=100_000
        )
        return {(str(row["survey"]), int(row["alert_id"])) for row in rows}


def until(true: Callable[[], object], seconds: float = 300) -> None:
    """Wait for what another process brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.5)


def answers(at: str) -> bool:
    try:
        return httpx.get(f"{at}/health", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    broker = Broker()
    broker.compose("down", "--volumes")
    yield broker
    print(broker.podman("logs", f"{PROJECT}-broker-1"))
    broker.compose("down", "--volumes")


def test_simulated_nights_flow_in(broker: Broker) -> None:
    broker.up(serve="--simulate")
    until(lambda: len(broker.alerts()) > 50)


def test_tap_answers(broker: Broker) -> None:
    service = pyvo.dal.TAPService(f"{broker.at}/tap")
    (row,) = service.search("SELECT COUNT(*) AS n, MIN(dec) AS low, MAX(dec) AS high FROM alert")
    assert row["n"] > 50
    assert -90 <= row["low"] <= row["high"] <= 90


def test_a_stream_brings_alerts_and_their_voevents(broker: Broker) -> None:
    alert = next(iter(vobroker.stream("bright", since="beginning", at=broker.at)))
    assert alert.mag < 20
    line = httpx.get(
        f"{broker.at}/events/bright/stream", params={"since": "beginning", "follow": "false"}, timeout=60
    )
    begin = line.text.index("data: ")
    assert "ivo://" in line.text[begin:]
    event = httpx.get(f"{broker.at}/events/bright/{alert.survey}-{alert.alert_id}.xml", timeout=60)
    assert event.status_code == 200
    packet = etree.fromstring(event.content, etree.XMLParser(resolve_entities=False, no_network=True))
    assert etree.QName(packet).localname == "VOEvent"


def test_the_process_may_little(broker: Broker) -> None:
    assert broker.inspect("{{.Config.User}}") == "10001:10001"
    assert broker.inspect("{{.HostConfig.ReadonlyRootfs}}") == "true"
    pid = int(broker.inspect("{{.State.Pid}}"))
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_killed_it_comes_back_with_all_it_had(broker: Broker) -> None:
    before = broker.alerts()
    pid = int(broker.inspect("{{.State.Pid}}"))
    os.kill(pid, signal.SIGKILL)
    until(lambda: broker.inspect("{{.State.Pid}}") not in ("0", str(pid)))
    until(lambda: answers(broker.at))
    assert before <= broker.alerts()


def test_the_archive_survives_down(broker: Broker) -> None:
    broker.up()  # nothing flows in any more
    before = broker.alerts()
    broker.compose("down")
    assert not answers(broker.at)
    broker.up()
    assert broker.alerts() == before


def test_a_backup_brings_it_back(broker: Broker, tmp_path: Path) -> None:
    before = broker.alerts()
    broker.backup("save", str(tmp_path / "backup.tar"))
    until(lambda: answers(broker.at))
    assert broker.alerts() == before
    broker.compose("down", "--volumes")
    broker.backup("restore", str(tmp_path / "backup.tar"))
    assert broker.alerts() == before

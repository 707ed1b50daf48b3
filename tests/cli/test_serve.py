from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.brokers import Cluster

from vobroker.archive import open_archive
from vobroker.sources import simulator


@pytest.fixture
def port() -> Iterator[int]:
    """A port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "vobroker", "serve", "--no-open", *map(str, words)]


def refused(*words: object) -> str:
    done = subprocess.run(command(*words), check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_taken_port_is_named(tmp_path: Path, port: int) -> None:
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in refused(
        "--archive", tmp_path, "--port", port
    )


def test_missing_input_is_named(tmp_path: Path) -> None:
    assert "no such file or folder: nothing.tar" in refused("--archive", tmp_path, "--ingest", "nothing.tar")


def test_what_is_only_read_takes_nothing_in_and_is_not_made(tmp_path: Path) -> None:
    assert "--read-only goes without --ingest, --simulate and --brokers" in refused(
        "--read-only", "--simulate"
    )
    assert f"there is no archive in {tmp_path}" in refused("--read-only", "-a", tmp_path, "--port", 0)


def test_pages_show_what_flows_in_until_interrupted_even_while_somebody_reads(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    words = ("--archive", tmp_path / "a", "--port", free, "--simulate")
    with subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            state = wait_for_alerts(f"http://127.0.0.1:{free}/?format=json")
            assert f"is in use by process {server.pid}" in refused("--archive", tmp_path / "a", "--port", 0)
            with httpx.stream("GET", f"http://127.0.0.1:{free}/live", timeout=30) as stream:
                assert next(stream.iter_lines()).startswith("retry")
                server.send_signal(signal.SIGINT)
                out, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert {row["name"] for row in state["filters"]} >= {"young-supernova", "fast-moving", "bright-transient"}
    assert f"http://127.0.0.1:{free}/" in out
    assert err == ""
    assert server.returncode == 128 + signal.SIGINT


def test_alerts_flow_in_from_kafka(tmp_path: Path, kafka1: Cluster) -> None:
    topic = kafka1.topic()
    (visit,) = simulator.simulate("lsst", visits=1, alerts_per_visit=30, history=False, cutouts=False)
    kafka1.send(topic, visit.packets)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    words = ("--archive", tmp_path / "a", "--port", free, "-b", kafka1.brokers, "-t", topic, "--group", topic)
    with subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            wait_for_alerts(f"http://127.0.0.1:{free}/?format=json")
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=60)
        finally:
            server.kill()
    assert err == ""
    with open_archive(tmp_path / "a", read_only=True) as archive:
        assert archive.positions() == {(f"kafka:{topic}", 0): 30}
        assert len(archive.latest(100)) == 30


def test_kafka_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    assert "--topic needs --brokers" in refused("--archive", tmp_path, "-t", "x")
    assert "given as host:port" in refused("--archive", tmp_path, "-t", "x", "-b", "nowhere")
    assert "name a topic with --topic" in refused("--archive", tmp_path, "-b", "h:1", "--port", 0)


def wait_for_alerts(address: str) -> dict:
    """Give the state of the live page as soon as alerts are there."""
    for _ in range(600):
        time.sleep(0.1)
        try:
            state = httpx.get(address).json()
        except httpx.TransportError:
            continue
        if state["totals"]["alerts"]:
            return state
    raise AssertionError("no alert came within a minute")

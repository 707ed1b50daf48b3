"""A gateway that is killed in the middle: who goes on from its cursor gets every alert, and each once."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.archive.postgresql.conftest import fresh_database

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate

from .conftest import ALL


@contextmanager
def gateway(url: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        *(sys.executable, "-m", "vobroker", "gateway", "--archive", url, "--port", str(port)),
        *("--filters", str(folder / "all.adql"), "--audit", str(folder / "audit.jsonl")),
    ]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and process.poll() is None:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/ready").raise_for_status()
                except httpx.HTTPError:
                    time.sleep(0.1)
                else:
                    break
            yield process
        finally:
            process.kill()


def test_every_alert_exactly_once_through_a_kill(tmp_path: Path) -> None:
    (tmp_path / "all.adql").write_text(ALL.text)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}/streams/all/lines"
    visits = as_raw_batches(simulate("lsst", seed=4, visits=24, alerts_per_visit=10, history_nights=2))
    found: list[str] = []
    cursor = "beginning"

    def take(number: int) -> None:
        """Take alerts until there are so many, from where the last ones ended."""
        nonlocal cursor
        with httpx.stream("GET", address, params={"since": cursor}, timeout=60) as response:
            lines = response.iter_lines()
            while len(found) < number:
                told = json.loads(next(lines) or "{}")
                cursor = told.get("cursor", cursor)
                if "alert" in told:
                    found.append(told["alert"]["alert_id"])

    with fresh_database("q3c") as url, open_archive(url) as archive:

        def flow(number: int) -> None:
            for _ in range(number):
                run([next(visits)], archive, schemas=default_schemas(), filters=[ALL])

        flow(8)
        with gateway(url, port, tmp_path) as process:
            take(35)  # in the middle of what was there before
            live = threading.Thread(target=flow, args=(16,))
            live.start()
            take(95)  # and in the middle of what comes
            process.send_signal(signal.SIGKILL)
            process.wait()
        with gateway(url, port, tmp_path):
            take(240)
        live.join()
        every = [str(row["alert_id"]) for row in archive.events("all", 0)]
    assert len(every) == 240
    assert found == every

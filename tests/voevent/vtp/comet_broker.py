"""Comet 3.1 as a broker, in a process of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from vobroker.voevent.vtp.dial import Place

IVORN = "ivo://org.example.comet/broker"


class Comet(NamedTuple):
    """Where it listens for authors, and where for subscribers."""

    authors: Place
    subscribers: Place


@pytest.fixture(scope="module")
def comet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comet]:
    """A broker of Comet."""
    with running(tmp_path_factory.mktemp("comet")) as found:
        yield found


@contextmanager
def running(folder: Path, *more: str) -> Iterator[Comet]:
    """A broker of Comet with further options."""
    places = [Place("127.0.0.1", port) for port in _free(2)]
    twistd = shutil.which("twistd", path=Path(sys.executable).parent)
    assert twistd, "Comet needs twistd beside the interpreter"
    options = {
        "local-ivo": IVORN,
        "receive-port": places[0].port,
        "broadcast-port": places[1].port,
        "broadcast-test-interval": 0,
        "eventdb": folder,
    }
    command = [twistd, "-n", "--pidfile=", "comet", "--receive", "--broadcast"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items()), *more],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        for place in places:
            _await(place, process, folder / "log")
        yield Comet(*places)
    finally:
        process.terminate()
        process.wait()


def _free(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _await(place: Place, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(place, timeout=5).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return

"""Workers as an operator starts them, and what the archive says afterwards."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.brokers import Cluster

from vobroker.archive import open_archive
from vobroker.archive.balance import faults
from vobroker.sources import simulator

QUICK = ("--set", "session.timeout.ms=2000", "--set", "heartbeat.interval.ms=400")
"""A member that is gone is missed after two seconds."""


def alerts(number: int, seed: int = 1) -> list[bytes]:
    """Make packets of that many different LSST alerts, small ones."""
    visits = simulator.simulate(
        "lsst", seed=seed, visits=-(-number // 300), alerts_per_visit=300, history=False, cutouts=False
    )
    return [packet for visit in visits for packet in visit.packets][:number]


RUNNING: list[subprocess.Popen[bytes]] = []
"""Every worker that was started; none outlives its test."""


class Worker:
    """One ``vobroker run`` in a process of its own; what it says goes to a file."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        folder: Path,
        *options: str,
        group: str = "",
        before: Sequence[str] = (),
    ) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.log = folder.parent / f"worker-{time.monotonic_ns()}.log"
        command = [
            *before,
            *(sys.executable, "-m", "vobroker", "run", "-b", cluster.brokers, "-t", topic, "-a", str(folder)),
            *("--group", group or topic, "--batch", "40", *QUICK, *options),
            *(() if "--filters" in options else ("--no-filters",)),
        ]
        with self.log.open("wb") as log:
            environment = {**os.environ, "COLUMNS": "200"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        RUNNING.append(self.process)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        """End it as an operator does."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self.said

    def end(self, seconds: float = 90) -> None:
        """Wait until it has read everything."""
        assert self.process.wait(seconds) == 0, self.said

    def until_said(self, words: str, seconds: float = 60) -> None:
        until(lambda: words in self.said or self.process.poll() is not None, seconds, lambda: self.said)
        assert words in self.said


@contextmanager
def ended(*workers: Worker) -> Iterator[None]:
    """Leave no worker behind, whatever the test does."""
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()


def until(
    true: Callable[[], bool], seconds: float = 60, otherwise: Callable[[], str] = lambda: "it never came"
) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.02)


def packet_bytes(folder: Path) -> int:
    """Give the bytes of stored packets: they grow in the middle of a transaction."""
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in (folder / "packets").iterdir())
    return 0


def kill_in_the_middle(worker: Worker, folder: Path, chance: random.Random) -> None:
    """End a worker by force within a transaction: packets are on the disk, their rows are not."""
    before = packet_bytes(folder)
    until(lambda: packet_bytes(folder) > before, otherwise=lambda: worker.said)
    time.sleep(chance.uniform(0, 0.1))
    worker.kill()


@dataclass(frozen=True)
class Account:
    """What an archive says about itself."""

    received: int
    archived: int
    duplicate: int
    dead: int
    faults: tuple[str, ...]
    packets: tuple[bytes, ...]
    read: int


def account(folder: Path) -> Account:
    """Read the account of an archive, and every packet that it holds."""
    with open_archive(folder, read_only=True) as archive:
        sums = archive.query(
            "SELECT coalesce(sum(received), 0), coalesce(sum(archived), 0), coalesce(sum(duplicate), 0),"
            " coalesce(sum(dead), 0) FROM ledger"
        )
        numbers = [int(column[0].as_py()) for column in sums.columns]
        packets = tuple(sorted(bytes(packet) for batch in archive.read_batches() for packet in batch.packets))
        read = sum(archive.positions().values())
        return Account(*numbers, faults=tuple(faults(archive)), packets=packets, read=read)


def received(folder: Path) -> int:
    """Give how many alerts an archive has received so far; its worker is waited for."""
    if not (folder / "archive.duckdb").exists():
        return 0
    with open_archive(folder, read_only=True) as archive:
        return int(archive.query("SELECT coalesce(sum(received), 0) FROM ledger")[0][0].as_py())

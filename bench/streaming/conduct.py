"""One point measured: processes start, bursts go out, everything is counted and put together."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from bench.streaming import cluster, watch
from bench.streaming.clients import StreamError, guarded
from bench.streaming.consumers import Reader, consume
from bench.streaming.design import Point
from bench.streaming.packets import Pool
from bench.streaming.producers import Sender, produce
from bench.streaming.summary import Seen, summary

SAMPLE_SECONDS = 0.1
TAIL_SECONDS = 0.3
"""What the brokers still do after a burst belongs to it for so long."""

_START_SECONDS = 60
_STALL_SECONDS = 60
_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class _Client:
    """A process of ours and the pipe to it."""

    name: str
    process: BaseProcess
    pipe: Pipe
    told: dict[str, Any] = field(default_factory=dict)

    def listen(self) -> None:
        """Take what it has said.

        Raises
        ------
        StreamError
            If it failed, or ended without a word.
        """
        while self.pipe.poll():
            try:
                word, what = self.pipe.recv()
            except EOFError:
                break
            if word == "failed":
                raise StreamError(f"{self.name}: {what}")
            self.told[word] = what
        if not self.process.is_alive() and not self.told.keys() & {"sent", "had"}:
            raise StreamError(f"{self.name} ended with {self.process.exitcode} before its work was done")


def measure(point: Point, brokers: str, pool: Pool) -> dict[str, Any]:
    """Measure a point.

    Parameters
    ----------
    point
        The design.
    brokers
        Addresses of the cluster.
    pool
        Packets.

    Returns
    -------
    dict
        As :func:`bench.streaming.summary.summary` gives it, with load and samples.

    Raises
    ------
    StreamError
        If a process fails or stops moving, or a group did not have each alert exactly once.
    """
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        name, admin = stack.enter_context(cluster.topic(brokers, point.partitions, point.replication))
        positions = [_SPAWN.RawArray("q", point.partitions) for _ in point.groups]
        readers = _readers(point, brokers, name, folder, pool, positions, stack)
        senders = _senders(point, brokers, name, pool, stack)
        clients = [*senders, *(member for group in readers for member in group)]
        _await_start(point, senders, readers)
        roles = {
            "brokers": cluster.processes(brokers),
            "producers": [psutil.Process(client.process.pid) for client in senders],
            "consumers": [psutil.Process(m.process.pid) for group in readers for m in group],
            "conductor": [psutil.Process()],
        }
        begin = time.monotonic_ns() + int(0.3e9)
        for client in senders:
            client.pipe.send(begin)
        samples = _follow(point, admin, name, clients, positions, roles, begin)
        for client in clients:
            client.pipe.send("stop")
        _await(clients, lambda: all(c.told.keys() & {"sent", "had"} for c in clients), "finish")
        seen = Seen(
            bursts=[client.told["sent"] for client in senders],
            groups=[_notes(folder, number, group) for number, group in enumerate(readers)],
            bytes=pool.total(point.alerts),
            samples=samples,
            begin=begin,
            brokers_seen=bool(roles["brokers"]),
        )
    return summary(point, seen) | {"load": [round(load, 2), round(os.getloadavg()[0], 2)]}


def _start(name: str, stack: ExitStack, work: Any, *arguments: Any) -> _Client:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=guarded, args=(work, theirs, *arguments), name=name, daemon=True)
    process.start()
    theirs.close()

    def end() -> None:
        process.join(1)
        if process.is_alive():
            process.terminate()
            process.join()
        ours.close()

    stack.callback(end)
    return _Client(name, process, ours)


def _readers(
    point: Point,
    brokers: str,
    topic: str,
    folder: Path,
    pool: Pool,
    positions: Sequence[Any],
    stack: ExitStack,
) -> list[list[_Client]]:
    with pool.path.open("rb") as file:
        warm = file.read(pool.ends[0])
    return [
        [
            _start(
                f"consumer {member + 1} of group {number + 1} ({kind})",
                stack,
                consume,
                Reader(
                    brokers,
                    topic,
                    f"{topic}-{number}",
                    kind,
                    point.alerts,
                    folder / f"{number}-{member}.npz",
                    warm,
                ),
                positions[number],
            )
            for member in range(point.members)
        ]
        for number, kind in enumerate(point.groups)
    ]


def _senders(point: Point, brokers: str, topic: str, pool: Pool, stack: ExitStack) -> list[_Client]:
    edges = [point.alerts * n // point.producers for n in range(point.producers + 1)]
    return [
        _start(
            f"producer {number + 1}",
            stack,
            produce,
            Sender(
                brokers,
                topic,
                pool,
                edges[number],
                edges[number + 1],
                point.alerts,
                point.partitions,
                point.visits + 1,
                point.every,
            ),
        )
        for number in range(point.producers)
    ]


def _await(clients: Sequence[_Client], done: Any, what: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while not done():
        for client in clients:
            client.listen()
        if time.monotonic() > until:
            raise StreamError(f"producers and consumers did not {what} within {_START_SECONDS} s")
        time.sleep(0.02)


def _await_start(point: Point, senders: list[_Client], readers: list[list[_Client]]) -> None:
    """Wait until producers are ready and the partitions of each group are divided among its members."""
    every = list(range(point.partitions))

    def ready() -> bool:
        divided = (
            sorted(chain.from_iterable(member.told.get("assigned", []) for member in group)) == every
            for group in readers
        )
        return all("ready" in client.told for client in senders) and all(divided)

    _await([*senders, *(member for group in readers for member in group)], ready, "get ready")


def _follow(
    point: Point,
    admin: AdminClient,
    topic: str,
    clients: Sequence[_Client],
    positions: Sequence[Any],
    roles: Mapping[str, Sequence[psutil.Process]],
    begin: int,
) -> dict[str, np.ndarray]:
    """Sample until every group has everything: positions, ends, CPU and memory."""
    latest = {TopicPartition(topic, p): OffsetSpec.latest() for p in range(point.partitions)}
    total = point.alerts * (point.visits + 1)
    rows: dict[str, list[Any]] = {name: [] for name in ("time", "lag", "cpu", "memory", "busy")}
    moved, before, finished = time.monotonic(), -1, 0.0
    while True:
        for client in clients:
            client.listen()
        at = [sum(group) for group in positions]
        try:
            ends = sum(f.result(10).offset for f in admin.list_offsets(latest, request_timeout=10).values())
        except KafkaException as error:
            raise StreamError(f"the brokers no longer answer: {error.args[0].str()}") from None
        try:
            cpu, memory = watch.by_role(roles)
        except psutil.NoSuchProcess as error:
            for client in clients:
                client.listen()
            raise StreamError(f"a broker (process {error.pid}) ended while it was measured") from None
        rows["time"].append(time.monotonic_ns())
        rows["lag"].append([ends - each for each in at])
        rows["cpu"].append([cpu[role] for role in roles])
        rows["memory"].append([memory[role] for role in roles])
        rows["busy"].append(watch.busy_seconds())
        now = time.monotonic()
        if sum(at) + ends != before or now * 1e9 < begin:
            moved, before = now, sum(at) + ends
        if all(each >= total for each in at) and not finished:
            finished = now
        if finished and now > finished + TAIL_SECONDS + SAMPLE_SECONDS:
            break
        if now > moved + _STALL_SECONDS + point.every:
            raise StreamError(f"nothing moved for {_STALL_SECONDS} s: groups at {at} of {total}")
        time.sleep(SAMPLE_SECONDS)
    if ends != total:
        raise StreamError(f"the topic holds {ends} alerts, but {total} were produced")
    return {
        name: np.array(values, dtype=np.float64 if name != "time" else np.int64)
        for name, values in rows.items()
    }


def _notes(folder: Path, number: int, members: list[_Client]) -> dict[str, Any]:
    """Put together what the members of a group saw."""
    parts = [np.load(folder / f"{number}-{member}.npz") for member in range(len(members))]
    try:
        notes: dict[str, Any] = {
            name: np.concatenate([part[name] for part in parts]) for name in ("number", "sent", "had")
        }
    finally:
        for part in parts:
            part.close()
    notes["bytes"] = sum(member.told["had"]["bytes"] for member in members)
    passed = [member.told["had"]["passed"] for member in members]
    notes["passed"] = {
        burst: sum(each.get(burst, 0) for each in passed) for burst in sorted(set().union(*passed))
    }
    return notes

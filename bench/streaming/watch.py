"""CPU and memory by role while a point runs, and what else used the machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import psutil


def listening(ports: Iterable[int]) -> list[psutil.Process]:
    """Find the processes that listen on ports of this machine; none where they cannot be seen."""
    wanted = set(ports)
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return []
    pids = {
        c.pid
        for c in found
        if c.pid and c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port in wanted
    }
    return [psutil.Process(pid) for pid in sorted(pids)]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """CPU seconds of processes up to now, user and system."""
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def memory(processes: Sequence[psutil.Process]) -> int:
    """Resident bytes of processes; what they share counts for each."""
    return sum(process.memory_info().rss for process in processes)


def busy_seconds() -> tuple[float, float]:
    """CPU seconds of the whole machine up to now: all that was used, and what other guests stole."""
    times = psutil.cpu_times()
    stolen = getattr(times, "steal", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Guest time is within user time already.
    counted = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return sum(getattr(times, name, 0.0) for name in counted) - idle, stolen


def disturbance(
    before: tuple[float, float], after: tuple[float, float], own: float, capacity: float
) -> float:
    """Share of the machine's CPU that others used: 0 when the machine was ours alone."""
    return max(after[0] - before[0] - own, 0.0) / capacity


def await_quiet(share: float, patience: float, brokers: Sequence[psutil.Process]) -> None:
    """Wait until others than this process and the brokers use less than a share of the machine."""
    own = [psutil.Process(), *brokers]
    until = time.monotonic() + patience
    while time.monotonic() < until:
        before, used, start = busy_seconds(), cpu_seconds(own), time.monotonic()
        time.sleep(0.5)
        capacity = (psutil.cpu_count() or 1) * (time.monotonic() - start)
        if disturbance(before, busy_seconds(), cpu_seconds(own) - used, capacity) < share:
            return


def by_role(roles: Mapping[str, Sequence[psutil.Process]]) -> tuple[dict[str, float], dict[str, int]]:
    """CPU seconds and resident bytes of each role."""
    return (
        {role: cpu_seconds(processes) for role, processes in roles.items()},
        {role: memory(processes) for role, processes in roles.items()},
    )

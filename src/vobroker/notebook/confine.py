"""Hold a program and all that it starts to cores, memory and time: ``python -m vobroker.notebook.confine``.

Cores are the system's affinity. A single process that wants more memory than all may have is refused it,
which Python tells as MemoryError. Where the processes together have more, the one that has most is ended, as
the system would do, but never the program itself. When the time is over the program is asked to end, and then
made to.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

LOOK_SECONDS = 1.0
"""Time between two looks at the memory."""

GRACE_SECONDS = 15.0
"""Time to end in, before a program is made to."""

WARNING_SECONDS = 600.0
"""Time before the end at which it is told."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Attributes
    ----------
    cores
        Cores at most; those of the machine where it has less.
    memory_bytes
        Memory, of all processes together.
    seconds
        Time.
    """

    cores: int
    memory_bytes: int
    seconds: float


def command(words: Sequence[str], limits: Limits) -> list[str]:
    """Give the command that runs another within limits."""
    here = [sys.executable, "-m", "vobroker.notebook.confine"]
    told = [f"--cores={limits.cores}", f"--memory={limits.memory_bytes}", f"--seconds={limits.seconds:g}"]
    return [*here, *told, "--", *words]


def run(words: Sequence[str], limits: Limits) -> int:
    """Run a program within limits; give its exit status, as a shell does.

    What ends this process by a signal is passed on to the program.
    """
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[: limits.cores])
    # The limit counts what a process can write to; RLIMIT_AS would count what it has only reserved too.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(hard, limits.memory_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    program = subprocess.Popen(words)  # noqa: S603
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: program.terminate())
    _watch(program, limits)
    status = program.returncode
    return status if status >= 0 else 128 - status


def _watch(program: subprocess.Popen[bytes], limits: Limits) -> None:
    """Look at the program until it has ended."""
    end = time.monotonic() + limits.seconds
    warned = False
    while True:
        left = end - time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(max(0.0, min(LOOK_SECONDS, left)))
            return
        if left <= 0:
            _say(f"the {limits.seconds / 3600:g} hours of this session are over")
            _end(program)
            return
        if left < WARNING_SECONDS and not warned and limits.seconds > 2 * WARNING_SECONDS:
            _say(f"this session ends in {left / 60:.0f} minutes")
            warned = True
        _relieve(program.pid, limits.memory_bytes)


def _relieve(pid: int, memory_bytes: int) -> None:
    """End the process that has most memory where all have too much together."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        others = top.children(recursive=True)
        # What processes share is counted in each: a sum that is small enough needs no closer look.
        if sum(map(_resident, (top, *others))) <= memory_bytes:
            return
        sizes = {one: _proportional(one) for one in (top, *others)}
        if sum(sizes.values()) <= memory_bytes or not others:
            return
        largest = max(others, key=sizes.__getitem__)
        _say(
            f"the processes of this session have {sum(sizes.values()) / 1e9:.3g} GB of memory, and may have"
            f" {memory_bytes / 1e9:.3g}; the largest, {largest.pid}, was ended"
        )
        largest.kill()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return _resident(process)


def _end(program: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started."""
    started = []
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(program.pid).children(recursive=True)
    program.terminate()
    try:
        program.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    for one in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(started, GRACE_SECONDS)


def _say(sentence: str) -> None:
    print(f"vobroker: {sentence}", file=sys.stderr, flush=True)


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m vobroker.notebook.confine", description=__doc__)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True, help="bytes")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("words", nargs="+", help="the program")
    told = parser.parse_args()
    try:
        return run(told.words, Limits(told.cores, told.memory, told.seconds))
    except OSError as error:
        _say(f"cannot run {told.words[0]}: {error.strerror or error}")
        return 127


if __name__ == "__main__":
    raise SystemExit(main())

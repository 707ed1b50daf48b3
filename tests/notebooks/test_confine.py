"""A program within limits: cores, memory of one and of all processes together, and time."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from vobroker.notebook.confine import Limits, command

GENEROUS = Limits(cores=64, memory_bytes=4_000_000_000, seconds=3600)


def confined(code: str, limits: Limits) -> subprocess.CompletedProcess[str]:
    words = command([sys.executable, "-c", code], limits)
    return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)


def test_status_and_output_are_those_of_the_program() -> None:
    done = confined("import sys; print('said'); sys.exit(7)", GENEROUS)
    assert (done.returncode, done.stdout, done.stderr) == (7, "said\n", "")


def test_it_has_the_cores_and_one_process_no_more_memory() -> None:
    code = (
        "import os; print(len(os.sched_getaffinity(0)))\ntry: bytearray(10**9)\nexcept MemoryError: print(0)"
    )
    done = confined(code, Limits(1, 500_000_000, 60))
    assert done.stdout == "1\n0\n"


def test_of_processes_with_too_much_together_the_largest_is_ended_and_the_program_goes_on() -> None:
    eat = "import sys; x = b'x' * {}; print('full', flush=True); sys.stdin.read()"
    code = (
        "import subprocess, sys\n"
        "def start(n): return subprocess.Popen([sys.executable, '-c', f'{eat}'.format(n)],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "small, large = start(150_000_000), start(250_000_000)\n"
        "print(large.wait()); small.stdin.close(); print(small.wait())\n"
    ).replace("f'{eat}'", repr(eat))
    done = confined(code, Limits(64, 350_000_000, 120))
    assert done.stdout == f"{-signal.SIGKILL}\n0\n", done.stderr
    assert "the largest, " in done.stderr


def test_when_the_time_is_over_the_program_and_what_it_started_end() -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "print(child.pid, flush=True); time.sleep(1000)"
    )
    done = confined(code, Limits(64, 4_000_000_000, 1.0))
    assert done.returncode == 128 + signal.SIGTERM
    assert "hours of this session are over" in done.stderr
    assert _ended(int(done.stdout))


def test_a_signal_ends_it_and_a_program_that_is_not_there_is_named() -> None:
    code = "import time; print('up', flush=True); time.sleep(1000)"
    words = command([sys.executable, "-c", code], GENEROUS)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "up\n"
        running.terminate()
        assert running.wait(60) == 128 + signal.SIGTERM
    done = subprocess.run(command(["/no/such"], GENEROUS), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        127,
        "vobroker: cannot run /no/such: No such file or directory\n",
    )


def _ended(pid: int) -> bool:
    """Whether a process has ended, whoever may have to take note of it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

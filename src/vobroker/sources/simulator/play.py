"""Play a night into Kafka: bursts at their times, from several processes.

Bursts keep an absolute schedule, as a telescope does: one that is late does not delay those that follow, and
how late it was is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from threading import Event
from typing import Any

from vobroker.kafka.settings import Connection
from vobroker.sources.simulator.bursts import Burst

LATE_SECONDS = 0.1
"""A burst that begins so much after its time is called late."""

_SLICE_SECONDS = 0.1

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a burst.

    Attributes
    ----------
    number
        Of the burst, from 1.
    visit
        The survey's identifier of the exposure, if it has one.
    alerts, bytes
        Packets that the brokers have, and their bytes.
    wanted
        Packets of the burst; more than ``alerts`` only after an interrupt.
    begun
        Unix time in nanoseconds when it began, the ``visit_time`` in the header of each message.
    seconds
        From the first packet sent until the brokers have the last.
    late
        Seconds that it began after its time.
    why
        Why it was late, if it was.
    """

    number: int
    visit: int | None
    alerts: int
    wanted: int
    bytes: int
    begun: int
    seconds: float
    late: float
    why: str


def play(
    bursts: Iterable[Burst],
    there: Connection,
    topic: str,
    *,
    producers: int = 2,
    factor: float = 1.0,
    stop: Event | None = None,
    say: Say = lambda sentence: None,
    state: Say = lambda sentence: None,
) -> Iterator[Sent]:
    """Send bursts at their times; yields what became of each.

    The key of a message is the object's identifier. Headers are ``visit_time``, when its burst began (Unix
    time in ns, decimal), and ``visit``, the exposure.

    Parameters
    ----------
    bursts
        In order of time. Waiting for the next may take long; the burst is then late.
    there, topic
        Where to send to.
    producers
        Processes that share each burst, as the detectors of a camera do.
    factor
        Times are divided by it.
    stop
        When set, what is on its way is sent, and no more.
    say
        Told of what goes wrong and may pass, one sentence each.
    state
        Told what goes on at the moment.

    Raises
    ------
    KafkaProblem
        If the brokers refuse, or packets could not be delivered.
    """
    stop = stop or Event()
    with _workers(there, topic, producers) as pipes:
        _hear(pipes, "ready", stop, say)
        due = ended = 0.0
        for number, burst in enumerate(bursts, 1):
            ready = time.monotonic()
            due = due + burst.after / factor if ended else ready
            for pipe, (first, last) in zip(pipes, _shares(burst, producers), strict=True):
                _tell(pipe, "burst", burst, first, last)
            if not _sleep_until(due, stop, f"visit {number}", state):
                return
            begun, moment = time.monotonic(), time.time_ns()
            for pipe in pipes:
                _tell(pipe, "go", moment)
            answers = _hear(pipes, "sent", stop, say, lambda told: state(f"sending, {told:,} are there"))
            alerts, size, failed = (sum(answer[i] for answer in answers) for i in range(3))
            if failed and not stop.is_set():
                reason = next(answer[3] for answer in answers if answer[2])
                raise _problem(f"{failed:,} of {len(burst):,} alerts could not be sent: {reason}")
            late = max(begun - due, 0.0)
            why = _why(due, ended, ready) if late > LATE_SECONDS else ""
            ended = time.monotonic()
            yield Sent(
                number,
                burst.visit,
                alerts,
                len(burst),
                size,
                moment,
                ended - begun,
                late,
                why,
            )
            if stop.is_set():
                return


def _why(due: float, ended: float, ready: float) -> str:
    """Tell why a burst was late, from when the one before had ended and its own packets were ready."""
    if max(ended, ready) <= due:
        return "this machine is busy"
    return "packets not ready" if ready - ended > LATE_SECONDS / 2 else "the visit before was not done"


def _problem(sentence: str) -> Exception:
    from vobroker.kafka.problems import KafkaProblem

    return KafkaProblem(sentence)


def _shares(burst: Burst, producers: int) -> list[tuple[int, int]]:
    """Divide a burst into runs of rows of about equal number."""
    edges = [burst.first + len(burst) * part // producers for part in range(producers + 1)]
    return list(pairwise(edges))


def _sleep_until(due: float, stop: Event, what: str, state: Say) -> bool:
    """Sleep, in slices so that a signal is met; False when it is to stop."""
    # Not stop.wait(): a handler that sets the event while this thread enters it would wait for itself.
    while not stop.is_set():
        left = due - time.monotonic()
        if left <= 0:
            return True
        state(f"{what} in {left:.0f} s")
        time.sleep(min(left, _SLICE_SECONDS))
    return False


@contextmanager
def _workers(there: Connection, topic: str, producers: int) -> Iterator[list[Pipe]]:
    """Start processes that send; they end with the block."""
    from vobroker.sources.simulator.send import serve

    context = get_context("spawn")
    pipes, running = [], []
    try:
        for _ in range(producers):
            ours, theirs = context.Pipe()
            worker = context.Process(target=serve, args=(theirs, there, topic), daemon=True)
            worker.start()
            theirs.close()
            pipes.append(ours)
            running.append(worker)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in running:
            worker.join(5)
            if worker.is_alive():
                worker.kill()
                worker.join()


def _tell(pipe: Pipe, *words: object) -> None:
    with suppress(BrokenPipeError):  # why it has ended is heard
        pipe.send(words)


def _hear(
    pipes: Sequence[Pipe], word: str, stop: Event, say: Say, tell: Callable[[int], object] = lambda told: None
) -> list[list[Any]]:
    """Wait until each process has said ``word``; give what it said with it."""
    answers: dict[int, list[Any]] = {}
    parts = [0] * len(pipes)
    stopped = False
    while waiting := [number for number in range(len(pipes)) if number not in answers]:
        spoke = wait([pipes[number] for number in waiting], _SLICE_SECONDS)
        for number in waiting:
            if pipes[number] not in spoke:
                continue
            try:
                said, *rest = pipes[number].recv()
            except (EOFError, ConnectionResetError):
                raise _problem("a process that sends to Kafka has died") from None
            match said:
                case "problem":
                    raise _problem(rest[0])
                case "say":
                    say(rest[0])
                case "part":
                    parts[number] = rest[0]
                case _ if said == word:
                    answers[number] = rest
                    parts[number] = rest[0] if rest else 0
        tell(sum(parts))
        if stop.is_set() and not stopped:
            stopped = True
            for number in waiting:
                _tell(pipes[number], "stop")
    return [answers[number] for number in range(len(pipes))]

"""Events per second from authors through a broker to 1, 10 and 100 subscribers: this broker and Comet.

Every broker runs in a process of its own with what it does by default: it validates, remembers what it has
seen and answers. The clients are the same for all, and do no more than frames need. In the first run authors
submit as fast as the broker answers, a connection an event, 32 at a time, as the standard has it; what is
measured is the rate until every subscriber has every event. In the second run, at half the rate that Comet
reaches, the time from an author to each subscriber is measured. Authors of this broker can also submit over
one connection, which is measured as well.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import comet
import numpy as np
from matplotlib.figure import Figure
from rich.progress import Progress

from bench import report
from vobroker.voevent.vtp.framing import frame
from vobroker.voevent.vtp.messages import Message

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "vtp.md"
PLOT = ROOT / "docs" / "images" / "bench-vtp.png"
US, COMET = "vobroker", f"Comet {comet.__version__}"
KEPT_OPEN = "vobroker, one connection"
AT_A_TIME = 32
_FORK = multiprocessing.get_context("fork")
_LENGTH = 1000
_MOST = 200_000


def packet(number: int) -> bytes:
    """Make a valid packet of always the same length, whose number is at a known place."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<voe:VOEvent'
        f' xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" ivorn="ivo://org.example/bench#{number:08d}"'
        ' role="test" version="2.0"><Who><AuthorIVORN>ivo://org.example/author</AuthorIVORN>'
        "<Date>2026-01-01T00:00:00</Date></Who><What>"
        + "".join(f'<Param name="p{n}" value="{n * 1.5}" unit="mag" ucd="phot.mag"/>' for n in range(5))
        + "</What><Description>"
    )
    tail = "</Description></voe:VOEvent>"
    return (head + "x" * (_LENGTH - len(head) - len(tail)) + tail).encode()


_PLACE = packet(0).index(b"#") + 1


class Ports(NamedTuple):
    """Where a broker listens."""

    authors: int
    subscribers: int


def _free() -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = Ports(*(one.getsockname()[1] for one in sockets))
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running(system: str) -> Iterator[Ports]:
    """Run a broker."""
    ports, here = _free(), Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        if system == COMET:
            command = [
                *(str(here / "twistd"), "-n", "--pidfile=", "comet", "--receive", "--broadcast", "--quiet"),
                *("--local-ivo=ivo://org.example/comet", "--broadcast-test-interval=0"),
                *(f"--receive-port={ports.authors}", f"--broadcast-port={ports.subscribers}"),
                f"--eventdb={folder}",
            ]
        else:
            command = [
                *(sys.executable, "-m", "vobroker", "vtp", "broker", "--journal", folder),
                *("--authors", f"127.0.0.1:{ports.authors}"),
                *("--subscribers", f"127.0.0.1:{ports.subscribers}"),
            ]
        with open(Path(folder, "log"), "w+b") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            try:
                for port in ports:
                    _await(port, process, Path(folder, "log"))
                yield ports
            finally:
                process.terminate()
                process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the broker does not listen:\n{log.read_text()}") from None
            time.sleep(0.05)


class Run:
    """What is sent and received in one run; authors are in another process, of the same clock."""

    def __init__(self) -> None:
        self.sent = _FORK.RawArray("d", _MOST)
        self.number = _FORK.RawValue("q", 0)
        self.refused = _FORK.RawValue("q", 0)
        self.late: list[float] = []
        self.last = 0.0

    def framed(self, number: int) -> bytes:
        self.sent[number] = time.monotonic()
        return frame(packet(number))


class Subscriber(asyncio.Protocol):
    """Takes events, notes when they came, and acknowledges them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.pieces = bytearray()
        self.asked = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        pieces = self.pieces
        pieces += data
        now, start, answers = time.monotonic(), 0, []
        while len(pieces) - start >= 4:
            length = int.from_bytes(pieces[start : start + 4], "big")
            if len(pieces) - start - 4 < length:
                break
            if length == _LENGTH:
                place = start + 4 + _PLACE
                number = bytes(pieces[place : place + 8])
                answers.append(_ACK % number)
                self.run.late.append(now - self.run.sent[int(number)])
            elif not self.asked.is_set():
                answers.append(frame(Message("authenticate", "ivo://org.example/b", _OURS).write()))
                self.asked.set()
            else:
                answers.append(frame(Message("iamalive", "ivo://org.example/b", _OURS).write()))
            start += 4 + length
        del pieces[:start]
        if answers:
            self.transport.write(b"".join(answers))
        self.run.last = now


_OURS = "ivo://org.example/subscriber"
_ACK = (
    frame(Message("ack", "ivo://org.example/bench#NNNNNNNN", _OURS).write())
    .replace(b"%", b"%%")
    .replace(b"NNNNNNNN", b"%b")
)


def answer(connection: socket.socket) -> bool:
    """Wait for the answer to an event; say whether it is no ack."""
    length = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    return b'role="ack"' not in connection.recv(length, socket.MSG_WAITALL)


def submit(run: Run, port: int, number: int) -> bool:
    """Submit one event over a connection of its own, and wait for the answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(run.framed(number))
        return answer(connection)


def submit_at_once(run: Run, port: int, seconds: float) -> None:
    """Submit as fast as the broker answers, some at a time, for some seconds."""
    numbers, until = itertools.count(), time.monotonic() + seconds

    def work() -> tuple[int, int]:
        sent = refused = 0
        while time.monotonic() < until:
            refused += submit(run, port, next(numbers))
            sent += 1
        return sent, refused

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        done = [one.result() for one in [pool.submit(work) for _ in range(AT_A_TIME)]]
    run.number.value, run.refused.value = map(sum, zip(*done, strict=True))


def submit_on_one(run: Run, port: int, seconds: float) -> None:
    """Submit over one connection, as many on their way."""
    until, sent, answered, refused = time.monotonic() + seconds, 0, 0, 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while (room := AT_A_TIME - (sent - answered) if time.monotonic() < until else 0) or answered < sent:
            if room:
                connection.sendall(b"".join(run.framed(number) for number in range(sent, sent + room)))
                sent += room
            refused += answer(connection)
            answered += 1
    run.number.value, run.refused.value = sent, refused


def submit_at_rate(run: Run, port: int, seconds: float, rate: float) -> None:
    """Submit one by one at a rate."""
    begun, number = time.monotonic(), max(50, int(rate * seconds))
    for one in range(number):
        time.sleep(max(0.0, begun + one / rate - time.monotonic()))
        run.refused.value += submit(run, port, one)
    run.number.value = number


async def measure(system: str, subscribers: int, seconds: float, rate: float | None) -> tuple[float, Run]:
    """Submit for some seconds, as fast as possible or at a rate; give events a second, and the run."""
    with running(system) as ports:
        run, loop = Run(), asyncio.get_running_loop()
        clients = [
            (await loop.create_connection(lambda: Subscriber(run), "127.0.0.1", ports.subscribers))[1]
            for _ in range(subscribers)
        ]
        for one in clients:
            await one.asked.wait()
        await asyncio.sleep(0.5)
        how = submit_on_one if system == KEPT_OPEN else submit_at_once
        arguments = (run, ports.authors, seconds)
        authors = (
            _FORK.Process(target=how, args=arguments)
            if rate is None
            else _FORK.Process(target=submit_at_rate, args=(*arguments, rate))
        )
        begun = time.monotonic()
        authors.start()
        async with asyncio.timeout(180):
            while authors.is_alive() or len(run.late) < run.number.value * subscribers:
                await asyncio.sleep(0.02)
        for one in clients:
            one.transport.abort()
        sent = run.number.value
        if run.refused.value or not sent or len(run.late) != sent * subscribers:
            raise SystemExit(f"{system}: of {sent} events {run.refused.value} were refused")
        return sent / (run.last - begun), run


def draw(path: Path, numbers: list[int], rates: dict[str, list[float]], late: dict[str, list[float]]) -> None:
    """Draw rates and delays."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = dict(zip(rates, ("#c05a1c", "#9ab3dc", "#4063a0"), strict=True))
    for axes, values, title in (
        (left, rates, "events/s, from authors to all subscribers"),
        (right, late, "ms from author to subscriber, 99th percentile"),
    ):
        for place, (system, bars) in enumerate(values.items()):
            width = 0.8 / len(values)
            at = np.arange(len(numbers)) + (place - (len(values) - 1) / 2) * width
            drawn = axes.bar(at, bars, width * 0.95, color=colours[system], label=system)
            axes.bar_label(
                drawn, labels=[f"{bar:,.0f}" if bar >= 10 else f"{bar:.1f}" for bar in bars], fontsize=7
            )
        least, most = (end(map(end, values.values())) for end in (min, max))
        far = most > 30 * least  # bars from zero where all can be seen
        axes.set_yscale("log" if far else "linear")
        axes.set_ylim(least / 3 if far else 0, (3 if far else 1.2) * most)
        axes.set_xticks(range(len(numbers)), [f"{number}" for number in numbers])
        axes.set_xlabel("subscribers")
        axes.set_title(title, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each run")
    parser.add_argument("--write", action="store_true", help=f"write table and plot into {PAGE.name}")
    options = parser.parse_args()
    if shutil.which("twistd", path=Path(sys.executable).parent) is None:
        raise SystemExit("Comet needs twistd beside the interpreter")
    rows, rates, late = [], {COMET: [], US: [], KEPT_OPEN: []}, {COMET: [], US: []}
    with Progress(transient=True) as progress:
        task = progress.add_task("", total=5 * len(options.subscribers))
        for number in options.subscribers:
            for system in (COMET, US, KEPT_OPEN):
                progress.update(task, description=f"{system}, {number} subscribers")
                rate, _ = asyncio.run(measure(system, number, options.seconds, None))
                rates[system].append(rate)
                progress.advance(task)
                times = ["", ""]
                if system in late:
                    _, run = asyncio.run(measure(system, number, options.seconds, rates[COMET][-1] / 2))
                    percentiles = 1000 * np.percentile(run.late, [50, 99])
                    late[system].append(float(percentiles[1]))
                    times = [f"{value:.1f}" for value in percentiles]
                    progress.advance(task)
                ratio = f"{rate / rates[COMET][-1]:.1f}"
                rows.append([f"{number}", system, f"{rate:,.0f}", f"{rate * number:,.0f}", ratio, *times])
    header = ("subscribers", "broker", "events/s", "deliveries/s", "× Comet", "p50, ms", "p99, ms")
    report.show("VTP: from authors to all subscribers", header, rows)
    if options.write:
        lines = [*report.markdown(header, rows), "", f"Measured on {report.machine()}, in one run."]
        report.between(PAGE, "bench", "\n".join(lines))
        draw(PLOT, options.subscribers, rates, late)


if __name__ == "__main__":
    main()

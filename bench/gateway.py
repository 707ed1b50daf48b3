"""Many listeners on one gateway: how late the last of them hears of an alert, and what each costs.

A gateway serves an archive over loopback. Thousands of listeners, all in one other process, follow one stream
as lines of JSON; one in a hundred never reads. Visits come in one after the other, the filter lets some of
their alerts through, and each listener notes when it had all of them. The time counts from the commit of the
visit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from matplotlib.figure import Figure

from bench import report

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gateway.md"
PLOT = ROOT / "docs" / "images" / "bench-gateway.png"
STUCK = 100
"""One listener in so many never reads."""
PASSING = 20
"""Alerts of a visit that the filter lets through: what LSST plans for a user's filter at its own brokers."""
AT_ONCE = 200
"""Listeners that connect at the same time."""


def serve(folder: Path) -> None:
    """Serve an archive; for each line that comes in let a visit flow, and print when it was committed."""
    import uvicorn

    from vobroker.alerts.schemas import default_schemas
    from vobroker.archive import open_archive
    from vobroker.cli.serving import listen as listening
    from vobroker.cli.serving import settings
    from vobroker.filters import compile_filter
    from vobroker.gateway import create_app, create_streams
    from vobroker.pipeline.river import run
    from vobroker.roles import read_roles
    from vobroker.sources.simulator import as_raw_batches, simulate

    given = (ROOT / "src/vobroker/roles.toml").read_text().replace("listeners = 100 ", "listeners = 20_000 ")
    (folder / "roles.toml").write_text(given)
    filters = [compile_filter("all", "SELECT alert_id FROM alert")]
    visits = as_raw_batches(simulate("lsst", seed=1, visits=40, alerts_per_visit=PASSING, history_nights=2))
    with open_archive(folder / "archive") as archive, listening("127.0.0.1", 0) as listener:
        run([next(visits)], archive, schemas=default_schemas(), filters=filters)
        streams = create_streams(
            archive, read_roles(folder / "roles.toml"), filters=filters, requests_a_minute=1e9
        )
        config = settings(create_app(streams))
        config.backlog = 8192

        def flow() -> None:
            print(listener.getsockname()[1], flush=True)
            for _ in sys.stdin:
                run([next(visits)], archive, schemas=default_schemas(), filters=filters)
                print(time.time(), flush=True)

        threading.Thread(target=flow, daemon=True).start()
        uvicorn.Server(config).run(sockets=[listener])


async def listen(port: int, count: int) -> None:
    """Connect listeners; print that they are there, and of each visit when they had it."""
    heard: asyncio.Queue[float] = asyncio.Queue()
    there: asyncio.Queue[bool] = asyncio.Queue()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            writer.write(b"GET /streams/all/lines HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.splitlines()[0]:
                raise SystemExit(f"a listener was refused: {head.decode()}")
            await reader.readuntil(b"\n")
            there.put_nowait(True)
        if number % STUCK == 0:
            await asyncio.Event().wait()
        got = 0
        while True:
            data = await reader.read(1 << 20)
            if not data:
                raise SystemExit("a listener was let go")
            got += data.count(b'"alert":{')
            if got >= PASSING:
                got -= PASSING
                heard.put_nowait(time.time())

    listeners = [asyncio.create_task(one(number)) for number in range(count)]
    for _ in listeners:
        await there.get()
    print("there", flush=True)
    reading = count - -(-count // STUCK)
    while True:
        times = [await heard.get() for _ in range(reading)]
        print(json.dumps(times), flush=True)


def measure(count: int, visits: int) -> dict[str, Any]:
    """Measure with a number of listeners."""
    with tempfile.TemporaryDirectory() as folder:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        serving = subprocess.Popen(
            [sys.executable, "-m", "bench.gateway", "--serve", folder], cwd=ROOT, **pipes
        )
        try:
            port = int(_line(serving.stdout))
            before = psutil.Process(serving.pid).memory_info().rss
            asked = [sys.executable, "-m", "bench.gateway", "--listen", str(port), str(count)]
            listening = subprocess.Popen(asked, cwd=ROOT, **pipes)
            try:
                start = time.perf_counter()
                _line(listening.stdout)
                connected = time.perf_counter() - start
                each = (psutil.Process(serving.pid).memory_info().rss - before) / count
                late: list[float] = []
                for _ in range(visits):
                    assert serving.stdin is not None
                    serving.stdin.write("visit\n")
                    serving.stdin.flush()
                    committed = float(_line(serving.stdout))
                    late += [at - committed for at in json.loads(_line(listening.stdout))]
            finally:
                listening.kill()
        finally:
            serving.kill()
    p50, p99 = np.percentile(late, [50, 99])
    return {
        "listeners": count,
        "p50": p50,
        "p99": p99,
        "worst": max(late),
        "kB": each / 1000,
        "connected": connected,
    }


def _line(pipe: IO[str] | None) -> str:
    assert pipe is not None
    line = pipe.readline()
    if not line:
        raise SystemExit("the gateway or its listeners have ended")
    return line


HEADER = ("listeners", "p50, s", "p99, s", "last, s", "kB each", "all connected after, s")


def rows(results: list[dict[str, Any]]) -> list[list[str]]:
    """Write results as rows of a table."""
    return [
        [
            f"{r['listeners']:,}",
            *(f"{r[name]:.2f}" for name in ("p50", "p99", "worst")),
            f"{r['kB']:.0f}",
            f"{r['connected']:.1f}",
        ]
        for r in results
    ]


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Draw how late alerts are against the number of listeners."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    counts = [r["listeners"] for r in results]
    for name, marker, label in (
        ("p50", "o", "half of them"),
        ("p99", "s", "99 %"),
        ("worst", "^", "the last one"),
    ):
        axes.loglog(counts, [r[name] for r in results], f"{marker}-", label=label)
    axes.set_xlabel("listeners on one process")
    axes.set_ylabel("seconds after the commit")
    axes.set_title(f"{PASSING} alerts of a visit to each listener, 2 cores", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3, lw=0.5)
    axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listeners", type=int, nargs="+", default=[100, 1_000, 10_000])
    options.add_argument("--visits", type=int, default=8, help="visits that flow in, one after the other")
    options.add_argument("--write", action="store_true", help="write the table and the plot into the docs")
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--listen", type=int, nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.serve:
        serve(chosen.serve)
        return
    if chosen.listen:
        asyncio.run(listen(*chosen.listen))
        return
    results = [measure(count, chosen.visits) for count in sorted(chosen.listeners)]
    report.show(f"{PASSING} alerts of each of {chosen.visits} visits", HEADER, rows(results))
    if chosen.write:
        plot(results, PLOT)
        lines = [f"On {report.machine()}.", "", *report.markdown(HEADER, rows(results)), ""]
        lines.append(f"![seconds after the commit against the number of listeners](images/{PLOT.name})")
        report.between(PAGE, "measured", "\n".join(lines))


if __name__ == "__main__":
    main()

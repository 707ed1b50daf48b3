"""The time from a producer to the VOEvent in a reader's hand, through a real worker and a real broker.

Real-size simulated Rubin alerts are sent one after another at a rate. A worker (``vobroker run``) archives
them, runs the filters and publishes a VOEvent of every alert to a topic; a reader of that topic, who sees
committed transactions only, notes when each is there. Of every alert also the time is known at which it was
decoded, and at which its event, then already in the archive, was handed to the brokers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from matplotlib.figure import Figure
from rich.progress import Progress

from bench import report
from bench.streaming.clients import StreamError
from bench.streaming.cluster import find
from vobroker.archive import open_archive
from vobroker.kafka.settings import Connection
from vobroker.kafka.topics import ensure_topic
from vobroker.sources.simulator import simulate

LSST_RATE = 10_000 / 37
"""Alerts a second, the mean over a visit of LSST."""

BUDGET = 60.0
"""Seconds that the survey allows itself from the last read-out of a visit to its alerts (LSE-61, OTT1)."""

STAGES = ("decoded", "archived, filtered, handed on", "read as VOEvent")
FILTERS = {
    "every-alert": "SELECT * FROM alert",
    "recent-and-rising": "SELECT * FROM alert WHERE n_detections < 10 AND real_bogus > 0.5 AND mag < 24",
    "bright": "SELECT * FROM alert WHERE mag < 20 AND solar_system = 0",
}
COLOURS = ("#4063a0", "#c05a1c", "#2f7d4f", "#7a4b9a")
WARM = 20
"""Alerts that go ahead and do not count: the first batch makes the tables."""


def measure(rate: float, packets: list[tuple[int, bytes]], brokers: str, step: Any) -> np.ndarray:
    """Give the seconds to each stage, as an array of shape (alerts, stages)."""
    run = f"bench-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": brokers})
    for topic in (run, f"{run}.every-alert"):
        ensure_topic(Connection(brokers), topic, partitions=4)
    sent: dict[int, float] = {}
    read: dict[int, float] = {}
    handed: dict[int, float] = {}
    ended = threading.Event()

    def reader() -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": f"{run}-reader",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        consumer.subscribe([f"{run}.every-alert"])
        while not ended.is_set():
            for message in consumer.consume(100, timeout=0.05):
                if message.error() is None:
                    alert = int(dict(message.headers() or [])["alert_id"])
                    read[alert] = time.time()
                    handed[alert] = message.timestamp()[1] / 1000
        consumer.close()

    with tempfile.TemporaryDirectory(prefix="vobroker-latency-") as place:
        folder = Path(place)
        for name, text in FILTERS.items():
            (folder / f"{name}.adql").write_text(text)
        command = [
            *(sys.executable, "-m", "vobroker", "run", "-b", brokers, "-t", run, "--group", run),
            *("-a", str(folder / "archive"), "--filters", str(folder), "--publish-to", f"{run}."),
        ]
        with (folder / "log").open("wb") as log:
            worker = subprocess.Popen(command, stdout=log, stderr=log)
        watcher = threading.Thread(target=reader)
        watcher.start()
        try:
            producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "message.max.bytes": 2**26})
            for number, (alert, packet) in enumerate(packets):
                if number == WARM:
                    _until(lambda: len(read) >= WARM, worker, folder)
                    begin = time.monotonic()
                if number >= WARM:
                    time.sleep(max(0.0, begin + (number - WARM) / rate - time.monotonic()))
                sent[alert] = time.time()
                producer.produce(run, packet, partition=number % 4)
                producer.poll(0)
                step(1)
            producer.flush(60)
            _until(lambda: len(read) >= len(packets), worker, folder)
        finally:
            ended.set()
            watcher.join()
            worker.terminate()
            worker.wait(60)
            there = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(run)]
            for done in admin.delete_topics(there).values():
                done.exception(30)
        with open_archive(folder / "archive", read_only=True) as archive:
            rows = archive.query("SELECT alert_id, epoch(received) AS received FROM alert").to_pylist()
    decoded = {row["alert_id"]: row["received"] for row in rows}
    chosen = [alert for alert, _ in packets[WARM:]]
    return np.array([[t[alert] - sent[alert] for t in (decoded, handed, read)] for alert in chosen])


def _until(true: Any, worker: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 120
    while not true():
        if worker.poll() is not None or time.monotonic() > end:
            raise StreamError(f"the worker did not keep up: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.02)


def numbered(count: int) -> list[tuple[int, bytes]]:
    """Make packets with history and stamps, with their identifiers."""
    visits = list(simulate("lsst", seed=41, visits=-(-count // 250), alerts_per_visit=250, fields=1))
    ids = [int(i) for visit in visits for i in visit.truth["alert_id"].to_pylist()]
    return list(zip(ids, (p for visit in visits for p in visit.packets), strict=True))[:count]


def plot(path: Path, seconds: dict[float, np.ndarray]) -> None:
    """Draw which share of the alerts is there after which time."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for colour, (rate, values) in zip(cycle(COLOURS), seconds.items(), strict=False):
        ends = np.sort(values[:, -1])
        share = np.arange(1, len(ends) + 1) / len(ends)
        axes.plot(
            ends, share, color=colour, label=f"{rate:.0f} alerts/s ({rate / LSST_RATE:.0%} of LSST's mean)"
        )
    axes.axvline(BUDGET, color="#b0202a", linestyle="--")
    axes.text(BUDGET * 0.93, 0.8, "the survey's own\nbudget, 60 s", color="#b0202a", ha="right", va="center")
    axes.set_xscale("log")
    axes.set_xlim(0.03, 100)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("seconds from the producer to the VOEvent in a reader's hand")
    axes.set_ylabel("share of the alerts")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.66, 0.02), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure at some rates and show the percentiles."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--brokers", default="127.0.0.1:19092")
    options.add_argument("--rates", default="27,68,135,270", help="alerts a second, with commas between")
    options.add_argument("--seconds", type=float, default=20, help="of each rate")
    options.add_argument("--write", type=Path, help="page of the documentation; its plot goes beside it")
    chosen = options.parse_args()
    rates = [float(rate) for rate in chosen.rates.split(",")]
    try:
        find(chosen.brokers)
        needed = [WARM + round(rate * chosen.seconds) for rate in rates]
        seconds = {}
        with Progress() as bar:
            making = bar.add_task("packets", total=None)
            packets = numbered(max(needed))
            bar.update(making, total=1, completed=1)
            for rate, count in zip(rates, needed, strict=True):
                task = bar.add_task(f"{rate:g} alerts/s", total=count)
                seconds[rate] = measure(
                    rate, packets[:count], chosen.brokers, lambda n, task=task: bar.advance(task, n)
                )
    except StreamError as error:
        raise SystemExit(f"error: {error}") from error
    header = ["alerts/s", "of LSST's mean", "", "p50", "p98", "p99", "budget/p99"]
    rows = []
    for rate, values in seconds.items():
        for stage, column in zip(STAGES, values.T, strict=True):
            p50, p98, p99 = np.percentile(column, (50, 98, 99))
            rows.append(
                [
                    *(f"{rate:g}", f"{rate / LSST_RATE:.0%}", stage),
                    *(f"{1000 * p:,.0f} ms" for p in (p50, p98, p99)),
                    f"{BUDGET / p99:,.0f}",
                ]
            )
    report.show("From the producer to the VOEvent", header, rows)
    if chosen.write:
        plot(chosen.write.parent / "images" / "kafka-latency.png", seconds)
        table = "\n".join(report.markdown(header, rows))
        report.between(chosen.write, "latency", f"{table}\n\nMeasured on {report.machine()}.")


if __name__ == "__main__":
    main()

"""The command: its options, the run of the whole design, and what is shown of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report, stream
from bench.streaming import cluster, compare, page, plots, watch
from bench.streaming.clients import CONSUMER, PRODUCER, StreamError
from bench.streaming.conduct import measure
from bench.streaming.design import (
    KINDS,
    Choice,
    Point,
    as_published,
    crossed,
    from_dict,
    one_at_a_time,
    scaled,
    whole_visits,
)
from bench.streaming.model import for_lsst
from bench.streaming.packets import Pool, make

PATIENCE_SECONDS = 15.0
"""A point waits so long for others to leave the machine alone."""


def main() -> None:
    """Measure the design and show, keep, compare or publish the result."""
    chosen = options()
    try:
        run(chosen)
    except (StreamError, OSError) as error:
        raise SystemExit(f"bench stream: {error}") from None


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="vobroker bench stream", description=stream.__doc__)
    many = {"type": _numbers, "metavar": "N,N"}
    parser.add_argument("--producers", default=[1, 2, 4], help="numbers of producers", **many)
    parser.add_argument("--partitions", default=[1, 2, 4, 8], help="numbers of partitions", **many)
    parser.add_argument("--groups", default=[1, 2, 4], help="numbers of consumer groups", **many)
    parser.add_argument("--members", default=[1, 2], help="processes in each group", **many)
    parser.add_argument(
        "--kinds", type=_kinds, default=list(KINDS), help="kinds of groups: read, all, none, real (a filter)"
    )
    parser.add_argument(
        "--stamps", action=argparse.BooleanOptionalAction, help="only with stamps, or without"
    )
    parser.add_argument(
        "--replication", default=[1, 3], help="copies; more than one needs three brokers", **many
    )
    parser.add_argument("--alerts", type=int, help="alerts of a visit; by default as many as fit --minutes")
    parser.add_argument("--scale", type=float, help="alerts of a visit as a part of LSST's 10,000")
    parser.add_argument("--every", type=float, help="seconds from one visit to the next")
    parser.add_argument("--visits", type=int, default=5, help="visits of a point; one more comes first")
    parser.add_argument("--minutes", type=float, default=10, help="about how long the design may take")
    parser.add_argument(
        "--whole",
        type=_numbers,
        default=[],
        metavar="N,N",
        help="also visits of LSST's size, "
        "every 37 s, for these numbers of reading groups: the model is judged by them",
    )
    parser.add_argument("--cross", action="store_true", help="every combination, not one parameter at a time")
    parser.add_argument("--quick", action="store_true", help="a few small points, to see that all works")
    parser.add_argument("--packets", type=int, default=512, help="distinct packets that are made")
    parser.add_argument("--brokers", default=cluster.ONE, help="addresses of the brokers")
    parser.add_argument(
        "--three",
        default=cluster.THREE,
        help="addresses of three brokers; those of "
        "scripts/kafka.sh are started where they do not run, and stopped again",
    )
    parser.add_argument("--json", type=Path, help="file to keep the result in")
    parser.add_argument(
        "--compare", type=Path, metavar="EARLIER.json", help="show ratios to an earlier result"
    )
    parser.add_argument(
        "--from", type=Path, dest="kept", metavar="FILE.json", help="show a kept result again"
    )
    parser.add_argument(
        "--again", type=Path, metavar="FILE.json", help="measure the disturbed points of a kept result again"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="write tables and plots into a page")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the plots into a folder")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.producers, chosen.partitions, chosen.groups, chosen.members = [1, 2], [1, 2], [1, 2], [1]
        chosen.replication, chosen.visits, chosen.packets = [1], 2, min(chosen.packets, 128)
        chosen.alerts, chosen.every = chosen.alerts or 100, chosen.every or 1.0
        chosen.kinds = ["read", "real"]
        chosen.stamps = True if chosen.stamps is None else chosen.stamps
    for name in ("producers", "partitions", "groups", "members", "replication", "whole", "visits"):
        value = getattr(chosen, name)
        if min(value if isinstance(value, list) else [value], default=1) < 1:
            parser.error(f"--{name} counts from 1")
    if (chosen.alerts is not None and chosen.alerts < 1) or (chosen.every is not None and chosen.every < 0):
        parser.error("--alerts counts from 1, and --every is not negative")
    if chosen.scale is not None and not 0 < chosen.scale <= 10:
        parser.error("--scale is above 0 and at most 10")
    if max(chosen.replication) > 3:
        parser.error("--replication is at most 3: there are three brokers")
    return chosen


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _kinds(text: str) -> list[str]:
    kinds = text.split(",")
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"no kind {wrong[0]!r}; there are {', '.join(KINDS)}")
    return kinds


def run(chosen: argparse.Namespace) -> None:
    """Measure, or read what was kept; then show."""
    earlier = _read(chosen.compare) if chosen.compare else None
    if chosen.kept:
        result = _read(chosen.kept)
        result["model"] = for_lsst(result["points"])
    elif chosen.again:
        result = again(chosen)
    else:
        result = measured(chosen)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    show(result)
    if earlier is not None:
        show_differences(result, earlier)
    if chosen.plots:
        plots.throughput(result["points"], chosen.plots / "stream-throughput.png")
        plots.latency(result["points"], chosen.plots / "stream-latency.png")
        plots.lag(result["points"], chosen.plots / "stream-lag.png")
        if result["model"]:
            plots.model(result["model"], chosen.plots / "stream-model.png", result["machine"]["cores"])
    if chosen.write:
        page.write(chosen.write, result)


def _read(path: Path) -> dict[str, Any]:
    try:
        return compare.check_format(json.loads(path.read_text()), str(path))
    except ValueError:
        raise StreamError(f"{path} is not JSON") from None


def measured(chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure the whole design."""
    cluster.find(chosen.brokers)
    stamps = [True, False] if chosen.stamps is None else [chosen.stamps]
    choice = Choice(
        chosen.producers,
        chosen.partitions,
        chosen.groups,
        chosen.members,
        chosen.kinds,
        stamps,
        chosen.replication,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bar = stack.enter_context(_bar())
        pools = {with_stamps: _pool(folder, with_stamps, chosen.packets, bar) for with_stamps in stamps}
        bench = Bench(chosen.brokers, chosen.three, pools, stack, bar)
        points, scale = plan(chosen, choice, bench.measure)
        results = bench.all(points)
    return _run(results, scale, chosen.packets)


def again(chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure the disturbed points of a kept result once more, and keep those that are quieter now."""
    kept = _read(chosen.again)
    cluster.find(chosen.brokers)
    disturbed = [each for each in kept["points"] if each["others"] > page.QUIET]
    stamps = {bool(each["point"]["stamps"]) for each in disturbed}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bar = stack.enter_context(_bar())
        pools = {with_stamps: _pool(folder, with_stamps, kept["pool"], bar) for with_stamps in stamps}
        bench = Bench(chosen.brokers, chosen.three, pools, stack, bar)
        results = bench.quieter(kept["points"])
    return _run(results, kept["scale"], kept["pool"])


def _run(results: list[dict[str, Any]], scale: dict[str, Any], packets: int) -> dict[str, Any]:
    """Put a run together as it is kept."""
    results.sort(key=lambda each: _order(each["point"]))
    return {
        "format": compare.FORMAT,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "scale": scale,
        "pool": packets,
        "settings": {"producer": PRODUCER, "consumer": CONSUMER},
        "points": results,
        "model": for_lsst(results),
    }


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _pool(folder: Path, stamps: bool, packets: int, bar: Progress) -> Pool:
    task = bar.add_task(f"packets {'with' if stamps else 'without'} stamps", total=packets)
    return make(folder, stamps=stamps, packets=packets, each=lambda done: bar.update(task, completed=done))


def _order(point: dict[str, Any]) -> int:
    series = ("centre", "producers", "partitions", "groups", "kinds", "members", "replication", "crossed")
    return series.index(point["series"]) if point["series"] in series else len(series)


def plan(
    chosen: argparse.Namespace, choice: Choice, trial: Callable[[Point], dict[str, Any]]
) -> tuple[list[Point], dict[str, Any]]:
    """Give the points, with bursts as large as asked for, or as large as the machine does in the time."""
    design = crossed if chosen.cross else one_at_a_time
    blank = Point(alerts=300, every=2.0, visits=chosen.visits)
    extra = [] if chosen.quick or chosen.cross else as_published(blank, choice.stamps)
    # Also warms the brokers up, whose first bursts are slow.
    rate = trial(replace(design(choice, blank)[0], brokers=1, replication=1, visits=3))["median"]["rate"]
    count = len(design(choice, blank)) + len(extra)
    alerts, every = scaled(minutes=chosen.minutes, points=count, visits=chosen.visits, rate=rate)
    why = (
        f"This is what {count} points of {chosen.visits} visits leave room for in {chosen.minutes:g} "
        f"minutes; a trial did {rate:,.0f} alerts/s."
    )
    if chosen.alerts or chosen.scale or chosen.every:
        every = chosen.every or every
        alerts = chosen.alerts or (round(10_000 * chosen.scale) if chosen.scale else alerts)
        why = "The load was given on the command line."
    points = [*design(choice, replace(blank, alerts=alerts, every=every)), *extra]
    for point in whole_visits(chosen.whole, blank):
        # As DMTN-028's for two readers: one producer, one partition.
        published = {"producers": 1, "partitions": 1} if len(point.groups) == 2 else {}
        points.append(replace(point, **published))
    points.sort(key=lambda point: point.brokers)
    return points, {"alerts": alerts, "every": every, "trial": rate, "why": why}


@dataclass
class Bench:
    """Where points are measured: one broker, or three that are started when the first point needs them."""

    brokers: str
    three: str
    pools: dict[bool, Pool]
    stack: ExitStack
    bar: Progress
    started: bool = False

    def measure(self, point: Point) -> dict[str, Any]:
        """Measure a point, if possible while nobody else uses the machine."""
        pool = self.pools[point.stamps]
        if point.brokers == 3 and not self.started:
            self.stack.enter_context(cluster.three_brokers(self.three))
            self.started = True
            # The first bursts of brokers that have just started are those of a cold machine.
            measure(replace(point, visits=3), self.three, pool)
        brokers = self.three if point.brokers == 3 else self.brokers
        watch.await_quiet(page.QUIET, PATIENCE_SECONDS, cluster.processes(brokers))
        return measure(point, brokers, pool) | {"tries": 1}

    def all(self, points: Sequence[Point]) -> list[dict[str, Any]]:
        """Measure all points, and once more at the end those that were disturbed."""
        task = self.bar.add_task("points", total=len(points))
        results = []
        for point in points:
            self.bar.update(task, description=f"{point.series}, {point.alerts} alerts")
            results.append(self.measure(point))
            self.bar.advance(task)
        return self.quieter(results)

    def quieter(self, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Measure disturbed points again, and keep of each what was disturbed less."""
        disturbed = sum(each["others"] > page.QUIET for each in results)
        task = self.bar.add_task("disturbed, again", total=disturbed, visible=disturbed > 0)
        kept = []
        for each in results:
            better = each
            if each["others"] > page.QUIET:
                new = self.measure(from_dict(each["point"]))
                better = min(each, new, key=lambda one: one["others"]) | {"tries": each["tries"] + 1}
                self.bar.advance(task)
            kept.append(better)
        return kept


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        name = names[0] if names else name
    return {
        "cores": os.cpu_count(),
        "processor": name,
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "confluent_kafka": confluent_kafka.__version__,
        "librdkafka": confluent_kafka.libversion()[0],
    }


def show(result: dict[str, Any]) -> None:
    """Print the table, DMTN-028's figures, and what the model says."""
    report.show("Bursts through Kafka; times in s", page.TIMES, page.times(result["points"]))
    report.show("Latency in s, lag, CPU, memory", page.COSTS, page.costs(result["points"]))
    console = Console(width=110)
    console.print("CPU is core-seconds a visit; lag the most alerts that a group was behind", highlight=False)
    console.print(f"{result['scale']['alerts']:,} alerts a visit: {result['scale']['why']}", highlight=False)
    worst = max(each["others"] for each in result["points"])
    console.print(f"Others used at most {worst:.0%} of the machine during a point.", highlight=False)
    if result["model"] is None:
        console.print("Too few different points for a model.", highlight=False)
        return
    fit = result["model"]["fits"]["all"]
    report.show(
        f"EXTRAPOLATED: cores for LSST's 10,000 alerts in 37 s, one copy; error {fit['error']:.0%}",
        ("groups reading the full stream", "cores", "95 %"),
        [
            [str(each["groups"]), f"{each['cores']:.2f}", f"{each['low']:.2f} to {each['high']:.2f}"]
            for each in fit["lsst"]
            if each["replication"] == 1
        ],
    )


def show_differences(now: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Print the ratios to an earlier run."""
    found = list(compare.differences(now, earlier))
    if not found:
        raise StreamError("the two runs have no point in common")
    centre = now["points"][0]["point"]
    report.show(
        f"Ratios now / run of {earlier['when'][:16]}",
        ("point", "figure", "ratio", "95 %", "beyond noise"),
        [
            [
                page.name(each.point.as_dict(), centre),
                compare.FIGURES[each.figure],
                f"{each.ratio:.2f}",
                f"{each.low:.2f} to {each.high:.2f}",
                "yes" if each.beyond_noise else "",
            ]
            for each in found
        ],
    )
    here, there = now["machine"], earlier["machine"]
    if (here["processor"], here["cores"]) != (there["processor"], there["cores"]):
        Console(width=110).print(
            f"Other machine: {there['cores']} cores, {there['processor']}", highlight=False
        )

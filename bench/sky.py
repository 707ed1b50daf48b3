"""Queries on the sky over the archive as it is, on DuckDB and on PostgreSQL, as users ask them.

An archive in a folder and one in a PostgreSQL database are made and filled in bulk with a synthetic survey,
visit after visit. Each kind of query is asked as ADQL (parsed, checked, translated, run, fetched as Arrow),
some also as if the table had no cells, so that the engine scans it, on PostgreSQL as SQL for q3c written by
hand, and over TAP. What is asked of objects, each of which lies elsewhere on the disk, is asked a second time
as well. Every answer is held against one that numpy finds by looking at every row.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench import report
from bench.positions import asking, fill, kinds
from bench.positions.asking import Ask, Timed
from bench.positions.kinds import Question, Truth
from vobroker.archive import open_archive

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "sky.md"
RESULTS = ROOT / "docs" / "sky-benchmark.json"
PLOT = ROOT / "docs" / "images" / "bench-sky.png"
ENGINES = {"duckdb": "DuckDB", "postgresql": "PostgreSQL"}

FULL, HAND, AGAIN, TAP = "without cells", "q3c by hand", "again", "over TAP"
SCANNED = 5
"""Queries of a kind that are asked without cells."""
OVER_TAP = ("cone of 1°", "cone of 1°, nearest first", "object by identifier", "10,000 positions at 2″")
NOT_SCANNED = ("MOC", "object", "alerts", "light", "10,000")
"""Kinds that are not on cells, or not to be had without them, by their beginnings."""
OF_OBJECTS = ("object", "alerts", "light")
TARGETS = {
    "cone of 1°": (10, 50),
    "cone of 1°, nearest first": (10, 50),
    "10,000 positions at 2″": (1000, None),
    "object by identifier": (5, None),
}
"""Milliseconds that p50 and p95 should stay under."""


def measure(
    engine: str, where: str | Path, truth: Truth, runs: int, work: Path, *, over_tap: bool = True
) -> list[Timed]:
    """Ask everything of one archive."""
    asked = kinds.questions(truth, runs + 1)
    found = []

    def go(kind: str, way: str, ask: Ask, questions: list[Question]) -> None:
        found.append(one := asking.timed(kind, way, ask, questions))
        print(f"{ENGINES[engine]}, {kind} ({way}): {one.p50:,.1f} ms", file=sys.stderr)

    if len(truth.ra) >= fill.MANY:
        asked = {kind: questions for kind, questions in asked.items() if not kind.startswith(OF_OBJECTS)}
    with open_archive(where, read_only=True) as archive:
        first = next(iter(asked))
        asking.timed(first, "warming up", asking.as_adql(archive), asked[first])
        for kind, questions in asked.items():
            go(kind, "ADQL", asking.as_adql(archive), questions)
            if not kind.startswith(NOT_SCANNED):
                go(kind, FULL, asking.as_adql(archive, cells=False), questions[: SCANNED + 1])
            if engine == "postgresql" and questions[0].by_hand:
                go(kind, HAND, asking.by_hand(archive), questions)
            if kind.startswith(OF_OBJECTS):
                go(kind, AGAIN, asking.as_adql(archive), questions)
    if not over_tap:
        return found
    with asking.service(where, work) as ask:
        for kind in OVER_TAP:
            if kind in asked:
                go(kind, TAP, ask, asked[kind])
    return found


@contextmanager
def _filled(engine: str, count: int, folder: Path, *, scattered: bool, keep: bool) -> Iterator[str | Path]:
    """Give an archive with a survey; one that is there already is used again."""
    truth = folder / f"{count}{'-scattered' if scattered else ''}.npz"
    if engine == "duckdb":
        where = folder / f"{count}{'-scattered' if scattered else ''}"
        if not (where / "archive.duckdb").exists():
            fill.folder(where, count, truth, scattered=scattered)
        try:
            yield where
        finally:
            if not keep:
                shutil.rmtree(where)
    else:
        name = f"vobroker_bench_sky_{count}{'_scattered' if scattered else ''}"
        with fill.database(name, keep=keep) as (url, new):
            if new:
                fill.server(url, count, truth, scattered=scattered)
            yield url


def table(results: list[dict[str, Any]], engine: str, count: int) -> tuple[list[str], list[list[str]]]:
    """Give header and rows of one engine and size."""
    header = [
        "query",
        "rows",
        "p50 ms",
        "p95 ms",
        FULL,
        *([HAND] if engine == "postgresql" else []),
        AGAIN,
        TAP,
    ]
    here = [r for r in results if (r["engine"], r["alerts"]) == (engine, count)]
    by = {(r["kind"], r["way"]): r for r in here}
    rows = []
    for r in here:
        if r["way"] != "ADQL":
            continue
        others = [by.get((r["kind"], way)) for way in header[4:]]
        rows.append(
            [
                r["kind"],
                f"{r['rows']:,.0f}",
                f"{r['p50']:,.1f}",
                f"{r['p95']:,.1f}",
                *(f"{other['p50']:,.1f}" if other else "-" for other in others),
            ]
        )
    return header, rows


def missed(results: list[dict[str, Any]], count: int) -> list[str]:
    """Tell which targets are missed at a size."""
    lines = []
    for r in results:
        goals = TARGETS.get(r["kind"]) if r["way"] == "ADQL" and r["alerts"] == count else None
        for name, goal in zip(("p50", "p95"), goals or (), strict=False):
            if goal and r[name] >= goal:
                lines.append(f"{ENGINES[r['engine']]}: {r['kind']} {name} {r[name]:.1f} ms, target {goal} ms")
    return lines


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Draw time against rows, a panel a kind of query."""
    names = list(dict.fromkeys(r["kind"] for r in results))
    across = 4
    figure = Figure(figsize=(13, 3 * -(-len(names) // across)), layout="constrained")
    panels = figure.subplots(-(-len(names) // across), across, sharex=True, squeeze=False).ravel()
    styles = {"ADQL": ("o-", 1.0), FULL: ("s--", 0.6), HAND: ("^:", 0.8)}
    lines: dict[str, Any] = {}
    for panel, kind in zip(panels, names, strict=False):
        for engine, colour in zip(ENGINES, ("#c05a1c", "#4063a0"), strict=True):
            for way, (style, alpha) in styles.items():
                points = sorted(
                    (r["alerts"], r["p50"], r["p95"])
                    for r in results
                    if (r["engine"], r["kind"], r["way"]) == (engine, kind, way)
                )
                if not points:
                    continue
                x, middle, high = zip(*points, strict=True)
                label = f"{ENGINES[engine]}, {way}"
                (lines[label],) = panel.loglog(x, middle, style, color=colour, alpha=alpha, ms=4, lw=1.2)
                if way == "ADQL":
                    panel.fill_between(x, middle, high, color=colour, alpha=0.15, lw=0)
        if kind in TARGETS:
            panel.axhline(TARGETS[kind][0], color="#888", lw=0.8)
        panel.set_title(kind, loc="left", fontsize=9)
        panel.grid(alpha=0.3, lw=0.5)
        panel.spines[["top", "right"]].set_visible(False)
    rest = panels[len(names) :]
    for panel in rest:
        panel.axis("off")
    for panel in panels[max(0, len(names) - across) : len(names)]:
        panel.set_xlabel("alerts in the archive")
        panel.xaxis.set_tick_params(labelbottom=True)
    for panel in panels[::across]:
        panel.set_ylabel("p50 to p95, ms")
    (rest[0] if len(rest) else figure).legend(
        lines.values(), lines.keys(), fontsize=8, loc="center left" if len(rest) else "outside lower center"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def text(kept: dict[str, Any]) -> str:
    """Write what is measured as a part of the page."""
    results = kept["results"]
    lines = [
        f"On {kept['machine']}; milliseconds, those of the last columns p50.",
        "",
        "![time against the number of alerts, by kind of query](images/bench-sky.png)",
    ]
    for engine, named in ENGINES.items():
        for count in sorted({r["alerts"] for r in results if r["engine"] == engine}, reverse=True):
            lines += ["", f"### {named}, {count:,} alerts", ""]
            lines += report.markdown(*table(results, engine, count))
    return "\n".join(lines)


def keep_results(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Put results in the place of earlier ones of the same engine and size."""
    old = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    anew = {(r["engine"], r["alerts"]) for r in measured}
    merged = [r for r in old if (r["engine"], r["alerts"]) not in anew] + measured
    kept = {"machine": report.machine(), "results": merged}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return kept


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=float, nargs="+", default=[1e5, 1e6], help="sizes of the archive")
    options.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    options.add_argument(
        "--runs", type=int, default=60, help="queries of each kind; a cross-match runs thrice"
    )
    options.add_argument("--scattered", action="store_true", help="visits anywhere, not near the one before")
    options.add_argument(
        "--folder", type=Path, help="where archives are made; a temporary folder if not given"
    )
    options.add_argument("--keep", action="store_true", help="keep the archives, and use those that are kept")
    options.add_argument("--fill", action="store_true", help="only make the archives; with --keep")
    options.add_argument("--no-tap", action="store_true", help="do not ask over TAP besides")
    options.add_argument("--write", action="store_true", help="keep the results and write docs/sky.md")
    options.add_argument("--plot", type=Path, help="file for a plot of time against alerts")
    chosen = options.parse_args(arguments)
    if chosen.scattered and chosen.write:
        options.error("what is written is measured in the order of a survey, not --scattered")
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as work:
        folder = chosen.folder or Path(work)
        folder.mkdir(parents=True, exist_ok=True)
        for count in map(int, chosen.alerts):
            for engine in chosen.engines:
                with _filled(engine, count, folder, scattered=chosen.scattered, keep=chosen.keep) as where:
                    if chosen.fill:
                        continue
                    name = f"{count}{'-scattered' if chosen.scattered else ''}.npz"
                    truth = Truth.load(folder / name)
                    found = measure(engine, where, truth, chosen.runs, Path(work), over_tap=not chosen.no_tap)
                measured += [{"engine": engine, "alerts": count, **asdict(one)} for one in found]
                title = f"{count:,} alerts on {ENGINES[engine]}"
                report.show(title, *table(measured, engine, count))
    for line in missed(measured, 10**7):
        print(f"missed: {line}")
    if chosen.write:
        kept = keep_results(measured)
        plot(kept["results"], PLOT)
        report.between(PAGE, "measured", text(kept))
    if chosen.plot:
        plot(measured, chosen.plot)


if __name__ == "__main__":
    main()

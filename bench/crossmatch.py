"""Positions matched with a catalogue, on one core: ours against scipy's KD-tree and q3c on PostgreSQL.

All answer the same question of the same positions, and their answers are compared before a figure is shown.
Ours is measured thrice: the loop in memory; the catalogue as a worker has it, mapped from the disk, every
match ranked; and batches of alerts as they come from a telescope, with all columns of the catalogue.

Scipy and PostgreSQL are no dependencies of vobroker; where one is not there its row says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from psycopg import sql

from bench import report
from bench.positions import fill
from vobroker import sky
from vobroker.enrich import catalogue
from vobroker.enrich.formats import open_source
from vobroker.enrich.match import Matcher
from vobroker.sky.crossmatch import Catalogue

ARCSEC = 1 / 3600
PAGE = Path(__file__).parents[1] / "docs" / "catalogues.md"
RESULTS = PAGE.with_name("catalogues-benchmark.json")
PLOT = PAGE.parent / "images" / "bench-crossmatch.png"
BATCH, FIELD = 512, 1.75
"""Alerts of a batch, and the radius in degrees of the field that they lie in."""

NEAREST = "nearest, by zones"
STORED = "all within, ranked, catalogue on the disk"
BATCHES = "batches of 512 alerts, with the columns"
TREE = "nearest, scipy cKDTree"
Q3C = "all within, q3c"
COLOURS = {NEAREST: "#8899bb", STORED: "#4063a0", BATCHES: "#1c2f5a", TREE: "#c05a1c", Q3C: "#5a8f3c"}
TARGET = 50_000
"""Positions a second and core, against ten million entries."""

Places = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Measured:
    """One way at one size: seconds to make it ready, and positions a second."""

    way: str
    entries: int
    made: float
    rate: float


def places(count: int, rng: np.random.Generator) -> Places:
    """Give positions all over the sky, degrees."""
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def around(entries: Places, count: int, rng: np.random.Generator) -> Places:
    """Give positions of which half are near an entry, and half anywhere, in no order."""
    near = rng.integers(0, len(entries[0]), count // 2)
    away = rng.uniform(0, ARCSEC, len(near))
    moved = sky.offset(entries[0][near], entries[1][near], rng.uniform(0, 360, len(near)), away)
    anywhere = places(count - len(near), rng)
    order = rng.permutation(count)
    return np.concatenate((moved[0], anywhere[0]))[order], np.concatenate((moved[1], anywhere[1]))[order]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give the seconds that something takes, and what it gives."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def tree(entries: Places, positions: Places, radius: float) -> tuple[float, float, np.ndarray]:
    """Match by a KD-tree of unit vectors; give the seconds to build and to ask, and the matches."""
    from scipy.spatial import cKDTree

    def vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        lon, lat = np.radians(ra), np.radians(dec)
        return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

    built, made = timed(lambda: cKDTree(vectors(*entries)))
    chord = 2 * np.sin(np.radians(radius) / 2)
    asked, (_, found) = timed(lambda: made.query(vectors(*positions), distance_upper_bound=chord, workers=1))
    return built, asked, np.where(found == len(entries[0]), -1, found)


def q3c(entries: Places, positions: Places, radius: float) -> tuple[float, float, int]:
    """Match by a join on PostgreSQL; give the seconds to fill and to ask, and the number of pairs."""
    with (
        fill.database("vobroker_bench_crossmatch", keep=False) as (url, _),
        psycopg.connect(url, autocommit=True) as db,
    ):
        db.execute("SET max_parallel_workers_per_gather = 0")
        db.execute("SET maintenance_work_mem = '1GB'")

        def make() -> None:
            for name, (ra, dec) in (("entry", entries), ("place", positions)):
                table = sql.Identifier(name)
                db.execute(sql.SQL("CREATE TABLE {} (ra float8, dec float8)").format(table))
                copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)
                with db.cursor().copy(copy) as target:
                    target.write(_binary(ra, dec))
            db.execute("CREATE INDEX entry_q3c ON entry (q3c_ang2ipix(ra, dec))")
            db.execute("CLUSTER entry USING entry_q3c")
            db.execute("ANALYZE entry")
            db.execute("ANALYZE place")

        built, _ = timed(make)
        ask = "SELECT count(*) FROM place, entry WHERE q3c_join(place.ra, place.dec, entry.ra, entry.dec, %s)"
        db.execute(ask, [radius])  # what it reads is in memory from now on
        asked, rows = timed(lambda: db.execute(ask, [radius]).fetchall())
        return built, asked, rows[0][0]


def _binary(ra: np.ndarray, dec: np.ndarray) -> bytes:
    """Write rows as COPY reads them (PostgreSQL documentation, COPY, binary format)."""
    rows = np.empty(
        len(ra), [("fields", ">i2"), ("size1", ">i4"), ("ra", ">f8"), ("size2", ">i4"), ("dec", ">f8")]
    )
    rows["fields"], rows["size1"], rows["size2"], rows["ra"], rows["dec"] = 2, 8, 8, ra, dec
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def batches(entries: Places, count: int, rng: np.random.Generator) -> list[pa.RecordBatch]:
    """Make batches of alerts, each in a field of its own; half of the alerts are near an entry."""
    made = []
    for number in range(max(count // BATCH, 1)):
        centre = places(1, rng)
        where = sky.offset(
            centre[0], centre[1], rng.uniform(0, 360, BATCH), FIELD * np.sqrt(rng.uniform(0, 1, BATCH))
        )
        strip = np.flatnonzero(np.abs(entries[1] - centre[1]) < FIELD)
        inside = strip[sky.separation(*centre, entries[0][strip], entries[1][strip]) < FIELD]
        near = rng.permutation(inside)[: BATCH // 2]
        ra, dec = (
            np.concatenate((axis[near], place[len(near) :]))
            for axis, place in zip(entries, where, strict=True)
        )
        made.append(
            pa.record_batch(
                {
                    "survey": pa.array(["lsst"] * BATCH),
                    "alert_id": pa.array(range(number * BATCH, (number + 1) * BATCH), pa.int64()),
                    "ra": ra,
                    "dec": dec,
                    "healpix": sky.healpix29(ra, dec),
                }
            )
        )
    return made


def measure(count: int, asked: int, radius: float, *, server: bool) -> list[Measured]:
    """Measure every way at one size of the catalogue."""
    rng = np.random.default_rng(1)
    entries = places(count, rng)
    positions = around(entries, asked, rng)
    found: list[Measured] = []

    def note(way: str, made: float, seconds: float, number: int = asked) -> None:
        found.append(Measured(way, count, made, number / seconds))

    built, zones = timed(lambda: Catalogue(*entries))
    zones.nearest(*positions, radius)
    seconds, (nearest, _) = timed(lambda: zones.nearest(*positions, radius))
    note(NEAREST, built, seconds)
    pairs = len(zones.within(*positions, radius).position)
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder, "entries.parquet"), Path(folder, "store")
        columns = {"id": np.arange(count), "ra": entries[0], "dec": entries[1]}
        columns |= {"mag": rng.uniform(12, 24, count).astype(np.float32), "z": rng.uniform(0, 1, count)}
        pq.write_table(pa.table(columns), file)
        roles = catalogue.Roles("ra", "dec", "id", radius=radius / ARCSEC)
        built, _ = timed(lambda: catalogue.add(store, "entries", open_source(file), roles))
        matcher = Matcher(store / "entries")
        matcher.match(*positions)
        seconds, matches = timed(lambda: matcher.match(*positions))
        note(STORED, built, seconds)
        if len(matches.position) != pairs:
            raise SystemExit(f"{len(matches.position)} matches on the disk, {pairs} in memory")
        alerts = batches(entries, min(asked, 20_000), rng)
        matcher.of(alerts[0])
        seconds, _ = timed(lambda: [matcher.of(batch) for batch in alerts])
        note(BATCHES, built, seconds, len(alerts) * BATCH)
    if importlib.util.find_spec("scipy"):
        built, seconds, theirs = tree(entries, positions, radius)
        if not np.array_equal(theirs, nearest):
            raise SystemExit(f"{np.count_nonzero(theirs != nearest)} matches differ from the KD-tree's")
        note(TREE, built, seconds)
    if server:
        built, seconds, number = q3c(entries, positions, radius)
        if number != pairs:
            raise SystemExit(f"{number} pairs on PostgreSQL, {pairs} here")
        note(Q3C, built, seconds)
    return found


def table(results: list[dict[str, Any]], count: int) -> tuple[list[str], list[list[str]]]:
    """Give header and rows of one size."""
    header = ["match", "seconds to make ready", "positions/s", "time, to ours on the disk"]
    here = {r["way"]: r for r in results if r["entries"] == count}
    ours = here[STORED]["rate"]
    rows = []
    for way in COLOURS:
        if way in here:
            r = here[way]
            rows.append([way, f"{r['made']:.1f}", f"{r['rate']:,.0f}", f"{ours / r['rate']:.2f}"])
        else:
            rows.append([way, "is not installed", "-", "-"])
    return header, rows


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Draw positions a second against the size of the catalogue."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    for way, colour in COLOURS.items():
        points = sorted((r["entries"], r["rate"]) for r in results if r["way"] == way)
        if points:
            axes.loglog(*zip(*points, strict=True), "o-", color=colour, ms=4, label=way)
    axes.axhline(TARGET, color="#888", lw=0.8, ls="--", label=f"target, {TARGET:,}")
    axes.set_xlabel("entries of the catalogue")
    axes.set_ylabel("positions a second on one core")
    axes.grid(alpha=0.3, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, loc="outside right center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def keep_results(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Put results in the place of earlier ones of the same size."""
    old = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    anew = {r["entries"] for r in measured}
    merged = sorted([r for r in old if r["entries"] not in anew] + measured, key=lambda r: r["entries"])
    kept = {"machine": report.machine(), "results": merged}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return kept


def text(kept: dict[str, Any], radius: float) -> str:
    """Write what is measured as a part of the page."""
    lines = [
        f"On one core of {kept['machine']}; radius {radius:g}″, half of the positions near an entry.",
        "",
        "![positions a second against the size of the catalogue](images/bench-crossmatch.png)",
    ]
    for count in sorted({r["entries"] for r in kept["results"]}, reverse=True):
        lines += ["", f"### {count:,} entries", "", *report.markdown(*table(kept["results"], count))]
    return "\n".join(lines)


def main() -> None:
    """Measure and show the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--entries", type=float, nargs="+", default=[1e5, 1e6], help="sizes of the catalogue"
    )
    options.add_argument("--positions", type=int, default=200_000, help="positions to match")
    options.add_argument("--radius", type=float, default=2.0, help="arcsec")
    options.add_argument("--no-server", action="store_true", help="without PostgreSQL")
    options.add_argument("--write", action="store_true", help="keep the results and write docs/catalogues.md")
    options.add_argument("--plot", type=Path, help="file for a plot")
    chosen = options.parse_args()
    radius = chosen.radius * ARCSEC
    small = Catalogue([1.0], [1.0])  # compiles, or reads what was compiled
    small.nearest([1.0], [1.0], 1)
    small.within([1.0], [1.0], 1)
    results: list[dict[str, Any]] = []
    for count in map(int, chosen.entries):
        results += map(asdict, measure(count, chosen.positions, radius, server=not chosen.no_server))
        report.show(f"{count:,} entries, radius {chosen.radius:g}″", *table(results, count))
    if chosen.write:
        kept = keep_results(results)
        plot(kept["results"], PLOT)
        report.between(PAGE, "measured", text(kept, chosen.radius))
    if chosen.plot:
        plot(results, chosen.plot)


if __name__ == "__main__":
    main()

"""Writing results in each output format, against astropy, STILTS and DaCHS, on one core; then over HTTP.

Rows of ten columns of ``alert``, as nights have them: 64-bit identifiers, texts, doubles, floats with nulls,
truth values, times. They lie in DuckDB; reading them as Arrow is the limit that a writer can come near. A
writer of ours is given batches of Arrow, astropy's a Table and DaCHS' the rows of its database driver, a
tenth of the rows each, STILTS a FITS file; the time to make these, and that of STILTS to start and to read,
is taken off. Over HTTP as many rows of an archive are fetched from ``vobroker serve`` in each format.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import urllib3
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable
from matplotlib.figure import Figure

from bench import report
from bench.positions import asking, fill
from vobroker.alerts.columns import ALERT
from vobroker.tap.formats import Head, Outcome, find, write
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tap-formats.md"
PLOT = ROOT / "docs" / "images" / "bench-tap.png"
DACHS = Path(os.environ.get("ADQL_IMPLEMENTATIONS", ROOT / "build" / "adql")) / "dachs"
"""Where ``corpus/adapters/install.sh dachs`` puts it."""
NAMES = (*("survey", "alert_id", "object_id", "mjd", "ra", "dec", "band", "mag", "positive", "received"),)
COLUMNS = tuple(ALERT[name] for name in NAMES)
HEAD = Head(COLUMNS)
FORMS = ("votable/b2", "votable/b", "votable/td", "parquet", "fits", "csv", "tsv", "json", "arrow")
BATCH = 65_536
RUNS = 3

# How astropy and STILTS write the same format; None where they do not.
ASTROPY = {
    "votable/b2": {"format": "votable", "tabledata_format": "binary2"},
    "votable/b": {"format": "votable", "tabledata_format": "binary"},
    "votable/td": {"format": "votable", "tabledata_format": "tabledata"},
    "fits": {"format": "fits"},
    "csv": {"format": "ascii.csv"},
    "tsv": {"format": "ascii.tab"},
    "parquet": {"format": "parquet"},
}
STILTS = {
    "votable/b2": "votable-binary2-inline",
    "votable/b": "votable-binary-inline",
    "votable/td": "votable-tabledata",
    "fits": "fits-basic",
    "csv": "csv",
}

# How DaCHS calls the types of the columns.
GAVO = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "DOUBLE": "double precision",
    "REAL": "real",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
}


@dataclass(slots=True)
class Measured:
    """What was measured of one format: rows a second, 0 where somebody does not write it, and bytes."""

    form: str
    ours: float
    astropy: float = 0.0
    stilts: float = 0.0
    dachs: float = 0.0
    few_memory: int = 0
    memory: int = 0


def rows(count: int) -> pa.Table:
    """Make rows as alerts have them."""
    random = np.random.default_rng(5)
    ids = random.integers(2**58, 2**59, count)
    texts = pa.array(ids % (count // 20 + 1)).cast(pa.string())
    values = {
        "survey": pa.array(np.array(["lsst", "ztf"])[random.integers(0, 2, count)]),
        "alert_id": ids,
        "object_id": pa.compute.binary_join_element_wise("ZTF21", texts, ""),
        "mjd": 60_000 + 400 * random.random(count),
        "ra": 360 * random.random(count),
        "dec": np.degrees(np.arcsin(random.uniform(-1, 1, count))),
        "band": pa.array(np.array(list("ugrizy"))[random.integers(0, 6, count)]),
        "mag": pa.array(random.normal(21, 1, count).astype(np.float32), mask=random.random(count) < 0.1),
        "positive": random.random(count) < 0.8,
        "received": pa.array(1_790_000_000_000_000 + random.integers(0, 10**13, count), pa.timestamp("us")),
    }
    return pa.table(values).cast(schema(Table("result", COLUMNS)))


def astropy_table(table: pa.Table) -> AstropyTable:
    """Give the rows as astropy users have them."""
    found = AstropyTable()
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = column.combine_chunks()
        if pa.types.is_string(values.type) or pa.types.is_timestamp(values.type):
            found[name] = np.array(values.cast(pa.string()).to_pylist())
        else:
            plain = values.fill_null(False if pa.types.is_boolean(values.type) else 0).to_numpy(
                zero_copy_only=False
            )
            found[name] = MaskedColumn(plain, mask=values.is_null().to_numpy(zero_copy_only=False))
    return found


def ours(form: str, batches: list[pa.RecordBatch]) -> None:
    for _ in write(find(form), iter(batches), HEAD, Outcome):
        pass


def astropy(table: AstropyTable, form: str, folder: Path) -> None:
    table.write(folder / "astropy", overwrite=True, **ASTROPY[form])


def seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median of the processor time of several runs, after one that is not counted where there are several."""
    if runs > 1:
        work()
    spent = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def peak(form: str, batches: list[pa.RecordBatch]) -> int:
    """Most memory that Python, numpy and Arrow took while writing, in bytes."""
    before = most = pa.total_allocated_bytes()
    tracemalloc.start()
    for _ in write(find(form), iter(batches), HEAD, Outcome):
        most = max(most, pa.total_allocated_bytes())
    _, python = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before + python


def dachs_seconds(table: pa.Table) -> dict[str, float]:
    """Processor seconds of DaCHS by format; empty where it is not installed."""
    python = DACHS / "venv" / "bin" / "python"
    if not python.exists():
        print("DaCHS is not installed; corpus/adapters/install.sh dachs does it", file=sys.stderr)
        return {}
    given = {"types": {c.name: GAVO[c.type] for c in COLUMNS}, "columns": table.to_pydict()}
    done = subprocess.run(
        [python, "-W", "ignore", Path(__file__).parent / "writers" / "dachs.py"],
        input=pickle.dumps(given, protocol=4),
        env=os.environ | {"PYTHONPATH": str(DACHS / "root" / "usr" / "lib" / "python3" / "dist-packages")},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"DaCHS: {done.stderr.decode()[-1000:]}")
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def stilts_seconds(table: Path, form: str, folder: Path) -> float:
    """Processor seconds of STILTS for a conversion, less those for reading the table alone."""

    def spent(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            ["stilts", "tpipe", f"in={table}", "ifmt=fits", *arguments], check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return spent(f"ofmt={form}", f"out={folder / 'stilts'}") - spent("omode=count")


def reading(table: pa.Table) -> float:
    """Rows a second that DuckDB gives as Arrow."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("made", table)
        connection.execute("CREATE TABLE alert AS FROM made")
        taken = lambda: sum(  # noqa: E731
            batch.num_rows for batch in connection.sql("FROM alert").to_arrow_reader(BATCH)
        )
        return len(table) / seconds(taken)


def measure(table: pa.Table, folder: Path) -> list[Measured]:
    """Give what each format costs."""
    batches = table.to_batches(max_chunksize=BATCH)
    few = table.slice(0, len(table) // 10)
    few_batches = few.to_batches(max_chunksize=BATCH)
    as_table = astropy_table(few)
    source = folder / "rows.fits"
    source.write_bytes(b"".join(write(find("fits"), iter(batches), HEAD, Outcome)))
    by_dachs = dachs_seconds(few)
    found = []
    for form in FORMS:
        one = Measured(form, len(table) / seconds(lambda form=form: ours(form, batches)))
        one.few_memory, one.memory = peak(form, few_batches), peak(form, batches)
        if form in ASTROPY:
            one.astropy = len(few) / seconds(lambda form=form: astropy(as_table, form, folder), runs=1)
        if form in STILTS and shutil.which("stilts"):
            one.stilts = len(table) / stilts_seconds(source, STILTS[form], folder)
        if form in by_dachs:
            one.dachs = len(few) / by_dachs[form]
        found.append(one)
        print(f"{form}: {one.ours:,.0f} rows/s", file=sys.stderr)
    return found


def over_http(count: int, folder: Path) -> list[list[str]]:
    """Fetch rows from a service; give for each format the time to the first and last byte, and megabytes."""
    where = folder / "archive"
    fill.folder(where, count, folder / "truth.npz")
    query = f"SELECT {', '.join(NAMES)} FROM alert"
    shown = []
    with asking.serving(where, folder) as address:
        client = urllib3.PoolManager(retries=False)
        for form in FORMS:
            fields = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": form, "MAXREC": str(count)}
            times = []
            for _ in range(RUNS):
                start = time.perf_counter()
                answer = client.request("GET", f"{address}/sync", fields=fields, preload_content=False)
                pieces = answer.stream(2**18)
                size = len(next(pieces))
                first = time.perf_counter() - start
                size += sum(map(len, pieces))
                times.append((first, time.perf_counter() - start, size))
                if answer.status != 200:
                    raise SystemExit(f"TAP answers {answer.status} in {form}")
            first, total, size = (statistics.median(column) for column in zip(*times, strict=True))
            shown.append([form, f"{1000 * first:,.0f}", f"{total:,.2f}", f"{size / 1e6:,.0f}"])
            print(f"{form} over HTTP: {total:.2f} s", file=sys.stderr)
    return shown


def plot(path: Path, measured: list[Measured], read: float) -> None:
    """Draw the rates of everybody, by format."""
    figure = Figure(figsize=(8, 0.62 * len(measured) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    writers = {"ours": "vobroker", "stilts": "STILTS", "dachs": "DaCHS", "astropy": "astropy"}
    for place, (name, label) in enumerate(writers.items()):
        rates = {n: getattr(one, name) for n, one in enumerate(measured)}
        there = {n: rate for n, rate in rates.items() if rate}
        colour = ("#4063a0", "#c05a1c", "#2f7d4f", "#7a4b9a")[place]
        axes.barh(
            [n + 0.2 * place - 0.3 for n in there], list(there.values()), 0.18, label=label, color=colour
        )
    axes.axvline(read, color="#888", lw=1)
    axes.text(read, -0.75, "reading as Arrow ", ha="right", fontsize=8, color="#555")
    axes.set_yticks(range(len(measured)), [one.form for one in measured])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left=1e4)
    axes.set_xlabel("rows/s on one core")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and show the tables, and write them into the page where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument(
        "--write", action="store_true", help="write tables and plot into docs/tap-formats.md"
    )
    options.add_argument("--plot", type=Path, help="file for a plot of the rates")
    chosen = options.parse_args()
    threads = pa.cpu_count(), pa.io_thread_count()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        table = rows(chosen.rows)
        read = reading(table)
        measured = measure(table, Path(name))
        del table
        pa.set_cpu_count(threads[0])
        pa.set_io_thread_count(threads[1])
        fetched = over_http(chosen.rows, Path(name))
    few = chosen.rows // 10
    header = ("format", "rows/s", "write / read", "x astropy", "x STILTS", "x DaCHS")
    header = (*header, f"MB, {few:,} rows", f"MB, {chosen.rows:,} rows")

    def times(one: Measured, other: float) -> str:
        return f"{one.ours / other:,.3g}" if other else "-"

    shown = [
        [
            one.form,
            f"{one.ours:,.0f}",
            f"{read / one.ours:.2g}",
            *(times(one, other) for other in (one.astropy, one.stilts, one.dachs)),
            f"{one.few_memory / 1e6:,.0f}",
            f"{one.memory / 1e6:,.0f}",
        ]
        for one in measured
    ]
    shown.append(["reading from DuckDB as Arrow", f"{read:,.0f}", "1", *("-" * 5)])
    what = f"{chosen.rows:,} rows of {len(COLUMNS)} columns"
    report.show(f"{what}, processor time, one core", header, shown)
    http = ("format", "first byte, ms", "last byte, s", "MB")
    report.show(f"{what} over HTTP", http, fetched)
    if not any(one.dachs for one in measured):
        print("DaCHS is not installed: corpus/adapters/install.sh dachs")
    if chosen.plot:
        plot(chosen.plot, measured, read)
    if chosen.write:
        plot(PLOT, measured, read)
        version = (
            (DACHS / "version").read_text().strip() if (DACHS / "version").exists() else "DaCHS: not run"
        )
        lines = [
            f"{what} on one core ({report.machine()}; {version}).",
            "",
            *report.markdown(header, shown),
            "",
            "![rows a second of each writer, by format](images/bench-tap.png)",
            "",
            f"Over HTTP from `vobroker serve`, {what} of an archive in a folder:",
            "",
            *report.markdown(http, fetched),
        ]
        report.between(PAGE, "measured", "\n".join(lines))


if __name__ == "__main__":
    main()

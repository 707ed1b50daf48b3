"""Writing results in each output format, against astropy and STILTS, in one run on one core.

Rows of ten columns of ``alert``, as nights have them: 64-bit identifiers, texts, doubles, floats with nulls,
truth values, times. They lie in DuckDB; reading them as Arrow is the limit that a writer can come near. A
writer of ours is given batches of Arrow, astropy's a Table with a tenth of the rows, STILTS a FITS file; the
time to convert to a Table, and that of STILTS to start and to read, is taken off.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from astropy.table import MaskedColumn
from astropy.table import Table as AstropyTable

from bench import report
from vobroker.alerts.columns import ALERT
from vobroker.tap.formats import Head, Outcome, find, write
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tap-formats.md"
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


def from_duckdb(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """Read all rows as Arrow."""
    return iter(connection.execute("FROM alert").to_arrow_reader(BATCH))


def measure(count: int, folder: Path) -> list[tuple[str, float, float, float, float]]:
    """Give for each format rows/s of ours, of astropy and of STILTS (0: not there), and megabytes of ours."""
    table = rows(count)
    batches = table.to_batches(max_chunksize=BATCH)
    few = astropy_table(table.slice(0, count // 10))
    source = folder / "rows.fits"
    source.write_bytes(b"".join(write(find("fits"), iter(batches), HEAD, Outcome)))
    found = []
    for form in FORMS:
        mine = count / seconds(lambda form=form: ours(form, batches))
        memory = peak(form, batches) / 1e6
        theirs = 0.0
        if form in ASTROPY:
            theirs = len(few) / seconds(lambda form=form: astropy(few, form, folder), runs=1)
        java = 0.0
        if form in STILTS and shutil.which("stilts"):
            java = count / stilts_seconds(source, STILTS[form], folder)
        found.append((form, mine, theirs, java, memory))
        print(f"{form}: {mine:,.0f} rows/s", file=sys.stderr)
    return found


def main() -> None:
    """Measure and show the table, and write it into the page where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--write", action="store_true", help="write the table into docs/tap-formats.md")
    options.add_argument("--plot", type=Path, help="file for a plot of the rates")
    chosen = options.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name, duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        made = rows(chosen.rows)
        connection.execute("CREATE TABLE alert AS FROM made")
        del made
        reading = chosen.rows / seconds(lambda: sum(batch.num_rows for batch in from_duckdb(connection)))
        measured = measure(chosen.rows, Path(name))
    header = ("format", "rows/s", "write time / read time", "x astropy", "x STILTS", "memory, MB")
    shown = [
        (
            form,
            f"{mine:,.0f}",
            f"{reading / mine:.2g}",
            f"{mine / theirs:,.3g}" if theirs else "-",
            f"{mine / java:,.2g}" if java else "-",
            f"{memory:,.0f}",
        )
        for form, mine, theirs, java, memory in measured
    ]
    shown.append(("reading from DuckDB as Arrow", f"{reading:,.0f}", "1", "-", "-", "-"))
    report.show(f"{chosen.rows:,} rows of {len(COLUMNS)} columns, processor time, one core", header, shown)
    if chosen.write:
        lines = [f"{chosen.rows:,} rows of {len(COLUMNS)} columns on one core ({report.machine()}).", ""]
        report.between(PAGE, "measured", "\n".join([*lines, *report.markdown(header, shown)]))
    if chosen.plot:
        rates = {form: mine for form, mine, *_ in measured} | {"reading as Arrow": reading}
        report.bars(chosen.plot, "Writing a result, one core", "rows/s", rates)


if __name__ == "__main__":
    main()

"""What it takes to add a large watchlist: seconds and memory by format, each in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from astropy.io import fits

from bench import report
from vobroker.enrich import catalogue
from vobroker.enrich.catalogue import Roles
from vobroker.enrich.formats import open_source

PAGE = Path(__file__).resolve().parents[1] / "docs" / "catalogues.md"
HEADER = ("format", "MB of the file", "seconds", "GB of memory", "bytes a row", "time, to Parquet")


def sky(rows: int) -> pa.Table:
    """Entries all over the sky, with a name and a magnitude."""
    random = np.random.default_rng(1)
    ra = random.uniform(0, 360, rows)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
    names = pa.array([f"object {number:012d}" for number in range(rows)])
    return pa.table(
        {"name": names, "ra": ra, "dec": dec, "mag": random.uniform(10, 22, rows).astype(np.float32)}
    )


def write_fits(table: pa.Table, path: Path) -> None:
    names = np.array(table["name"].to_pylist(), "S20")
    columns = [fits.Column("name", "20A", array=names)]
    forms = {"ra": "D", "dec": "D", "mag": "E"}
    columns += [fits.Column(name, form, array=np.asarray(table[name])) for name, form in forms.items()]
    fits.BinTableHDU.from_columns(columns).writeto(path)


def write_votable(table: pa.Table, path: Path) -> None:
    kinds = {"name": 'char" arraysize="*', "ra": "double", "dec": "double", "mag": "float"}
    with path.open("w") as file:
        file.write('<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>')
        file.writelines(f'<FIELD name="{name}" datatype="{kind}"/>' for name, kind in kinds.items())
        file.write("<DATA><TABLEDATA>\n")
        for batch in table.to_batches(65_536):
            rows = zip(*batch.to_pydict().values(), strict=True)
            file.writelines(f"<TR>{''.join(f'<TD>{value}</TD>' for value in row)}</TR>\n" for row in rows)
        file.write("</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>")


WRITERS = {
    "Parquet": pq.write_table,
    "CSV": pyarrow.csv.write_csv,
    "FITS": write_fits,
    "VOTable": write_votable,
}


def adding(file: Path, store: Path) -> None:
    """Add a file, and print what it took: run in a process of its own."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = peak()
    start = time.perf_counter()
    source = open_source(file, identifier="name")
    catalogue.add(store, "x", source, Roles("ra", "dec", "name", 2.0), kind="watchlist")
    seconds = time.perf_counter() - start
    print(seconds, peak() - before)


def peak() -> int:
    """Most bytes of memory that this process has had."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) * 1024


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=float, default=5e6, help="entries of the watchlist")
    options.add_argument("--write", action="store_true", help="write the table into the docs")
    options.add_argument("--add", nargs=2, type=Path, metavar=("FILE", "STORE"), help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.add:
        adding(*chosen.add)
        return
    rows = int(chosen.rows)
    table = sky(rows)
    told, first = [], 0.0
    for name, write in WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "list")
            write(table, file)
            command = [
                sys.executable,
                "-m",
                "bench.catalogue",
                "--add",
                str(file),
                str(Path(folder, "store")),
            ]
            seconds, taken = map(float, subprocess.check_output(command, text=True).split())
            first = first or seconds
            told.append(
                [
                    *(name, f"{file.stat().st_size / 1e6:.0f}", f"{seconds:.1f}", f"{taken / 1e9:.2f}"),
                    *(f"{taken / rows:.0f}", f"{seconds / first:.1f}"),
                ]
            )
    report.show(f"{rows:,} entries", HEADER, told)
    if chosen.write:
        lines = [f"{rows:,} entries, on {report.machine()}.", "", *report.markdown(HEADER, told)]
        report.between(PAGE, "adding", "\n".join(lines))


if __name__ == "__main__":
    main()

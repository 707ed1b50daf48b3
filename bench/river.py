"""The whole river against the usual way, on real-size simulated Rubin packets held in memory.

The river: decode, archive (rows, light curves, packets), 25 filters, one transaction a batch; into a folder,
and where a server is named into a database on it too.
The usual way: fastavro to dicts, Python predicates, row inserts into SQLite, zlib for the packet.
"""

from __future__ import annotations

import argparse
import io
import json
import secrets
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import fastavro
import psycopg
from psycopg import sql

from bench import report
from vobroker.alerts.columns import ALERT
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate

FILTERS = [
    f"SELECT * FROM alert WHERE real_bogus > {0.5 + n / 100} AND snr > {5 + n} "
    f"AND n_detections BETWEEN 2 AND {5 + n} AND solar_system = 0 AND mag < {19 + n / 10}"
    for n in range(25)
]


def packets(alerts: int, batch: int) -> list[RawBatch]:
    """Give real-size packets: history, forced photometry and cutouts, ids all different."""
    visits = simulate("lsst", seed=1, visits=-(-alerts // batch), alerts_per_visit=batch, fields=2)
    return list(as_raw_batches(visits, batch=batch))


def river(batches: list[RawBatch], where: Path | str) -> float:
    """Seconds for the river into an archive that has none of the alerts."""
    filters = [compile_filter(f"bench{n}", text, {"alert": ALERT}) for n, text in enumerate(FILTERS)]
    with open_archive(where) as archive:
        start = time.perf_counter()
        counts = run(batches, archive, schemas=default_schemas(), filters=filters)
        seconds = time.perf_counter() - start
    assert counts.balanced
    assert counts.archived == sum(len(batch.data) for batch in batches)
    return seconds


@contextmanager
def database(url: str) -> Iterator[str]:
    """Give the URL of a new database on the server of another one; it is dropped in the end."""
    name = f"vobroker_bench_river_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def settings(url: str) -> str:
    """Say what of a server decides how fast it writes."""
    with psycopg.connect(url) as server:
        told = {
            name: server.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        }
    return ", ".join(f"{name} {value.partition(' ')[0]}" for name, (value,) in told.items())


def usual(batches: list[RawBatch], folder: Path) -> float:
    """Seconds for the usual way."""
    schema = fastavro.parse_schema(json.loads(default_schemas().by_id(1000).text))
    database = sqlite3.connect(folder / "usual.sqlite")
    database.executescript(
        """
        CREATE TABLE alert (id INTEGER PRIMARY KEY, object INTEGER, mjd REAL, ra REAL, dec REAL,
                            band TEXT, flux REAL, error REAL, snr REAL, reliability REAL, native TEXT);
        CREATE TABLE measurement (object INTEGER, kind TEXT, id INTEGER, mjd REAL, band TEXT,
                                  flux REAL, error REAL, PRIMARY KEY (object, kind, id)) WITHOUT ROWID;
        CREATE TABLE payload (id INTEGER PRIMARY KEY, packet BLOB);
        """
    )
    passed = 0
    start = time.perf_counter()
    for batch in batches:
        for packet in batch.data:
            alert = fastavro.schemaless_reader(io.BytesIO(packet[5:]), schema)
            source = alert["diaSource"]
            measured = [("detection", source, "diaSourceId")]
            measured += [("detection", row, "diaSourceId") for row in alert["prvDiaSources"] or ()]
            measured += [("forced", row, "diaForcedSourceId") for row in alert["prvDiaForcedSources"] or ()]
            database.execute(
                "INSERT OR IGNORE INTO alert VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    *(source[name] for name in ("diaSourceId", "diaObjectId", "midpointMjdTai", "ra", "dec")),
                    *(source[name] for name in ("band", "psfFlux", "psfFluxErr", "snr", "reliability")),
                    json.dumps(source),
                ),
            )
            database.executemany(
                "INSERT OR IGNORE INTO measurement VALUES (?,?,?,?,?,?,?)",
                (
                    (
                        source["diaObjectId"],
                        kind,
                        row[name],
                        row["midpointMjdTai"],
                        row["band"],
                        row["psfFlux"],
                        row["psfFluxErr"],
                    )
                    for kind, row, name in measured
                ),
            )
            database.execute(
                "INSERT OR IGNORE INTO payload VALUES (?,?)",
                (source["diaSourceId"], zlib.compress(packet, 1)),
            )
            count = (alert["diaObject"] or {}).get("nDiaSources", 0)
            for n in range(25):
                passed += (
                    (source["reliability"] or 0) > 0.5 + n / 100
                    and (source["snr"] or 0) > 5 + n
                    and 2 <= count <= 5 + n
                    and not source["ssObjectId"]
                )
        database.commit()
    seconds = time.perf_counter() - start
    database.close()
    return seconds


def main() -> None:
    """Measure both and show them side by side."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=2000, help="alerts for the river")
    options.add_argument("--usual", type=int, default=120, help="alerts for the usual way")
    options.add_argument("--batch", type=int, default=250, help="alerts in a batch")
    options.add_argument(
        "--archive", help="postgresql://… of a server, on which a database is made and dropped"
    )
    options.add_argument("--plot", type=Path, help="file for a plot")
    chosen = options.parse_args()

    batches = packets(chosen.alerts, chosen.batch)
    alerts = sum(len(batch.data) for batch in batches)
    size = sum(len(packet) for batch in batches for packet in batch.data) / alerts
    few = [RawBatch(batches[0].data[: chosen.usual], batches[0].origins[: chosen.usual])]
    with tempfile.TemporaryDirectory() as folder:
        # The first run also compiles the decoder, once for a machine.
        river(few, Path(folder, "warm"))
        rates = {"usual: dicts, row inserts": len(few[0].data) / usual(few, Path(folder))}
        rates["vobroker, folder"] = alerts / river(batches, Path(folder, "archive"))
        if chosen.archive:
            with database(chosen.archive) as url:
                rates["vobroker, PostgreSQL"] = alerts / river(batches, url)
            print(settings(chosen.archive))
    theirs = next(iter(rates.values()))
    report.show(
        f"The whole river, {alerts} Rubin packets of {size / 1000:.0f} kB",
        ("way", "alerts/s", "MB/s", "ratio"),
        [
            (way, f"{rate:,.0f}", f"{rate * size / 1e6:,.0f}", f"{rate / theirs:.1f}")
            for way, rate in rates.items()
        ],
    )
    if chosen.archive:
        *_, folder_rate, server_rate = rates.values()
        print(f"PostgreSQL takes {server_rate / folder_rate:.2f} of what a folder takes")
    if chosen.plot:
        report.bars(
            chosen.plot,
            "From packet to archive and 25 filters, 2 cores",
            "alerts/s",
            {"Rubin, mean of a night": 270} | rates,
        )


if __name__ == "__main__":
    main()

"""Queries on the sky over synthetic alerts in DuckDB, as ADQL: cones, a cross-match and one object.

Alerts come visit by visit, each a field of 3.5 degrees, as a survey sends them.
"""

from __future__ import annotations

import argparse
import time

import duckdb
import numpy as np
import pyarrow as pa

from bench import report
from vobroker import adql, sky
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Position, Table

VISIT = 10_000
PLACE = (Column("ra", "DOUBLE", "deg"), Column("dec", "DOUBLE", "deg"))
ALERT = Table(
    "alert",
    (
        Column("alert_id", "BIGINT"),
        Column("object_id", "VARCHAR"),
        *PLACE,
        Column("healpix", "BIGINT"),
        Column("mag", "REAL", "mag"),
    ),
    position=Position("ra", "dec", "healpix"),
)
UPLOAD = Table("upload", (Column("id", "BIGINT"), *PLACE))
CONE = (
    "SELECT alert_id, object_id, ra, dec, mag FROM alert"
    " WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({0:.6f}, {1:.6f}, 1))"
)
QUERIES = {
    "cone of 1 degree": CONE,
    "the same, nearest first": CONE + " ORDER BY DISTANCE(ra, dec, {0:.6f}, {1:.6f})",
    "one object by its identifier": "SELECT * FROM alert WHERE object_id = 'o{2}'",
    "10,000 positions at 2 arcsec": "SELECT u.id, a.alert_id FROM upload AS u JOIN alert AS a"
    " ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(u.ra, u.dec, 0.000555556))",
}


def alerts(count: int, rng: np.random.Generator) -> pa.Table:
    """Give alerts of random fields south of the equator."""
    parts = []
    for first in range(0, count, VISIT):
        n = min(VISIT, count - first)
        field = rng.uniform(0, 360), np.degrees(np.arcsin(rng.uniform(-0.94, 0.08)))
        parts.append(sky.offset(*field, rng.uniform(0, 360, n), 1.75 * np.sqrt(rng.uniform(0, 1, n))))
    ra, dec = (np.concatenate(part) for part in zip(*parts, strict=True))
    objects = np.char.add("o", rng.integers(0, max(count // 10, 1), count).astype(str))
    mag = rng.normal(20, 1, count).astype(np.float32)
    columns = [np.arange(count), objects, ra, dec, sky.healpix29(ra, dec), mag]
    return pa.table(dict(zip(ALERT.names, columns, strict=True))).cast(schema(ALERT))


def main() -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=1_000_000)
    options.add_argument(
        "--runs", type=int, default=20, help="queries of each kind; a cross-match runs thrice"
    )
    chosen = options.parse_args()
    rng = np.random.default_rng(1)
    rows = alerts(chosen.alerts, rng)
    picked = rows.take(rng.integers(0, len(rows), 10_000))
    uploaded = pa.table({"id": np.arange(10_000), "ra": picked["ra"], "dec": picked["dec"]})
    tables = {"alert": ALERT, "upload": UPLOAD}
    shown = []
    with duckdb.connect() as db:
        for name, given in (("alert", rows), ("upload", uploaded)):
            db.register("given", given)
            db.execute(f"CREATE TABLE {name} AS FROM given")
        for title, text in QUERIES.items():
            for cells in (sky, None) if title.startswith("cone") else (sky,):
                seconds = []
                for number in range(3 if "upload" in text else chosen.runs):
                    place = picked["ra"][number].as_py(), picked["dec"][number].as_py()
                    start = time.perf_counter()
                    checked = adql.check(adql.parse(text.format(*place, number)), tables)
                    query = adql.translate(checked, "duckdb", cells=cells)
                    found = db.execute(query.sql, query.parameters).to_arrow_table()
                    seconds.append(1000 * (time.perf_counter() - start))
                half, most = np.percentile(seconds, [50, 95])
                kind = title if cells else f"{title}, without cells"
                shown.append((kind, f"{half:,.1f}", f"{most:,.1f}", f"{len(found):,}"))
    header = ("query, parsed to fetched", "p50 ms", "p95 ms", "rows")
    report.show(f"{chosen.alerts:,} alerts in DuckDB", header, shown)
    print("\n".join(report.markdown(header, shown)))


if __name__ == "__main__":
    main()

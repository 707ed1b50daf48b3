"""Joins on the sky by zones: the same pairs as a test of every pair finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vobroker import adql, sky
from vobroker.adql.platforms.base import Translator
from vobroker.adql.platforms.zones import Zones
from vobroker.sky import healpix29, offset
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Position, Table

from .engines import ENGINES

COLUMNS = (Column("id", "BIGINT"), Column("ra", "DOUBLE", "deg"), Column("dec", "DOUBLE", "deg"))
PLACES = Table("places", (*COLUMNS, Column("healpix", "BIGINT")), position=Position("ra", "dec", "healpix"))
UPLOAD = Table("upload", COLUMNS)
TABLES = {"places": PLACES, "upload": UPLOAD}

NEAR = "1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, {}))"
FORMS = (
    "upload AS u JOIN places AS p ON " + NEAR,
    "upload AS u, places AS p WHERE " + NEAR + " AND p.id >= 0",
    "places AS p JOIN upload AS u ON DISTANCE(POINT(u.ra, u.dec), POINT(p.ra, p.dec)) <= {}",
    "upload AS u LEFT JOIN places AS p ON " + NEAR,
    "upload AS u LEFT JOIN places AS p ON u.id = p.id WHERE " + NEAR,
    "places AS p RIGHT JOIN upload AS u ON p.id > 3 AND " + NEAR,
    "upload AS u LEFT JOIN (places AS p JOIN upload AS v ON p.id = v.id)"
    " ON {} > DISTANCE(u.ra, u.dec, p.ra, p.dec)",
    "upload AS u JOIN places AS p"
    " ON INTERSECTS(CIRCLE(u.ra, u.dec, {}), POINT(p.ra, p.dec)) = 1 OR p.id = u.id",
)  # fmt: skip


def crowd(centre: tuple[float, float], size: float, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return offset(*centre, rng.uniform(0, 360, count), size * np.sqrt(rng.uniform(0, 1, count)))


def pairs_of(rows: list[tuple[Any, ...]]) -> list[tuple[int, int]]:
    return sorted((-1 if a is None else int(a), -1 if b is None else int(b)) for a, b in rows)


@pytest.fixture(scope="module")
def duckdb() -> Iterator[tuple[Callable[..., None], Callable[..., list[tuple[object, ...]]]]]:
    with ENGINES["duckdb"]() as engine:
        yield engine


centres = st.one_of(
    st.tuples(st.floats(0, 360), st.floats(-90, 90)),
    st.tuples(st.sampled_from([0.0, 360.0, 180.0]), st.sampled_from([0.0, 90.0, -90.0, 89.99, -89.0])),
)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(centres, st.floats(-5, 1).map(lambda e: 10**e), st.floats(0.05, 1.5), st.integers(0, 99))
@example((0.0, 90.0), 10.0, 0.5, 1)
@example((0.0, 0.0), 1e-5, 0.5, 1)
@example((123.0, -90.0), 0.001, 1.0, 2)
def test_zones_find_the_pairs_that_every_pair_tested_finds(
    duckdb: tuple[Callable[..., None], Callable[..., list[tuple[object, ...]]]],
    centre: tuple[float, float],
    radius: float,
    crowding: float,
    seed: int,
) -> None:
    load, fetch = duckdb
    for table, count, number in ((PLACES, 70, seed), (UPLOAD, 40, seed + 1000)):
        ra, dec = crowd(centre, min(3 * radius / crowding, 100), count, number)
        columns = {"id": np.arange(count), "ra": ra, "dec": dec, "healpix": healpix29(ra, dec)}
        fetch(f"DROP TABLE IF EXISTS {table.name}", [])
        load(table, pa.table({n: columns[n] for n in table.names}).cast(schema(table)))
    fetch("INSERT INTO upload VALUES (90, NULL, 3), (91, 'nan', 3), (92, -0.0000001, 0), (93, 370, 20)", [])
    fetch(f"INSERT INTO places VALUES (90, 360, 0, {healpix29(360, 0)}), (91, 0, 0, {healpix29(0, 0)})", [])
    for form in FORMS:
        checked = adql.check(adql.parse(f"SELECT u.id, p.id FROM {form.format(f'{radius:.9f}')}"), TABLES)
        zoned = adql.translate(checked, "duckdb", cells=sky)
        plain = _EveryPair(checked).translate()
        assert ("CROSS JOIN (VALUES" in zoned.sql) == (" OR p.id" not in form)
        assert "CROSS JOIN (VALUES" not in plain.sql
        found = pairs_of(fetch(zoned.sql, zoned.parameters))
        assert found == pairs_of(fetch(plain.sql, plain.parameters)), form


class _EveryPair(adql.ENGINES["duckdb"]):  # type: ignore[misc]
    """DuckDB without zones."""

    def by_zones(self, radius: float) -> bool:
        return False


@pytest.mark.parametrize("engine", ["postgresql", "postgresql-q3c", "postgresql-pgsphere"])
def test_postgresql_finds_the_same_pairs(engine: str) -> None:
    with ENGINES["duckdb"]() as (load_duckdb, fetch_duckdb), ENGINES[engine]() as (load, fetch):
        for table, count, number in ((PLACES, 600, 1), (UPLOAD, 300, 2)):
            parts = [crowd(c, 2.0, count // 3, number) for c in ((0, 0), (40, 90), (200, -45))]
            ra, dec = (np.concatenate(part) for part in zip(*parts, strict=True))
            columns = {"id": np.arange(count), "ra": ra, "dec": dec, "healpix": healpix29(ra, dec)}
            rows = pa.table({n: columns[n] for n in table.names}).cast(schema(table))
            load_duckdb(table, rows)
            load(table, rows)
        for form in FORMS:
            checked = adql.check(adql.parse(f"SELECT u.id, p.id FROM {form.format('0.1')}"), TABLES)
            query = adql.translate(checked, engine, cells=sky)
            plain = _EveryPair(checked).translate()
            wanted = pairs_of(fetch_duckdb(plain.sql, plain.parameters))
            assert pairs_of(fetch(query.sql, query.parameters)) == wanted, form
            assert form != FORMS[0] or len(wanted) > 100


def test_duckdb_hashes_zones(
    duckdb: tuple[Callable[..., None], Callable[..., list[tuple[object, ...]]]],
) -> None:
    _, fetch = duckdb
    fetch("CREATE OR REPLACE TABLE places AS SELECT i AS id, random() * 360 AS ra, random() AS dec,"
          " 0::BIGINT AS healpix FROM range(20000) AS r(i)", [])  # fmt: skip
    fetch("CREATE OR REPLACE TABLE upload AS SELECT id, ra, dec FROM places LIMIT 500", [])
    for form in FORMS[:-1]:
        checked = adql.check(adql.parse(f"SELECT u.id, p.id FROM {form.format('0.001')}"), TABLES)
        query = adql.translate(checked, "duckdb")
        ((_, plan),) = fetch(f"EXPLAIN (FORMAT json) {query.sql}", query.parameters)
        joins = [(step["name"], below) for step, below in steps(json.loads(str(plan))) if len(below) == 2]
        assert "HASH_JOIN" in dict(joins)
        # Whatever else is joined is one table with the numbers of its four places.
        assert all(name == "HASH_JOIN" or "COLUMN_DATA_SCAN" in below for name, below in joins)


def steps(plan: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Steps of a plan with the names of those right below."""
    for step in plan:
        yield step, [child["name"].strip() for child in step["children"]]
        yield from steps(step["children"])


def test_what_is_no_join_is_left_alone() -> None:
    assert issubclass(adql.ENGINES["duckdb"], Zones)
    for condition in (
        "0 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, 1))",
        "NOT 1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, 1))",
        "1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, p.dec, 1))",
        "1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(p.ra, p.dec, 1))",
        "1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, u.id))",
        "1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, 40))",
        "DISTANCE(u.ra, u.dec, p.ra, p.dec) > 1",
        "DISTANCE(u.ra + 1, u.dec, p.ra, p.dec) < 1",
    ):
        checked = adql.check(
            adql.parse(f"SELECT p.id FROM places AS p, upload AS u WHERE {condition}"), TABLES
        )
        translator: Translator = adql.ENGINES["duckdb"](checked)
        assert "CROSS JOIN" not in translator.translate().sql

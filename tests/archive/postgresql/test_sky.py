"""The index of the sky in an archive is that of the extensions its database has, and queries use it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from vobroker import adql, sky
from vobroker.alerts.columns import ALERT
from vobroker.archive import Archive, open_archive
from vobroker.archive.places import Server
from vobroker.archive.postgresql.connection import Connection
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

from .conftest import fresh_database

ROWS = 20_000
KINDS = {
    "postgresql-q3c": (("pg_sphere", "q3c"), "alert_healpix_idx", "alert_q3c"),
    "postgresql-pgsphere": (("pg_sphere",), "alert_pgsphere", "alert_pgsphere"),
    "postgresql": ((), "alert_healpix_idx", ""),
}
"""Platforms: the extensions of the database, the index that a cone is found by, and that of cross-matches.

With q3c a cone is planned faster by cells; without extension a cross-match goes by zones, which are hashed.
"""


@pytest.fixture(scope="module")
def places() -> tuple[np.ndarray, np.ndarray]:
    """Places all over the sky, on either side of RA 0, and one that is none."""
    dice = np.random.default_rng(5)
    ra, dec = dice.uniform(0, 360, ROWS), np.degrees(np.arcsin(dice.uniform(-1, 1, ROWS)))
    ra[:3], dec[:3] = (np.nan, 359.9999, 0.0001), (np.nan, 0.0, 0.0)
    return ra, dec


@pytest.fixture(scope="module", params=KINDS)
def filled(
    request: pytest.FixtureRequest, places: tuple[np.ndarray, np.ndarray]
) -> Iterator[tuple[str, str, Archive]]:
    """An archive with alerts at the places, in a database with some extensions."""
    extensions, *_ = KINDS[request.param]
    ra, dec = places
    nowhere = np.isnan(ra)
    columns = {
        "survey": pa.repeat(pa.scalar("ztf"), ROWS),
        "alert_id": pa.array(range(ROWS)),
        "ra": pa.array(ra, mask=nowhere),
        "dec": pa.array(dec, mask=nowhere),
        "healpix": pa.array(sky.healpix29(*(np.where(nowhere, 0, c) for c in places)), mask=nowhere),
    }
    arrays = [columns.get(field.name, pa.nulls(ROWS, field.type)) for field in schema(ALERT)]
    with fresh_database(*extensions) as url, open_archive(url) as archive:
        db = Connection(Server(url))
        db.append("alert", pa.Table.from_arrays(arrays, names=ALERT.names))
        db.do("ANALYZE alert")
        db.close()
        yield request.param, url, archive


CONE = "SELECT alert_id FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({}, {}, {}))"
MATCH = (
    "SELECT s.id, a.alert_id FROM sought AS s JOIN alert AS a"
    " ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(s.ra, s.dec, 0.001))"
)
SOUGHT = Table("sought", (Column("id", "BIGINT"), Column("ra", "DOUBLE"), Column("dec", "DOUBLE")))


def translated(archive: Archive, text: str) -> adql.Translation:
    checked = adql.check(adql.parse(text), {**archive.tables(), "sought": SOUGHT})
    return adql.translate(checked, archive.platform, cells=sky)


def test_the_platform_is_that_of_the_best_extension(filled: tuple[str, str, Archive]) -> None:
    platform, _, archive = filled
    assert archive.platform == platform


def plan(url: str, query: adql.Translation) -> str:
    """How the server would run a query, beside a table of places that are sought."""
    with psycopg.connect(url) as db, psycopg.RawCursor(db) as cursor:
        db.execute("CREATE TEMPORARY TABLE sought AS SELECT alert_id AS id, ra, dec FROM alert LIMIT 20")
        db.execute("ANALYZE sought")
        cursor.execute(f"EXPLAIN {query.sql}", query.parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_a_cone_search_asks_the_index(filled: tuple[str, str, Archive]) -> None:
    platform, url, archive = filled
    told = plan(url, translated(archive, CONE.format(120.5, -33.25, 1.0)))
    assert f"Index Scan on {KINDS[platform][1]}" in told
    assert "Seq Scan" not in told


def test_a_cross_match_asks_the_index(filled: tuple[str, str, Archive]) -> None:
    platform, url, archive = filled
    told = plan(url, translated(archive, MATCH))
    if index := KINDS[platform][2]:
        assert f"Index Scan on {index}" in told
        assert "Seq Scan on alert" not in told
    else:
        assert "Hash" in told


@pytest.mark.parametrize(("ra", "dec", "radius"), [(120.5, -33.25, 3.0), (0.0, 0.0, 0.5), (77.0, 89.9, 4.0)])
def test_the_index_finds_what_is_there(
    filled: tuple[str, str, Archive],
    places: tuple[np.ndarray, np.ndarray],
    ra: float,
    dec: float,
    radius: float,
) -> None:
    _, _, archive = filled
    query = translated(archive, CONE.format(ra, dec, radius))
    found = archive.query(query.sql, query.parameters)["alert_id"].to_pylist()
    with np.errstate(invalid="ignore"):
        expected = np.flatnonzero(sky.separation(ra, dec, *places) <= radius)
    assert len(expected) > 0
    assert sorted(found) == expected.tolist()


def test_an_archive_older_than_the_extension_is_asked_by_cells_until_it_has_the_index() -> None:
    with fresh_database() as url:
        open_archive(url).close()
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("CREATE EXTENSION pg_sphere")
            with open_archive(url) as archive:
                assert archive.platform == "postgresql"
            server.execute(
                "CREATE INDEX alert_pgsphere ON alert USING gist (spoint(radians(ra), radians(dec)))"
            )
            with open_archive(url, read_only=True) as archive:
                assert archive.platform == "postgresql-pgsphere"

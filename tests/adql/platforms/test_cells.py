"""Cells of the sky as a preselection: the same rows with and without them, on every engine."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vobroker import adql, sky
from vobroker.adql import AdqlError
from vobroker.adql.platforms.cells import joined
from vobroker.adql.platforms.moc import MAX_RANGES, MocError, read
from vobroker.sky import healpix29, offset
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Position, Table

from .engines import ENGINES, Rows
from .sky import make_sky

COLUMNS = (
    Column("id", "BIGINT"),
    Column("ra", "DOUBLE", "deg", "pos.eq.ra;meta.main"),
    Column("dec", "DOUBLE", "deg", "pos.eq.dec;meta.main"),
    Column("healpix", "BIGINT", "", "pos.healpix"),
)
PLACES = Table("places", COLUMNS, position=Position("ra", "dec", "healpix"))
TABLES = {"places": PLACES, "upload": Table("upload", COLUMNS)}

Ask = Callable[[str], None]


@pytest.fixture(scope="module")
def places() -> pa.Table:
    """Places all over the sky and near two that are awkward; one row has none."""
    rng = np.random.default_rng(11)
    crowd = [
        offset(*centre, rng.uniform(0, 360, 300), rng.exponential(1, 300)) for centre in ((0, 0), (9, 90))
    ]
    ra = np.concatenate([make_sky()["ra"], *(ra for ra, _ in crowd)])
    dec = np.concatenate([make_sky()["dec"], *(dec for _, dec in crowd)])
    cells = healpix29(ra, dec)
    missing = np.arange(len(ra)) == 17
    rows = {"id": np.arange(len(ra)), "ra": ra, "dec": dec, "healpix": cells}
    return pa.table({n: pa.array(v, mask=missing if n != "id" else None) for n, v in rows.items()})


@pytest.fixture(
    scope="module", params=["duckdb", "sqlite", "postgresql", "postgresql-q3c", "postgresql-pgsphere"]
)
def same(request: pytest.FixtureRequest, places: pa.Table) -> Iterator[Ask]:
    """Ask with cells and without, and compare."""
    with ENGINES[request.param]() as (load, fetch):
        load(PLACES, places.cast(schema(PLACES)))

        def ask(text: str) -> None:
            checked = adql.check(adql.parse(text), TABLES)
            plain = adql.translate(
                checked,
                "duckdb"
                if request.param == "duckdb"
                else "postgresql"
                if request.param.startswith("postgresql")
                else request.param,
            )
            cut = adql.translate(checked, request.param, cells=sky)
            found: Rows = fetch(cut.sql, cut.parameters)
            assert sorted(found) == sorted(fetch(plain.sql, plain.parameters)), text

        yield ask


ras = st.one_of(st.floats(-10, 370), st.sampled_from([0.0, 360.0, 45.0, -0.0001]))
decs = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 0.0, 90.0, 89.9, 41.8103149]))
radii = st.one_of(st.floats(0, 180), st.floats(-6, 1.5).map(lambda e: 10**e), st.sampled_from([0.0, 180.0]))
few = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@few
@given(ras, decs, radii)
@example(0.0, 90.0, 1.0)
@example(360.0, 0.0, 0.0)
@example(123.0, -90.0, 180.0)
def test_cones(same: Ask, ra: float, dec: float, radius: float) -> None:
    circle = f"CIRCLE({ra:f}, {dec:f}, {radius:f})"
    same(f"SELECT id FROM places WHERE 1 = CONTAINS(POINT(ra, dec), {circle})")
    same(
        f"SELECT id FROM places AS p WHERE DISTANCE(POINT({ra:f}, {dec:f}), POINT(p.ra, p.dec)) < {radius:f}"
    )


@few
@given(ras, decs, st.floats(-3, 1.7).map(lambda e: 10**e), st.integers(3, 7), st.integers(0, 1000))
@example(0.0, 90.0, 30.0, 5, 1)
def test_polygons(same: Ask, ra: float, dec: float, size: float, corners: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    around = np.linspace(0, 360, corners, endpoint=False)
    vertices = zip(*offset(ra, dec, around, size * rng.uniform(0.3, 1, corners)), strict=True)
    listed = ", ".join(f"{a:.9f}, {d:.9f}" for a, d in vertices)
    with suppress(AdqlError):  # one that crosses itself
        same(f"SELECT id FROM places WHERE CONTAINS(POINT(ra, dec), POLYGON({listed})) = 1")


@few
@given(ras, decs, st.floats(0.001, 100), st.floats(0.001, 100))
def test_boxes(same: Ask, ra: float, dec: float, width: float, height: float) -> None:
    box = f"BOX({ra:f}, {dec:f}, {width:f}, {height:f})"
    same(f"SELECT id FROM places WHERE 1 = CONTAINS(POINT(ra, dec), {box})")


@pytest.mark.parametrize(
    "condition",
    [
        "0 = CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 1))",
        "NOT CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 1)) = 1",
        "CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 1)) = 1 OR id < 7",
        "DISTANCE(POINT(ra, dec), POINT(0, 90)) <= 0",
        "DISTANCE(POINT(ra, dec), POINT(0, 90)) < -1",
        "DISTANCE(POINT(ra, dec), POINT(0, 90)) < 200",
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(-359, 1, 2))",
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(1e12, 1, 2))",
        "1 = CONTAINS(POINT(dec, ra), CIRCLE(0, 0, 20))",
        "1 = CONTAINS(POINT(ra, dec), REGION('CIRCLE ICRS 0 89 2'))",
        "CASE WHEN 1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 1)) THEN 1 ELSE 2 END = 2",
    ],
)
def test_conditions_with_cells_mean_what_they_meant(same: Ask, condition: str) -> None:
    same(f"SELECT id FROM places WHERE {condition}")
    qualified = re.sub(r"\b(ra|dec|id)\b", r"b.\1", condition)
    both = "places AS a LEFT JOIN places AS b ON a.id = b.id AND b.id < 900"
    same(f"SELECT a.id, b.id FROM {both} WHERE a.id < 40 AND ({qualified})")


def sql(text: str, engine: str = "duckdb") -> str:
    return adql.translate(adql.check(adql.parse(text), TABLES), engine, cells=sky).sql


def test_cells_of_others_are_not_trusted() -> None:
    circle = "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 1))"
    assert '"healpix" BETWEEN' in sql(f"SELECT id FROM places {circle}")
    assert "healpix" not in sql(f"SELECT id FROM upload {circle}")
    assert "healpix" not in sql(f"SELECT id FROM (SELECT id, ra, dec FROM upload) AS places {circle}")


def test_cells_are_asked_for_before_the_index_of_q3c_where_there_are_any() -> None:
    circle = "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 1))"
    with_cells = sql(f"SELECT id FROM places {circle}", "postgresql-q3c")
    assert '"healpix" BETWEEN' in with_cells
    assert "q3c" not in with_cells
    assert "q3c_radial_query" in sql(f"SELECT id FROM upload {circle}", "postgresql-q3c")
    near = "ON 1 = CONTAINS(POINT(p.ra, p.dec), CIRCLE(u.ra, u.dec, 0.001))"
    assert "q3c_join" in sql(f"SELECT p.id FROM upload AS u JOIN places AS p {near}", "postgresql-q3c")
    box = sql("SELECT id FROM places WHERE 1 = CONTAINS(POINT(ra, dec), BOX(10, 20, 1, 1))", "postgresql-q3c")
    assert '"healpix" BETWEEN' in box


def test_duckdb_is_given_plain_limits_by_which_it_skips_blocks_of_rows() -> None:
    where = "SELECT id FROM places WHERE 1 = CONTAINS(POINT(ra, dec), {})"
    cone = sql(where.format("CIRCLE(100, 20, 1)"))
    assert cone.count('"healpix" BETWEEN') == 1
    assert all(f't1."{name}" {side}' in cone for name in ("ra", "dec") for side in (">=", "<="))
    assert " OR " not in cone
    assert "nullif" not in cone  # a table that promises cells has no NaN in their places
    across_zero = sql(where.format("CIRCLE(0.2, 60, 1)"))
    assert '(t1."ra" >= 358.' in across_zero
    assert across_zero.count('"healpix" BETWEEN') == 3  # two far parts of the sky, and what is around both
    assert 't1."ra" >=' not in sql(where.format("CIRCLE(100, 89.5, 1)"))


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("centre", ["0, 0", "200, -90", "123.4, 56.7"])
def test_the_order_of_distances_is_kept(places: pa.Table, centre: str, direction: str) -> None:
    ra, dec = (np.array(places[name].to_numpy()) for name in ("ra", "dec"))
    away = sky.separation(ra, dec, *map(float, centre.split(",")))
    with ENGINES["duckdb"]() as (load, fetch):
        load(PLACES, places.cast(schema(PLACES)))
        found = fetch(sql(f"SELECT id FROM places ORDER BY DISTANCE(ra, dec, {centre}) {direction}"), [])
    given = away[[row for (row,) in found]]
    assert np.isnan(given[-1])
    steps = np.diff(given[:-1])
    assert (steps * (1 if direction == "ASC" else -1) >= -1e-6).all()  # opposite of the centre to some mas


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), min_size=1), st.integers(1, 8))
def test_fewer_ranges_cover_as_much(steps: list[tuple[int, int]], most: int) -> None:
    ranges, at = [], 0
    for gap, length in steps:
        ranges.append((at + gap + 1, at + gap + 1 + length))
        at = ranges[-1][1]
    fewer = joined(ranges, most)
    assert len(fewer) == min(most, len(ranges))
    assert fewer[0][0] == ranges[0][0]
    assert fewer[-1][1] == at
    assert all(any(a <= start and stop <= b for a, b in fewer) for start, stop in ranges)


# --- coverage maps (MOC 2.0) ---


def test_a_coverage_map_is_read() -> None:
    """The example of MOC 2.0 section 4.3.2 and its variants."""
    unit = 4**28
    assert read("1/0-1,4 2/12-13") == [(0, 2 * unit), (3 * unit, 3 * unit + unit // 2), (4 * unit, 5 * unit)]
    assert read("1/0 1 4\n2/12 13") == read("s1/0-1 4 2/12-13") == read("2/13 12 1/4 1/0 1/1")
    assert read("29/0") == [(0, 1)]
    assert read("8/") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("1-3", "does not begin with an order"),
        ("t61/1-4", "t61/1-4"),
        ("30/1", "order 30"),
        ("0/12", "0/12"),
        ("1/3-2", "1/3-2"),
        ("1/x", "1/x"),
        ("12/" + " ".join(str(2 * n) for n in range(MAX_RANGES + 1)), f"{MAX_RANGES + 1} separate ranges"),
    ],
)
def test_what_is_no_coverage_map_is_refused(text: str, named: str) -> None:
    with pytest.raises(MocError, match=named):
        read(text)


orders = st.integers(0, 9).flatmap(lambda order: st.tuples(st.just(order), st.integers(0, 12 * 4**order - 1)))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql"])
def test_a_coverage_map_selects_the_rows_in_its_cells(engine: str, places: pa.Table) -> None:
    cells = places["healpix"].to_pylist()
    rng = np.random.default_rng(3)
    with ENGINES[engine]() as (load, fetch):
        load(PLACES, places.cast(schema(PLACES)))
        for number, order in ((1, 0), (3, 1), (40, 3), (1000, 6), (5000, 9)):
            moc = f"{order}/" + " ".join(map(str, rng.integers(0, 12 * 4**order, number)))
            ranges = read(moc)
            wanted = {
                row
                for row, cell in enumerate(cells)
                if cell is not None and any(a <= cell < b for a, b in ranges)
            }
            for text, rows in (
                (f"1 = CONTAINS(POINT(ra, dec), REGION('MOC {moc}'))", wanted),
                (f"INTERSECTS(REGION('MOC {moc}'), POINT(ra, dec)) = 1", wanted),
                (
                    f"CONTAINS(POINT(ra, dec), REGION('MOC {moc}')) = 0",
                    {row for row, cell in enumerate(cells) if cell is not None} - wanted,
                ),
            ):
                checked = adql.check(adql.parse(f"SELECT id FROM places WHERE {text}"), TABLES)
                query = adql.translate(checked, engine, cells=sky)
                assert {row for (row,) in fetch(query.sql, query.parameters)} == rows


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "SELECT id FROM upload WHERE 1 = CONTAINS(POINT(ra, dec), REGION('MOC 1/3'))",
            "table with HEALPix cells",
        ),
        (
            "SELECT id FROM places WHERE 1 = CONTAINS(POINT(1, 2), REGION('MOC 1/3'))",
            "table with HEALPix cells",
        ),
        ("SELECT id FROM places WHERE 1 = CONTAINS(POINT(ra, dec), REGION('MOC 1/99'))", "1/99"),
    ],
)
def test_coverage_maps_that_cannot_be_used_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(AdqlError, match=named) as error:
        sql(text)
    assert error.value.code == "unsupported"


def test_the_area_of_a_coverage_map() -> None:
    with ENGINES["duckdb"]() as (_, fetch):
        ((area,),) = fetch(
            sql("SELECT AREA(REGION('MOC 0/0-11')) FROM places WHERE 1 = 0").replace(
                'FROM "places" AS t1 WHERE (1 = 0)', ""
            ),
            [],
        )
    assert area == pytest.approx(4 * math.pi * math.degrees(1) ** 2)

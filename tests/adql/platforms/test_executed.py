"""Queries executed on every engine, against numpy on the same sky."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vobroker import adql
from vobroker.adql import AdqlError
from vobroker.votypes.columns import Table

from .conftest import Run


def numbers(sky: pa.Table, name: str) -> np.ndarray[Any, Any]:
    return sky[name].to_numpy()


def separation(ra: Any, dec: Any, ra0: float, dec0: float) -> np.ndarray[Any, Any]:
    """Angle between unit vectors, by the half-angle of the chord."""

    def unit(a: Any, d: Any) -> np.ndarray[Any, Any]:
        a, d = np.radians(a), np.radians(d)
        return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)

    one, other = unit(np.asarray(ra), np.asarray(dec)), unit(ra0, dec0)
    return np.degrees(
        2 * np.arctan2(np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1))
    )


@pytest.mark.parametrize(
    "centre",
    [(0, 90), (77, 89.5), (0, -90), (0, 0), (359.99, 0.3), (360, -0.2), (-1, 0), (180, 45), (10, -30)],
)
@pytest.mark.parametrize("radius", [0.05, 1, 30, 90, 179.9, 180])
def test_contains_finds_the_rows_within_the_radius(
    run: Run, sky: pa.Table, centre: tuple[float, float], radius: float
) -> None:
    distance = separation(numbers(sky, "ra"), numbers(sky, "dec"), *centre)
    wanted = set(numbers(sky, "id")[distance <= radius].tolist())
    unsure = set(numbers(sky, "id")[np.abs(distance - radius) < 1e-7].tolist())
    circle = f"CIRCLE({centre[0]}, {centre[1]}, {radius})"
    found = {row[0] for row in run(f"SELECT id FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), {circle})")}
    assert found - unsure == wanted - unsure
    outside = {row[0] for row in run(f"SELECT id FROM stars WHERE CONTAINS(POINT(ra, dec), {circle}) = 0")}
    assert not found & outside
    assert len(found) + len(outside) == sky.num_rows
    varying = f"CIRCLE({centre[0]}, {centre[1]}, {radius} + 0 * n)"
    radius_of_the_row = f"SELECT id FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), {varying})"
    assert {row[0] for row in run(radius_of_the_row)} - unsure == found - unsure


@pytest.mark.parametrize("centre", [(0, 90), (0, 0), (359.9, 0.3), (180, 0), (10, -89.9)])
def test_distance_is_right_everywhere(run: Run, sky: pa.Table, centre: tuple[float, float]) -> None:
    found = run(
        f"SELECT DISTANCE(POINT(ra, dec), POINT({centre[0]}, {centre[1]})),"
        f" DISTANCE(ra, dec, {centre[0]}, {centre[1]}) FROM stars ORDER BY id"
    )
    wanted = separation(numbers(sky, "ra"), numbers(sky, "dec"), *centre)
    np.testing.assert_allclose([row[0] for row in found], wanted, rtol=1e-12, atol=1e-11)
    assert all(row[0] == row[1] for row in found)


@pytest.mark.parametrize(
    "vertices",
    [
        [(350, -10), (10, -10), (10, 10), (350, 10)],
        [(0, 80), (90, 80), (180, 80), (270, 80)],
        [(170, 40), (190, 40), (180, 50)],
        [(190, 40), (170, 40), (180, 50)],
        [(100, -60), (220, -70), (340, -60)],
    ],
)
def test_convex_polygons_across_ra_zero_and_the_poles(
    run: Run, sky: pa.Table, vertices: list[tuple[float, float]]
) -> None:
    def unit(a: Any, d: Any) -> np.ndarray[Any, Any]:
        a, d = np.radians(a), np.radians(d)
        return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)

    points = unit(numbers(sky, "ra"), numbers(sky, "dec"))
    corners = [unit(*vertex) for vertex in vertices]
    # Winding by angles seen from the point: 360 degrees inside, 0 outside. Not the method under test.
    total = np.zeros(len(points))
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        one, other = np.cross(points, a), np.cross(points, b)
        total += np.arctan2(
            np.einsum("ij,ij->i", points, np.cross(one, other)), np.einsum("ij,ij->i", one, other)
        )
    inside = (np.abs(total) > np.pi) & (points @ np.sum(corners, axis=0) > 0)
    polygon = ", ".join(f"{lon}, {lat}" for lon, lat in vertices)
    found = {
        row[0]
        for row in run(f"SELECT id FROM stars WHERE 1 = INTERSECTS(POLYGON({polygon}), POINT(ra, dec))")
    }
    wanted = set(numbers(sky, "id")[inside].tolist())
    assert len(found) > 5
    assert found == wanted


def test_circles_meet_and_hold_each_other(run: Run) -> None:
    query = (
        "SELECT TOP 1 INTERSECTS(CIRCLE(359, 0, 1.5), CIRCLE(1, 0, {r})),"
        " CONTAINS(CIRCLE(0, 89, 1), CIRCLE(180, 90, {r})) FROM stars"
    )
    assert run(query.format(r=0.4)) == [(0, 0)]
    assert run(query.format(r=0.6)) == [(1, 0)]
    assert run(query.format(r=2.1)) == [(1, 1)]


def test_area_and_coordinates(run: Run) -> None:
    area, lon, lat = run(
        "SELECT TOP 1 AREA(CIRCLE(0, 0, 180)), COORD1(CENTROID(CIRCLE(7, 8, 1))), COORD2(POINT(7, -8))"
        " FROM stars"
    )[0]
    assert area == pytest.approx(41252.96124941927)
    assert (lon, lat) == (7, -8)


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        ("n / 3", lambda n: np.trunc(n / 3)),
        ("n / 3.0", lambda n: n / 3),
        ("-n / 3 * 2", lambda n: np.trunc(-n / 3) * 2),
        ("n - 1 - 2", lambda n: n - 3),
        ("MOD(n, 7)", lambda n: np.fmod(n, 7)),
        ("ROUND(n / 8.0, 1)", lambda n: np.copysign(np.floor(np.abs(n / 8) * 10 + 0.5), n) / 10),
        ("TRUNCATE(n / 8.0, 1)", lambda n: np.trunc(n / 8 * 10) / 10),
        ("TRUNCATE(n / 8.0)", lambda n: np.trunc(n / 8)),
        ("CEILING(n / 8.0)", lambda n: np.ceil(n / 8)),
        ("FLOOR(n / 8.0)", lambda n: np.floor(n / 8)),
        ("SQRT(n)", lambda n: np.where(n >= 0, np.sqrt(np.abs(n)), np.nan)),
        ("LOG(n)", lambda n: np.where(n > 0, np.log(np.where(n > 0, n, 1)), np.nan)),
        ("LOG10(n)", lambda n: np.where(n > 0, np.log10(np.where(n > 0, n, 1)), np.nan)),
        ("1.0 / n", lambda n: np.where(n != 0, 1 / np.where(n == 0, 1, n), np.nan)),
        ("1 / n", lambda n: np.where(n != 0, np.trunc(1 / np.where(n == 0, 1, n)), np.nan)),
        ("MOD(5, n)", lambda n: np.where(n != 0, np.fmod(5, np.where(n == 0, 1, n)), np.nan)),
        ("ACOS(n)", lambda n: np.where(np.abs(n) <= 1, np.arccos(np.clip(n, -1, 1)), np.nan)),
        ("ASIN(n)", lambda n: np.where(np.abs(n) <= 1, np.arcsin(np.clip(n, -1, 1)), np.nan)),
        ("ATAN(n)", np.arctan),
        ("ATAN2(n, -1)", lambda n: np.arctan2(n, -1)),
        ("POWER(n, 0.5)", lambda n: np.where(n >= 0, np.sqrt(np.abs(n)), np.nan)),
        ("POWER(n, 3)", lambda n: n.astype(float) ** 3),
        ("DEGREES(RADIANS(n))", lambda n: n),
        ("SIN(RADIANS(n)) * SIN(RADIANS(n)) + POWER(COS(RADIANS(n)), 2)", lambda n: np.ones(len(n))),
        ("COT(n + 0.5) * TAN(n + 0.5)", lambda n: np.ones(len(n))),
        ("EXP(n / 10.0)", lambda n: np.exp(n / 10)),
        ("ABS(n)", np.abs),
        ("PI() * n", lambda n: np.pi * n),
        ("IN_UNIT(ra, 'arcsec') / ra * n / 3600", lambda n: n),
        (
            "CASE WHEN n > 5 THEN 1 WHEN n < -5 THEN -1 ELSE 0 END",
            lambda n: np.where(n > 5, 1, np.where(n < -5, -1, 0)),
        ),
        ("CASE n WHEN 3 THEN 30 END", lambda n: np.where(n == 3, 30, np.nan)),
        ("COALESCE(SQRT(n), -1)", lambda n: np.where(n >= 0, np.sqrt(np.abs(n)), -1)),
        ("CAST(n AS DOUBLE PRECISION) / 2", lambda n: n / 2),
    ],
)
def test_arithmetic_and_functions(
    run: Run, sky: pa.Table, expression: str, function: Callable[..., Any]
) -> None:
    found = run(f"SELECT {expression} FROM stars WHERE ra > 0 ORDER BY id")
    keep = numbers(sky, "ra") > 0
    values = np.array([np.nan if row[0] is None else row[0] for row in found], float)
    np.testing.assert_allclose(values, function(numbers(sky, "n"))[keep], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("condition", "mask"),
    [
        ("mag < 15", lambda s: s["mag"] < 15),
        ("mag > 15", lambda s: s["mag"] > 15),
        ("NOT mag < 15", lambda s: s["mag"] >= 15),
        ("NOT mag > 15", lambda s: s["mag"] <= 15),
        ("15 < mag", lambda s: s["mag"] > 15),
        ("15.5 >= mag", lambda s: s["mag"] <= 15.5),
        ("NOT (15 < mag OR mag <= 12)", lambda s: (s["mag"] <= 15) & (s["mag"] > 12)),
        ("mag NOT BETWEEN 12 AND 20", lambda s: (s["mag"] < 12) | (s["mag"] > 20)),
        ("NOT mag NOT BETWEEN 12 AND 20", lambda s: (s["mag"] >= 12) & (s["mag"] <= 20)),
        ("NOT CASE WHEN mag > 15 THEN 1 ELSE 0 END = 1", lambda s: ~(s["mag"] > 15)),
        ("NOT EXISTS (SELECT id FROM labels WHERE stars.mag > 15)", lambda s: ~(s["mag"] > 15)),
        ("mag >= -1e30 AND -1e30 < mag", lambda s: ~np.isnan(s["mag"])),
        ("mag <> 15", lambda s: ~np.isnan(s["mag"])),
        ("mag IS NULL", lambda s: np.isnan(s["mag"])),
        ("flux IS NOT NULL AND flux > 0", lambda s: s["flux"] > 0),
        ("mag BETWEEN 12 AND 13.5", lambda s: (s["mag"] >= 12) & (s["mag"] <= 13.5)),
        ("n IN (1, 2, -3)", lambda s: np.isin(s["n"], [1, 2, -3])),
        ("n NOT IN (1, 2)", lambda s: ~np.isin(s["n"], [1, 2])),
        ("name = 'o''brien'", lambda s: s["name"] == "o'brien"),
        ("name LIKE '50%'", lambda s: s["name"] == "50%_off"),
        ("name ILIKE 'BETA'", lambda s: s["name"] == "Beta"),
        ("name LIKE 'BETA'", lambda s: np.zeros(len(s["n"]), bool)),
        ("name = ''", lambda s: s["name"] == ""),
        ("LOWER(name) || '!' = 'beta!'", lambda s: s["name"] == "Beta"),
        ("variable = 1 OR n = 4", lambda s: s["variable"] | (s["n"] == 4)),
        ("variable <> 1", lambda s: ~s["variable"]),
        ("received < '2026-01-05T00:00:00'", lambda s: s["received"] < np.datetime64("2026-01-05")),
        ("id = 4611686018427387911", lambda s: s["id"] == 4611686018427387911),
        ("MIXEDCASE = 12", lambda s: s["mixedCase"] == 12),
        ('"mixedCase" = 12', lambda s: s["mixedCase"] == 12),
    ],
)
def test_conditions_with_nulls_and_nan(
    run: Run, sky: pa.Table, condition: str, mask: Callable[..., Any]
) -> None:
    columns = {name: sky[name].to_numpy(zero_copy_only=False) for name in sky.schema.names}
    columns["name"] = columns["name"].astype(str)
    wanted = columns["id"][mask(columns)].tolist()
    assert [row[0] for row in run(f"SELECT id FROM stars WHERE {condition} ORDER BY id")] == wanted


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            "SELECT COUNT(*), COUNT(label), COUNT(mag), SUM(mag), AVG(id) FROM labels WHERE id < 9",
            [(1, 1, 1, 3.0, 5.0)],
        ),
        ("SELECT s.n, label FROM stars AS s JOIN labels AS m ON s.id = m.id AND 1 = 1 WHERE s.n < -99", []),
        (
            "SELECT labels.id, label FROM labels LEFT JOIN stars USING (id) ORDER BY label DESC",
            [(5, "x"), (2**62 + 2, "two"), (2**62 + 1, "one")],
        ),
        ("SELECT id FROM stars RIGHT JOIN labels USING (id) WHERE label = 'x'", [(5,)]),
        ("SELECT id FROM stars FULL JOIN labels USING (id) WHERE label = 'x'", [(5,)]),
        ("SELECT label FROM labels NATURAL JOIN (SELECT id FROM labels WHERE id < 9) AS few", [("x",)]),
        (
            "SELECT label FROM labels UNION SELECT label FROM labels ORDER BY 1 DESC",
            [("x",), ("two",), ("one",)],
        ),
        (
            "SELECT label FROM labels EXCEPT SELECT label FROM labels WHERE id < 9 ORDER BY label",
            [("one",), ("two",)],
        ),
        (
            "SELECT label FROM labels UNION ALL (SELECT label FROM labels INTERSECT SELECT 'x' FROM labels)"
            " ORDER BY label OFFSET 2",
            [("x",), ("x",)],
        ),
        ("SELECT TOP 2 label FROM labels ORDER BY label DESC OFFSET 1", [("two",), ("one",)]),
        ("SELECT DISTINCT LOWER('X') AS label FROM labels", [("x",)]),
        ("SELECT label FROM labels WHERE id IN (SELECT MAX(id) FROM labels)", [("two",)]),
        (
            "SELECT label FROM labels AS o WHERE EXISTS (SELECT id FROM labels WHERE id < 9 AND id = o.id)",
            [("x",)],
        ),
        ("WITH few AS (SELECT label AS l, id FROM labels) SELECT few.l FROM few WHERE id = 5", [("x",)]),
        (
            "SELECT MOD(id, 2) AS parity, COUNT(*) FROM labels GROUP BY MOD(id, 2)"
            " HAVING COUNT(*) > 1 ORDER BY parity",
            [(1, 2)],
        ),
        (
            "SELECT MOD(id, 2) AS parity, COUNT(*) FROM labels GROUP BY parity ORDER BY 2 * parity DESC",
            [(1, 2), (0, 1)],
        ),
        ("SELECT a.id FROM labels AS a, labels AS b WHERE a.mag < b.mag", [(2**62 + 1,)]),
        ('SELECT id AS "o""dd; -- name", id FROM labels WHERE label = \'x\'', [(5, 5)]),
        ("SELECT n.* FROM labels n WHERE n.label = 'x'", [(5, "x", 3.0)]),
    ],
)
def test_queries(run: Run, text: str, rows: list[tuple[Any, ...]]) -> None:
    assert run(text) == rows


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("RAND(5)", "RAND"),
        ("COORDSYS(POINT(1, 2))", "COORDSYS"),
        ("CONTAINS(POINT(ra, dec), BOX(ra, 2, 3, 4))", "BOX whose centre"),
        ("CONTAINS(POINT(ra, dec), BOX(1, 2, 180, 4))", "between 0 and 180"),
        ("CONTAINS(POINT(ra, dec), REGION('union (circle 1 2 3)'))", "REGION that is a UNION"),
        ("CONTAINS(POINT(ra, dec), REGION('circle fk5 1 2 3'))", "the frame fk5"),
        ("CONTAINS(POINT(ra, dec), REGION('circle 1 2'))", "a CIRCLE has 3"),
        ("CONTAINS(POINT(ra, dec), POLYGON(0,0, 10,10, 10,0, 0,10))", "crosses itself"),
        ("CONTAINS(BOX(1, 2, 3, 4), CIRCLE(1, 2, 3))", "a BOX and a CIRCLE"),
        ("CONTAINS(POINT(ra, dec), POLYGON(ra,0, 10,0, 2,2))", "not numbers"),
        ("CONTAINS(POINT('GALACTIC', ra, dec), CIRCLE(1, 2, 3))", "GALACTIC"),
        ("AREA(POLYGON(0,0, 10,0, 2,2, 0,10))", "AREA"),
        ("CENTROID(POLYGON(0,0, 10,0, 2,2))", "POINT in the SELECT list"),
        ("COORD1(CENTROID(POLYGON(0,0, 10,0, 2,2)))", "CENTROID of a POINT"),
        ("CAST(ra AS VARCHAR)", "DOUBLE to VARCHAR"),
        ("ROUND(n, -1)", "ROUND of an integer"),
        ("ROUND(RAND())", "random"),
        ("MAX(variable)", "MAX of a BOOLEAN"),
        ("POINT(ra, dec)", "POINT in the SELECT list"),
        ("ra || 'deg'", "floating"),
        ("CAST(name AS CHAR(3))", "CHAR(3)"),
    ],
)
def test_what_no_engine_does_exactly_is_refused_by_name(run: Run, expression: str, named: str) -> None:
    with pytest.raises(AdqlError, match=r"cannot be done exactly on [A-Z]") as caught:
        run(f"SELECT {expression} FROM stars")
    assert caught.value.code == "unsupported"
    assert named in caught.value.message


@pytest.mark.parametrize("text", ["CIRCLE(1, 91, 1)", "CIRCLE(1, 2, -1)"])
def test_impossible_circles_are_errors(run: Run, text: str) -> None:
    with pytest.raises(AdqlError):
        run(f"SELECT id FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), {text})")


INJECTIONS = [
    "'; DROP TABLE stars; --",
    "' OR '1'='1",
    "\\'; SELECT 1; --",
    "' || (SELECT current_setting('home_directory')) || '",
    "read_csv('/etc/passwd')",
    "$1",
    "?",
    "%s",
    "\N{FULLWIDTH APOSTROPHE}",
]


@pytest.mark.parametrize("attack", INJECTIONS)
def test_strings_never_become_sql(run: Run, tables: dict[str, Table], attack: str) -> None:
    literal = attack.replace("'", "''")
    text = f"SELECT TOP 1 '{literal}' AS a FROM stars WHERE name <> '{literal}'"
    translation = adql.translate(adql.check(adql.parse(text), tables), "duckdb")
    assert attack not in translation.sql.replace("$1", "").replace("$2", "") or attack == "$1"
    assert run(text) == [(attack,)]


@pytest.mark.parametrize("attack", INJECTIONS)
def test_names_never_become_sql(run: Run, attack: str) -> None:
    name = attack.replace('"', '""')
    assert len(run(f'SELECT "a"."{"id"}" AS "{name}" FROM labels AS "a" WHERE "a".id = 5')) == 1
    inner = (
        f'SELECT "{name}"."{name}" FROM (SELECT id AS "{name}" FROM labels) AS "{name}" WHERE "{name}" = 5'
    )
    assert run(inner) == [(5,)]
    for text in (f'SELECT id FROM "{name}"', f'SELECT "{name}" FROM stars'):
        with pytest.raises(AdqlError, match="There is no"):
            run(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        'SELECT * FROM "https://example.org/a.parquet"',
        "SELECT read_text('/etc/passwd') FROM stars",
        "SELECT getenv('HOME') FROM stars",
        "SELECT current_setting('threads') FROM stars",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM sqlite_master",
        "COPY stars TO '/tmp/x'",
        "ATTACH '/tmp/x' AS x",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "SELECT id FROM stars; DROP TABLE stars",
        "CREATE TABLE x AS SELECT * FROM stars",
        "SELECT * FROM stars WHERE id = (SELECT 1)",
    ],
)
def test_nothing_but_the_tables_can_be_reached(run: Run, text: str) -> None:
    with pytest.raises(AdqlError):
        run(text)


def test_sql_stays_small_whatever_is_nested(tables: dict[str, Table]) -> None:
    nested = "ra"
    for _ in range(18):
        nested = f"DISTANCE(POINT(0, {nested}), POINT(0, 0))"
    checked = adql.check(adql.parse(f"SELECT {nested} FROM stars"), tables)
    with pytest.raises(AdqlError, match="characters of SQL"):
        adql.translate(checked, "duckdb")

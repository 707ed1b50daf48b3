"""Values on which engines differ by themselves, and give the same rows all the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from .conftest import Run
from .sky import AWKWARD

MIN, MAX = -(2**63), 2**63 - 1
NAMES = [name for name in AWKWARD["name"].to_pylist() if name is not None]


def first(run: Run, text: str) -> list[Any]:
    return [row[0] for row in run(text)]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("name = 'a'", [1]),
        ("name = 'A'", [2]),
        ("name = 'a '", [3]),
        ("name = ''", [4]),
        ("name <> 'a' AND name < 'b'", [MIN, 2, 3, 4, 7, 8, 9, MAX]),
        ("name BETWEEN 'A' AND 'Z'", [MIN, 2, 7]),
        ("name IN ('a', 'é', 'nothing')", [1, 6]),
        ("name NOT IN ('a', 'é')", [MIN, 2, 3, 4, 7, 8, 9, MAX]),
        ("name LIKE 'a%'", [1, 3, MAX]),
        ("name LIKE '_'", [MIN, 1, 2, 6, 7]),
        ("name LIKE '50%'", [8]),
        ("name LIKE '%\\'", [8]),
        ("name LIKE '[x]%'", [9]),
        ("name LIKE '[xy]*?'", []),
        ("name LIKE '%*?'", [9]),
        ("name LIKE name", [MIN, 1, 2, 3, 4, 6, 7, 8, 9, MAX]),
        ("name NOT LIKE 'a%'", [MIN, 2, 4, 6, 7, 8, 9]),
        ("name ILIKE 'A%'", [1, 2, 3, MAX]),
        ("NOT name ILIKE 'a%'", [MIN, 4, 6, 7, 8, 9]),
        ("name IS NULL", [5]),
        ("name || '!' = 'A!'", [2]),
        ("COALESCE(name, 'none') = 'none'", [5]),
        ("CASE WHEN name = 'Z' THEN 'last' ELSE name END = 'last'", [7]),
        ("mag IS NULL", [3, 4]),
        ("mag = 16777216", [5]),
        ("mag > 0.1", [MIN, 1, 2, 5, 6, 8, 9, MAX]),
        ("x IS NULL", [7, 8]),
        ("NOT x > 1", [1, 4, 5, 6, MAX]),
        ("x <> 0.5", [MIN, 2, 3, 4, 5, 6, 9, MAX]),
        ("id = -9223372036854775808", [MIN]),
        ("id > 9223372036854775806", [MAX]),
        ("seen < '2026-02-02T00:00:00'", [1, 2]),
        ("seen = '2026-02-01T23:59:59.123456'", [2]),
        ("seen BETWEEN '2026-02-01' AND '2026-02-04'", [2, 3, 4]),
        ("seen IS NULL", [MAX]),
        ("id IN (SELECT TOP 2 id FROM awkward WHERE mag > 0 ORDER BY mag DESC, id)", [5, MAX]),
        ("EXISTS (SELECT label FROM labels WHERE labels.id = awkward.id)", [5]),
    ],
)
def test_conditions(run: Run, condition: str, ids: list[int]) -> None:
    assert first(run, f"SELECT id FROM awkward WHERE {condition} ORDER BY id") == sorted(ids)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("ROUND(x)", [1, 2, 3, -3, 0, 0, None, None, 4503599627370497.0, 1e300, -8]),
        ("ROUND(x, 1)", [0.5, 1.5, 2.5, -2.5, 0.5, 0, None, None, 4503599627370497.0, 1e300, -7.9]),
        ("ROUND(x, -1)", [0, 0, 0, 0, 0, 0, None, None, 4503599627370500.0, 1e300, -10]),
        ("TRUNCATE(x)", [0, 1, 2, -2, 0, 0, None, None, 4503599627370497.0, 1e300, -7]),
        ("FLOOR(x)", [0, 1, 2, -3, 0, 0, None, None, 4503599627370497.0, 1e300, -8]),
        ("CEILING(x)", [1, 2, 3, -2, 1, 0, None, None, 4503599627370497.0, 1e300, -7]),
        ("POWER(0 * x, -1)", [None] * 11),
        ("POWER(x, 0)", [1, 1, 1, 1, 1, 1, None, None, 1, 1, 1]),
        ("POWER(x - x - 8, 1 / 3.0)", [None] * 11),
        ("COALESCE(mag, 99)", [1.5, 2.25, 99, 99, 16777216, 0.1, -1, 3, 4, 5, 6]),
        ("x / 0", [None] * 11),
    ],
)
def test_numbers(run: Run, expression: str, values: Sequence[float | None]) -> None:
    ids = AWKWARD["id"].to_pylist()
    wanted = [value for _, value in sorted(zip(ids, values, strict=True))]
    found = first(run, f"SELECT {expression} FROM awkward ORDER BY id")
    assert [value is None for value in found] == [value is None for value in wanted]
    np.testing.assert_allclose(
        [v for v in found if v is not None], [v for v in wanted if v is not None], rtol=1e-7
    )


@pytest.mark.parametrize(
    ("expression", "condition", "value"),
    [
        ("CAST(x AS INTEGER)", "id = 3", 2),
        ("CAST(x AS INTEGER)", "id = 4", -2),
        ("CAST(x AS BIGINT)", "id = 9", 4503599627370497),
        ("CAST(id AS DOUBLE PRECISION)", "id = 3", 3.0),
        ("CAST(id AS REAL)", "id = 3", 3.0),
        ("CAST(id AS VARCHAR)", "id = 9223372036854775807", str(MAX)),
        ("CAST(name AS VARCHAR(2))", "id = 8", "50"),
        ("CAST('2026-03-01T12:00:00' AS TIMESTAMP)", "id = 1", datetime(2026, 3, 1, 12)),
        ("CAST(seen AS VARCHAR)", "id = 2", "2026-02-01T23:59:59.123456"),
        ("CAST('12' AS INTEGER)", "id = 1", 12),
        ("'no. ' || id || ' of ' || name", "id = 1", "no. 1 of a"),
        ("LOWER(name) || UPPER(name)", "name = 'ab'", "abAB"),
        ("name || NULL", "id = 1", None),
        ("CASE name WHEN 'A' THEN 'capital' WHEN 'a' THEN 'small' END", "id = 1", "small"),
        ("id / 2", "id = 9", 4),
        ("-id / 2", "id = 9", -4),
        ("MOD(-id, 5)", "id = 9", -4),
        ("MOD(x, 2)", "id = 4", -0.5),
        ("COUNT(*)", "x > 0", 6),
        ("COUNT(x)", "1 = 1", 9),
        ("COUNT(DISTINCT dec)", "1 = 1", 4),
        ("MIN(name)", "1 = 1", ""),
        ("MAX(name)", "1 = 1", "é"),
        ("MAX(seen)", "id BETWEEN 1 AND 2", datetime(2026, 2, 1, 23, 59, 59, 123456)),
        ("SUM(id)", "id BETWEEN 1 AND 9", 45),
        ("SUM(mag)", "id IN (1, 2, 3)", 3.75),
        ("AVG(id)", "id IN (1, 2)", 1.5),
        ("AVG(mag)", "id IN (1, 2, 4)", 1.875),
        ("SUM(x)", "id = 7", None),
        ("COUNT(*)", "RAND() < 0 OR RAND() >= 1", 0),
        ("AREA(POLYGON(0, 0, 90, 0, 0, 90))", "id = 1", 41252.96124941927 / 8),
        ("AREA(POINT(1, 2))", "id = 1", 0.0),
        ("COORD2(CENTROID(BOX(7, 8, 1, 1)))", "id = 1", 8.0),
    ],
)
def test_values(run: Run, expression: str, condition: str, value: Any) -> None:
    found = first(run, f"SELECT {expression} FROM awkward WHERE {condition}")
    if isinstance(value, float):
        assert found == [pytest.approx(value, rel=1e-9)]
    else:
        assert found == [value]


def test_null_comes_last_in_both_directions(run: Run) -> None:
    up = first(run, "SELECT name FROM awkward ORDER BY name")
    assert up == [*sorted(NAMES), None]
    assert first(run, "SELECT name FROM awkward ORDER BY name DESC") == [*sorted(NAMES, reverse=True), None]
    assert first(run, "SELECT TOP 3 x FROM awkward ORDER BY x DESC OFFSET 8") == [-7.9, None, None]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            "SELECT DISTINCT LOWER(name) AS l FROM awkward WHERE id BETWEEN 1 AND 4 ORDER BY l DESC",
            ["a ", "a", ""],
        ),
        (
            "SELECT DISTINCT name FROM awkward WHERE id IN (1, 2, 4, 5) ORDER BY awkward.name",
            ["", "A", "a", None],
        ),
        ("SELECT name FROM awkward GROUP BY name ORDER BY name OFFSET 8", ["ab", "é", None]),
        (
            "SELECT LOWER(name) || '!' AS l, COUNT(*) FROM awkward GROUP BY LOWER(name) || '!'"
            " HAVING COUNT(*) > 1",
            ["a!"],
        ),
        (
            "SELECT name FROM awkward WHERE id IN (1, 2) UNION SELECT label FROM labels ORDER BY name DESC",
            ["x", "two", "one", "a", "A"],
        ),
        (
            "SELECT id FROM awkward WHERE id < 4 AND id > 0 INTERSECT ALL SELECT id FROM awkward WHERE id > 2"
            " ORDER BY id",
            [3],
        ),
        (
            "SELECT survey.a FROM (SELECT MOD(id, 2) AS a FROM awkward WHERE id BETWEEN 1 AND 5) AS survey"
            " EXCEPT ALL SELECT MOD(id, 2) FROM awkward WHERE id = 1 ORDER BY 1",
            [0, 0, 1, 1],
        ),
        (
            "SELECT id FROM (SELECT TOP 3 id FROM awkward ORDER BY id DESC OFFSET 1) AS s ORDER BY id",
            [7, 8, 9],
        ),
        ("SELECT TOP 0 id FROM awkward ORDER BY id", []),
        (
            "SELECT awkward.id FROM awkward JOIN labels USING (id) UNION ALL SELECT a.id FROM awkward AS a"
            " JOIN (labels AS l JOIN awkward AS b ON l.id = b.id) ON a.id = b.id",
            [5, 5],
        ),
        (
            "SELECT COALESCE(a.id, -1) AS i FROM (SELECT id FROM awkward WHERE id = 5 OR id = 6) AS a"
            " FULL JOIN labels ON labels.id = a.id ORDER BY i",
            [-1, -1, 5, 6],
        ),
        (
            "WITH near AS (SELECT a.id AS one, b.id AS other FROM awkward AS a JOIN awkward AS b"
            " ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.001 WHERE a.id < b.id) SELECT other FROM near"
            " WHERE one = 1 ORDER BY other",
            [5, 6],
        ),
    ],
)
def test_queries(run: Run, text: str, rows: list[Any]) -> None:
    assert first(run, text) == rows


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))", [1, 5, 6]),
        ("0 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))", [MIN, 7, 8, MAX]),
        ("NOT 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))", [MIN, 7, 8, MAX]),
        ("CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) + 0 < 1", [MIN, 7, 8, MAX]),
        ("1 = INTERSECTS(CIRCLE(10, 20, 0.5), POINT(ra, dec))", [1, 5, 6]),
        ("1 = CONTAINS(POINT('', ra, dec), BOX('ICRS', 10, 20, 1, 1))", [1, 5, 6]),
        ("1 = CONTAINS(POINT(ra, dec), BOX(POINT(190, 0), 40, 2))", [MIN]),
        ("1 = CONTAINS(POINT(ra, dec), REGION('Circle ICRS 10 20 0.5'))", [1, 5, 6]),
        ("1 = CONTAINS(POINT(ra, dec), REGION('polygon 9 19 11 19 11 21 9 21'))", [1, 5, 6]),
        ("1 = CONTAINS(POINT(ra, dec), REGION('BOX ICRS GEOCENTER 10 20 1 1'))", [1, 5, 6]),
        ("1 = CONTAINS(REGION('Position ICRS 10 20'), CIRCLE(ra, dec, 0.5))", [1, 5, 6]),
        ("1 = CONTAINS(POINT(ra, dec), POLYGON(9, 19, 30, 19, 12, 21, 9, 40))", [1, 5, 6, MAX]),
        ("DISTANCE(POINT(ra, dec), POINT(10, 20)) <= 0.5", [1, 5, 6]),
        ("DISTANCE(ra, dec, 0, 90) < 1", [7]),
        ("0.5 > DISTANCE(10, 20, ra, dec)", [1, 5, 6]),
        ("NOT DISTANCE(ra, dec, 10, 20) < 0.5", [MIN, 7, 8, MAX]),
    ],
)
def test_missing_places_are_neither_inside_nor_outside(run: Run, condition: str, ids: list[int]) -> None:
    assert first(run, f"SELECT id FROM awkward WHERE {condition} ORDER BY id") == sorted(ids)


def test_a_cross_match_finds_each_star_itself(run: Run, sky: pa.Table) -> None:
    text = (
        "SELECT COUNT(*) FROM stars AS a JOIN (SELECT id, ra AS r, dec AS d FROM stars WHERE n = 3) AS b"
        " ON DISTANCE(a.ra, a.dec, b.r, b.d) < 1e-7"
    )
    chosen = sky.filter(pa.compute.equal(sky["n"], 3)).num_rows
    assert first(run, text)[0] >= chosen > 50


def unit(lon: Any, lat: Any) -> np.ndarray[Any, Any]:
    a, d = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], -1)


@pytest.mark.parametrize(
    "vertices",
    [
        [(350, -30), (30, -30), (10, 0), (30, 30), (350, 30), (5, 0)],  # an arrow across RA 0
        [(0, 60), (40, 85), (90, 60), (130, 85), (180, 60), (220, 85), (270, 60), (310, 85)],  # a star, pole
        [(170, -20), (190, -20), (190, 20), (185, 20), (185, -10), (175, -10), (175, 20), (170, 20)],  # a U
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_polygons_that_are_not_convex(
    run: Run, sky: pa.Table, vertices: list[tuple[float, float]], turned: bool
) -> None:
    points = unit(sky["ra"].to_numpy(), sky["dec"].to_numpy())
    corners = [unit(*vertex) for vertex in vertices]
    total = np.zeros(len(points))
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        one, other = np.cross(points, a), np.cross(points, b)
        turn = np.einsum("ij,ij->i", points, np.cross(one, other))
        total += np.arctan2(turn, np.einsum("ij,ij->i", one, other))
    inside = (np.abs(total) > np.pi) & (points @ np.sum(corners, axis=0) > 0)
    listed = ", ".join(f"{lon}, {lat}" for lon, lat in (reversed(vertices) if turned else vertices))
    text = f"SELECT id FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON({listed})) ORDER BY id"
    assert inside.sum() > 10
    assert first(run, text) == sky["id"].to_numpy()[inside].tolist()


@pytest.mark.parametrize("box", [(0, 0, 20, 10), (355, 80, 30, 15), (120, -60, 2, 40), (180, 90, 10, 10)])
def test_a_box_ends_where_its_arms_do(run: Run, sky: pa.Table, box: tuple[float, ...]) -> None:
    lon, lat, width, height = box
    points = unit(sky["ra"].to_numpy(), sky["dec"].to_numpy())
    a, d = np.radians(lon), np.radians(lat)
    axes = np.array(
        [
            [np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)],
            [-np.sin(a), np.cos(a), 0],
            [-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)],
        ]
    )
    x, y, z = (points @ axes.T).T
    # Angles along each arm, of the great circles that cross it at right angles.
    inside = (x > 0) & (np.abs(np.arctan2(y, x)) <= np.radians(width / 2))
    inside &= np.abs(np.arctan2(z, x)) <= np.radians(height / 2)
    text = f"SELECT id FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), BOX{box}) ORDER BY id"
    assert inside.any()
    assert first(run, text) == sky["id"].to_numpy()[inside].tolist()

"""Names, types and units of the standard and of the column table."""

from __future__ import annotations

import pytest

from vobroker.adql import AdqlError, Signature, check, parse
from vobroker.adql.functions import NUMBER, Parameter
from vobroker.votypes.columns import Table


@pytest.mark.parametrize(
    ("expression", "type_", "unit"),
    [
        ("ra", "DOUBLE", "deg"),
        ("RA", "DOUBLE", "deg"),
        ('"ra"', "DOUBLE", "deg"),
        ("mag - 0.5", "DOUBLE", "mag"),
        ("mag - mag", "REAL", "mag"),
        ("n", "INTEGER", ""),
        ("n + id", "BIGINT", ""),
        ("mag * n", "DOUBLE", ""),
        ("ra_error / 3600", "DOUBLE", ""),
        ("flux / flux", "REAL", ""),
        ("IN_UNIT(ra_error, 'deg')", "DOUBLE", "deg"),
        ("RADIANS(ra)", "DOUBLE", "rad"),
        ("ABS(mag)", "REAL", "mag"),
        ("MAX(mjd)", "DOUBLE", "d"),
        ("AVG(n)", "DOUBLE", ""),
        ("SUM(n)", "BIGINT", ""),
        ("COUNT(*)", "BIGINT", ""),
        ("COALESCE(mag, 99)", "DOUBLE", "mag"),
        ("DISTANCE(POINT(ra, dec), POINT(0, 0))", "DOUBLE", "deg"),
        ("CAST(name AS BIGINT)", "BIGINT", ""),
        ("name || n", "VARCHAR", ""),
        ("CASE WHEN n > 1 THEN mjd END", "DOUBLE", "d"),
        ("9223372036854775807", "BIGINT", ""),
        ("92233720368547758070", "DOUBLE", ""),
    ],
)
def test_types_and_units(expression: str, type_: str, unit: str, tables: dict[str, Table]) -> None:
    (column,) = check(parse(f"SELECT {expression} FROM stars"), tables).columns
    assert (column.type, column.unit) == (type_, unit)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT mag + ra FROM stars", "unit"),
        ("SELECT ra FROM stars WHERE mag < mjd", "unit"),
        ("SELECT CIRCLE(ra, dec, ra_error) FROM stars", "unit"),
        ("SELECT IN_UNIT(mag, 'deg') FROM stars", "unit"),
        ("SELECT name + 1 FROM stars", "type"),
        ("SELECT -name FROM stars", "type"),
        ("SELECT SQRT(name) FROM stars", "type"),
        ("SELECT LOWER(n) FROM stars", "type"),
        ("SELECT ra FROM stars WHERE name LIKE 5", "type"),
        ("SELECT ra FROM stars WHERE variable = 2", "type"),
        ("SELECT ra FROM stars WHERE variable = 'true'", "type"),
        ("SELECT ra FROM stars WHERE received > 'yesterday'", "type"),
        ("SELECT ra FROM stars WHERE n IN (1, 'x')", "type"),
        ("SELECT ra FROM stars WHERE POINT(1, 2) = POINT(1, 2)", "type"),
        ("SELECT ra FROM stars WHERE 1 = CONTAINS(ra, CIRCLE(1, 2, 3))", "type"),
        ("SELECT CAST(POINT(1, 2) AS INTEGER) FROM stars", "type"),
        ("SELECT COALESCE(name, 1) FROM stars", "type"),
        ("SELECT CASE WHEN n > 1 THEN name ELSE n END FROM stars", "type"),
        ("SELECT ra FROM stars UNION SELECT label FROM labels", "type"),
        ("SELECT ra FROM stars UNION SELECT id, mag FROM labels", "set-columns"),
        ("SELECT ra, COUNT(*) FROM stars", "grouping"),
        ("SELECT *, COUNT(*) FROM stars", "grouping"),
        ("SELECT ra FROM stars GROUP BY dec", "grouping"),
        ("SELECT dec FROM stars GROUP BY dec HAVING ra > 1", "grouping"),
        ("SELECT dec FROM stars GROUP BY dec ORDER BY ra", "grouping"),
        ("SELECT SUM(AVG(ra)) FROM stars", "aggregate"),
        ("SELECT ra FROM stars GROUP BY COUNT(*)", "aggregate"),
        ("SELECT ra FROM stars ORDER BY 2", "order"),
        ("SELECT stars.id FROM stars, stars", "duplicate-name"),
        ("SELECT a.id FROM stars AS a, labels AS A", "duplicate-name"),
        ("SELECT mag FROM stars JOIN labels ON stars.id = labels.id", "ambiguous"),
        ("SELECT stars.ra FROM stars AS s", "unknown-table"),
        ("SELECT other.* FROM stars", "unknown-table"),
        ("SELECT mixedcas FROM stars", "unknown-column"),
        ('SELECT "mixedcase" FROM stars', "unknown-column"),
        ("SELECT id FROM stars JOIN labels USING (ra)", "unknown-column"),
        ("SELECT nosuch(1) FROM stars", "unknown-function"),
        ("SELECT ra FROM stars WHERE n IN (SELECT id, mag FROM labels)", "subquery"),
        ("WITH w AS (SELECT ra FROM stars), W AS (SELECT ra FROM stars) SELECT ra FROM w", "duplicate-name"),
    ],
)
def test_mistakes(text: str, code: str, tables: dict[str, Table]) -> None:
    with pytest.raises(AdqlError) as caught:
        check(parse(text), tables)
    assert caught.value.code == code
    assert caught.value.render()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT MIXEDCASE FROM STARS",
        'SELECT "mixedCase" FROM "stars"',
        "SELECT stars.ra FROM stars",
        'SELECT S."ra" FROM stars AS s',
        "SELECT tap_schema.tables.table_name FROM tap_schema.tables",
        "SELECT tables.table_name FROM TAP_SCHEMA.tables",
        "SELECT id, label FROM stars JOIN labels USING (id)",
        "SELECT stars.id FROM stars JOIN labels USING (id)",
        "SELECT ra FROM stars WHERE variable = 1 AND ra_error * 3600 > ra",
        "SELECT n / 2 AS half, COUNT(*) AS c FROM stars GROUP BY half ORDER BY c",
        "SELECT n + 1, MAX(mag) FROM stars GROUP BY N + 1 ORDER BY n + 1",
        "SELECT ra FROM stars AS o WHERE EXISTS (SELECT mag FROM labels WHERE labels.id = o.id)",
        "WITH w AS (SELECT ra AS x FROM stars) SELECT w.x FROM w",
        "SELECT q.x FROM (SELECT ra AS x FROM stars) AS q WHERE Q.X > 1",
        "SELECT ra FROM stars WHERE name IS NULL OR NULL = n",
    ],
)
def test_good_queries(text: str, tables: dict[str, Table]) -> None:
    assert check(parse(text), tables).columns


def test_output_names_are_unique(tables: dict[str, Table]) -> None:
    checked = check(parse('SELECT ra, ra, RA AS "Ra", COUNT(*), AVG(n) FROM stars GROUP BY ra'), tables)
    assert [column.name for column in checked.columns] == ["ra", "ra_2", "Ra_3", "count", "avg"]


def test_used_names_the_columns_of_the_catalogue(tables: dict[str, Table]) -> None:
    text = "SELECT q.x FROM (SELECT RA AS x FROM stars WHERE mag < 5) AS q JOIN labels ON labels.id = 3"
    assert check(parse(text), tables).used == {"stars": {"ra", "mag"}, "labels": {"id"}}
    assert check(parse("SELECT * FROM labels"), tables).used == {"labels": {"id", "label", "mag"}}


def test_declared_functions(tables: dict[str, Table]) -> None:
    functions = {"ivo_twice": Signature((Parameter(NUMBER),), "DOUBLE", "mag")}
    checked = check(parse("SELECT IVO_TWICE(mag) FROM stars"), tables, functions)
    assert (checked.columns[0].type, checked.columns[0].unit) == ("DOUBLE", "mag")
    with pytest.raises(AdqlError, match="takes 1 arguments"):
        check(parse("SELECT ivo_twice(1, 2) FROM stars"), tables, functions)

"""Infinities, integers at the ends of their range, and numbers of different types that meet.

Infinity is a value like any other; MariaDB cannot store it, so it is missing there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import psycopg
import pymysql
import pytest
from pyspark.errors import PySparkException

from .conftest import Run
from .engines import Rows
from .sky import LIMITS

OUT_OF_RANGE = (duckdb.Error, psycopg.DataError, pymysql.Error, PySparkException)
INFINITE = {1, 2}


def ids(run: Run, condition: str) -> list[int]:
    return [row[0] for row in run(f"SELECT id FROM limits WHERE {condition} ORDER BY id")]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("y > 1", [1, 4]),
        ("NOT y > 1", [2, 3, 5]),
        ("y - y > 5", []),
        ("y - y < 5", [3, 4, 5]),
        ("NOT y * 0 > 1", [3, 4, 5]),
        ("ABS(y) > 1", [1, 2, 4]),
        ("1 = CONTAINS(POINT(0, y), BOX(0, 0, 10, 10))", [3, 5]),
    ],
)
def test_what_infinities_give_is_missing_where_it_is_no_number(
    run: Run, engine: tuple[str, Callable[..., Rows]], condition: str, wanted: list[int]
) -> None:
    stored = engine[0] != "mariadb"
    assert ids(run, condition) == [i for i in wanted if stored or i not in INFINITE]


def test_sums_of_opposite_infinities_are_missing(run: Run, engine: tuple[str, Callable[..., Rows]]) -> None:
    found = run("SELECT SUM(y), AVG(y) FROM limits WHERE y < 0 OR y > 1e20")
    assert found == [(None, None) if engine[0] != "mariadb" else (-1.0, -1.0)]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("y = 9007199254740993", [4]),
        ("y IN (9007199254740993)", [4]),
        ("b = 9007199254740993", [2]),
        ("b IN (9007199254740992.0, -1.0)", [2, 3, 5]),
        ("b IN (SELECT m.y FROM limits AS m)", [2, 3, 5]),
        ("i IN (SELECT m.r FROM limits AS m)", [4]),
        ("r IN (SELECT m.i FROM limits AS m)", [6]),
        ("EXISTS (SELECT m.id FROM limits AS m WHERE m.r = limits.i)", [4]),
        ("COALESCE(r, 16777217) = 16777217", [5]),
        ("CASE WHEN id = 5 THEN 16777217 ELSE r END = 16777217", [5]),
        ("POWER(i, -0.5) IS NULL", [3, 5, 6]),
        ("POWER(i, -1) IS NULL", [5, 6]),
        ("COT(i) IS NULL", [5, 6]),
    ],
)
def test_numbers_of_different_types_meet_as_doubles(run: Run, condition: str, wanted: list[int]) -> None:
    assert ids(run, condition) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT r FROM limits WHERE id = 2 UNION SELECT i FROM limits WHERE id = 2", [2**24, 2**24 + 1]),
        ("SELECT i FROM limits WHERE id = 2 INTERSECT SELECT r FROM limits", []),
        ("SELECT i FROM limits WHERE id IN (2, 4) EXCEPT SELECT r FROM limits", [2**24 + 1]),
        (
            "SELECT z.r FROM (SELECT r FROM limits UNION SELECT i FROM limits) AS z WHERE z.r > 1e9",
            [2**31 - 1, 1e30],
        ),
    ],
)
def test_so_do_those_of_set_operators(run: Run, text: str, wanted: list[float]) -> None:
    assert [row[0] for row in run(f"{text} ORDER BY 1")] == [pytest.approx(value) for value in wanted]


@pytest.mark.parametrize(
    "expression",
    [
        *("b + 1", "b + 1 - 1", "(b + 1) / 2", "b * 2", "MOD(b * 2, 10)", "SUM(b) + 1"),
        *("CAST(b AS INTEGER)", "CAST(b * 1e5 AS BIGINT)"),
    ],
)
def test_an_integer_beyond_its_range_is_an_error_or_missing_but_no_other_number(
    run: Run, expression: str
) -> None:
    try:
        found = run(f"SELECT {expression} FROM limits WHERE id = 1")
    except OUT_OF_RANGE:
        found = [(None,)]
    assert found == [(None,)]


def test_integers_within_their_range_are_exact(run: Run) -> None:
    assert run(
        "SELECT b - 1, b - 1 + 1, -b + 1, b / 2, SUM(b - 1) + 1 FROM limits WHERE id = 1 GROUP BY b"
    ) == [(2**63 - 2, 2**63 - 1, 2 - 2**63, 2**62 - 1, 2**63 - 1)]


@pytest.mark.parametrize("condition", ["a.id < b.id", "a.id = 3", "a.id = b.id OR a.b = b.b"])
def test_full_joins_on_other_than_equality(run: Run, condition: str) -> None:
    found = run(f"SELECT a.id, b.id FROM limits AS a FULL JOIN limits AS b ON {condition} ORDER BY 1, 2")
    sides = LIMITS["id"].to_pylist()
    meet = {"a.id < b.id": lambda a, b: a < b, "a.id = 3": lambda a, b: a == 3}.get(
        condition, lambda a, b: a == b
    )
    pairs: list[Any] = [(a, b) for a in sides for b in sides if meet(a, b)]
    pairs += [(a, None) for a in sides if not any(meet(a, b) for b in sides)]
    missing = [(None, b) for b in sides if not any(meet(a, b) for a in sides)]
    assert found == sorted(pairs, key=lambda p: (p[0], p[1] or 99)) + missing


@pytest.mark.parametrize("key", ["1", "-1", "'a'", "q"])
def test_a_constant_is_no_key_to_group_by(run: Run, key: str) -> None:
    assert len(run(f"SELECT 5 AS q, COUNT(*) FROM limits GROUP BY {key}")) == 1


def test_32_bit_numbers_are_rounded_to_32_bits_or_not_made(run: Run) -> None:
    assert ids(run, "CAST(b AS REAL) = 9007199254740992.0") == [2, 3]

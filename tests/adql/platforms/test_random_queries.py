"""Random queries give the same rows on every engine, or are refused, or leave the range of a number.

They are the same in each run; take ``derandomize`` away to look for others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import psycopg
import pymysql
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from vobroker import adql
from vobroker.adql import AdqlError
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Table

from .engines import Rows, duckdb_engine
from .sky import AWKWARD, LABELS

Fetch = Callable[..., Rows]

OUT_OF_RANGE = (
    duckdb.OutOfRangeException,
    duckdb.ConversionException,
    psycopg.errors.NumericValueOutOfRange,
)


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda values: template.format(*values))


integers = st.recursive(
    # Small numbers: what an engine does when integers overflow is its own affair.
    st.sampled_from(["MOD(a.id, 1000)", "MOD(a.id, 7)", "0", "1", "-1", "2", "7", "-3", "1000"]),
    lambda inner: st.one_of(
        joined("({0} {1} {2})", inner, st.sampled_from("+-*/"), inner),
        joined("MOD({0}, {1})", inner, inner),
        joined("ABS({0})", inner),
        joined("COALESCE({0}, {1})", inner, inner),
        joined("CASE WHEN a.x > {0} THEN {1} ELSE {2} END", inner, inner, inner),
    ),
    max_leaves=4,
)
numbers = st.recursive(
    st.one_of(
        st.sampled_from(["a.x", "a.x", "a.dec", "0.5", "-2.5", "1e-5", "0.0", "9007199254740992.0"]), integers
    ),
    lambda inner: st.one_of(
        joined("({0} {1} {2})", inner, st.sampled_from("+-*/"), inner),
        joined("-({0})", inner),
        joined("{0}({1})", st.sampled_from(["ABS", "FLOOR", "CEILING", "ROUND", "TRUNCATE", "SQRT"]), inner),
        joined("ROUND({0}, {1})", inner, st.sampled_from(["0", "1", "2"])),
        joined("CAST({0} AS DOUBLE PRECISION)", inner),
        joined("COALESCE({0}, {1})", inner, inner),
        joined("CASE WHEN {0} < {1} THEN {1} WHEN {0} > 5 THEN {0} END", inner, inner),
    ),
    max_leaves=5,
)
strings = st.recursive(
    st.sampled_from(["a.name", "a.name", "'a'", "'A'", "''", "' '", "'50%'", "'o''b'", "'\\'", "'[x]'"]),
    lambda inner: st.one_of(
        joined("({0} || {1})", inner, inner),
        joined("LOWER({0})", inner),
        joined("COALESCE({0}, {1})", inner, inner),
        joined("CASE {0} WHEN {1} THEN 'b' ELSE {0} END", inner, inner),
        joined("CAST(a.id AS VARCHAR)"),
    ),
    max_leaves=4,
)
comparisons = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
patterns = st.text("aAé%_[]*?\\ x50", max_size=5).map("'{}'".format)
places = st.sampled_from(
    ["CIRCLE(10, 20, 1)", "CIRCLE(0, 90, 80)", "BOX(10, 20, 3, 3)", "POLYGON(0, 0, 40, 0, 20, 60)"]
)
conditions = st.recursive(
    st.one_of(
        joined("{0} {1} {2}", numbers, comparisons, numbers),
        joined("a.mag {0} {1}", comparisons, st.sampled_from(["0.1", "16777216", "2.25", "a.x", "a.id"])),
        joined("{0} {1} {2}", strings, comparisons, strings),
        joined("{0} {1} {2}", strings, st.sampled_from(["LIKE", "NOT LIKE", "ILIKE"]), patterns),
        joined("{0} {1}BETWEEN {2} AND {3}", numbers, st.sampled_from(["", "NOT "]), numbers, numbers),
        joined("{0} {1}IN ({2}, {3})", numbers, st.sampled_from(["", "NOT "]), numbers, numbers),
        joined("{0} {1}IN ({2}, {3})", strings, st.sampled_from(["", "NOT "]), strings, strings),
        joined("{0} IS {1}NULL", st.one_of(numbers, strings), st.sampled_from(["", "NOT "])),
        joined("{0} {1}IN (SELECT b.{2} FROM labels AS b)",
               numbers, st.sampled_from(["", "NOT "]), st.sampled_from(["id", "mag"])),
        joined("EXISTS (SELECT b.id FROM labels AS b WHERE b.mag {0} {1})", comparisons, numbers),
        joined("{0} {1} CONTAINS(POINT(a.ra, a.dec), {2})",
               st.sampled_from("01"), st.sampled_from(["=", "<>"]), places),
        joined("DISTANCE(a.ra, a.dec, 10, 20) {0} 1", comparisons),
    ),
    lambda inner: st.one_of(
        joined("({0} AND {1})", inner, inner),
        joined("({0} OR {1})", inner, inner),
        joined("NOT ({0})", inner),
    ),
    max_leaves=3,
)  # fmt: skip
values = st.one_of(integers, numbers, strings)
aggregates = joined(
    "{0}({1}{2})", st.sampled_from(["COUNT", "MIN", "MAX"]), st.sampled_from(["", "DISTINCT "]), values
)
queries = st.one_of(
    joined("SELECT a.id, {0} AS p, {1} AS q FROM awkward AS a WHERE {2}", values, values, conditions),
    joined("SELECT DISTINCT {0} AS p FROM awkward AS a", values),
    joined("SELECT {0} AS p, COUNT(*), {1} AS q FROM awkward AS a GROUP BY {0}", values, aggregates),
    joined("SELECT {0} AS p FROM awkward AS a {1} SELECT {2} FROM awkward AS a", numbers,
           st.sampled_from(["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL"]), numbers),
    joined("SELECT a.id, b.id FROM awkward AS a {0} JOIN labels AS b ON a.id = b.id AND {1}",
           st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]), conditions),
    joined("SELECT TOP 4 {0} AS p, a.id FROM awkward AS a WHERE {1} ORDER BY p {2}, id OFFSET 1",
           values, conditions, st.sampled_from(["ASC", "DESC"])),
)  # fmt: skip


@pytest.fixture(scope="session")
def reference(tables: dict[str, Table]) -> Iterator[Fetch]:
    """DuckDB, which the other tests hold against numpy."""
    with duckdb_engine() as (load, fetch):
        for name, table in (("awkward", AWKWARD), ("labels", LABELS)):
            load(tables[name], table.cast(schema(tables[name])))
        yield fetch


def rows(fetch: Fetch, checked: adql.CheckedQuery, platform: str) -> list[tuple[Any, ...]]:
    """Rows in an order of their own, numbers to nine digits."""
    translation = adql.translate(checked, platform)
    exact = [column.type in ("SMALLINT", "INTEGER", "BIGINT") for column in checked.columns]

    def plain(value: Any, whole: bool) -> Any:
        if value is None or isinstance(value, str):
            return value
        return int(value) if whole else float(f"{float(value):.9g}") + 0.0

    found = fetch(translation.sql, translation.parameters)
    return sorted((tuple(map(plain, row, exact)) for row in found), key=repr)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"], indirect=True)
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=queries)
def test_random_queries_give_the_same_rows_everywhere(
    engine: tuple[str, Fetch], reference: Fetch, tables: dict[str, Table], text: str
) -> None:
    platform, fetch = engine
    try:
        checked = adql.check(adql.parse(text), tables)
        wanted = rows(reference, checked, "duckdb")
        found = rows(fetch, checked, platform)
    except (AdqlError, *OUT_OF_RANGE):
        reject()
    except (sqlite3.OperationalError, pymysql.Error) as error:
        assume("overflow" not in str(error) and "out of range" not in str(error))
        raise
    assert found == wanted

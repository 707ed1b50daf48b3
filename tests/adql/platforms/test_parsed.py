"""Platforms that the tests cannot execute on: their SQL is read by a parser of its dialect."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from vobroker import adql
from vobroker.adql import AdqlError
from vobroker.adql.features import features
from vobroker.votypes.columns import Table

from .conftest import Record

DIALECTS = {"sqlserver": "tsql", "oracle": "oracle", "trino": "trino"}
"""Name that the parser has for each dialect."""


@pytest.mark.parametrize("platform", DIALECTS)
def test_every_query_of_the_other_tests_is_sql_of_the_dialect(
    platform: str, record: Record, tables: dict[str, Table]
) -> None:
    assert len(record.texts) > 300, "the tests of this folder run together"
    read = 0
    for text in record.texts:
        try:
            checked = adql.check(adql.parse(text), tables)
        except AdqlError:
            continue
        try:
            translation = adql.translate(checked, platform)
        except AdqlError as error:
            if error.code == "unsupported":
                record.refused[platform].add(error.message)
            continue
        tree = sqlglot.parse_one(translation.sql, dialect=DIALECTS[platform])
        assert isinstance(tree, exp.Query), translation.sql
        assert not list(tree.find_all(exp.Command)), translation.sql
        places = [place.sql() for place in tree.find_all(exp.Placeholder, exp.Parameter)]
        numbered = set(places) if platform != "trino" else places
        assert len(numbered) == len(translation.parameters), translation.sql
        record.exact[platform] |= features(checked.query)
        read += 1
    assert read > 250


@pytest.mark.parametrize("platform", DIALECTS)
def test_a_parser_of_the_dialect_finds_mistakes(platform: str) -> None:
    """What these tests rest on: the parser refuses what is no SQL."""
    with pytest.raises(sqlglot.errors.ParseError):
        sqlglot.parse_one("SELECT FROM WHERE a = = b", dialect=DIALECTS[platform])


def test_each_dialect_is_written_as_its_own(tables: dict[str, Table]) -> None:
    text = "SELECT TOP 5 name || '!' AS n FROM stars WHERE mag < 15.5 ORDER BY n OFFSET 10"
    checked = adql.check(adql.parse(text), tables)
    sql = {platform: adql.translate(checked, platform).sql for platform in DIALECTS}
    assert "OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY" in sql["sqlserver"]
    assert "[stars] AS t1" in sql["sqlserver"]
    assert sql["oracle"].endswith("OFFSET 10 ROWS FETCH FIRST 5 ROWS ONLY")
    assert '"stars" t1' in sql["oracle"]
    assert sql["trino"].endswith("OFFSET 10 LIMIT 5")


@pytest.mark.parametrize("function", ["SQRT", "ACOS", "-1 / ABS"])
def test_what_duckdb_would_prepare_for_long_is_refused(tables: dict[str, Table], function: str) -> None:
    """It writes out a function's argument several times, again in each function around it."""

    def nested(times: int) -> adql.CheckedQuery:
        text = f"SELECT {f'{function}(' * times}mag{')' * times} AS x FROM stars"
        return adql.check(adql.parse(text), tables)

    adql.translate(nested(5), "duckdb")
    adql.translate(nested(20), "postgresql")
    with pytest.raises(AdqlError, match="too many functions for the engine") as found:
        adql.translate(nested(20), "duckdb")
    assert found.value.code == "unsupported"

"""Which queries are filters, and what a filter says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vobroker.adql import AdqlError
from vobroker.alerts.columns import ALERT
from vobroker.filters import compile_filter, filter_tables, load_filters, starter_filters

GOOD = """-- Bright
-- All that is
-- bright.
SELECT survey, alert_id, mag, mjd - first_mjd AS age FROM alert WHERE mag < 18"""


def test_a_filter_describes_itself() -> None:
    made = compile_filter("bright", GOOD)
    assert (made.name, made.title, made.description) == ("bright", "Bright", "All that is bright.")
    assert made.survey is None
    assert [(c.name, c.type, c.unit) for c in made.columns] == [
        ("survey", "VARCHAR", ""),
        ("alert_id", "BIGINT", ""),
        ("mag", "REAL", "mag"),
        ("age", "DOUBLE", "d"),
    ]
    assert made.used == {"alert": {"survey", "alert_id", "mag", "mjd", "first_mjd"}}


def test_the_version_is_of_the_meaning_not_of_the_spelling() -> None:
    same = "select survey , alert_id, mag, (mjd - first_mjd) age from alert where (mag<18) -- bright"
    assert compile_filter("a", GOOD).version == compile_filter("b", same).version
    assert compile_filter("a", GOOD).version != compile_filter("a", GOOD.replace("18", "17")).version


@pytest.mark.parametrize(
    ("text", "survey"),
    [
        ("SELECT ra FROM alert", None),
        ("SELECT psfFlux FROM lsst WHERE snr > 5", "lsst"),
        ("SELECT drb, isdiffpos FROM ZTF WHERE drb > 0.9", "ztf"),
        ("SELECT alert.ra, z.drb FROM alert JOIN ztf AS z USING (survey, alert_id)", "ztf"),
        (
            "SELECT a.* FROM lsst JOIN alert AS a USING (alert_id, survey) WHERE diaObject_nDiaSources > 3",
            "lsst",
        ),
    ],
)
def test_tables_of_a_filter(text: str, survey: str | None) -> None:
    assert compile_filter("f", text).survey == survey


def test_every_survey_has_its_table() -> None:
    assert set(filter_tables()) == {"alert", "lsst", "ztf"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT TOP 5 ra FROM alert", "TOP"),
        ("SELECT DISTINCT band FROM alert", "DISTINCT"),
        ("SELECT COUNT(*) FROM alert", "COUNT"),
        ("SELECT band FROM alert GROUP BY band", "GROUP BY"),
        ("SELECT ra FROM alert ORDER BY ra", "ORDER BY"),
        ("SELECT ra FROM alert UNION SELECT ra FROM alert", "a set operator"),
        ("WITH a AS (SELECT ra FROM alert) SELECT ra FROM a", "WITH"),
        ("SELECT ra FROM (SELECT ra FROM alert) AS a", "subquery"),
        ("SELECT ra FROM alert WHERE alert_id IN (SELECT alert_id FROM alert)", "subquery"),
        ("SELECT ra FROM alert WHERE EXISTS (SELECT ra FROM alert)", "subquery"),
        ("SELECT ra FROM alert WHERE RAND() < 0.1", "same way"),
        ("SELECT a.ra FROM alert AS a, ztf", "USING"),
        ("SELECT a.ra FROM alert AS a JOIN ztf USING (alert_id)", "USING"),
        ("SELECT a.ra FROM alert AS a LEFT JOIN ztf USING (survey, alert_id)", "USING"),
        ("SELECT a.ra FROM alert AS a JOIN alert AS b USING (survey, alert_id)", "USING"),
        ("SELECT l.ra FROM lsst AS l JOIN ztf USING (survey, alert_id)", "USING"),
    ],
)
def test_what_does_not_judge_one_alert_by_itself_is_no_filter(text: str, why: str) -> None:
    with pytest.raises(AdqlError) as caught:
        compile_filter("f", text)
    assert caught.value.code == "filter"
    assert why in caught.value.message
    assert "^" in caught.value.render()


@pytest.mark.parametrize("name", ["", "Bright", "a b", "../x", "a--b", "-a", "ä", "a" * 65, "a/b", "1st"])
def test_names_are_fit_for_streams(name: str) -> None:
    with pytest.raises(AdqlError, match="cannot be called"):
        compile_filter(name, GOOD)


def test_what_the_engine_cannot_do_is_known_at_once() -> None:
    with pytest.raises(AdqlError, match="REGION") as caught:
        compile_filter("f", "SELECT ra FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), REGION('union ()'))")
    assert caught.value.code == "unsupported"


def test_files_and_folders(tmp_path: Path, write: Callable[..., Path]) -> None:
    write(tmp_path, "b", GOOD)
    write(tmp_path, "a", "SELECT ra FROM alert")
    assert [f.name for f in load_filters(tmp_path)] == ["a", "b"]
    assert [f.title for f in load_filters(tmp_path / "a.adql", tmp_path / "b.adql")] == ["a", "Bright"]


def test_errors_name_the_filter(tmp_path: Path, write: Callable[..., Path]) -> None:
    write(tmp_path, "broken", "SELECT ra FROM alert WHERE maag < 3")
    with pytest.raises(AdqlError, match="filter broken, line 1, column 28: There is no column maag"):
        load_filters(tmp_path)
    (tmp_path / "broken.adql").write_bytes(b"SELECT \xff")
    with pytest.raises(OSError, match="not UTF-8"):
        load_filters(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(OSError, match=r"no \.adql file"):
        load_filters(tmp_path / "empty")


def test_starter_filters_are_described() -> None:
    assert [f.name for f in starter_filters()] == ["bright-transient", "fast-moving", "young-supernova"]
    assert all(f.title and len(f.description) > 40 for f in starter_filters())


def test_the_page_lists_the_columns_of_the_column_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (\S*) *\| (.*) \|$", page, re.MULTILINE)
    assert listed == [(c.name, c.type, c.unit, c.description) for c in ALERT]


def test_the_example_of_the_page_is_a_filter() -> None:
    page = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert compile_filter("my-outburst", example).columns[-1].name == "age"

"""Clusters of a log: counted right, found again, and silent below the threshold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from lxml import html
from typer.testing import CliRunner

from vobroker.adql import AdqlError, parse
from vobroker.adql.querylog import Entry, mine, report
from vobroker.adql.querylog.clusters import outcome
from vobroker.adql.querylog.simulate import MAKERS, entries
from vobroker.adql.querylog.skeleton import CATEGORIES, normal
from vobroker.cli import app


def people(text: str, number: int, day: str = "2026-01-05") -> list[Entry]:
    return [Entry(text, day, f"person {n}") for n in range(number)]


def test_every_query_is_in_one_place() -> None:
    log = [entry for _, entry in entries(3000, seed=1)]
    mined = mine(log, threshold=4)
    counted = sum(c.count for c in mined.clusters) + sum(m.count for m in mined.mistakes) + mined.rare
    assert mined.queries == counted == 3000
    assert mined.clusters == sorted(mined.clusters, key=lambda c: -c.count)


def test_categories_of_made_up_logs_are_found_again() -> None:
    """Precision and recall of each category; docs/query-logs.md has the numbers."""
    assert set(MAKERS) == {*CATEGORIES, "invalid"}
    made: Counter[str] = Counter()
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for category, entry in entries(6000, seed=2):
        shape = outcome(normal(entry.text))[0]
        found = shape.category if shape else "invalid"
        made[category] += 1
        said[found] += 1
        right[category] += category == found
    for category in MAKERS:
        assert right[category] / made[category] > 0.97, category
        assert right[category] / said[category] > 0.97, category


def test_what_few_people_asked_leaves_nowhere(tmp_path: Path) -> None:
    """One person asks a thousand times; four people ask once; neither is five people."""
    secret = (
        "SELECT hidden_thing, zeta_function(a) FROM secret_table WHERE b BETWEEN 4711 AND 4712 AND c = 'k'"
    )
    often = [Entry(secret, "2026-02-03", "one")] * 1000
    mined = mine([*people("SELECT a FROM t", 9), *people(secret, 4), *often], threshold=6)
    assert (len(mined.clusters), mined.rare) == (1, 1004)
    everything = (
        json.dumps(report.summary(mined))
        + report.page(mined, "log")
        + str(report.table(mined).to_pylist())
        + str(report.days(mined).to_pylist())
        + str(report.candidates(mined))
    )
    for word in ("hidden", "zeta", "secret", "4711", "BETWEEN", "2026-02-03"):
        assert word not in everything


def test_mistakes_come_with_their_cure_and_without_names() -> None:
    log = people("SELECT secret FROM t LIMIT 5", 6) + people("SELECT secret FROM t WHERE CONTAINS(p, c)", 5)
    mined = mine(log, threshold=5)
    assert [(m.kind, m.count) for m in mined.mistakes] == [("LIMIT", 6), ("predicate without = 1", 5)]
    assert mined.mistakes[0].fix == "SELECT TOP n instead of LIMIT n."
    assert "secret" not in json.dumps(report.summary(mined))


def test_a_log_without_users_counts_queries() -> None:
    mined = mine([Entry("SELECT a FROM t")] * 5, threshold=5)
    assert mined.clusters[0].count == 5
    assert mine([Entry("SELECT a FROM t")] * 4, threshold=5).clusters == []


def test_candidates_are_good_queries() -> None:
    mined = mine((entry for _, entry in entries(2000, seed=3)), threshold=2)
    found = report.candidates(mined)
    assert len(found) > 20
    for candidate in found:
        parse(candidate["text"])


def test_any_text_has_an_outcome() -> None:
    for text in ("", "\0", "SELECT", "'" * 99, "(" * 5000, "SELECT a FROM t WHERE b = “x”", "\ud800"):
        shape, _, mistake = outcome(normal(text))
        assert shape is None
        assert mistake[0]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    done = CliRunner().invoke(app(), ["adql", "simulate-log", "2000", "--out", str(path)])
    assert done.exit_code == 0
    return path


def test_the_command_writes_report_tables_and_candidates(log: Path, tmp_path: Path) -> None:
    names = {
        "html": "r.html",
        "csv": "c.csv",
        "parquet": "c.parquet",
        "days": "d.csv",
        "candidates": "q.jsonl",
    }
    options = [part for option, name in names.items() for part in (f"--{option}", str(tmp_path / name))]
    done = CliRunner().invoke(app(), ["adql", "categorise", str(log), *options], env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert "2000 queries" in done.stdout
    assert "cone search on T1" in done.stdout
    page = html.fromstring((tmp_path / "r.html").read_text())
    assert len(page.xpath("//img[@alt]")) == 2
    assert not page.xpath("//script | //link | //img[not(starts-with(@src, 'data:'))]")
    table = pq.read_table(tmp_path / "c.parquet")
    assert pyarrow.csv.read_csv(tmp_path / "c.csv").num_rows == table.num_rows > 20
    assert sum(pyarrow.csv.read_csv(tmp_path / "d.csv")["queries"].to_pylist()) <= 2000
    for line in (tmp_path / "q.jsonl").read_text().splitlines():
        parse(json.loads(line)["text"])


def test_the_command_as_json_and_with_wrong_files(log: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["adql", "categorise", str(log), "--json"])
    found = json.loads(done.stdout)
    assert found["queries"] == 2000
    assert found["clusters"][0]["queries"] >= found["clusters"][1]["queries"]
    done = CliRunner().invoke(app(), ["adql", "categorise", str(tmp_path / "none.log")])
    assert done.exit_code == 2
    assert "there is no file" in done.stderr


def test_invalid_queries_of_the_made_up_log_are_invalid() -> None:
    for category, entry in entries(500, seed=5):
        if category == "invalid":
            with pytest.raises(AdqlError):
                parse(entry.text)

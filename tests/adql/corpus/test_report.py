"""Reports of a run: the page, JUnit XML, plain data; and the command that makes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from vobroker.adql import corpus
from vobroker.adql.corpus import report
from vobroker.adql.corpus.tally import by_features, by_folder, by_kind, settled_trouble
from vobroker.cli import app

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTESTED = corpus.Contested({"here": "valid", "there": "invalid"}, "2.2", "It <b>says</b> so.")
QUERIES = (
    corpus.Query("good", "SELECT a FROM t", {"2.0": True, "2.1": True}, provenance="us"),
    corpus.Query("evil", "<script>alert('\x07')</script>]]>&\"", {"2.1": True}, features=("POINT", "UNION")),
    corpus.Query("bad", "SELECT", {"2.0": False, "2.1": False}, features=("POINT",)),
    corpus.Query("fought", "SELECT a FROM t JOIN u", {"2.1": False}, contested=CONTESTED),
    corpus.Query("case", "SELECT CASE WHEN a = 1 THEN 2 END FROM t", {"2.1": False}, extension="case"),
    corpus.Query("udf", "SELECT f(a) FROM t", {"2.1": False}, level="functions"),
)
GROUPS = (corpus.Group("own/some", queries=QUERIES), corpus.Group("other/more", queries=QUERIES[:1]))


@pytest.fixture(scope="module")
def runs() -> list[corpus.Run]:
    """Ours, and one that accepts everything."""
    return [
        corpus.run(GROUPS, corpus.ours()),
        corpus.run(GROUPS, corpus.command("cat --", name="cat <all>"), jobs=2),
    ]


def test_counts(runs: list[corpus.Run]) -> None:
    def told(rows: list) -> dict[str, tuple[int, ...]]:
        return {row.name: (row.queries, *(t.agrees for t in row.tallies)) for row in rows}

    assert told(by_kind(runs)) == {
        "ADQL 2.0 and 2.1, valid": (2, 2, 2),
        "ADQL 2.0 and 2.1, invalid": (1, 1, 0),
        "ADQL 2.1, valid": (1, 0, 1),
        "ADQL 2.1, invalid": (1, 1, 0),
        "contested": (1, 0, 0),
        "extension": (1, 0, 0),
    }
    assert told(by_features(runs)) == {
        "core, valid": (2, 2, 2),
        "core, invalid": (1, 1, 0),
        "adqlgeo, valid": (1, 0, 1),
        "adqlgeo, invalid": (1, 1, 0),
        "adql-sets, valid": (1, 0, 1),
    }
    assert told(by_folder(runs))["other, valid"] == (1, 1, 1)
    assert [o.question.query.id for o in settled_trouble(runs[0])] == ["evil"]
    assert [o.question.query.id for o in settled_trouble(runs[1])] == ["bad"]


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_well_formed_stands_alone_and_shows_queries_as_text(runs: list[corpus.Run]) -> None:
    page = Page()
    page.feed(report.to_html(runs, MADE))
    text = "".join(page.words)
    assert page.open == []
    assert page.addresses == []
    assert "script" not in page.tags
    assert QUERIES[1].text in text
    assert "cat <all>: 1 verdicts differ" in text
    assert "2026-01-02 03:04 UTC" in text
    assert "here: valid. there: invalid." in text
    assert "prefers-color-scheme: dark" in text


def test_junit_has_the_common_shape(runs: list[corpus.Run]) -> None:
    root = etree.fromstring(report.to_junit(runs).encode())
    assert root.tag == "testsuites"
    assert {child.tag for child in root} == {"testsuite"}
    for suite in root:
        assert set(suite.attrib) == {"name", "tests", "failures", "errors", "skipped", "time"}
        cases = suite.findall("testcase")
        assert len(cases) == len(suite) == int(suite.attrib["tests"])
        for tag in ("failure", "error", "skipped"):
            count = {"failure": "failures", "error": "errors", "skipped": "skipped"}[tag]
            assert len(suite.findall(f"testcase/{tag}")) == int(suite.attrib[count])
        for case in cases:
            assert set(case.attrib) == {"classname", "name", "time"}
            assert float(case.attrib["time"]) >= 0
    results = {
        case.attrib["name"]: [(e.tag, e.attrib["message"]) for e in case]
        for case in root.findall("testsuite[@name='cat <all>: own/some']/testcase")
    }
    assert results == {
        "good": [],
        "evil": [],
        "bad": [("failure", "invalid, but it accepts")],
        "fought": [("skipped", "contested, section 2.2; it accepts")],
        "case": [("skipped", "extension case; it accepts")],
        "udf": [("skipped", "not asked: the verdict depends on declared functions")],
    }


def test_plain_data(runs: list[corpus.Run]) -> None:
    told = json.loads(json.dumps(report.to_dict(runs, MADE)))
    assert told["made"] == "2026-01-02T03:04:05+00:00"
    assert told["implementations"] == ["vobroker", "cat <all>"]
    assert told["queries"][2]["answers"]["cat <all>"]["judgement"] == "disagrees"
    assert told["queries"][5]["answers"]["cat <all>"] == {"judgement": "not asked"}


# --- the command ---


def command(*arguments: str):
    return CliRunner().invoke(app(), ["adql", "corpus", *arguments], env={"COLUMNS": "120"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus.write(corpus.Group("g", queries=(QUERIES[0], QUERIES[2])), tmp_path / "g.json")
    return tmp_path


def test_the_command_is_content_with_us(folder: Path) -> None:
    done = command("run", str(folder), "--html", str(folder / "r.html"), "--junit", str(folder / "r.xml"))
    assert done.exit_code == 0, done.output
    assert "ADQL 2.0 and 2.1, valid" in done.output
    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    assert etree.parse(folder / "r.xml").getroot().tag == "testsuites"


def test_the_command_runs_several_and_tells_who_is_wrong(folder: Path) -> None:
    done = command("run", str(folder), "-i", "all=cat --", "-i", "none=false", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["implementations"] == ["all", "none"]
    assert [t["agrees"] for row in told["by_kind"] for t in row["tallies"]] == [1, 0, 0, 1]


def test_only_a_first_word_names_an_implementation(folder: Path) -> None:
    done = command("run", str(folder), "-i", "env A=B cat", "-i", "My.cat=env A=B cat", "--json")
    assert json.loads(done.stdout)["implementations"] == ["env", "My.cat"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "nowhere"], "nowhere is no corpus"),
        (["run", "{folder}", "-i", "no-such-parser"], "there is no command no-such-parser"),
        (["run", "{folder}", "--adql", "9"], "says nothing about ADQL 9"),
        (["run", "{folder}", "--html", "{folder}/no/r.html"], "cannot write"),
        (["convert", "nowhere.json", "x.xml"], "there is no file nowhere.json"),
        (["convert", "{folder}/g.json", "x.yaml"], "neither .json nor .xml"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], reason: str, folder: Path) -> None:
    done = command(*(a.format(folder=folder) for a in arguments))
    assert done.exit_code == 2
    assert reason in done.output.replace("\n", " ")


def test_files_are_converted_there_and_back(folder: Path) -> None:
    assert command("convert", str(folder / "g.json"), str(folder / "g.xml")).exit_code == 0
    assert command("convert", str(folder / "g.xml"), str(folder / "h.json")).exit_code == 0
    (there,) = corpus.read(folder / "h.json")
    assert [(q.id, q.text, q.verdicts) for q in there.queries] == [
        ("good", "SELECT a FROM t", {"2.0": True}),
        ("good#2", "SELECT a FROM t", {"2.1": True}),
        ("bad", "SELECT", {"2.0": False}),
        ("bad#2", "SELECT", {"2.1": False}),
    ]

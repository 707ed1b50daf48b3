"""The skeleton of a query: the same for the same question, silent about who asked what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.adql import AdqlError, parse
from vobroker.adql.querylog import normal, skeleton
from vobroker.adql.querylog.advice import advice
from vobroker.adql.querylog.simulate import entries

from ..sentences import sentences


def of(text: str) -> str:
    return skeleton(parse(text)).text


def test_values_and_private_names_are_replaced() -> None:
    text = "SELECT TOP 7 s.secret, s.ra FROM my.stars AS s WHERE s.secret > 3.5 AND s.code LIKE 'x%' OFFSET 3"
    assert of(text) == (
        "SELECT TOP <n> T1.C1, T1.ra FROM T1 WHERE T1.C1 > <number> AND T1.C2 LIKE <string> OFFSET <n>"
    )


def test_names_that_everybody_knows_stay() -> None:
    assert "FROM tap_schema.columns" in of("SELECT * FROM TAP_SCHEMA.columns WHERE table_name = 'mine'")
    assert "FROM ivoa.obscore" in of("SELECT s_ra FROM ivoa.ObsCore")
    assert of("SELECT m.x FROM TAP_UPLOAD.mine AS m") == "SELECT tap_upload.T.C1 FROM tap_upload.T"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b < 3", "select  x\nfrom  u -- mine\nwhere y<4.75e3"),
        ("SELECT t.a FROM t", "SELECT u.a FROM u"),
        ("SELECT s.a FROM t AS s", "SELECT other.a FROM t AS other"),
        (
            "SELECT * FROM t WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 1, 2, 3))",
            "SELECT * FROM t WHERE 1 = CONTAINS(POINT(RAJ2000, DEJ2000), CIRCLE(4, 5, 6))",
        ),
        ("SELECT TOP 5 a FROM t", "SELECT TOP 10000 a FROM t"),
        ("SELECT a FROM t WHERE b IN ('x')", "SELECT a FROM t WHERE b IN ('yyy')"),
    ],
)
def test_the_same_question_has_the_same_fingerprint(one: str, other: str) -> None:
    assert skeleton(parse(one)).fingerprint == skeleton(parse(other)).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE 1 = CONTAINS(p, c)", "SELECT a FROM t WHERE 0 = CONTAINS(p, c)"),
        ("SELECT a FROM t", "SELECT DISTINCT a FROM t"),
        ("SELECT a FROM t WHERE b < 3", "SELECT a FROM t WHERE b > 3"),
        ("SELECT a, b FROM t", "SELECT a, a FROM t"),
    ],
)
def test_another_question_has_another(one: str, other: str) -> None:
    assert skeleton(parse(one)).fingerprint != skeleton(parse(other)).fingerprint


def test_fingerprints_are_for_ever() -> None:
    assert skeleton(parse("SELECT a FROM t WHERE b < 3")).fingerprint == "bf4172109bd8"


def agrees(text: str) -> None:
    """The quick way, over characters, leads to the skeleton of the slow way, over the tree."""
    try:
        slow = skeleton(parse(text))
    except AdqlError:
        return
    assert skeleton(parse(normal(text))) == slow


def test_the_quick_way_leads_to_the_same_skeleton(shared: Path) -> None:
    for file in ("lyonetia.jsonl", "libadql.jsonl"):
        for line in (shared / "adql" / file).read_text().splitlines():
            agrees(json.loads(line)["query"])
    for _, entry in entries(500, seed=4):
        agrees(entry.text)


@given(sentences())
def test_every_sentence_of_the_grammar_is_read_alike_on_both_ways(tokens: list[str]) -> None:
    agrees(" ".join(tokens))


@given(st.text(alphabet="'\"-x1.eE0 \n;", max_size=40))
def test_odd_values_are_read_alike_on_both_ways(odd: str) -> None:
    agrees(f"SELECT a FROM t WHERE b = {odd}")
    agrees(f"SELECT {odd} FROM t")


SECRETS = ("zeta_project", "hidden_column", "4711.25", "SN2026abc", "my_alias", "up_table", "unpublished")


def test_no_private_word_or_value_is_in_a_skeleton() -> None:
    text = """WITH unpublished AS (SELECT hidden_column FROM zeta_project.stars WHERE name = 'SN2026abc')
    SELECT my_alias.hidden_column AS my_alias, COUNT(*) FROM unpublished AS my_alias
    JOIN (SELECT hidden_column FROM TAP_UPLOAD.up_table) AS "unpublished too" USING (hidden_column)
    WHERE my_alias.hidden_column BETWEEN 4711.25 AND 4712 OR REGION('CIRCLE ICRS 4711.25 1 1') = p
    GROUP BY my_alias.hidden_column HAVING IN_UNIT(MAX(my_alias.hidden_column), 'SN2026abc') > 1"""
    found = skeleton(parse(text))
    for secret in SECRETS:
        assert secret.lower() not in f"{found.text} {found.sentence} {sorted(found.features)}".lower()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT * FROM t WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3))", "cone search on T1"),
        (
            "SELECT TOP 9 COUNT(*), p FROM t JOIN u USING (id) WHERE DISTANCE(ra, dec, 1, 2) < 1 GROUP BY p",
            "cone search on T1, join T2, aggregate by group, the first rows",
        ),
        (
            "SELECT * FROM a JOIN b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 1",
            "cross-match of T1 with T2",
        ),
        ("SELECT * FROM t WHERE source_id = 5", "lookup by identifier on T1"),
        ("SELECT MAX(x) FROM t", "statistics on T1, aggregate"),
    ],
)
def test_a_plain_line_says_what_is_asked(text: str, sentence: str) -> None:
    assert skeleton(parse(text)).sentence == sentence


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("SELECT a FROM t WHERE LOWER(n) LIKE 'x%'", "ILIKE (4.4)"),
        ("SELECT a FROM t WHERE a NOT IN (SELECT b FROM u)", "EXCEPT (4.5)"),
        ("SELECT x.a FROM (SELECT a FROM t) AS x JOIN (SELECT a FROM t) AS y ON x.a = y.a", "WITH (4.6)"),
        ("SELECT a FROM t WHERE 1 = CONTAINS(p, CIRCLE('ICRS', 1, 2, 3))", "coordinate system"),
        ("SELECT a FROM t WHERE DISTANCE(POINT(ra, dec), POINT(1, 2)) < 1", "DISTANCE of four numbers"),
        ("SELECT TOP 500000 a FROM t", "OFFSET (4.9)"),
    ],
)
def test_what_2_1_would_have_said_more_simply(text: str, feature: str) -> None:
    assert any(feature in each for each in advice(parse(text)))
    assert advice(parse("SELECT a FROM t WHERE DISTANCE(ra, dec, 1, 2) < 1")) == ()


def test_place_holders_are_of_a_few_kinds() -> None:
    assert set(re.findall(r"<\w+>", of("SELECT TOP 5 a FROM t WHERE b = 'x' AND c < 5"))) == {
        "<n>",
        "<string>",
        "<number>",
    }

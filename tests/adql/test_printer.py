"""Tree to text to tree, for queries written by people and for queries made from the grammar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, reject

from vobroker.adql import AdqlError, parse, to_text

from .sentences import sentences


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("select a,b as x from t where(a>1)and not(b<2 or c!=3)",
         "SELECT a, b AS x FROM t WHERE a > 1 AND NOT (b < 2 OR c <> 3)"),
        ("select(a+b)*-c/(d*e) from t", "SELECT (a + b) * -c / (d * e) FROM t"),
        ("select a-(b-c),(a-b)-c,a-b-c from t", "SELECT a - (b - c), (a - b) - c, a - b - c FROM t"),
        ("select -(-a), +(a||'it''s') from t", "SELECT -(-a), +(a || 'it''s') FROM t"),
        ("select distance(1,2,3,4) from t", "SELECT DISTANCE(POINT(1, 2), POINT(3, 4)) FROM t"),
        ("select distance(null,2,'3',4) from t", "SELECT DISTANCE(POINT((NULL), 2), POINT(('3'), 4)) FROM t"),
        ("select circle((null),2,4), box('',1,2,3,4) from t",
         "SELECT CIRCLE((NULL), 2, 4), BOX('', 1, 2, 3, 4) FROM t"),
        ("select a from t join u using(a)order by a desc offset 2",
         "SELECT a FROM t INNER JOIN u USING (a) ORDER BY a DESC OFFSET 2"),
        ("select a from t union(select a from u except select a from v)intersect select a from w",
         "SELECT a FROM t UNION (SELECT a FROM u EXCEPT SELECT a FROM v) INTERSECT SELECT a FROM w"),
    ],
)  # fmt: skip
def test_canonical_text(text: str, canonical: str) -> None:
    assert to_text(parse(text)) == canonical


def test_the_shared_corpus_survives_the_round_trip(shared: Path) -> None:
    seen = 0
    for line in (shared / "adql" / "lyonetia.jsonl").read_text().splitlines():
        try:
            query = parse(json.loads(line)["query"])
        except AdqlError:
            continue
        assert parse(to_text(query)) == query
        assert to_text(parse(to_text(query))) == to_text(query)
        seen += 1
    assert seen > 400


@given(sentences())
def test_sentences_of_the_grammar_survive_the_round_trip(tokens: list[str]) -> None:
    try:
        query = parse(" ".join(tokens))
    except AdqlError:
        # An ordered choice does not go back: a string as first coordinate is read as coordinate system.
        reject()
    assert parse(to_text(query)) == query
    assert to_text(parse(to_text(query))) == to_text(query)

"""Tree to text to tree, for queries written by people and for queries made from the grammar."""

from __future__ import annotations

import json
import random
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vobroker.adql import AdqlError, parse, to_text
from vobroker.adql.peg import _Choice, _Label, _Name, _read, _Repeat, _Sequence, _Text


class Sampler:
    """Texts that follow ``adql.peg``, by walking through it at random."""

    TOKENS: ClassVar = {
        "Real": "1.5e-3",
        "Decimal": "2.5",
        "Integer": "7",
        "String": "'it''s'",
        "Regular": "col",
        "Delimited": '"a ""b"" c"',
    }

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.rules = _read(files("vobroker.adql").joinpath("adql.peg").read_text()).rules
        self.left = 90

    def rule(self, name: str) -> str:
        if name in self.TOKENS:
            return self.TOKENS[name]
        # After a while the plainest choices are taken, so that the text ends.
        plain = {"Primary": "Number", "Geometry": "Point", "TablePrimary": "TableName",
                 "SetPrimary": "Select",
                 "Truth": "Predicate", "Test": "IsNull", "Shape": "Primary",
                 "Position": "ColumnReference"}  # fmt: skip
        self.left -= 1
        return self.rule(plain[name]) if self.left < 0 and name in plain else self.part(self.rules[name].body)

    def part(self, part: Any) -> str:
        match part:
            case _Text(text=text):
                return text
            case _Name(name=name):
                return self.rule(name)
            case _Label(part=inner):
                return self.part(inner)
            case _Sequence(parts=parts):
                return " ".join(filter(None, map(self.part, parts)))
            case _Choice(options=options):
                return self.part(self.random.choice(options))
            case _Repeat(part=inner, sign=sign, separator=separator):
                least = sign in "+%"
                most = least if self.left < 0 else 2
                times = self.random.randint(least, max(least, most))
                times = min(times, 1) if sign == "?" else times
                return f" {separator} ".join(self.part(inner) for _ in range(times))
        raise TypeError(part)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("select a,b as x from t where(a>1)and not(b<2 or c!=3)",
         "SELECT a, b AS x FROM t WHERE a > 1 AND NOT (b < 2 OR c <> 3)"),
        ("select(a+b)*-c/(d*e) from t", "SELECT (a + b) * -c / (d * e) FROM t"),
        ("select a-(b-c),(a-b)-c,a-b-c from t", "SELECT a - (b - c), (a - b) - c, a - b - c FROM t"),
        ("select -(-a), +(a||'it''s') from t", "SELECT -(-a), +(a || 'it''s') FROM t"),
        ("select distance(1,2,3,4) from t", "SELECT DISTANCE(POINT(1, 2), POINT(3, 4)) FROM t"),
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


def test_queries_made_from_the_grammar_survive_the_round_trip() -> None:
    refused = 0
    for seed in range(200):
        try:
            query = parse(Sampler(random.Random(seed)).rule("Query"))
        except AdqlError:
            # An ordered choice does not go back: a string as first coordinate is read as coordinate system.
            refused += 1
            continue
        assert parse(to_text(query)) == query
    assert refused < 4

"""Our own parser, asked about every query of the corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from vobroker.adql import corpus

ROOT = Path(__file__).resolve().parents[3] / "corpus"

OTHERWISE = {
    # SQL-92 wants a separator between a number and a name; we follow those who wrote the query.
    "lyonetia/gavo/simpleunit/5e700476-4458-11e6-96e2-28b2bdcff70b": "SELECT 89x FROM z",
    "lyonetia/gavo/whitespace/a66c56e6-f18d-11e8-96df-28d244962af0": (
        "select * from bar order   by foo asc, 2desc"
    ),
}


def other(run: corpus.Run) -> dict[str, str]:
    return {o.question.name: o.question.query.text for o in run.outcomes if o.judgement != "agrees"}


def test_our_verdict_on_every_query_is_that_of_the_standard() -> None:
    run = corpus.run(corpus.read(ROOT), corpus.ours(), accept=("case",))
    assert len(run.outcomes) > 1300
    assert other(run) == OTHERWISE


def test_our_verdict_on_every_query_is_that_of_the_version_before() -> None:
    run = corpus.run(corpus.read(ROOT), corpus.ours(), version="2.0")
    assert len(run.outcomes) > 1100
    assert other(run) == {}


def test_what_irsa_accepts_is_accepted_where_that_is_wanted() -> None:
    groups = corpus.read(ROOT / "libadql")
    strict = corpus.run(groups, corpus.ours())
    lenient = corpus.run(groups, corpus.ours(("irsa",)), accept=("irsa",))

    def accepted(run: corpus.Run) -> int:
        irsa = [o for o in run.outcomes if o.question.query.extension == "irsa"]
        return sum(o.answer is not None and o.answer.verdict == "accepts" for o in irsa)

    assert (accepted(strict), accepted(lenient)) == (0, 13)
    assert {o.question.kind for o in lenient.outcomes if o.question.query.extension == "irsa"} == {"valid"}


def test_all_of_lyonetia_that_is_not_contested_agrees() -> None:
    run = corpus.run(corpus.read(ROOT / "lyonetia"), corpus.ours())
    assert Counter(
        (o.question.kind, o.judgement) for o in run.outcomes if o.question.kind != "contested"
    ) == {
        ("valid", "agrees"): 410,
        ("invalid", "agrees"): 81,
    }
    assert {o.question.query.text for o in run.outcomes if o.question.kind == "contested"} == {
        "SELECT * FROM t1 INNER JOIN t2",
        "select * from bar where a='qua' -- cmt\n'tsch'",
        "SELECT 89x FROM z",
        "select * from bar order   by foo asc, 2desc",
    }


def test_a_contested_query_names_the_section_that_decides() -> None:
    contested = [q for g in corpus.read(ROOT) for q in g.queries if q.contested]
    assert len(contested) == 14
    for query in contested:
        assert query.contested is not None
        assert query.contested.section
        assert query.contested.reason
        said = {label == "valid" for label in query.contested.labels.values()}
        assert said - {query.verdicts["2.1"]}, query.id


def test_what_only_libadql_accepts_is_no_adql() -> None:
    queries = [q for g in corpus.read(ROOT / "libadql") for q in g.queries]
    assert Counter(q.extension for q in queries) == {"": 128, "libadql": 16, "irsa": 13, "case": 6}
    assert not any(q.verdicts["2.1"] for q in queries if q.extension)

"""The corpus's own queries exercise the whole grammar: ours, and that of the standard's appendix A."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from vobroker.adql import AdqlError, corpus, parse
from vobroker.adql.corpus.describe import features_of
from vobroker.adql.features import FEATURES

from .derivation import grammar, uses, ways

ROOT = Path(__file__).resolve().parents[3] / "corpus"
ALL = [query for group in corpus.read(ROOT) for query in group.queries]
OWN = [query for group in corpus.read(ROOT / "adql") for query in group.queries]
GOOD = [query for query in OWN if query.verdicts["2.1"] or query.extension]


def test_every_rule_and_alternative_of_our_grammar_is_used_by_a_good_query() -> None:
    good = [query for query in ALL if query.verdicts.get("2.1") or query.extension]
    used = set().union(*(found for query in good if (found := uses(query.text))))
    assert len(grammar().rules) > 60
    assert ways() - used == set()


def test_the_interpreter_of_the_grammar_agrees_with_the_parser() -> None:
    def parses(text: str) -> bool:
        try:
            parse(text)
        except AdqlError:
            return False
        return True

    assert [q.id for q in OWN if (uses(q.text) is not None) != parses(q.text)] == []


def test_every_nonterminal_of_the_standard_has_queries(shared: Path) -> None:
    text = (shared / "adql" / "ADQL-2.1-REC-20231215.bnf").read_text()
    nonterminals = set(re.findall(r"^ *<([^>]+)> *::?=", text, re.MULTILINE))
    named = {production for query in OWN for production in query.productions}
    assert len(nonterminals) > 180
    assert nonterminals - named == set()
    assert named - nonterminals == set()


def test_every_nonterminal_of_the_standard_has_good_queries_and_bad_ones() -> None:
    good = Counter(p for q in OWN if q.verdicts["2.1"] for p in q.productions)
    bad = Counter(p for q in OWN if not q.verdicts["2.1"] for p in q.productions)
    assert [name for name in good.keys() | bad.keys() if min(good[name], bad[name]) < 2] == []


def test_every_feature_is_used_by_a_good_query_and_tried_by_a_bad_one() -> None:
    assert set(FEATURES) == {feature for query in GOOD for feature in query.features}
    tried = {feature for query in OWN if not query.verdicts["2.1"] for feature in query.features}
    # The others have no word of their own by which a text that does not parse could be known to try them.
    assert {name for name in FEATURES if name.isalpha() and name.isupper()} <= tried


def test_features_named_in_the_files_are_those_that_the_queries_use() -> None:
    assert [q.id for q in OWN if features_of(q) != q.features] == []


def test_no_text_occurs_twice() -> None:
    assert [text for text, count in Counter(q.text for q in OWN).items() if count > 1] == []

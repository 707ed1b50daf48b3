"""ADQL 2.0 as a mode, and what is accepted beyond the standard on request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vobroker.adql import EXTENSIONS, AdqlError, parse, to_text

ROOT = Path(__file__).resolve().parents[2]


def refusal(text: str, **options: object) -> AdqlError:
    with pytest.raises(AdqlError) as caught:
        parse(text, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("WITH w AS (SELECT a FROM t) SELECT a FROM w", "WITH is new in ADQL 2.1"),
        ("SELECT a FROM t UNION SELECT b FROM u", "UNION is new in ADQL 2.1"),
        ("SELECT a FROM t ORDER BY a OFFSET 5", "OFFSET is new in ADQL 2.1"),
        ("SELECT LOWER(a), CAST(b AS REAL) FROM t", "LOWER, CAST are new in ADQL 2.1"),
        ("SELECT COALESCE(a, b) FROM t", "COALESCE is new in ADQL 2.1"),
        ("SELECT a FROM t WHERE b ILIKE 'x%'", "ILIKE is new in ADQL 2.1"),
        ("SELECT DISTANCE(1, 2, ra, dec) FROM t", "DISTANCE of four numbers is new in ADQL 2.1"),
        ("SELECT a FROM t WHERE 1 = CONTAINS(POINT(1, 2), c)", "This is ADQL 2.1"),
        ("SELECT MAX(a) FROM t GROUP BY b + 1", "This is ADQL 2.1"),
        ("SELECT a FROM t ORDER BY a + b", "This is ADQL 2.1"),
    ],
)
def test_what_is_new_in_2_1_is_refused_by_name(text: str, new: str) -> None:
    parse(text)
    error = refusal(text, version="2.0")
    assert error.code == "version"
    assert error.message.startswith(new)
    assert 0 <= error.span[0] < len(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT TOP 5 a, b FROM t WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 1, 2, 3))",
        "SELECT a FROM t LEFT JOIN u USING (id) WHERE a BETWEEN 1 AND 2 ORDER BY 1, b DESC",
        "SELECT DISTANCE(POINT('ICRS', 1, 2), p) FROM t GROUP BY t.a HAVING COUNT(*) > 1",
        "SELECT a FROM t JOIN (SELECT b FROM u) AS s ON a = b WHERE a IN (SELECT c FROM v)",
    ],
)
def test_a_query_of_2_0_is_the_same_in_both(text: str) -> None:
    assert parse(text, version="2.0") == parse(text)


def test_words_that_2_0_does_not_reserve_are_names_there() -> None:
    text = "SELECT offset, ilike FROM bigint"
    assert to_text(parse(text, version="2.0"))
    assert "reserved word" in refusal(text).suggestion


def test_what_is_wrong_in_both_is_told_as_it_is() -> None:
    error = refusal("SELECT a FRM t", version="2.0")
    assert error.code == "syntax"
    assert "Nothing" not in error.message


def test_the_corpus_has_verdicts_for_both_versions() -> None:
    """Every query of our own files, but those with CASE, which no grammar of the standard has."""
    wrong = []
    for file in sorted((ROOT / "corpus" / "adql").glob("*.json")):
        for query in json.loads(file.read_text())["queries"]:
            for version, verdict in query["verdict"].items():
                try:
                    parse(query["text"], version=version)
                    found = "valid"
                except AdqlError:
                    found = "invalid"
                if found != verdict and not (query.get("extension") == "case" and version == "2.1"):
                    wrong.append((query["id"], version, found))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("SELECT a FROM t WHERE CONTAINS(p, c)", "SELECT a FROM t WHERE 1 = CONTAINS(p, c)"),
        (
            "SELECT a FROM t WHERE (INTERSECTS(p, c)) AND b < 1",
            "SELECT a FROM t WHERE 1 = INTERSECTS(p, c) AND b < 1",
        ),
        ("SELECT a FROM t WHERE NOT CONTAINS(p, c)", "SELECT a FROM t WHERE NOT 1 = CONTAINS(p, c)"),
        ("SELECT a FROM t WHERE near(a, b) OR c", "SELECT a FROM t WHERE 1 = near(a, b) OR 1 = c"),
    ],
)
def test_predicates_without_a_number_are_an_extension(text: str, standard: str) -> None:
    assert parse(text, extensions=("irsa",)) == parse(standard)
    assert refusal(text).code == "syntax"


def test_an_extension_leaves_the_standard_as_it_is(shared: Path) -> None:
    for line in (shared / "adql" / "lyonetia.jsonl").read_text().splitlines():
        try:
            query = parse(json.loads(line)["query"])
        except AdqlError:
            continue
        assert parse(query.text, extensions=tuple(EXTENSIONS)) == query


def test_versions_and_extensions_have_names() -> None:
    with pytest.raises(ValueError, match=r"ADQL 3\.0 is not known; known: 2\.1, 2\.0"):
        parse("SELECT a FROM t", version="3.0")
    with pytest.raises(ValueError, match="no extension oracle; known: irsa"):
        parse("SELECT a FROM t", extensions=("oracle",))

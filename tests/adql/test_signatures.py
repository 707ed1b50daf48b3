"""User-defined functions as services declare them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.adql import AdqlError, check, parse
from vobroker.adql.signatures import SignatureError, declare, declare_all
from vobroker.votypes.columns import Table

FORMS = [
    "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER",
    "gavo_to_jd(d TIMESTAMP) -> DOUBLE PRECISION",
    "ivo_healpix_index(order INTEGER, p POINT) -> BIGINT",
    "moc_union(a adql:REGION, b VARCHAR(*)) -> REGION",
    "now() -> TIMESTAMP",
]


def problem(text: str, tables: dict[str, Table]) -> str:
    with pytest.raises(AdqlError) as caught:
        check(parse(text), tables, declare_all(FORMS))
    return str(caught.value)


def test_a_declared_function_has_the_type_of_its_declaration(tables: dict[str, Table]) -> None:
    text = "SELECT ivo_hasword(name, 'x') AS has, gavo_to_jd(received) AS jd, now() AS t FROM stars"
    checked = check(parse(text), tables, declare_all(FORMS))
    assert [column.type for column in checked.columns] == ["INTEGER", "DOUBLE", "TIMESTAMP"]


def test_wrong_calls_are_found_before_a_database_sees_them(tables: dict[str, Table]) -> None:
    assert "ivo_hasword" in problem("SELECT ivo_hasword(name) FROM stars", tables)
    assert "a string" in problem("SELECT ivo_hasword(name, 5) FROM stars", tables)
    assert "a POINT" in problem("SELECT ivo_healpix_index(5, name) FROM stars", tables)
    assert "Did you mean ivo_hasword?" in problem("SELECT ivo_hasworld(name, 'x') FROM stars", tables)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("f(a INTEGER)", "no declaration"),
        ("f a INTEGER -> REAL", "no declaration"),
        ("f(a) -> REAL", "argument 1 of f is not a name and a type"),
        ("f(a INTEGER, b) -> REAL", "argument 2 of f"),
        ("", "no declaration"),
        ("f(" * 5000, "no declaration"),
    ],
)
def test_what_is_no_declaration_is_refused_in_words(form: str, reason: str) -> None:
    with pytest.raises(SignatureError, match=re.escape(reason)):
        declare(form)


@given(st.text(alphabet="f(), ->INTEGERa\n*:1", max_size=60))
def test_any_text_is_a_declaration_or_an_error(form: str) -> None:
    try:
        name, signature = declare(form)
    except SignatureError:
        return
    assert name.isidentifier()
    assert signature.result


def test_the_declarations_of_the_public_corpus_are_read(shared: Path) -> None:
    lines = (shared / "adql" / "lyonetia.jsonl").read_text().splitlines()
    forms = {form for line in lines for form in json.loads(line)["udfs"]}
    assert len(forms) >= 3
    assert len(declare_all(forms)) == len(forms)

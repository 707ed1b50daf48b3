"""The XML format of lyonetia, in and out."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.adql import corpus
from vobroker.adql.corpus.lyonetia import MAX_DEPTH

ROOT = Path(__file__).resolve().parents[3] / "corpus" / "lyonetia"


def test_all_of_lyonetia_is_the_same_after_reading_and_writing(shared: Path) -> None:
    groups = corpus.read(shared / "adql" / "lyonetia")
    assert sum(len(group.queries) for group in groups) == 495
    assert [corpus.from_xml(corpus.to_xml(group).encode(), group.name) for group in groups] == list(groups)


def test_the_queries_are_those_of_another_reader(shared: Path) -> None:
    lines = (shared / "adql" / "lyonetia.jsonl").read_text().splitlines()
    expected = {(e["file"], e["id"], e["query"].strip(), e["valid"]) for e in map(json.loads, lines)}
    found = {
        (f"{group.name}.xml", query.id.partition("#")[0], query.text, query.verdicts["2.1"])
        for group in corpus.read(shared / "adql" / "lyonetia")
        for query in group.queries
    }
    assert found == expected


def test_the_copy_in_the_corpus_has_every_query_and_label(shared: Path) -> None:
    def labels(groups: tuple[corpus.Group, ...]) -> list[tuple[str, str, str, str]]:
        found = []
        for group in groups:
            for query in group.queries:
                label = "valid" if query.verdicts["2.1"] else "invalid"
                if query.contested:
                    label = query.contested.labels[f"lyonetia/{group.name}"]
                found.append((group.name, query.id, query.text, label))
        return found

    assert labels(corpus.read(ROOT)) == labels(corpus.read(shared / "adql" / "lyonetia"))


xml_text = st.text(
    st.characters(min_codepoint=0x20, exclude_characters="\ufffe\uffff", exclude_categories=["Cs"])
    | st.sampled_from("\t\n\r<>&]"),
    max_size=30,
)


@given(xml_text, st.booleans())
def test_any_text_that_xml_can_hold_comes_back(text: str, valid: bool) -> None:
    group = corpus.Group("g", queries=(corpus.Query("a", text.strip(), {"2.0": valid}),))
    assert corpus.from_xml(corpus.to_xml(group).encode(), "g") == group


def test_a_query_is_written_once_for_each_version() -> None:
    query = corpus.Query("a", "SELECT * FROM t OFFSET 1", {"2.0": False, "2.1": True})
    read = corpus.from_xml(corpus.to_xml(corpus.Group("g", queries=(query,))).encode(), "g")
    assert read.queries == (
        replace(query, verdicts={"2.0": False}),
        replace(query, id="a#2", verdicts={"2.1": True}),
    )


def test_what_xml_cannot_hold_is_refused_by_name() -> None:
    query = corpus.Query("bell", "SELECT \a", {"2.1": False})
    with pytest.raises(corpus.CorpusError, match="'bell' has the character"):
        corpus.to_xml(corpus.Group("g", queries=(query,)))


BOMB = '<!DOCTYPE q [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "empty": (b"", "not well-formed XML"),
    "truncated": (b"<queries><query uuid='a'><adql>SELECT", "not well-formed XML: .* line 1"),
    "entity bomb": (f"{BOMB}]><queries>&i;</queries>".encode(), "line 1 declares a document type"),
    "a local file": (
        b'<!DOCTYPE q [<!ENTITY x SYSTEM "file:///etc/passwd">]><queries><query><adql>&x;</adql></query></queries>',
        "line 1 declares a document type",
    ),
    "another document": (b"<VOTABLE/>", "the document is 'VOTABLE'"),
    "no query text": (b"<queries><query uuid='a'/></queries>", "query 'a' has no element 'adql'"),
    "another version": (
        b"<queries><query uuid='a'><adql version='adql-9'/></query></queries>",
        "query 'a' is of version '9'",
    ),
    "nested without end": (b"<queries>" + b"<q>" * 100_000, f"nested more than {MAX_DEPTH} deep"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="x-none"?><queries/>', "XML|encoding"),
}


@pytest.mark.parametrize(("document", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused_with_its_name_and_the_place(
    document: bytes, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "hostile.xml"
    file.write_bytes(document)
    with pytest.raises(corpus.CorpusError, match=rf"hostile\.xml.*({reason})"):
        corpus.read(file)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    with suppress(corpus.CorpusError):
        corpus.from_xml(document, "g")

"""The corpus's own format, and hostile files that claim to be of it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.adql import corpus
from vobroker.adql.corpus.files import MAX_BYTES, find, from_json
from vobroker.adql.corpus.model import VERSIONS
from vobroker.adql.features import FEATURES

ROOT = Path(__file__).resolve().parents[3] / "corpus"
FILES = find(ROOT)
SCHEMA = json.loads((ROOT / "schema.json").read_text())

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
texts = st.lists(text, max_size=3, unique=True).map(tuple)
declarations = st.lists(st.builds(corpus.Declaration, text, text), max_size=2).map(tuple)
labels = st.dictionaries(text, st.sampled_from(["valid", "invalid"]), min_size=1, max_size=2)
queries = st.builds(
    corpus.Query,
    id=text.filter(bool),
    text=text,
    verdicts=st.dictionaries(st.sampled_from(VERSIONS), st.booleans(), min_size=1),
    level=st.sampled_from(["syntax", "functions"]),
    features=texts,
    productions=texts,
    section=text,
    provenance=text,
    description=text,
    functions=declarations,
    extension=text,
    contested=st.none() | st.builds(corpus.Contested, labels, text, text),
)
groups = st.builds(
    corpus.Group,
    name=st.just("g"),
    title=text,
    description=text,
    licence=text,
    contact=st.none() | st.builds(corpus.Party, text.filter(bool), text),
    publisher=st.none() | st.builds(corpus.Party, text, text.filter(bool)),
    functions=declarations,
    queries=st.lists(queries, max_size=3, unique_by=lambda q: q.id).map(tuple),
)


@given(groups)
def test_a_group_written_and_read_again_is_the_same(group: corpus.Group) -> None:
    document = corpus.to_json(group)
    assert from_json(document.encode(), "g") == group
    jsonschema.validate(json.loads(document), SCHEMA)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_every_file_follows_the_schema_and_is_laid_out_canonically(file: Path) -> None:
    document = file.read_text()
    jsonschema.validate(json.loads(document), SCHEMA)
    assert corpus.to_json(from_json(document.encode(), "")) == document


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_every_query_says_what_it_is(file: Path) -> None:
    group = from_json(file.read_bytes(), file.stem)
    assert group.licence
    assert group.title or group.description or group.publisher
    for query in group.queries:
        assert set(query.features) <= set(FEATURES), query.id
        assert query.provenance, query.id


def test_every_folder_carries_its_licence() -> None:
    for folder in {file.relative_to(ROOT).parts[0] for file in FILES}:
        assert (ROOT / folder / "LICENSE").is_file(), folder


GOOD: dict[str, Any] = {"queries": [{"id": "a", "text": "SELECT", "verdict": {"2.1": "invalid"}}]}


def damaged(**changes: Any) -> bytes:
    return json.dumps({"queries": [{**GOOD["queries"][0], **changes}]}).encode()


HOSTILE = {
    "truncated": (json.dumps(GOOD)[:-9].encode(), "not JSON: .* line 1"),
    "empty": (b"", "not JSON"),
    "no text at all": (b"\xff\xfe\x00", "not JSON"),
    "nested without end": (b"[" * 100_000, "not JSON"),
    "a list": (b"[]", "the document must be an object"),
    "no queries": (b"{}", "queries must be a list"),
    "an unknown field": (damaged(colour=1), "query 1: 'colour' is not known"),
    "an unknown verdict": (damaged(verdict={"2.1": "perhaps"}), "query 'a': a verdict is valid or invalid"),
    "a verdict of another type": (damaged(verdict={"2.1": True}), "query 'a': a verdict is valid or invalid"),
    "an unknown version": (damaged(verdict={"3.0": "valid"}), "query 'a', verdict: '3.0' is not known"),
    "no verdict": (damaged(verdict={}), "query 'a' has no verdict"),
    "no id": (damaged(id=""), "query 1 has no id"),
    "a number as text": (damaged(text=1), "query 'a', text must be a text"),
    "an unknown level": (damaged(level="stars"), "query 'a': there is no level 'stars'"),
    "half a character": (damaged(text="\ud800"), "query 'a', text has the character"),
    "a NUL": (damaged(text="SELECT\0"), "query 'a', text has the character"),
    "labels of nobody": (
        damaged(contested={"labels": {}, "section": "2", "reason": "r"}),
        "query 'a', contested: labels",
    ),
    "the same id twice": (json.dumps({"queries": GOOD["queries"] * 2}).encode(), "query 'a' is there twice"),
    "too long": (b" " * (MAX_BYTES + 1), "longer than"),
}


@pytest.mark.parametrize(("document", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_its_name_and_the_place(
    document: bytes, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "hostile.json"
    file.write_bytes(document)
    with pytest.raises(corpus.CorpusError, match=rf"hostile\.json.*{reason}"):
        corpus.read(file)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    with suppress(corpus.CorpusError):
        from_json(document, "g")


def test_a_folder_without_queries_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(corpus.CorpusError, match="is no corpus"):
        corpus.read(tmp_path)
    with pytest.raises(corpus.CorpusError, match="is no corpus"):
        corpus.read(tmp_path / "missing")

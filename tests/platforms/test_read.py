"""Descriptors: those that ship hold, and what is wrong with another is told with file, line and field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.platforms import jobs, schema
from vobroker.platforms.compare import compare
from vobroker.platforms.descriptor import FIELDS, GROUPS
from vobroker.platforms.documents import MAX_BYTES, MAX_DEPTH, parse
from vobroker.platforms.errors import DocumentError, PlatformError, Problem
from vobroker.platforms.read import SHIPPED, from_document, read, shipped, together
from vobroker.platforms.write import described, lines, to_yaml

GOOD = """\
format: 1
id: here
title: Here
summary: A place.
provider: Us
site: Somewhere
web: https://example.org/
evidence:
  doc: {url: 'https://example.org/doc', date: 2025-01-02, basis: doc}
cost: null
roles:
  guest:
    identity: {value: nobody, from: doc}
    memory: {value: 4, unit: GiB, from: doc}
    rows: {value: 10, from: doc}
  user:
    identity: {value: self-registered, from: doc}
    memory: {value: 8, unit: GB, from: doc}
    rows: {value: 20, from: doc}
datasets:
  - id: stars
    title: Stars
    closeness: {value: mounted, from: doc}
"""


WRONG = [
    ("8, unit: GB", "8, unit: GBB", "line 18, roles.user.memory.unit: VOUnits has no unit 'GBB'"),
    ("8, unit: GB", "8, unit: s", "line 18, roles.user.memory.unit: 's' measures something else than byte"),
    ("8, unit: GB", "2, unit: GB", "line 18, roles.user.memory: user has 2 GB, less than guest, 4 GiB"),
    ("8, unit: GB, ", "8, ", "line 18, roles.user.memory: 'unit' is missing"),
    (
        "memory: {value: 8",
        "memroy: {value: 8",
        "roles.user.memroy: there is no such field; did you mean 'memory'",
    ),
    ("value: 20", "value: 5", "line 19, roles.user.rows: user has 5, less than guest, 10"),
    ("value: 20", "value: -1", "line 19, roles.user.rows.value: this is -1, and has to be at least 0"),
    ("value: 20", "value: many", "line 19, roles.user.rows.value: this is 'many', and has to be: number"),
    (
        "value: 20, from: doc",
        "value: 20, from: us",
        "line 19, roles.user.rows.from: there is no evidence 'us'",
    ),
    ("value: self-registered", "value: friends", "line 17, roles.user.identity.value: 'friends' is none of"),
    ("2025-01-02", "2025-02-30", "line 9, evidence.doc.date: '2025-02-30' is no day"),
    ("2025-01-02", "2999-01-01", "line 9, evidence.doc.date: 2999-01-01 is yet to come"),
    ("basis: doc", "basis: rumour", "line 9, evidence.doc.basis: 'rumour' is none of doc, config"),
    ("title: Here", "title: Here\ntitle: There", "line 4, title: this key is there twice"),
    ("cost: null", "cost: &a null", "line 10, cost: anchors and aliases are not allowed"),
    ("cost: null", "cost: *a", "line 10, cost: anchors and aliases are not allowed"),
    ("cost: null", "cost: !!python/name:os.system ''", "line 10, cost: tags are not allowed"),
    ("summary: A place.", 'summary: "\\e[31m red"', "line 4, summary: a text holds the character U+001B"),
    ("summary: A place.", 'summary: "\\u202eback"', "line 4, summary: a text holds the character U+202E"),
    ("summary: A place.", "summary: " + "x" * 5000, "line 4, summary: a text has 5000 characters"),
    ("web: https", "web: javascript", "line 7, web: 'javascript://example.org/' does not fit: pattern"),
    (
        "value: mounted, from: doc}",
        "value: mounted, from: doc}\n    copy_of: {value: here/stars, from: doc}",
        "line 24, datasets[0].copy_of: it is a copy of itself",
    ),
    (
        "  - id: stars",
        "  - {id: stars, title: Again}\n  - id: stars",
        "datasets[1].id: 'stars' is there twice",
    ),
    (
        "identity: {value: nobody",
        "identity: {value: collaboration",
        "roles.user.identity: self-registered is asked",
    ),
    ("    rows: {value: 10", "    sessions: {value: 0, from: doc}\n    rows: {value: 10", "but no session"),
]


def wrong(text: str | bytes) -> str:
    with pytest.raises(DocumentError) as raised:
        from_document(parse(text, "here.yaml"))
    return str(raised.value)


def test_a_descriptor_is_read_in_the_units_of_the_table_and_says_what_is_not_documented() -> None:
    found = from_document(parse(GOOD, "here.yaml"))
    assert found.roles["guest"]["memory"].value == 4 * 2**30
    assert found.roles["user"]["memory"].text == "8 GB"
    assert found.facts["cost"] is None
    told = {(line.place, line.field.name): line for line in lines(found, date(2025, 6, 1))}
    assert told["", "cost"].text == "not documented"
    assert told["guest", "rows"].source == "doc, 2025-01-02"
    assert not told["guest", "rows"].stale
    late = {(line.place, line.field.name): line for line in lines(found, date(2026, 1, 3))}
    assert late["guest", "rows"].stale
    assert late["guest", "rows"].source == "doc, 2025-01-02, stale"
    assert described(found, date(2026, 1, 3))["roles"]["user"]["memory"]["value"] == 8e9


def test_yaml_and_json_say_the_same() -> None:
    found = from_document(parse(GOOD, "here.yaml"))
    for text in (json.dumps(found.document), to_yaml(dict(found.document))):
        assert from_document(parse(text, "again")).roles == found.roles


@pytest.mark.parametrize(("before", "after", "said"), WRONG, ids=[one[2][:50] for one in WRONG])
def test_what_is_wrong_is_told_with_its_line_and_field(before: str, after: str, said: str) -> None:
    assert before in GOOD
    told = wrong(GOOD.replace(before, after, 1))
    assert said in told
    assert all(line.startswith("here.yaml, line ") for line in told.splitlines())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x" * (MAX_BYTES + 1), f"the limit is {MAX_BYTES}"),
        (b"a: " + b"[" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
        (b"[" + b"1," * 30_000 + b"]", "more than 20000 values"),
        (b"a: \xff", "no UTF-8"),
        (b"a: [1", "no YAML"),
        (b"a: 1\n---\nb: 2", "more than one document"),
        (b"? [a]\n: 1", "a key is a text"),
        (b"", "this is None"),
    ],
    ids=["giant", "deep", "many", "bytes", "cut", "two", "keys", "empty"],
)
def test_files_that_mean_harm_or_are_cut_are_refused(content: bytes, said: str) -> None:
    assert said in wrong(content)


def put(at: int, characters: str) -> str:
    return GOOD[:at] + characters + GOOD[at + 1 :]


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.builds(put, st.integers(0, len(GOOD)), st.text(max_size=3)),
    )
)
def test_no_text_breaks_the_reader(content: bytes | str) -> None:
    problems: Sequence[Problem] = ()
    try:
        from_document(parse(content, "any"))
    except DocumentError as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.reason for problem in problems)


def test_copies_that_go_round_in_a_circle_and_names_that_are_taken_are_refused() -> None:
    one = GOOD.replace(
        "value: mounted, from: doc}",
        "value: mounted, from: doc}\n    copy_of: {value: there/stars, from: doc}",
    )
    other = one.replace("id: here", "id: there").replace("there/stars", "here/stars")
    platforms = [from_document(parse(text, "x")) for text in (one, other)]
    with pytest.raises(PlatformError, match="here/stars is a copy of there/stars is a copy of here/stars"):
        together(platforms)
    with pytest.raises(PlatformError, match="two platforms 'here'"):
        together([platforms[0], platforms[0]])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"cannot read .*none.yaml: No such file"):
        read(tmp_path / "none.yaml")


def test_at_least_five_real_platforms_ship_each_fact_with_its_source() -> None:
    found = shipped()
    assert len(found) >= 5
    for folder, reader in ((SHIPPED, from_document), (jobs.SHIPPED, jobs.job_of)):
        for file in folder.iterdir():
            reader(parse(file.read_bytes(), file.name))
    for platform in found.values():
        for line in lines(platform, date(2026, 11, 28)):
            assert line.fact is None or line.fact.evidence.url.startswith("https://")
    (upload,) = (
        row.cells[0]
        for row in compare([found["rubin-idf"]], date(2026, 11, 28))
        if (row.section, row.text) == ("as user", GROUPS["role"]["upload"].text)
    )
    assert (upload.text, upload.stale) == ("32 MB", True)


def test_the_schemas_that_ship_are_those_of_the_table() -> None:
    folder = Path(schema.__file__).parent
    for name, made in (("platform", schema.descriptor_schema()), ("job", schema.job_schema())):
        assert json.loads((folder / f"{name}.schema.json").read_text()) == made


def test_every_field_has_a_text_a_term_and_a_unit_that_is_known() -> None:
    from astropy import units

    for field in FIELDS:
        assert field.text
        assert field.term or field.group == "dataset"
        units.Unit(field.unit, format="vounit")

"""Tables as a TAP service describes them (VOSI 1.1, VODataService 1.2)."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker.votypes.vosi import UNKNOWN, VosiError, read_tables

DOCUMENT = Path(__file__).parents[1].joinpath("data/adql/tables.xml").read_bytes()


def test_tables_and_columns_keep_their_words() -> None:
    tables = read_tables(DOCUMENT)
    assert list(tables) == ["survey.source", "survey.object_list"]
    source = tables["survey.source"]
    assert source.description == "Stars and galaxies."
    ra = source["ra"]
    assert (ra.type, ra.unit, ra.ucd) == ("DOUBLE", "deg", "pos.eq.ra;meta.main")
    assert ra.description == "Right ascension, ICRS."


@pytest.mark.parametrize(
    ("column", "adql"),
    [
        ("source_id", "BIGINT"),
        ("mag", "REAL"),
        ("size", "REAL"),
        ("class", "VARCHAR"),
        ("observed", "TIMESTAMP"),
        ("spectrum", UNKNOWN),
    ],
)
def test_both_notations_of_types_become_those_of_adql(column: str, adql: str) -> None:
    assert read_tables(DOCUMENT)["survey.source"][column].type == adql


def test_a_quoted_table_name_keeps_its_dots() -> None:
    document = b"""<tableset><schema><table><name>"J/A+A".main</name>
    <column><name>x</name><dataType>int</dataType></column></table></schema></tableset>"""
    assert list(read_tables(document)) == ["J/A+A.main"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (DOCUMENT[:600], "not well-formed XML: unclosed token, line 13"),
        (b"<VOTABLE/>", "describes no table with columns"),
        (b"", "not well-formed XML"),
        (
            b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
            "line 1 of the description of tables declares",
        ),
        (b'<?xml version="1.0" encoding="martian"?><x/>', "encoding"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(document: bytes, reason: str) -> None:
    with pytest.raises(VosiError, match=reason):
        read_tables(document)


@given(st.integers(0, len(DOCUMENT)), st.binary(max_size=12))
def test_a_damaged_document_gives_tables_or_words(at: int, junk: bytes) -> None:
    damaged = DOCUMENT[:at] + junk + DOCUMENT[at + len(junk) :]
    with contextlib.suppress(VosiError):
        assert read_tables(damaged)

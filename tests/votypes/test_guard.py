"""VOTables that would harm their reader."""

from __future__ import annotations

import pytest

from vobroker.votypes.guard import VOTableError, check

HEAD = b'<VOTABLE version="1.5" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
FEET = b"</RESOURCE></VOTABLE>"

BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>
<VOTABLE>&lol2;</VOTABLE>"""
EXTERNAL_ENTITY = b'<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><VOTABLE>&x;</VOTABLE>'


@pytest.mark.parametrize(
    "document", [BILLION_LAUGHS, EXTERNAL_ENTITY, EXTERNAL_ENTITY.decode().encode("utf-16")]
)
def test_document_types_and_entities_are_refused_in_any_encoding(document: bytes) -> None:
    with pytest.raises(VOTableError, match="declares a document type"):
        check(document)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'<BINARY2><STREAM href="http://example.org/x"/></BINARY2>', "line 1 of the VOTable has a STREAM"),
        (b'<BINARY><STREAM href="file:///etc/passwd" encoding="base64"/></BINARY>', "has a STREAM"),
        (b'<BINARY><STREAM encoding="gzip"/></BINARY>', "has a STREAM"),
        (b'<FITS><STREAM encoding="base64"/></FITS>', "holds its data as FITS"),
        (b'<PARQUET type="VOTable-remote-file"/>', "holds its data as PARQUET"),
    ],
)
def test_data_from_elsewhere_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(VOTableError, match=reason):
        check(HEAD + b"<TABLE><DATA>" + data + b"</DATA></TABLE>" + FEET)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (b'<TABLE nrows="1000000000"/>', "announces 1000000000 rows"),
        (b'<TABLE nrows="many"/>', "gives a size as 'many'"),
        (b'<TABLE><FIELD name="a" datatype="char" arraysize="4000000000"/></TABLE>', "array elements"),
        (b'<TABLE><FIELD name="a" datatype="char" arraysize="100000x100000"/></TABLE>', "array elements"),
        (b'<TABLE><FIELD name="a" datatype="char" arraysize="4000000000*"/></TABLE>', "array elements"),
        (b'<TABLE><FIELD name="a" datatype="char" arraysize="1e9"/></TABLE>', "gives a size as '1e9'"),
        (
            b'<TABLE><FIELD name="a" datatype="char" arraysize="1000000"/><DATA><TABLEDATA>'
            + b"<TR/>" * 200
            + b"</TABLEDATA></DATA></TABLE>",
            "array elements",
        ),
    ],
)
def test_announcements_that_would_fill_the_memory_are_refused(table: bytes, reason: str) -> None:
    with pytest.raises(VOTableError, match=reason):
        check(HEAD + table + FEET)


def test_a_large_document_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(VOTableError, match="has 21 bytes; the limit is 20"):
        check(FEET, max_bytes=20)


@pytest.mark.parametrize("document", [b"", b"no xml", HEAD, b"\x1f\x8b\x08\x00gzip"])
def test_what_is_no_xml_is_refused_with_the_line(document: bytes) -> None:
    with pytest.raises(VOTableError, match=r"not well-formed XML: .*, line 1"):
        check(document)


@pytest.mark.parametrize("encoding", ["ebcdic", "gb18030"])
def test_an_encoding_that_the_parser_lacks_is_named(encoding: str) -> None:
    with pytest.raises(VOTableError, match="an encoding that cannot be read"):
        check(f'<?xml version="1.0" encoding="{encoding}"?><VOTABLE/>'.encode())


def test_an_ordinary_document_passes() -> None:
    check(HEAD + b'<TABLE nrows="1"><FIELD name="a" datatype="char" arraysize="*"/></TABLE>' + FEET)

"""Queries come out of every kind of log, and nothing in a log stops the reading."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vobroker.adql.querylog import Entry, LogError, Reading, read

ONE, TWO = "SELECT a FROM t WHERE b = 'x;y'", "SELECT TOP 5 *\nFROM u"


def line(query: str, *, name: str = "QUERY") -> str:
    target = f"/tap/sync?LANG=ADQL&{name}={quote_plus(query)}&FORMAT=votable"
    return f'10.0.0.7 - - [05/Jan/2026:10:11:12 +0000] "GET {target} HTTP/1.1" 200 99 "-" "TOPCAT/4"\n'


def found(path: Path, content: str | bytes) -> list[Entry]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read([path]))


def test_access_logs_hold_the_query_in_the_address(tmp_path: Path) -> None:
    content = line(ONE) + '10.0.0.7 - - [x] "GET / HTTP/1.1" 200 1\n' + line(TWO, name="query")
    reading = Reading()
    (tmp_path / "access.log").write_text(content)
    entries = list(read([tmp_path / "access.log"], reading))
    assert entries == [Entry(ONE, "2026-01-05", "10.0.0.7"), Entry(TWO, "2026-01-05", "10.0.0.7")]
    assert list(reading.first_skipped.values()) == [2]


def test_plain_text_has_a_query_a_line_or_several_lines_a_query(tmp_path: Path) -> None:
    assert [e.text for e in found(tmp_path / "a", "SELECT a FROM t\nSELECT b FROM u\n")] == [
        "SELECT a FROM t",
        "SELECT b FROM u",
    ]
    assert [e.text for e in found(tmp_path / "b", f"{TWO};\n\nselect c from v\n")] == [TWO, "select c from v"]
    (entry,) = found(tmp_path / "c", "2026-01-05T10:11:12.5Z SELECT a FROM t\n")
    assert entry == Entry("SELECT a FROM t", "2026-01-05")


def test_csv_is_known_by_its_head(tmp_path: Path) -> None:
    content = 'time,user,query\n2026-01-05T01:02:03,ann,"SELECT TOP 5 *\nFROM u"\n2026-01-06,bob,\n'
    assert found(tmp_path / "log", content) == [Entry(TWO, "2026-01-05", "ann")]
    assert found(tmp_path / "tabs", "adql\tip\nSELECT a FROM t\t1.2.3.4\n") == [
        Entry("SELECT a FROM t", "", "1.2.3.4")
    ]


def test_votables_hold_queries_in_a_column(tmp_path: Path) -> None:
    content = f"""<?xml version="1.0"?><VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
    <FIELD name="query" datatype="char" arraysize="*"/><FIELD name="time" datatype="char" arraysize="*"/>
    <DATA><TABLEDATA><TR><TD>{ONE}</TD><TD>2026-01-05T01:02:03</TD></TR>
    <TR><TD>SELECT a FROM t WHERE b &lt; 5</TD><TD/></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
    assert found(tmp_path / "log.vot", content) == [
        Entry(ONE, "2026-01-05"),
        Entry("SELECT a FROM t WHERE b < 5"),
    ]


@pytest.mark.parametrize("kind", ["access", "plain", "csv"])
def test_each_may_be_compressed(tmp_path: Path, kind: str) -> None:
    content = {"access": line(ONE), "plain": f"{ONE}\n", "csv": f'query\n"{ONE}"\n'}[kind]
    assert [e.text for e in found(tmp_path / "log", gzip.compress(content.encode()))] == [ONE]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    packed = gzip.compress(line(ONE).encode() * 1000)
    with pytest.raises(LogError, match=r"log is damaged gzip"):
        found(tmp_path / "log", packed[: len(packed) // 2])
    with pytest.raises(LogError, match=r"not well-formed: .*, line 1"):
        found(tmp_path / "vot", "<VOTABLE><TABLE>")
    with pytest.raises(LogError, match="document type"):
        found(tmp_path / "bomb", '<!DOCTYPE v [<!ENTITY a "b">]><VOTABLE>&a;</VOTABLE>')
    with pytest.raises(LogError, match="cannot read"):
        list(read([tmp_path / "nothing"]))


def test_what_unfolds_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vobroker.adql.querylog.logs.MAX_BYTES", 10_000)
    with pytest.raises(LogError, match="unfolds to more than 10000 bytes"):
        found(tmp_path / "bomb", gzip.compress(b"SELECT a FROM t\n" * 10_000))


def test_an_endless_line_is_left_out_and_the_next_is_read(tmp_path: Path) -> None:
    reading = Reading()
    (tmp_path / "log").write_bytes(b"SELECT " + b"a" * 3_000_000 + b"\n" + ONE.encode() + b"\n")
    assert [e.text for e in read([tmp_path / "log"], reading)] == [ONE]
    assert reading.skipped == {str(tmp_path / "log"): 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([b"", b"query,time\n", b"<VOTABLE>", line(ONE).encode()]))
def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path, junk: bytes, head: bytes) -> None:
    try:
        entries = found(tmp_path / "log", head + junk)
    except LogError as error:
        assert str(tmp_path) in str(error)  # noqa: PT017
    else:
        assert all(entry.text.strip() for entry in entries)

"""Tables that come with a query: every form of them, and what is refused."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import from_table, parse_single_table
from astropy.table import MaskedColumn, Table
from tests.tap.conftest import told

from vobroker.tap import uploads
from vobroker.tap.errors import TapError

FORMS = ("tabledata", "binary", "binary2", "parquet", "csv")


def table() -> Table:
    return Table(
        {
            "number": np.array([1, 2, 2**53 + 1]),
            "small": np.array([1.5, -2.5, 0.0], np.float32),
            "name": ["a", "é", "c;'--"],
            "flag": [True, False, True],
            "hole": MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False]),
        }
    )


def written(form: str) -> bytes:
    found = table()
    file = io.BytesIO()
    if form == "csv":
        rows = (
            "number,small,name,flag,hole",
            "1,1.5,a,true,1.0",
            "2,-2.5,é,false,",
            "9007199254740993,0,c;'--,true,3.0",
        )
        return "\n".join(rows).encode()
    if form == "parquet":
        columns = {name: pa.array(found[name].tolist()) for name in found.colnames}
        pq.write_table(pa.table(columns), file)
        return file.getvalue()
    document = from_table(found)
    document.get_first_table().format = form
    document.version = "1.4"
    document.to_xml(file)
    return file.getvalue()


def send(tap, data: bytes, query: str = "SELECT * FROM TAP_UPLOAD.mine ORDER BY number"):
    parameters = {"QUERY": query, "RESPONSEFORMAT": "json", "UPLOAD": "mine,param:file"}
    return tap.post("/sync", data=parameters, files={"file": data})


@pytest.mark.parametrize("form", FORMS)
def test_a_table_comes_in_each_form(tap, form):
    answer = send(tap, written(form))
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert [int(row["number"]) for row in rows] == [1, 2, 2**53 + 1]
    assert [row["small"] for row in rows] == [1.5, -2.5, 0.0]
    assert [row["name"] for row in rows] == ["a", "é", "c;'--"]
    assert [row["flag"] for row in rows] == [True, False, True]
    assert [row["hole"] for row in rows] == [1.0, None, 3.0]


def test_a_table_comes_by_its_address(tap):
    """From this service itself, to which the fence has a gate in the tests."""
    source = f"{tap.address}/sync?QUERY=SELECT+alert_id,+ra+FROM+alert&RESPONSEFORMAT=parquet"
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine AS m JOIN alert AS a ON a.alert_id = m.alert_id"
    assert tap.rows(query, UPLOAD=f"mine,{source}") == [{"n": 7}]


def test_several_tables_at_once(tap):
    data = {
        "QUERY": "SELECT a.x, b.y FROM TAP_UPLOAD.one AS a, TAP_UPLOAD.two AS b",
        "RESPONSEFORMAT": "json",
        "UPLOAD": "one,param:f1;two,param:f2",
    }
    answer = tap.post("/sync", data=data, files={"f1": b"x\n1\n", "f2": b"y\n2\n"})
    assert answer.json()["rows"] == [{"x": "1", "y": "2"}]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/",
        "http://user:secret@example.org/x",
        "http://nowhere.invalid/x",
        "gopher://x",
        "http://exa mple/",
    ],
)
def test_nothing_inside_is_fetched(tap, address):
    answer = tap.query("SELECT * FROM TAP_UPLOAD.x", UPLOAD=f"x,{address}")
    assert answer.status_code in (400, 403)
    said = told(answer, answer.status_code)
    assert "secret" not in said
    assert "refused" not in said.lower()


def test_an_upload_does_not_stand_for_a_table_of_the_archive(tap):
    data = {"QUERY": "SELECT COUNT(*) AS n FROM alert", "RESPONSEFORMAT": "json", "UPLOAD": "alert,param:f"}
    assert tap.post("/sync", data=data, files={"f": b"x\n1\n"}).json()["rows"] == [{"n": 7}]


def test_columns_called_like_ours_are_not_taken_for_ours(tap):
    """An uploaded ``healpix`` may be wrong: geometry goes by the coordinates."""
    data = {
        "QUERY": "SELECT name FROM TAP_UPLOAD.m WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 10, 1))",
        "RESPONSEFORMAT": "json",
        "UPLOAD": "m,param:f",
    }
    file = b"ra,dec,healpix,name\n10.0,10.0,0,in\n50.0,10.0,0,out\n"
    assert tap.post("/sync", data=data, files={"f": file}).json()["rows"] == [{"name": "in"}]


def typed(form: str, *fields: tuple[str, list[str]]) -> bytes:
    """A VOTable with a column of texts of each datatype."""
    file = io.BytesIO()
    document = from_table(Table({f"c{number}": texts for number, (_, texts) in enumerate(fields)}))
    table = document.get_first_table()
    table.format = form
    for field, (kind, _) in zip(table.fields, fields, strict=True):
        field.datatype = kind
    document.version = "1.4"
    document.to_xml(file)
    return file.getvalue()


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_texts_of_ascii_stay_such_until_they_meet_others(tap, form):
    upload = typed(form, ("char", ["a", "b;'--"]), ("unicodeChar", ["é", "b"]))
    query = (
        "SELECT c0, c1, c0 || c0 AS joined, MAX(c0) AS most, COALESCE(c0, c1) AS either FROM TAP_UPLOAD.mine"
        " GROUP BY c0, c1 ORDER BY c0"
    )
    for format in ("votable", "votable/td", "votable/b"):
        data = {"QUERY": query, "UPLOAD": "mine,param:file", "RESPONSEFORMAT": format}
        answer = tap.post("/sync", data=data, files={"file": upload})
        found = parse_single_table(io.BytesIO(answer.content))
        assert [field.datatype for field in found.fields] == [
            "char",
            *["unicodeChar"] * 2,
            "char",
            "unicodeChar",
        ]
        rows = [tuple(map(str, row)) for row in found.array.tolist()]
        assert rows == [("a", "é", "aa", "a", "a"), ("b;'--", "b", "b;'--b;'--", "b;'--", "b;'--")]


def test_a_char_that_is_no_ascii_loses_nothing(tap):
    upload = typed("tabledata", ("unicodeChar", ["é"])).replace(b'"unicodeChar"', b'"char"')
    data = {"QUERY": "SELECT * FROM TAP_UPLOAD.mine", "UPLOAD": "mine,param:file"}
    found = parse_single_table(io.BytesIO(tap.post("/sync", data=data, files={"file": upload}).content))
    assert found.fields[0].datatype == "unicodeChar"
    assert found.array["c0"].tolist() == ["é"]


SYSTEMS = b"""<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>
<COOSYS ID="a" system="ICRS"/><COOSYS ID="b" system="FK5" equinox="J2000"/>
<TIMESYS ID="t" timescale="TDB" timeorigin="2455197.5" refposition="BARYCENTER"/>
<TIMESYS ID="u" timescale="TAI" timeorigin="MJD-origin" refposition="TOPOCENTER"/>
<TABLE><FIELD name="ra" datatype="double" unit="deg" ref="a"/>
<FIELD name="ra5" datatype="double" unit="deg" ref="b"/>
<FIELD name="time" datatype="double" unit="d" ref="t"/><FIELD name="mjd" datatype="double" unit="d" ref="u"/>
<FIELD name="x" datatype="double" ref="nothing"/>
<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>3</TD><TD>4</TD><TD>5</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""


def declared(document: bytes) -> dict[str, dict[str, str]]:
    """The attributes of the system that each column of a VOTable is in."""
    root = ElementTree.fromstring(document)
    space = "{http://www.ivoa.net/xml/VOTable/v1.3}"
    systems = {
        one.get("ID"): dict(one.attrib) for name in ("COOSYS", "TIMESYS") for one in root.iter(space + name)
    }
    found = {field.get("name"): systems.get(field.get("ref"), {}) for field in root.iter(space + "FIELD")}
    return {name: {key: value for key, value in of.items() if key != "ID"} for name, of in found.items()}


def test_the_systems_of_an_upload_come_back_and_meet_ours(tap):
    query = (
        'SELECT m.ra, m.ra5, m."time" AS t, m.x, COALESCE(a.mjd, m.mjd) AS mjd, a.received'
        " FROM TAP_UPLOAD.mine AS m, alert AS a"
    )
    data = {"QUERY": query, "UPLOAD": "mine,param:file"}
    answer = tap.post("/sync", data=data, files={"file": SYSTEMS})
    assert declared(answer.content) == {
        "ra": {"system": "ICRS"},
        "ra5": {"system": "FK5", "equinox": "J2000"},
        "t": {"timescale": "TDB", "timeorigin": "2455197.5", "refposition": "BARYCENTER"},
        "x": {},
        "mjd": {"timescale": "TAI", "timeorigin": "MJD-origin", "refposition": "TOPOCENTER"},
        "received": {"timescale": "UTC", "refposition": "TOPOCENTER"},
    }
    again = tap.post("/sync", data=data | {"RESPONSEFORMAT": "parquet"}, files={"file": SYSTEMS}).content
    data = {"QUERY": "SELECT ra5, t FROM TAP_UPLOAD.mine", "UPLOAD": "mine,param:file"}
    found = declared(tap.post("/sync", data=data, files={"file": again}).content)
    assert found["ra5"] == {"system": "FK5", "equinox": "J2000"}
    assert found["t"]["timescale"] == "TDB"


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
    + b"a" * 1000
    + b'"><!ENTITY b "&a;&a;&a;&a;">]><VOTABLE>&b;</VOTABLE>'
)
FOREIGN = (
    b'<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="a" datatype="int"/><DATA><BINARY>'
    b'<STREAM href="file:///etc/passwd"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>'
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (BOMB, "declares a document type"),
        (FOREIGN, "STREAM that is not base64"),
        (b"<VOTABLE><RESOURCE><TABLE>", "not well-formed"),
        (b"<html/>", "cannot be read"),
        (written("binary2")[:-900], "not well-formed"),
        (written("parquet")[:-20], "Parquet file cannot be read"),
        (written("parquet").replace(b"number", b"numb\x80r"), "Parquet file cannot be read"),
        (b"PAR1" + b"\x00" * 100 + b"PAR1", "Parquet file cannot be read"),
        (b"", "cannot be read"),
        (b"\xff\xfe\x00\x01" * 50, "cannot be read"),
        (b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n1\n", "columns; the limit is 1000"),
        (b"a,a\n1,2\n", "two columns are called a"),
        (b"a,A\n1,2\n", "two columns are called"),
        (b"x\n" + b"1\n" * 200_001, "more than the 200000 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_damaged_or_hostile_table_is_refused_by_name(tap, data, sentence):
    answer = send(tap, data, "SELECT * FROM TAP_UPLOAD.mine")
    assert answer.status_code in (400, 413), answer.text
    said = told(answer, answer.status_code)
    assert said.startswith("the upload mine: ")
    assert sentence in said


def test_a_million_columns_of_a_votable_are_refused_before_they_are_read():
    fields = b'<FIELD name="a" datatype="int"/>' * 100_000
    document = b"<VOTABLE><RESOURCE><TABLE>" + fields + b"</TABLE></RESOURCE></VOTABLE>"
    with pytest.raises(TapError, match="100000 columns; the limit is 1000"):
        uploads.read(document, "x", 10)

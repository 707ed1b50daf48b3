"""What a VOTable says besides its rows: status, query, columns, systems, how nulls are written."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree
from tests.tap.formats.results import batch, written

from vobroker.alerts.columns import ALERT
from vobroker.tap.formats import Outcome
from vobroker.votypes.columns import Column
from vobroker.votypes.systems import SYSTEMS

N = {"v": "http://www.ivoa.net/xml/VOTable/v1.3"}
FORMS = ("votable", "votable/td", "votable/b", "votable/b2", "xml")
every = pytest.mark.parametrize("form", FORMS)
ONE = (Column("x", "INTEGER"),)


def parsed(form: str, columns: tuple[Column, ...] = ONE, **more: Any) -> etree._Element:
    rows = more.pop("rows", [])
    batches = [batch(columns, rows)] if rows else []
    return etree.fromstring(written(form, batches, columns, **more))


def infos(document: etree._Element) -> list[tuple[str, str, str]]:
    return [(i.get("name"), i.get("value"), i.text or "") for i in document.iterfind(".//v:INFO", N)]


@every
def test_status_and_query_stand_before_the_table(form: str) -> None:
    document = parsed(form, infos=(("QUERY", "SELECT x FROM t WHERE x < 1", "as asked"),), title="Of <t>")
    resource = document.find("v:RESOURCE", N)
    assert resource.get("type") == "results"
    assert infos(document) == [
        ("QUERY_STATUS", "OK", ""),
        ("QUERY", "SELECT x FROM t WHERE x < 1", "as asked"),
    ]
    assert [etree.QName(child).localname for child in resource] == ["INFO", "INFO", "TABLE"]
    assert document.findtext(".//v:TABLE/v:DESCRIPTION", namespaces=N) == "Of <t>"


@every
@pytest.mark.parametrize("status", ["OVERFLOW", "ERROR"])
def test_how_it_ended_stands_after_the_table(form: str, status: Any) -> None:
    document = parsed(form, rows=[[1, 2]], outcome=Outcome(status, "stopped after 3 s & more"))
    resource = document.find("v:RESOURCE", N)
    assert [etree.QName(child).localname for child in resource] == ["INFO", "TABLE", "INFO"]
    assert infos(document)[-1] == ("QUERY_STATUS", status, "stopped after 3 s & more")


@every
def test_further_resources_follow_the_results(form: str) -> None:
    service = (
        '<RESOURCE type="meta" utype="adhoc:service"><PARAM name="a" datatype="int" value="1"/></RESOURCE>'
    )
    document = parsed(form, resources=(service,))
    assert [r.get("type") for r in document.iterfind("v:RESOURCE", N)] == ["results", "meta"]


def test_a_field_has_an_id_where_its_name_can_be_one() -> None:
    names = ("ra", "COUNT(*)", "c 1", "1st", "é", "system_ICRS", 'a"<')
    columns = tuple(Column(name, "DOUBLE", "deg", system="ICRS") for name in names)
    document = parsed("votable", columns)
    fields = document.findall(".//v:FIELD", N)
    assert [field.get("name") for field in fields] == list(names)
    assert [field.get("ID") for field in fields] == ["ra", None, None, None, None, "system_ICRS", None]
    (system,) = document.iterfind(".//v:COOSYS", N)
    assert {field.get("ref") for field in fields} == {system.get("ID")}


def test_names_that_are_not_unique_have_no_id() -> None:
    fields = parsed("votable", ONE + ONE).findall(".//v:FIELD", N)
    assert [(field.get("name"), field.get("ID")) for field in fields] == [("x", None), ("x", None)]


def test_exactly_the_systems_in_use_are_declared() -> None:
    columns = tuple(ALERT[name] for name in ("ra", "dec", "mjd", "band", "received"))
    document = parsed("votable", columns)
    (space,) = document.iterfind(".//v:COOSYS", N)
    times = {t.get("ID"): dict(t.attrib) for t in document.iterfind(".//v:TIMESYS", N)}
    fields = {field.get("name"): field.get("ref") for field in document.iterfind(".//v:FIELD", N)}
    assert space.get("system") == "ICRS"
    assert fields["ra"] == fields["dec"] == space.get("ID")
    mjd, received = times[fields["mjd"]], times[fields["received"]]
    assert (mjd["timescale"], mjd["refposition"], mjd["timeorigin"]) == ("TAI", "TOPOCENTER", "MJD-origin")
    assert (received["timescale"], received["refposition"]) == ("UTC", "TOPOCENTER")
    assert "timeorigin" not in received
    assert fields["band"] is None
    assert not parsed("votable", (ALERT["band"],)).findall(".//v:COOSYS", N)


def test_the_systems_that_columns_name_are_known() -> None:
    assert {column.system for column in ALERT} - {""} <= set(SYSTEMS)


def test_binary_alone_says_which_integer_is_null() -> None:
    columns = tuple(
        Column(name.lower(), name) for name in ("SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "VARCHAR")
    )
    for form in FORMS:
        found = [values.get("null") for values in parsed(form, columns).iterfind(".//v:VALUES", N)]
        assert found == (["-32768", "-2147483648", "-9223372036854775808"] if form == "votable/b" else [])


def test_text_that_xml_cannot_hold_is_replaced_wherever_it_stands() -> None:
    column = Column("a\x00", "VARCHAR", description="b\x01", ucd="c\x02")
    document = parsed(
        "votable/td", (column,), rows=[["d\x03"]], title="e\x04", infos=(("f", "\x05", "\x06"),)
    )
    assert "\ufffd" in document.findtext(".//v:TD", namespaces=N)

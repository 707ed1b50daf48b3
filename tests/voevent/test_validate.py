"""The report on a packet names everything that is wrong, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from lxml import etree

from vobroker.voevent import Finding, VOEvent, is_valid, semantics, validate, write
from vobroker.voevent.checks import RULES

from .strategies import events

GOOD = b"""<?xml version="1.0"?>
<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="test" ivorn="ivo://abc/d#e">
<Who><AuthorIVORN>ivo://abc/who</AuthorIVORN><Date>2026-03-05T02:00:00</Date></Who>
<What><Group name="g"><Param name="a" value="1" dataType="int"/>
<Param name="b" value="1.5" dataType="float"/></Group>
<Table><Field name="x"/><Data><TR><TD>1</TD></TR></Data></Table></What>
<WhereWhen><ObsDataLocation><ObservatoryLocation id="here"/><ObservationLocation>
<AstroCoordSystem id="UTC-ICRS-TOPO"/><AstroCoords coord_system_id="UTC-ICRS-TOPO">
<Time><TimeInstant><ISOTime>2026-03-05T01:02:03</ISOTime></TimeInstant></Time>
<Position2D unit="deg"><Value2><C1>359.9</C1><C2>-90</C2></Value2>
<Error2Radius>0.1</Error2Radius></Position2D>
</AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>
<How><Reference uri="https://example.org"/></How>
<Why importance="0.5" expires="2026-03-06T00:00:00"><Inference probability="1"><Name>x</Name></Inference></Why>
<Citations><EventIVORN cite="followup">ivo://abc/d#c</EventIVORN></Citations>
</v:VOEvent>"""  # noqa: E501 -- faults are looked for by line

NOW = datetime(2026, 3, 6, tzinfo=UTC)


def found(document: bytes) -> list[Finding]:
    return validate(document, now=NOW)


WRONG = {
    b'role="test"': (b'role="fun"', "line 2: <VOEvent> has the role 'fun'; it must be one of observation"),
    b'ivorn="ivo://abc/d#e"': (b'ivorn="http://abc"', "has the ivorn 'http://abc', which is not an IVOA"),
    b"<AuthorIVORN>ivo://abc/who</AuthorIVORN>": (
        b"",
        "line 3: <Who> has neither <AuthorIVORN> nor <Author>",
    ),
    b"2026-03-05T02:00:00": (b"2026-03-05", "line 3: <Who> has the Date '2026-03-05', which is not a time"),
    b"2026-03-05T02:00": (
        b"2026-03-07T02:00",
        "line 3: <Who> has the Date 2026-03-07T02:00:00, 1.08 d ahead",
    ),
    b"#e": (b"", "line 2: <VOEvent> has the ivorn 'ivo://abc/d', which names no event of its stream behind"),
    b'value="1" ': (b'value="one" ', "line 4: <Param> has the value 'one', which is not an int"),
    b'value="1.5"': (b'value="x"', "line 5: <Param> has the value 'x', which is not a float"),
    b'="1" dataType="int"': (b'="9999999999999999999" dataType="int"', "which does not fit into 64 bits"),
    b'"1.5"': (
        b'"1.5" unit="degrees" ucd="phot.mag;stat.error"',
        "has the unit 'degrees', which is not one of VOUnits; 'deg' is",
    ),
    b'="1.5"': (
        b'="1.5" ucd="phot.mag;;x"',
        "line 5: <Param> b has the UCD 'phot.mag;;x', where '' is not a word",
    ),
    b'="1.5" ': (b'="1.5" ucd="phot.magg" ', "line 5: <Param> b has the UCD 'phot.magg': Unknown word"),
    b"/></Group>": (
        b"><Value>2</Value></Param></Group>",
        "line 5: <Param> b has a value twice; that of the attr",
    ),
    b"</Group>": (b'</Group><Group name="g"/>', "line 4: <What> has two Groups or Tables 'g'"),
    b'"x"/><Data><TR><TD>1': (
        b'"x" dataType="int"/><Data><TR><TD>1.5',
        "in line 6 the cell '1.5', which is not an int",
    ),
    b'dataType="int"': (b'dataType="long"', "has the dataType 'long'; it must be one of string, float, int"),
    b'name="b"': (b'name="a"', "line 4: <Group> has two Params 'a'"),
    b'<Param name="a"': (b"<Param", "line 4: <Param> has no name"),
    b"<TD>1</TD>": (b"<TD>1</TD><TD>2</TD>", "<Table> has 1 Fields, but line 6 has 2 cells"),
    b"<Group name": (b"<Groop/><Group name", "line 4: <Groop> is not an element of <What>"),
    b'<AstroCoordSystem id="UTC': (
        b'<AstroCoordSystem id="TT',
        "system TT-ICRS-TOPO, but its coordinates are in",
    ),
    b'system_id="UTC-ICRS-TOPO"': (
        b'system_id="MARS"',
        "line 8: <AstroCoords> has the coord_system_id 'MARS'",
    ),
    b"2026-03-05T01:02:03": (
        b"2026-02-30T01:02:03",
        "line 9: <TimeInstant> has the ISOTime '2026-02-30T01:02:03'",
    ),
    b"359.9": (b"360.5", "line 10: <Position2D> has C1 360.5, which is not between 0 and 360"),
    b"-90": (b"-91", "line 10: <Position2D> has C2 -91, which is not between -90 and 90"),
    b"<C2>-90</C2>": (b"", "line 10: <Value2> has no <C2>"),
    b"<Error2Radius>0.1</Error2Radius>": (b"", "line 10: <Position2D> has no <Error2Radius>"),
    b"<C1>359.9": (b"<C1>NaN", "line 10: <C1> the value is 'NaN', which is not a finite number"),
    b' uri="https://example.org"': (b"", "line 13: <Reference> has no uri"),
    b'importance="0.5"': (
        b'importance="2"',
        "line 14: <Why> has the importance 2, which is not between 0 and 1",
    ),
    b'probability="1"': (b'probability="1.1"', "line 14: <Inference> has the probability 1.1"),
    b'cite="followup"': (
        b'cite="likes"',
        "line 15: <EventIVORN> has cite 'likes'; it must be one of followup",
    ),
    b"<Who>": (b"<Who/><Who>", "line 3: <Who> is there a second time in <VOEvent>"),
    b"ivo://abc/d#c": (b"ivo://abc/d#e", "line 15: <EventIVORN> cites the packet itself"),
    b"<EventIVORN": (
        b'<EventIVORN cite="followup">ivo://abc/d#c</EventIVORN><EventIVORN',
        "cites ivo://abc/d#c 2",
    ),
    b'"followup"': (b'"retraction"', "line 15: <Citations> retracts an event and has no <Description>"),
    b' cite="followup"': (b"", "line 15: <EventIVORN> has no cite"),
    b"https://": (b"", "line 13: <Reference> has the uri 'example.org', which is not an absolute URI"),
    b"VOEvent/v2.0": (
        b"VOEvent/v2.1",
        "line 2: <VOEvent> is in the namespace http://www.ivoa.net/xml/VOEvent/v2.1",
    ),
    b' xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.0"': (
        b' xmlns:v="urn:v"',
        "urn:v is not a namespace of VOEv",
    ),
    b"<Param name=": (b'<Param udc="x" name=', "has an attribute udc, which is not one of <Param>"),
    b"<How>": (
        b"<How><Description>a <b>b</b></Description>",
        "<Description> has <b> inside, where only a text",
    ),
    b"<Table>": (
        b'<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"/><Table>',
        "VOTABLE> is not an element of <What>",
    ),
    b"</v:VOEvent>": (b"", "not well-formed XML"),
}


def test_a_good_packet_has_no_findings(schema: etree.XMLSchema) -> None:
    assert found(GOOD) == []
    schema.assertValid(etree.fromstring(GOOD))


@pytest.mark.parametrize(("right", "wrong", "message"), [(r, *w) for r, w in WRONG.items()])
def test_each_fault_is_found_at_its_line(right: bytes, wrong: bytes, message: str) -> None:
    assert right in GOOD
    findings = found(GOOD.replace(right, wrong, 1))
    assert any(message in str(finding) for finding in findings), [str(finding) for finding in findings]


MORE = {
    "2.1 without scale": (
        b'<v:VOEvent xmlns:v="http://www.ivoa.net/xml/VOEvent/v2.1" version="2.1" ivorn="ivo://abc/d#e"><WhereWhen>'
        b"<ObsDataLocation><ObservatoryLocation/><ObservationLocation><AstroCoordSystem/><AstroCoords><Time>"
        b"<TimeInterval><ISOTimeStart>2026-03-05T01:02:03</ISOTimeStart><ISOTimeStop>2026-03-04T00:00:00"
        b"</ISOTimeStop></TimeInterval></Time></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>"
        b"</v:VOEvent>",
        {"time-scale": "has the time 2026-03-05T01:02:03 in no time scale", "time": "before it begins"},
    ),
    "two scales": (
        GOOD.replace(b"</ISOTime>", b"Z</ISOTime><TimeScale>TT</TimeScale>"),
        {"time-scale": "times in TT, but the coordinate system UTC-ICRS-TOPO", "time-zone": "which says UTC"},
    ),
    "solar": (
        GOOD.replace(b"UTC-ICRS-TOPO", b"UTC-HPC-TOPO").replace(b"359.9", b"-800"),
        {"schema-gap": "'UTC-HPC-TOPO', which the schema of version 2.0 has not"},
    ),
    "late": (
        GOOD.replace(b'"test"', b'"observation"').replace(b"05T01", b"05T04"),
        {"clock": "2.03 h before what"},
    ),
    "DTD": (b"<!DOCTYPE v [<!ENTITY a 'b'>]>" + GOOD[22:], {"xml": "declares a document type"}),
    "next with a bad VOTable": (
        b'<v:VOEvent xmlns:v="urn:x-voevent:next" version="next" ivorn="ivo://abc/d#e"><What><VOTABLE '
        b'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><FITS/></VOTABLE></What></v:VOEvent>',
        {"votable": "cannot be read: line 1 of the VOTable holds its data as FITS"},
    ),
}


@pytest.mark.parametrize(("document", "expected"), MORE.values(), ids=MORE)
def test_what_hangs_together_is_held_together(document: bytes, expected: dict[str, str]) -> None:
    findings = found(document)
    assert {finding.rule for finding in findings} == expected.keys()
    for rule, message in expected.items():
        assert any(finding.rule == rule and message in str(finding) for finding in findings)


def test_every_rule_is_broken_by_a_packet_above(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [GOOD.replace(right, wrong, 1) for right, (wrong, _) in WRONG.items()]
    documents += [document for document, _ in MORE.values()]
    broken = {finding.rule for document in documents for finding in found(document)}
    monkeypatch.setattr(semantics, "HAS_ASTROPY", False)
    noted = found(GOOD.replace(b'="1.5"', b'="1.5" unit="mag"'))
    assert is_valid(noted)
    assert broken | {finding.rule for finding in noted} == RULES.keys()


def test_without_astropy_units_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantics, "HAS_ASTROPY", False)
    assert semantics.unit_problem.__wrapped__("parrots") is None
    assert semantics.ucd_problem.__wrapped__("no.such.word") is None
    assert "is not a word" in (semantics.ucd_problem.__wrapped__("a b") or "")


def test_only_errors_make_a_packet_invalid() -> None:
    warned = found(GOOD.replace(b'="1.5"', b'="1.5" unit="Degrees"'))
    assert [finding.severity for finding in warned] == ["warning"]
    assert is_valid(warned)
    assert not is_valid(found(GOOD.replace(b"359.9", b"NaN")))
    # Params may be NaN (section 3.3.1.5), positions may not.
    for value in (b"NaN", b"-inf", b" 2 "):
        assert found(GOOD.replace(b'"1.5"', b'"' + value + b'"')) == []


def test_the_clock_is_that_of_the_machine_unless_another_is_given() -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds")[:19].encode()
    findings = validate(GOOD.replace(b"2026-03-05T02:00:00", ahead))
    assert [finding.rule for finding in findings] == ["clock"]


def test_a_leap_second_is_a_time_but_not_a_date() -> None:
    second = b"2016-12-31T23:59:60"
    assert found(GOOD.replace(b"2026-03-05T01:02:03", second)) == []
    assert len(found(GOOD.replace(b"2026-03-05T02:00:00", second))) == 1


def test_all_faults_are_reported_at_once() -> None:
    broken = GOOD.replace(b"359.9", b"400").replace(b'role="test"', b'role="fun"').replace(b"-90", b"91")
    assert [finding.line for finding in found(broken)] == [2, 10, 10]


def test_real_packets_have_the_faults_that_they_have(samples: dict[str, bytes]) -> None:
    faults = {
        name: [str(finding) for finding in found(content) if finding.severity == "error"]
        for name, content in samples.items()
    }
    assert {name: some for name, some in faults.items() if some} == {
        "FRB140514_update": [
            "line 41: <Param> has an attribute udc, which is not one of <Param>",
            "line 76: <Reference> has an attribute url, which is not one of <Reference>",
            "line 76: <Reference> has no uri",
        ],
        "Gaia16aac": ["line 2: <Param> has no name"] * 2,
        "no_namespace_packet": [
            "line 1: <VOEvent> is in no namespace; it must be in http://www.ivoa.net/xml/VOEvent/v2.0"
        ],
    }


def test_the_drafts_own_examples_have_ucds_that_are_none(samples: dict[str, bytes]) -> None:
    assert [str(finding) for finding in found(samples["ivoa-voevent-2.1-ex2"])] == [
        "line 7: <VOEvent> has the ivorn 'ivo://psws.irap/VOEvent/Tao_Jupiter_2018-10-02T17_34_45::v1.0',"
        " which names no event of its stream behind a #",
        "line 31: <Field> Start Time has the UCD 'time.begin': Unknown word 'time.begin'",
    ]


def test_what_the_schema_refuses_is_found(samples: dict[str, bytes], schema: etree.XMLSchema) -> None:
    for name, content in samples.items():
        if b'version="2.0"' in content and not schema.validate(etree.fromstring(content)):
            assert found(content), name


@settings(max_examples=25)
@given(event=events)
def test_no_structural_fault_is_found_in_what_the_schema_allows(event: VOEvent) -> None:
    structural = ("is not an element", "has an attribute", "second time", "has no <")
    # Who with neither author nor Author is the one structure that the standard forbids and the schema allows.
    errors = [finding.message for finding in found(write(event)) if finding.severity == "error"]
    assert not [message for message in errors if any(words in message for words in structural)]

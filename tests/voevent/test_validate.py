"""The report on a packet names everything that is wrong, and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from lxml import etree

from vobroker.voevent import VOEvent, validate, write

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

WRONG = {
    b'role="test"': (b'role="fun"', "line 2: <VOEvent> has the role 'fun'; it must be one of observation"),
    b'ivorn="ivo://abc/d#e"': (b'ivorn="http://abc"', "has the ivorn 'http://abc', which is not an IVOA"),
    b"<AuthorIVORN>ivo://abc/who</AuthorIVORN>": (
        b"",
        "line 3: <Who> has neither <AuthorIVORN> nor <Author>",
    ),
    b"2026-03-05T02:00:00": (b"2026-03-05", "line 3: <Who> has the Date '2026-03-05', which is not a time"),
    b'value="1" ': (b'value="one" ', "line 4: <Param> has the value 'one', which is not an int"),
    b'value="1.5"': (b'value="x"', "line 5: <Param> value of b is 'x', which is not a finite number"),
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
    b"</v:VOEvent>": (b"", "not well-formed XML"),
}


def test_a_good_packet_has_no_findings(schema: etree.XMLSchema) -> None:
    assert validate(GOOD) == []
    schema.assertValid(etree.fromstring(GOOD))


@pytest.mark.parametrize(("right", "wrong", "message"), [(r, *w) for r, w in WRONG.items()])
def test_each_fault_is_found_at_its_line(right: bytes, wrong: bytes, message: str) -> None:
    assert right in GOOD
    assert any(message in str(finding) for finding in validate(GOOD.replace(right, wrong, 1)))


def test_a_leap_second_is_a_time_but_not_a_date() -> None:
    second = b"2016-12-31T23:59:60"
    assert validate(GOOD.replace(b"2026-03-05T01:02:03", second)) == []
    assert len(validate(GOOD.replace(b"2026-03-05T02:00:00", second))) == 1


def test_all_faults_are_reported_at_once() -> None:
    broken = GOOD.replace(b"359.9", b"400").replace(b'role="test"', b'role="fun"').replace(b"-90", b"91")
    assert [finding.line for finding in validate(broken)] == [2, 10, 10]


def test_real_packets_have_the_faults_that_they_have(samples: dict[str, bytes]) -> None:
    found = {name: [str(finding) for finding in validate(content)] for name, content in samples.items()}
    assert {name: faults for name, faults in found.items() if faults} == {
        "FRB140514_update": [
            "line 41: <Param> has an attribute udc, which is not one of <Param>",
            "line 76: <Reference> has an attribute url, which is not one of <Reference>",
            "line 76: <Reference> has no uri",
        ],
        "Gaia16aac": ["line 2: <Param> has no name"] * 2,
        "no_namespace_packet": [
            "line 1: <VOEvent> is in the namespace '', not in http://www.ivoa.net/xml/VOEvent/v2.0"
        ],
    }


def test_what_the_schema_refuses_is_found(samples: dict[str, bytes], schema: etree.XMLSchema) -> None:
    for name, content in samples.items():
        if b'version="2.0"' in content and not schema.validate(etree.fromstring(content)):
            assert validate(content), name


@settings(max_examples=25)
@given(event=events)
def test_no_structural_fault_is_found_in_what_the_schema_allows(event: VOEvent) -> None:
    structural = ("is not an element", "has an attribute", "second time", "has no <")
    # Who with neither author nor Author is the one structure that the standard forbids and the schema allows.
    assert not [
        finding for finding in validate(write(event)) if any(s in finding.message for s in structural)
    ]

"""What is written is valid by the schema of its version; the proposed schema takes what the others take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from vobroker.voevent import VOEvent, laid_out, read, validate, write
from vobroker.voevent.checks import RULES
from vobroker.voevent.model import (
    AstroCoords,
    AstroCoordSystem,
    Author,
    Contributor,
    Error2,
    Error3,
    ObsDataLocation,
    ObservationLocation,
    ObservatoryLocation,
    Position2D,
    Position3D,
    SpaceFrame,
    Time,
    TimeFrame,
    TimeInterval,
    Value2,
    Value3,
    WhereWhen,
    Who,
)
from vobroker.voevent.xml import VOTABLE

from .strategies import events

ROOT = Path(__file__).resolve().parents[2]
MARS = VOEvent(
    "ivo://abc/planets#mars-1",
    "prediction",
    "2.1",
    Who(
        "ivo://abc/who",
        "2026-03-05T00:00:00",
        author=Author(contributors=(Contributor("A. Person", None, "https://orcid.org/0", "DataCurator"),)),
    ),
    where_when=WhereWhen(
        location=ObsDataLocation(
            ObservatoryLocation(),
            ObservationLocation(
                AstroCoordSystem(
                    "mars",
                    TimeFrame("t", "clock", "MARS", "UTC"),
                    SpaceFrame("s", "IAU_MARS", "BODY", "SPHERICAL", "MARS"),
                ),
                AstroCoords(
                    "mars",
                    Time("s", interval=TimeInterval("2026-03-05T00:00:00", "2026-03-05T06:00:00"), error=1.0),
                    "Mars",
                    Position2D(unit="deg", value=Value2(1.0, 2.0), error=Error2(0.1, 0.2)),
                    Position3D(value=Value3(1.0, 2.0, 3.0), error=Error3(0.1, 0.2, 0.3)),
                ),
            ),
        )
    ),
)
"""Everything that version 2.1 adds."""


@pytest.fixture(scope="module")
def schemas(shared: Path) -> dict[str, etree.XMLSchema]:
    places = {version: shared / f"voevent/schemas/VOEvent-v{version}.xsd" for version in ("2.0", "2.1")}
    places["next"] = ROOT / "src/vobroker/voevent/schemas/VOEvent-next.xsd"
    return {version: etree.XMLSchema(etree.parse(place)) for version, place in places.items()}


def test_what_version_2_1_adds_is_written_valid_and_read_back(schemas: dict[str, etree.XMLSchema]) -> None:
    packet = write(MARS)
    schemas["2.1"].assertValid(etree.fromstring(packet))
    assert read(packet) == MARS
    assert validate(packet) == []
    before = laid_out(replace(MARS, version="2.0"))
    assert not schemas["2.0"].validate(etree.fromstring(before))
    names = ("Contributor", "TimeFrame", "SpaceFrame", "TimeInterval", "PositionName", "Error2", "Error3")
    found = {finding.element for finding in validate(before) if finding.rule == "element"}
    assert found == set(names)


def test_the_drafts_examples_stay_valid(
    samples: dict[str, bytes], schemas: dict[str, etree.XMLSchema]
) -> None:
    for name in ("ivoa-voevent-2.1-ex1", "ivoa-voevent-2.1-ex2"):
        for packet in (samples[name], laid_out(read(samples[name]))):
            schemas["2.1"].assertValid(etree.fromstring(packet))


def test_the_next_schema_takes_the_packets_of_2_0_and_2_1(
    samples: dict[str, bytes], schemas: dict[str, etree.XMLSchema]
) -> None:
    for name, packet in samples.items():
        event = read(packet)
        if event.version in schemas and schemas[event.version].validate(etree.fromstring(packet)):
            moved = laid_out(replace(event, version="next", schema_location=None))
            assert schemas["next"].validate(etree.fromstring(moved)), name
    schemas["next"].assertValid(etree.fromstring(write(replace(MARS, version="next"))))


@settings(max_examples=20)
@given(event=events)
def test_the_next_schema_takes_whatever_2_0_takes(
    schemas: dict[str, etree.XMLSchema], event: VOEvent
) -> None:
    schemas["next"].assertValid(etree.fromstring(write(replace(event, version="next"))))


def test_the_next_schema_takes_a_votable_in_what_only(schemas: dict[str, etree.XMLSchema]) -> None:
    table = f'<VOTABLE xmlns="{VOTABLE}v1.3"/>'
    packet = '<v:VOEvent xmlns:v="urn:x-voevent:next" version="next" ivorn="ivo://abc/d#e">{}</v:VOEvent>'
    for inside, valid in {
        f"<What>{table}</What>": True,
        f'<What><Param name="a" value="1"/>{table}{table}<Description/></What>': True,
        f"<How>{table}</How>": False,
        table: False,
        '<What><table xmlns="http://www.w3.org/1999/xhtml"/></What>': False,
    }.items():
        assert schemas["next"].validate(etree.fromstring(packet.format(inside))) == valid
        assert (validate(packet.format(inside).encode()) == []) == valid


def test_the_page_lists_every_rule() -> None:
    page = (ROOT / "docs/voevent.md").read_text()
    for rule, (severity, text) in RULES.items():
        assert f"| `{rule}` | {severity} | {text} |" in page

"""VOEvent 2.0, section 3: what is written is valid, and reads back as it was."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from lxml import etree

from vobroker.voevent import VOEvent, VOEventError, laid_out, read, write
from vobroker.voevent.model import How, Param, What, Why

from .strategies import events


@settings(max_examples=40)
@given(event=events)
def test_an_event_written_reads_back_equal(event: VOEvent) -> None:
    assert read(write(event)) == event


@settings(max_examples=40)
@given(event=events)
def test_what_is_written_is_valid_by_the_schema(schema: etree.XMLSchema, event: VOEvent) -> None:
    schema.assertValid(etree.fromstring(write(event)))


@settings(max_examples=15)
@given(event=events)
def test_the_same_event_gives_the_same_bytes(event: VOEvent) -> None:
    assert laid_out(read(write(event))) == write(event) == write(dataclasses.replace(event))


def test_the_bytes_are_laid_out_for_people() -> None:
    event = VOEvent(
        "ivo://org.example/stream#1", "test", what=What((Param("mag", "19.5", "mag", "phot.mag", "float"),))
    )
    assert write(event).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://www.ivoa.net/xml/VOEvent/v2.0'
        ' http://www.ivoa.net/xml/VOEvent/VOEvent-v2.0.xsd"'
        ' ivorn="ivo://org.example/stream#1" role="test" version="2.0">\n'
        "  <What>\n"
        '    <Param name="mag" value="19.5" unit="mag" ucd="phot.mag" dataType="float"/>\n'
        "  </What>\n"
        "</voe:VOEvent>\n"
    )


def test_what_the_model_does_not_know_goes_along() -> None:
    how = How(
        ("seen",),
        other_attributes=(
            ("{http://www.w3.org/1999/xlink}href", 'a"b'),
            ("Description[1]/@{http://www.w3.org/XML/1998/namespace}lang", "en"),
        ),
        other_elements=('<x:optics xmlns:x="urn:x" f="2">as &lt;before&gt;</x:optics>',),
        other_text=("by eye",),
    )
    event = VOEvent("ivo://org.example/stream#1", how=how)
    assert read(write(event)) == event


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(VOEventError, match=f"cannot write ivo://a/b#c: {value} is not a finite number"):
        write(VOEvent("ivo://a/b#c", why=Why(importance=value)))


def test_characters_that_xml_does_not_have_are_refused() -> None:
    with pytest.raises(VOEventError, match=r"XML has no character '\\x00'"):
        write(VOEvent("ivo://a/b#c", description="a\x00b"))


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(VOEventError, match="there is no VOEvent version"):
        write(VOEvent("ivo://a/b#c", version="3.0"))


def test_a_fragment_cannot_break_the_document() -> None:
    with pytest.raises(VOEventError, match="not well-formed"):
        write(VOEvent("ivo://a/b#c", other_elements=("</voe:VOEvent>",)))


def test_a_name_cannot_break_the_document() -> None:
    with pytest.raises(VOEventError, match="is not the name of an attribute"):
        write(VOEvent("ivo://a/b#c", other_attributes=(('x="1" y', "2"),)))

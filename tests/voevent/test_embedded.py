"""VOTables in packets: every way in is found again, and none does harm."""

from __future__ import annotations

import base64
import gzip

import pytest
from lxml import etree

from vobroker.voevent import VOEvent, VOEventError, canonical, read, validate, write
from vobroker.voevent.embedded import FORMS, embed, embedded, without_embedded
from vobroker.voevent.model import Reference, What
from vobroker.voevent.xml import MAX_BYTES

VOTABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE><TABLE><FIELD name="a" datatype="int"/>
<DATA><TABLEDATA><TR><TD>1</TD></TR><TR><TD>2</TD></TR><TR><TD>3 &amp; \xc3\xa9</TD></TR></TABLEDATA></DATA>
</TABLE></RESOURCE></VOTABLE>"""
EVENT = VOEvent("ivo://org.example.test/s#1", "test")


@pytest.mark.parametrize("form", FORMS)
def test_a_votable_is_found_as_it_went_in(form: str, schema: etree.XMLSchema) -> None:
    packet = write(embed(EVENT, VOTABLE, form))
    if form != "element":
        schema.assertValid(etree.fromstring(packet))
    assert validate(packet) == []
    (found,) = embedded(read(packet))
    assert found.form == form
    assert canonical(found.votable, "c14n2-trimmed") == canonical(VOTABLE, "c14n2-trimmed")
    assert found.name == ("light_curve" if form == "text" else "")
    assert embedded(without_embedded(read(packet))) == ()


def test_a_text_is_legible_in_the_packet() -> None:
    assert b"<Value><![CDATA[<VOTABLE" in write(embed(EVENT, VOTABLE, "text"))


def test_a_votable_is_found_wherever_it_is() -> None:
    uri = f"data:application/x-votable+xml;base64,{base64.b64encode(VOTABLE).decode()}"
    inner = VOTABLE.partition(b"?>")[2].decode()
    declared = f"&lt;?xml version='1.0' encoding='latin-1'?&gt;<![CDATA[{inner}]]>"
    for place in (
        f"<Description><![CDATA[{inner}]]></Description>",
        f'<How><Reference uri="{uri}"/></How>',
        f'<What><Group><Param name="t"><Reference uri="{uri}"/></Param></Group></What>',
        f"<What>{inner}</What>",
        f"<What><Param name='t'><Value>{declared}</Value></Param></What>",
    ):
        packet = f'<VOEvent version="2.0" ivorn="ivo://a/b#c">{place}</VOEvent>'.encode()
        (found,) = embedded(read(packet))
        assert "é".encode() in found.votable


def carrying(content: bytes, head: str = "data:application/x-votable+xml;base64") -> VOEvent:
    uri = f"{head},{base64.b64encode(content).decode()}"
    return VOEvent("ivo://a/b#c", what=What(references=(Reference(uri),)))


BOMB = gzip.compress(b"<VOTABLE>" + b" " * (MAX_BYTES + 1) + b"</VOTABLE>")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (carrying(BOMB), f"unpacks to more than {MAX_BYTES} bytes"),
        (carrying(gzip.compress(VOTABLE)[:-9]), "cut off"),
        (carrying(b"\x1f\x8b\0"), "cannot be unpacked"),
        (carrying(b"<VOTABLE>"), "the VOTable is not well-formed"),
        (carrying(b"<!DOCTYPE a [<!ENTITY b 'c'>]><VOTABLE/>"), "declares a document type"),
        (carrying(b"<html/>"), "the root is <html>, not <VOTABLE>"),
        (
            VOEvent("ivo://a/b#c", what=What(references=(Reference("data:application/x-votable+xml"),))),
            "no comma",
        ),
        (
            VOEvent(
                "ivo://a/b#c", what=What(references=(Reference("data:application/x-votable+xml;base64,?"),))
            ),
            "is not base64",
        ),
        (
            VOEvent("ivo://a/b#c", description="<VOTABLE><TABLE>"),
            "the embedded VOTable: the VOTable is not well",
        ),
    ],
)
def test_what_cannot_be_read_is_told(event: VOEvent, reason: str) -> None:
    with pytest.raises(VOEventError, match=reason):
        embedded(event)


def test_what_is_no_votable_is_not_embedded() -> None:
    with pytest.raises(VOEventError, match="the root is <a>, not <VOTABLE>"):
        embed(EVENT, b"<a/>")
    with pytest.raises(VOEventError, match="cannot be embedded as 'png'"):
        embed(EVENT, VOTABLE, "png")

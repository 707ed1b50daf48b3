"""Nothing that a packet says is lost: its canonical form is the same after it was read and written."""

from __future__ import annotations

import dataclasses
import hashlib
import random

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from lxml import etree

from vobroker.voevent import VOEventError, canonical, laid_out, read, write
from vobroker.voevent.canonical import METHODS
from vobroker.voevent.xml import NAMESPACES

NAMES = ("Param", "Group", "Table", "Description", "Reference", "Concept", "C1", "Time", "Note", "VOTABLE")


def tampered(document: bytes, seed: int, changes: int) -> bytes:
    """A packet with elements, attributes, texts and namespaces where none should be, and in disorder."""
    chance = random.Random(seed)
    root = etree.fromstring(document)
    for _ in range(changes):
        node = chance.choice([each for each in root.iter("{*}*") if each is not root] or [root])
        kind = chance.randrange(6)
        if kind == 0:
            children = list(node)
            chance.shuffle(children)
            node[:] = children
        elif kind == 1:
            node.insert(chance.randrange(len(node) + 1), etree.Element(chance.choice(NAMES)))
        elif kind == 2:
            node.set(chance.choice(("note", "{urn:x}note", "name", "{urn:y}unit")), 'a\n<b> & "c"')
        elif kind == 3 and len(node):
            chance.choice(node).tail = "said & <done>"
        elif kind == 4:
            within = chance.choice(
                ("{urn:x}", f"{{{NAMESPACES['2.0']}}}", "{http://www.ivoa.net/xml/STC/x}", "")
            )
            node.tag = within + etree.QName(node).localname
        elif kind == 5:
            node.append(etree.Comment("passed by"))
    return etree.tostring(root)


@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 2**32), changes=st.integers(0, 8))
def test_whatever_a_packet_holds_is_there_again_after_writing(
    samples: dict[str, bytes], data: st.DataObject, seed: int, changes: int
) -> None:
    document = tampered(samples[data.draw(st.sampled_from(sorted(samples)))], seed, changes)
    try:
        event = read(document)
    except VOEventError:  # such as a second <Time>, or a text where a number must be
        reject()
    again = laid_out(event)
    assert read(again) == event
    assert canonical(again, "c14n2-trimmed") == canonical(document, "c14n2-trimmed")


def test_an_untouched_packet_keeps_every_byte(samples: dict[str, bytes]) -> None:
    for document in samples.values():
        event = read(document)
        assert write(event) == document
        for method in METHODS:
            assert canonical(write(event), method) == canonical(document, method)
        assert write(dataclasses.replace(event, role="test")) != document


def test_added_elements_stand_beside_their_like(samples: dict[str, bytes]) -> None:
    event = read(samples["FRB140514_update"])
    assert event.citations
    cited = dataclasses.replace(event.citations, events=event.citations.events * 2)
    tree = etree.fromstring(write(dataclasses.replace(event, citations=cited)))
    assert [child.tag for child in tree.find("Citations")] == ["EventIVORN", "EventIVORN", "Description"]


def test_numbers_are_spelt_as_they_were(samples: dict[str, bytes]) -> None:
    event = read(samples["SWIFT_xrt_position_v1.1_example"])
    assert event.coords
    assert event.coords.position2d
    assert event.coords.position2d.value.c2 == -53.393
    assert b"<stc:C2>-53.3930</stc:C2>" in laid_out(event)


def test_layout_and_prefixes_do_not_change_the_trimmed_form() -> None:
    one = b'<v:VOEvent xmlns:v="urn:v" a="1" b="2"><Who> x </Who></v:VOEvent>'
    two = b'<VOEvent xmlns="urn:v"\n b="2" a="1"><!-- c --><Who xmlns="">x</Who>\n</VOEvent>'
    assert canonical(one) != canonical(two)
    assert canonical(one, "c14n2-trimmed") == canonical(two, "c14n2-trimmed")


def test_the_canonical_form_is_that_of_the_recommendation() -> None:
    document = b"""<?xml version="1.0"?><?pi  x?><!-- c --><e  c='3' b="&quot;" xmlns:z="urn:z"><f/></e>"""
    expected = b'<?pi x?>\n<e xmlns:z="urn:z" b="&quot;" c="3"><f></f></e>'
    assert canonical(document) == expected
    assert canonical(document, "c14n-exclusive") == expected.replace(b' xmlns:z="urn:z"', b"")
    assert hashlib.sha256(canonical(document)).digest() == hashlib.sha256(expected).digest()


def test_what_cannot_be_parsed_has_no_canonical_form() -> None:
    with pytest.raises(VOEventError, match="document type"):
        canonical(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    with pytest.raises(ValueError, match="no canonical form"):
        canonical(b"<a/>", "md5")
    for function in (canonical, read):
        with pytest.raises(VOEventError, match="line 1 of the packet: the namespace 'z' is relative"):
            function(b'<VOEvent version="2.0" ivorn="ivo://a/b#c"><x xmlns="z"/></VOEvent>')

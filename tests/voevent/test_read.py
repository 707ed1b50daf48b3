"""Packets of every version and origin are read, and bad ones are refused with a sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vobroker.voevent import VOEventError, laid_out, read
from vobroker.voevent.xml import MAX_BYTES


def packet(inside: str = "", ivorn: str = 'ivorn="ivo://a/b#c"', before: str = "") -> bytes:
    namespace = "http://www.ivoa.net/xml/VOEvent/v2.0"
    return f'{before}<v:VOEvent xmlns:v="{namespace}" version="2.0" {ivorn}>\n{inside}</v:VOEvent>'.encode()


def test_every_sample_reads_the_same_after_it_was_written(samples: dict[str, bytes]) -> None:
    assert len(samples) == 10
    for name, content in samples.items():
        event = read(content)
        assert read(laid_out(event)) == event, name


def test_versions_are_known(samples: dict[str, bytes]) -> None:
    versions = {name: read(content).version for name, content in samples.items()}
    assert versions["SWIFT_xrt_position_v1.1_example"] == "1.1"
    assert versions["SWIFT_bat_position_v2.0_example"] == versions["no_namespace_packet"] == "2.0"
    assert versions["ivoa-voevent-2.1-ex1"] == "2.1"


def test_a_packet_of_version_1_1_has_its_position_in_the_stc_namespace(samples: dict[str, bytes]) -> None:
    event = read(samples["SWIFT_xrt_position_v1.1_example"])
    assert event.coords
    assert event.coords.position2d
    assert event.coords.time
    assert event.coords.time.instant
    assert event.coords.coord_system_id == "UTC-FK5-GEO"
    assert (event.coords.position2d.value.c1, event.coords.position2d.value.c2) == (314.7162, -53.3930)
    assert event.coords.time.instant.iso_time == "2015-06-16T23:05:40.00"
    assert event.citations
    assert [(one.ivorn, one.cite) for one in event.citations.events] == [
        ("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_644259-771", "followup")
    ]


def test_params_come_with_their_group(samples: dict[str, bytes]) -> None:
    found = {
        param.name: (group, param.value) for group, param in read(samples["no_namespace_packet"]).params()
    }
    assert found["BrokerDomain"] == (None, "voevent.dc3.com")
    assert found["IPWhiteList"] == ("Publish", None)


def test_what_the_model_does_not_know_is_kept(samples: dict[str, bytes]) -> None:
    coords = read(samples["ivoa-voevent-2.1-ex2"]).coords
    assert coords
    assert coords.position_name == "Jupiter"
    who = read(
        packet("<Who><Date>2026-03-05T00:00:00</Date><x:y xmlns:x='urn:u'/><Title>a</Title></Who>")
    ).who
    assert who
    assert who.other_elements == ('<x:y xmlns:x="urn:u"></x:y>', "<Title>a</Title>")


def test_texts_with_markup_are_kept_whole() -> None:
    event = read(packet("<Description>a <b>bold</b> claim</Description>"))
    assert event.description is None
    assert event.other_elements == ("<Description>a <b>bold</b> claim</Description>",)


def test_the_frb_templates_are_no_xml(shared: Path) -> None:
    for file in sorted((shared / "voevent").glob("*template*.xml")):
        with pytest.raises(VOEventError, match=r"not well-formed XML: .* line 1, column 1"):
            read(file.read_bytes())


BOMB = '<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

REFUSED = {
    "empty": (b"", "not well-formed"),
    "text": (b"GRB!", "not well-formed XML: Start tag expected.* line 1, column 1"),
    "cut off": (packet()[:-9], "not well-formed .* line 2"),
    "bad UTF-8": (packet("<Description>\xff</Description>").replace(b"\xc3\xbf", b"\xff"), "line 2"),
    "unknown encoding": (packet(before='<?xml version="1.0" encoding="klingon"?>'), "encoding"),
    "null": (packet("<Description>\0</Description>"), "not well-formed"),
    "entity bomb": (packet("&i;", before=BOMB + "]>"), "document type|entity|amplification"),
    "external entity": (
        packet(
            "<Description>&x;</Description>", before='<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        ),
        "declares a document type",
    ),
    "external DTD": (
        packet(before='<!DOCTYPE v SYSTEM "http://example.org/x.dtd">'),
        "declares a document type",
    ),
    "other namespace": (
        packet().replace(b"VOEvent/v2.0", b"VOTable/v1.3"),
        "VOTable/v1.3 is not a namespace of VOEvent",
    ),
    "other root": (b"<html/>", "the root is <html>, not <VOEvent>"),
    "no version": (b'<VOEvent ivorn="ivo://a/b#c"/>', "no version is given"),
    "other version": (
        b'<VOEvent ivorn="ivo://a/b#c" version="7"/>',
        "version '7' is not one of 1.0, 1.1, 2.0",
    ),
    "no ivorn": (packet(ivorn=""), "line 1 .*<VOEvent> has no attribute ivorn"),
    "empty ivorn": (packet(ivorn='ivorn=" "'), "the ivorn is empty"),
    "two Who": (packet("<Who/>\n<Who/>"), "line 3 .*<Who> is there a second time"),
    "no number": (
        packet('<Why importance="0 - 1"/>'),
        "line 2 .*importance is '0 - 1', which is not a finite",
    ),
    "NaN": (packet('<Why importance="NaN"/>'), "importance is 'NaN', which is not a finite number"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_packet_is_refused_with_reason_and_place(content: bytes, reason: str) -> None:
    with pytest.raises(VOEventError, match=reason):
        read(content)


def test_a_position_that_is_no_number_is_refused(samples: dict[str, bytes]) -> None:
    content = samples["SWIFT_bat_position_v2.0_example"]
    start = content.index(b"<C1>") + 4
    for wrong in (b"NaN", b"INF", b"1_0", b"here"):
        with pytest.raises(VOEventError, match=r"line \d+ of the packet: C1 is "):
            read(content[:start] + wrong + content[content.index(b"</C1>") :])


def test_a_packet_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(VOEventError, match=f"the limit is {MAX_BYTES}"):
        read(packet("x" * MAX_BYTES))


def test_the_largest_packets_are_read_in_seconds() -> None:
    started = time.monotonic()
    room = MAX_BYTES - 200
    assert len(read(packet("x" * room)).other_text[0]) == room
    assert len(read(packet("<a/>" * (room // 4))).other_elements) == room // 4
    with pytest.raises(VOEventError, match="not well-formed"):
        read(packet("<a>" * (room // 7) + "</a>" * (room // 7)))
    assert time.monotonic() - started < 60

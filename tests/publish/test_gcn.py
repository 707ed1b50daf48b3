"""Notices: the words of the General Coordinates Network for what an event says, and for no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from vobroker.archive import Archive
from vobroker.publish import gcn
from vobroker.publish.render import packets, render
from vobroker.voevent import read
from vobroker.voevent.citations import retraction
from vobroker.voevent.model import Citations, EventIVORN


def an_event(archive: Archive, condition: str = "survey = 'ztf'") -> str:
    rows = archive.query(f"SELECT ivorn FROM event WHERE {condition} ORDER BY sequence LIMIT 1")
    return str(rows["ivorn"][0].as_py())


def test_a_notice_says_what_the_event_says(archive: Archive) -> None:
    ivorn = an_event(archive, "survey = 'ztf' AND object_id = 'ZTF21abiuvdk'")
    told = gcn.notice(read(render(archive, ivorn)))
    event = archive.event(ivorn)
    alert = archive.alert("ztf", event["alert_id"])
    assert told["id"] == [ivorn, str(event["alert_id"])]
    assert (told["ra"], told["dec"]) == (alert["ra"], alert["dec"])
    assert told["event_name"] == ["ZTF21abiuvdk"]
    assert (told["mag"], told["filter"], told["mag_system"]) == (alert["mag"], alert["band"], "AB")
    assert told["mission"] == "Palomar Observatory"
    assert (told["messenger"], told["alert_tense"], told["alert_type"]) == ("EM", "current", "initial")
    assert told["trigger_time"].endswith("Z")
    assert told["alert"]["alert_id"] == str(event["alert_id"])
    assert told["alert"]["night"] == alert["night"]


def test_every_notice_follows_the_schema_and_is_one_line_of_json(archive: Archive) -> None:
    schema = gcn.json_schema("https://example.org/notice.schema.json")
    validator = jsonschema.Draft202012Validator(schema)
    seen = set()
    for batch in packets(archive, stream="everything", encode=gcn.encode):
        for packet in batch:
            assert b"\n" not in packet.content
            told = json.loads(packet.content)
            validator.validate(told)
            assert set(told) <= set(schema["properties"])
            assert None not in told.values()
            seen |= set(told)
    assert seen >= {"$schema", "alert_datetime", "ra", "dec", "ra_dec_error", "trigger_time", "reference"}


def test_where_an_event_stands_in_a_sequence(archive: Archive) -> None:
    event = read(render(archive, an_event(archive)))
    cited = {
        kind: replace(event, citations=Citations((EventIVORN("ivo://a.b/c#1", kind),)))
        for kind in ("followup", "supersedes")
    }
    assert gcn.notice(cited["followup"])["alert_type"] == "subsequent"
    assert gcn.notice(cited["followup"])["reference"] == {"ivoa.voevent.followup": "ivo://a.b/c#1"}
    assert gcn.notice(cited["supersedes"])["alert_type"] == "update"
    withdrawn = retraction(event, "A satellite", date=datetime(2026, 1, 1, tzinfo=UTC))
    assert gcn.notice(withdrawn)["alert_type"] == "retraction"


def test_packets_of_others_become_notices_too(shared: Path) -> None:
    swift = gcn.notice(read((shared / "voevent/SWIFT_bat_position_v2.0_example.xml").read_bytes()))
    assert swift["trigger_time"] == "2012-09-07T00:24:23.080000Z"
    assert (swift["ra"], swift["ra_dec_error"]) == (74.74119427742376, 0.05)
    # A region in space is no mission, and of the probability within the circle the packet says nothing.
    assert swift["mission"] == "VO-GCN"
    assert "containment_probability" not in swift
    assert "alert" not in swift


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        (b"<C2>-9.313700</C2>", b"<C2>-93.1</C2>", "ra"),
        (b"2012-09-07T00:24:23.08", b"yesterday", "trigger_time"),
        (b'"UTC-FK5-GEO"', b'"UTC-XYZ-GEO"', "ra"),
    ],
    ids=["position", "time", "frame"],
)
def test_what_cannot_be_known_is_left_out(shared: Path, old: bytes, new: bytes, gone: str) -> None:
    packet = (shared / "voevent/SWIFT_bat_position_v2.0_example.xml").read_bytes()
    event = read(packet.replace(old, new))
    assert gone in gcn.notice(read(packet))
    assert gone not in gcn.notice(event)
    json.loads(gcn.encode(event), parse_constant=pytest.fail)

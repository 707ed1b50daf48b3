"""A packet as JSON says the same, to a reader of any language."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from vobroker.voevent import VOEvent, VOEventError, canonical, laid_out, read, write
from vobroker.voevent.json import from_json, to_json
from vobroker.voevent.model import Number, Param, What, Why

from .strategies import events


@settings(max_examples=40)
@given(event=events)
def test_an_event_comes_back_equal(event: VOEvent) -> None:
    again = from_json(to_json(event))
    assert again == event
    assert laid_out(again) == laid_out(event)


def test_real_packets_come_back_with_every_digit(samples: dict[str, bytes]) -> None:
    for document in samples.values():
        again = write(from_json(to_json(read(document))))
        assert canonical(again, "c14n2-trimmed") == canonical(document, "c14n2-trimmed")


def test_keys_are_the_names_of_the_standard(samples: dict[str, bytes]) -> None:
    packet = json.loads(to_json(read(samples["SWIFT_bat_position_v2.0_example"])))
    assert packet["ivorn"] == "ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_532871-729"
    coords = packet["WhereWhen"]["ObsDataLocation"]["ObservationLocation"]["AstroCoords"]
    assert coords["Position2D"]["Value2"] == {"C1": 74.7412, "C2": -9.3137}
    update = json.loads(to_json(read(samples["FRB140514_update"])))
    assert update["Citations"]["EventIVORN"] == [
        {"$": "ivo://au.csiro.atnf/parkes#FRB1405141714/56791.71885417", "cite": "supersedes"}
    ]


def test_a_64_bit_integer_is_a_string_and_a_number_keeps_its_spelling() -> None:
    event = VOEvent(
        "ivo://a/b#c",
        what=What((Param("id", str(2**63 - 1)),)),
        why=Why(importance=Number("0.50"), other_text=("x",)),
    )
    text = to_json(event).decode()
    assert '"value": "9223372036854775807"' in text
    assert '"importance": 0.50' in text
    assert '"importance": "+.5"' in to_json(VOEvent("ivo://a/b#c", why=Why(Number("+.5")))).decode()
    assert from_json(to_json(VOEvent("ivo://a/b#c", why=Why(Number("+.5"))))) == VOEvent(
        "ivo://a/b#c", why=Why(0.5)
    )


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"\xff", "is not JSON"),
        (b"[" * 100000, "is not JSON"),
        (b'{"ivorn": "a", "ivorn": "b"}', "the key 'ivorn' is there twice"),
        (b'{"ivorn": NaN}', "NaN is not a number of JSON"),
        (b"[]", "VOEvent of the JSON is not an object"),
        (b"{}", "VOEvent of the JSON has no ivorn"),
        (b'{"ivorn": 7}', "VOEvent.ivorn of the JSON is not a string"),
        (b'{"ivorn": "a", "Whom": {}}', "VOEvent.Whom of the JSON is nothing that <VOEvent> has"),
        (b'{"ivorn": "a", "What": {"Param": {}}}', "VOEvent.What.Param of the JSON is not an array"),
        (b'{"ivorn": "a", "Why": {"importance": 1e999}}', "which is not a finite number"),
        (b'{"ivorn": "a", "Why": {"importance": "high"}}', "'high', which is not a finite number"),
    ],
)
def test_bad_json_is_refused_with_its_place(document: bytes, reason: str) -> None:
    with pytest.raises(VOEventError, match=reason):
        from_json(document)

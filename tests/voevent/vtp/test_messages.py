"""Transport messages: ours, and those of other programs."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from comet.protocol import messages as comet
from hypothesis import given
from hypothesis import strategies as st

from vobroker.voevent.vtp import VTPError
from vobroker.voevent.vtp.messages import NAMESPACE, ROLES, XPATH, Acks, Message, iso, read, skew

# What XML can hold; spaces around an element's text have no meaning.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60).filter(
    lambda text: not set(text) & set("\ufffe\uffff")
)
NAMES = TEXTS.map(lambda text: text.strip(" \t\r\n") or "ivo://a/b")


@given(
    st.sampled_from(ROLES),
    NAMES,
    st.none() | NAMES,
    st.lists(st.tuples(TEXTS, st.text(st.sampled_from("a<&\"'\n\t\rä"), max_size=9)), max_size=3),
    st.none() | NAMES,
)
def test_messages_come_back_as_they_were_written(
    role: str, origin: str, response: str | None, params: list[tuple[str, str]], result: str | None
) -> None:
    message = Message(role, origin, response, "2026-03-05T01:02:03Z", tuple(params), result)
    assert read(message.write()) == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (comet.ack("ivo://b/comet", "ivo://a/b#1"), Message("ack", "ivo://a/b#1", "ivo://b/comet")),
        (
            comet.nak("ivo://b/comet", "ivo://a/b#1", "seen < before"),
            Message("nak", "ivo://a/b#1", "ivo://b/comet", result="seen < before"),
        ),
        (comet.iamalive("ivo://b/comet"), Message("iamalive", "ivo://b/comet")),
        (comet.iamaliveresponse("ivo://b/c", "ivo://b/d"), Message("iamalive", "ivo://b/d", "ivo://b/c")),
        (
            comet.authenticateresponse("ivo://b/c", "ivo://b/d", ["//Who", "//@role='test'"]),
            Message(
                "authenticate",
                "ivo://b/d",
                "ivo://b/c",
                params=((XPATH, "//Who"), (XPATH, "//@role='test'")),
            ),
        ),
    ],
    ids=["ack", "nak", "iamalive", "answer to iamalive", "answer to authenticate"],
)
def test_messages_of_comet_are_read(written: comet.TransportMessage, message: Message) -> None:
    found = read(written.raw_bytes)
    assert found == Message(
        message.role, message.origin, message.response, found.time, message.params, message.result
    )
    assert abs(skew(found) or 0.0) < 3600


def test_old_forms_of_filters_are_read() -> None:
    text = (
        f'<t:Transport xmlns:t="{NAMESPACE}" role="authenticate" version="1.0"><Origin> ivo://a/b </Origin>'
        '<Meta><filter type="xpath">//Who</filter></Meta></t:Transport>'
    )
    assert read(text.encode()) == Message("authenticate", "ivo://a/b", params=((XPATH, "//Who"),))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not well-formed"),
        (b"<x/>", "a <x>, not a <Transport>"),
        (b"<Transport role='ack'/>", "in the namespace of nothing"),
        (b"<Transport xmlns='urn:other' role='ack'/>", "in the namespace urn:other"),
        (f"<Transport xmlns='{NAMESPACE}' role='hello'/>".encode(), "the role 'hello'"),
        (f"<Transport xmlns='{NAMESPACE}' role='ack'/>".encode(), "no <Origin>"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><Transport>&b;</Transport>", "document type"),
    ],
)
def test_what_is_no_message_is_told(document: bytes, reason: str) -> None:
    with pytest.raises(VTPError, match=reason):
        read(document)


def test_a_clock_is_compared_only_where_a_time_is_told() -> None:
    now = time.time()
    assert skew(Message("ack", "ivo://a/b", time=iso(now + 90)), now) == pytest.approx(90, abs=1)
    assert skew(Message("ack", "ivo://a/b", time="yesterday"), now) is None


@given(NAMES, st.booleans(), st.binary(max_size=20))
def test_acks_that_are_not_parsed_are_read_as_the_parser_reads_them(
    ivorn: str, of_comet: bool, noise: bytes
) -> None:
    write = (
        (lambda origin: comet.ack("ivo://b/comet", origin).raw_bytes)
        if of_comet
        else (lambda origin: Message("ack", origin, "ivo://b/us").write())
    )
    acks = Acks()
    first = write("ivo://a/b#first")
    acks.learn(first, read(first))
    assert acks.origin(write("ivo://a/b#second")) == b"ivo://a/b#second"
    document = write(ivorn)
    if (found := acks.origin(document)) is not None:
        assert found.decode() == read(document).origin
    damaged = document.replace(b"<Origin>", b"<Origin>" + noise)
    if (found := acks.origin(damaged)) is not None:
        with suppress(VTPError, UnicodeDecodeError):  # it names nothing that was sent
            assert found.decode() == read(damaged).origin


def test_naks_and_remarks_are_never_taken_for_acks() -> None:
    acks = Acks()
    first = Message("ack", "ivo://a/b#1", "ivo://b/us").write()
    acks.learn(first, read(first))
    for other in (
        Message("nak", "ivo://a/b#2", "ivo://b/us"),
        Message("ack", "ivo://a/b#2", "ivo://b/us", result="but"),
        Message("ack", "ivo://a/b#2", "ivo://b/us", params=(("more", "3"),)),
    ):
        assert acks.origin(other.write()) is None

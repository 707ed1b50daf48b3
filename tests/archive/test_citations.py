"""The graph of citations around an event."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archive.test_voevents import add, packet

from vobroker.archive import Archive, ReceivedPacket
from vobroker.archive.citations import Citation, graph, levels

STREAM = "ivo://org.example/stream#"


def citing(number: int, **cited: int) -> ReceivedPacket:
    told = "".join(f'<EventIVORN cite="{how}">{STREAM}{of}</EventIVORN>' for how, of in cited.items())
    return packet(number, more=f"<Citations>{told}</Citations>")


@pytest.fixture
def cited(archive: Archive) -> Archive:
    """Events 1 to 4: 2 follows up 1, 3 supersedes 2 and follows up 9, which never came; 4 stands alone."""
    add(archive, packet(1), citing(2, followup=1), citing(3, supersedes=2, followup=9), packet(4))
    return archive


def test_the_graph_has_what_an_event_cites_and_what_cites_it(cited):
    found = graph(cited, f"{STREAM}2")
    assert set(found.events) == {f"{STREAM}{number}" for number in (1, 2, 3, 9)}
    assert found.events[f"{STREAM}9"] is None
    assert found.events[f"{STREAM}1"]["kind"] == "received"
    assert Citation(f"{STREAM}3", "supersedes", f"{STREAM}2") in found.citations
    assert len(found.citations) == 3
    assert not found.cut


def test_a_large_graph_is_cut_and_says_so(cited):
    found = graph(cited, f"{STREAM}1", most=2)
    assert list(found.events) == [f"{STREAM}1", f"{STREAM}2"]
    assert found.cut


def test_an_event_without_citations_stands_alone(cited):
    found = graph(cited, f"{STREAM}4")
    assert (len(found.events), found.citations) == (1, ())


def test_an_event_without_a_date_has_the_time_when_it_came(archive):
    dated = citing(1, followup=9)
    add(archive, replace(dated, content=dated.content.replace(b"<Date>2026-01-02T03:04:05</Date>", b"")))
    (found,) = filter(None, graph(archive, f"{STREAM}9").events.values())
    assert found["time"] == dated.received.replace(tzinfo=None)


def test_what_cites_stands_behind_what_it_cites():
    edges = [Citation("b", "followup", "a"), Citation("c", "followup", "b"), Citation("c", "followup", "a")]
    assert levels("abcd", edges) == {"a": 0, "b": 1, "c": 2, "d": 0}


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
def test_citations_may_go_in_circles(pairs):
    edges = [Citation(str(one), None, str(other)) for one, other in pairs]
    found = levels(map(str, range(9)), edges)
    assert set(found) == set(map(str, range(9)))
    assert all(0 <= level < 9 for level in found.values())

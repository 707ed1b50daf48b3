"""Pages of received events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from lxml import html
from tests.archive.test_citations import STREAM, citing
from tests.archive.test_voevents import add, packet

from vobroker.archive import open_archive

from .conftest import SCRIPT, Served, serving
from .test_browser import AXE, page, violations  # noqa: F401


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site with five events, two of which mean harm and one of which has no date."""
    harm = SCRIPT.replace("<", "&lt;")
    with open_archive(tmp_path_factory.mktemp("events") / "archive") as archive:
        more = f"<Why><Name>{harm}</Name></Why>"
        add(archive, packet(1), citing(2, followup=1, retraction=9), packet(3, more=more))
        add(archive, packet(4, ivorn=f"ivo://org.example/{harm}#4"))
        undated = citing(5, followup=1)
        content = undated.content.replace(b"<Date>2026-01-02T03:04:05</Date>", b"")
        add(archive, replace(undated, content=content))
        with serving(archive) as served:
            yield served


def one(ivorn: str) -> str:
    return f"/voevents/one?ivorn={quote(ivorn, safe='')}"


def test_the_latest_come_first_and_pages_go_on(events):
    first = events.json("/voevents?limit=3")
    assert [event["number"] for event in first["events"]] == [5, 4, 3]
    assert [event["number"] for event in events.json("/voevents?before=2")["events"]] == [1]
    assert events.json("/voevents?role=test")["events"] == []


def test_an_event_has_its_values_citations_and_packet(events):
    found = events.json(one(f"{STREAM}2"))
    assert [param["name"] for param in found["params"]] == ["snr", "note"]
    assert {citation["cited"] for citation in found["citations"]} == {f"{STREAM}1", f"{STREAM}9"}
    assert "source" not in found["event"]
    tree = html.fromstring(events.get(one(f"{STREAM}2")).text)
    assert len(tree.xpath("//svg//path[contains(@class, 'cite')]")) == 3
    assert tree.xpath("//svg//a/@href") == [one(f"{STREAM}1"), one(f"{STREAM}5")]
    packet_ = events.get(f"/voevents/packet.xml?ivorn={quote(f'{STREAM}2', safe='')}")
    assert packet_.content == citing(2, followup=1, retraction=9).content


def test_what_is_not_there_is_said(events):
    assert events.get(one(f"{STREAM}9")).status_code == 404
    assert events.get("/voevents/one").status_code in (400, 422)


@pytest.mark.parametrize("path", ["/voevents", one(f"{STREAM}2"), one(f"{STREAM}3")])
def test_the_pages_are_accessible_and_nothing_in_them_runs(events, page, path):  # noqa: F811
    page.goto(events.address + path)
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": Path(AXE).read_text()})
    assert violations(page, "{resultTypes: ['violations']}") == []

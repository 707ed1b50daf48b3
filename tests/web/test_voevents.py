"""Pages of received events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import pytest
import pyvo
from lxml import html
from playwright.sync_api import expect
from tests.archive.test_citations import STREAM, citing
from tests.archive.test_voevents import add, packet

from vobroker.archive import ReceivedPacket, open_archive
from vobroker.timeseries import documents
from vobroker.voevent import read, write
from vobroker.voevent.embedded import embed

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


def carrying(number: int, votable: bytes) -> ReceivedPacket:
    """A packet with a VOTable inside."""
    plain = packet(number)
    return replace(plain, content=write(embed(read(plain.content), votable)))


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Served]:
    """A site with light curves in events: a star of Gaia, numbers out of this world, no time series."""
    samples = shared / "timeseries"
    star = (samples / "raw_data" / "gaia_multiband.xml").read_bytes()
    odd = cycle([b"NaN", b"1e308", b"-1e308"])
    wild = re.sub(rb"(?<=<TD>)1[45]\.\d+", lambda _: next(odd), star)
    with open_archive(tmp_path_factory.mktemp("curves") / "archive") as archive:
        other = (samples / "stc_example1.vot").read_bytes()
        add(archive, carrying(1, star), carrying(2, wild), carrying(3, other), packet(4))
        with serving(archive) as served:
            yield served


def curve(number: int, suffix: str) -> str:
    return f"/voevents/lightcurve.{suffix}?ivorn={quote(f'{STREAM}{number}', safe='')}"


def test_a_light_curve_inside_is_drawn(curves, shared):
    told = curves.json(one(f"{STREAM}1"))["light_curve"]
    assert told.startswith("5813181197970338560: 251 measurements in G, BP, RP; times are TCB at BARYCENTER")
    tree = html.fromstring(curves.get(one(f"{STREAM}1")).text)
    (shown,) = tree.xpath("//img[@class='on-light']")
    assert shown.get("alt") == told
    picture = curves.get(shown.get("src"))
    assert picture.headers["content-type"] == "image/svg+xml"
    assert told in picture.text
    inside = documents.read(curves.get(curve(1, "vot")).content).series[0]
    assert len(inside) == 251
    for kind in ("svg", "png"):
        assert curves.get(curve(2, kind)).status_code == 200


def test_what_is_no_light_curve_says_why(curves):
    assert "no column holds times" in curves.json(one(f"{STREAM}3"))["light_curve_damage"]
    assert "no column holds times" in curves.get(one(f"{STREAM}3")).text
    assert curves.get(curve(3, "svg")).status_code == 404
    assert curves.json(one(f"{STREAM}4"))["light_curve"] is None
    assert "carries no light curve" in curves.get(curve(4, "svg")).text
    assert curves.get(curve(1, "doc")).status_code == 404
    assert curves.get(curve(9, "svg")).status_code == 404


def test_the_page_with_a_light_curve_is_accessible(curves, page):  # noqa: F811
    page.goto(curves.address + one(f"{STREAM}1"))
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": Path(AXE).read_text()})
    assert violations(page, "{resultTypes: ['violations']}") == []
    page.get_by_role("link", name="Flux", exact=True).click()
    expect(page.locator("#light-curve img.on-light")).to_have_attribute("src", re.compile("flux=1"))


def linked(site: Served, ivorn: str) -> list[dict[str, str]]:
    address = f"/tap/datalink?ID={quote(ivorn, safe='')}&RESPONSEFORMAT=json"
    return site.get(address).json()["rows"]


def test_links_lead_from_an_event_to_packet_light_curve_and_page(curves):
    found = linked(curves, f"{STREAM}1")
    assert [link["semantics"] for link in found] == [
        "#this", "#auxiliary", "#preview-plot", "#preview-plot", "#documentation",
    ]  # fmt: skip
    for link in found:
        answer = curves.get(link["access_url"].removeprefix(curves.address))
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].partition(";")[0] == link["content_type"]
        if link["content_length"] is not None:
            assert len(answer.content) == int(link["content_length"])


def test_links_follow_citations_both_ways(events):
    first, second = (linked(events, f"{STREAM}{number}") for number in (1, 2))
    assert [link["local_semantics"] for link in second] == ["voevent", "cited", "page"]
    assert [link["semantics"] for link in first] == ["#this", "#derivation", "#derivation", "#documentation"]
    assert "there is no event" in linked(events, f"{STREAM}9")[0]["error_message"]


def test_pyvo_follows_the_links_of_received_events(events):
    service = pyvo.dal.TAPService(f"{events.address}/tap")
    found = service.search("SELECT ivorn FROM voevent WHERE n_citations > 1")
    (links,) = [link.to_table() for link in found.iter_datalinks()]
    assert set(links["semantics"]) == {"#this", "#progenitor", "#documentation"}
    assert set(links["ID"]) == {f"{STREAM}2"}

"""The pages in a real browser: quiet console, news as they come, keyboard, themes, accessibility."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import compile_filter, starter_filters
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate

from .conftest import Served, serving

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SUPERNOVA = "/objects/ztf/ZTF21abiuvdk"
PAGES = (
    "/",
    "/filters",
    "/filters/young-supernova",
    "/filters/hostile",
    "/filters/new?from=hostile",
    SUPERNOVA,
    f"{SUPERNOVA}?flux=1",
    "/search?q=0.8 16.1&radius=3600",
    "/query",
    "/query?q=SELECT survey, object_id, mag, mjd FROM alert",
    "/status",
    "/deadletters/1",
    "/sky?ra=180&dec=0&radius=40",
    "/filters/young-supernova/live",
    "/platform",
    "/platforms?job=rubin-filter&p=rubin-idf&p=uk-idac",
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a desktop browser that fails the test when its console has an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type in ("error", "warning") and "GL Driver Message" not in message.text
            else None
        ),
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    yield opened
    context.close()
    assert complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible_quiet_and_fits(site: Served, page: Page, path: str) -> None:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(site.address + path)
    # The page's own policy lets nobody in; the checker comes in by the debugger.
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    assert violations(page, "{resultTypes: ['violations']}") == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "{resultTypes: ['violations'], runOnly: ['color-contrast']}") == []
    for width in (820, 390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def violations(page: Page, options: str) -> list[tuple[str, list[str]]]:
    """What axe finds wrong: its rule, and the first elements."""
    found = page.evaluate(f"axe.run({options})")["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]


def test_pictures_are_loaded(site: Served, page: Page) -> None:
    page.goto(site.address + SUPERNOVA)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(
        "[...document.images].filter(i => i.checkVisibility()).map(i => i.complete && i.naturalWidth)"
    )
    assert len(loaded) == 4
    assert all(loaded)


def test_alerts_appear_by_themselves_and_stop_when_paused(page: Page, tmp_path: Path) -> None:
    filters = starter_filters()
    batches = as_raw_batches(simulate("ztf", seed=5, visits=3, alerts_per_visit=20, history_nights=2))
    with open_archive(tmp_path) as archive, serving(archive, filters) as live:

        def arrive() -> None:
            run([next(batches)], archive, schemas=default_schemas(), filters=filters)

        page.goto(live.address)
        rows = page.locator("table.alerts tbody tr")
        expect(page.get_by_text("No alert has arrived yet")).to_be_visible()
        arrive()
        expect(rows).to_have_count(20, timeout=10_000)
        expect(page.locator(".numbers .large dd")).to_have_text("20")
        expect(page.get_by_text("No alert has arrived yet")).to_have_count(0)
        first = rows.first.inner_text()
        arrive()
        expect(rows).to_have_count(40, timeout=10_000)
        assert rows.first.inner_text() != first
        page.get_by_role("button", name="Live").click()
        expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")
        arrive()
        page.wait_for_timeout(2500)
        expect(page.locator(".numbers .large dd")).to_have_text("40")
        page.get_by_role("button", name="Paused").click()
        expect(page.locator(".numbers .large dd")).to_have_text("60")
        expect(rows).to_have_count(40)
        page.goto("about:blank")


def test_sky_draws_the_alerts_that_its_table_lists_and_asks_nobody_elsewhere(
    site: Served, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 500, "height": 500})  # software draws it
    page.goto(f"{site.address}/sky?night=20260305")
    frame = page.locator("[data-sky][data-ready]")
    expect(frame).to_be_attached(timeout=60_000)
    told = site.json("/sky?night=20260305")["alerts"]
    drawn = """frame => ({
        sources: Object.values(frame.catalogues).flatMap(one => one.getSources().map(two => two.data.alert)),
        rings: frame.rings.getSources().length,
    })"""
    seen = frame.evaluate(drawn)
    assert sorted(seen["sources"]) == sorted(row["alert_id"] for row in told)
    assert seen["rings"] == sum(bool(row["streams"]) for row in told)
    expect(page.locator("table.alerts tbody tr")).to_have_count(min(len(told), 50))
    page.locator("[data-sky-latest]").click()
    expect(page.get_by_role("link", name="Search objects here")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("radius="))
    assert all(url.startswith((site.address, "blob:", "data:")) for url in asked)
    # A marker leads to its alert.
    first = told[0]
    frame.evaluate("(frame, [ra, dec]) => frame.aladin.gotoRaDec(ra, dec)", [first["ra"], first["dec"]])
    frame.evaluate("frame => frame.aladin.setFoV(0.01)")
    frame.evaluate("frame => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    box = page.locator("#aladin").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    expect(page.locator("[data-sky-caption]")).to_be_visible(timeout=30_000)
    page.mouse.click(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    expect(page).to_have_url(re.compile("/alerts/(lsst|ztf)/[0-9]+$"), timeout=30_000)


def test_sky_without_webgl_says_so_and_keeps_its_table(site: Served, page: Page) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(f"{site.address}/sky")
    expect(page.get_by_text("This browser draws no map")).to_be_visible()
    assert page.locator("table.alerts tbody tr").count() == len(site.json("/sky")["alerts"][:50])


def test_rows_of_a_stream_arrive_and_none_is_missed_by_a_pause(page: Page, tmp_path: Path) -> None:
    filters = [compile_filter("all-of-them", "SELECT alert_id FROM alert")]
    batches = as_raw_batches(simulate("ztf", seed=5, visits=3, alerts_per_visit=8, history_nights=2))
    with open_archive(tmp_path) as archive, serving(archive, filters) as live:

        def arrive() -> None:
            run([next(batches)], archive, schemas=default_schemas(), filters=filters)

        page.goto(f"{live.address}/filters/all-of-them/live")
        rows = page.locator("[data-following-rows] tr")
        expect(page.get_by_role("button", name="Live")).to_be_visible()
        arrive()
        expect(rows).to_have_count(8, timeout=30_000)
        page.get_by_role("button", name="Live").click()
        arrive()
        expect(page.get_by_role("button", name="Paused")).to_be_visible()
        page.get_by_role("button", name="Paused").click()
        expect(rows).to_have_count(16, timeout=30_000)
        arrive()
        expect(rows).to_have_count(24, timeout=30_000)
        told = live.json("/filters/all-of-them/live")["matches"]
        shown = rows.evaluate_all("rows => rows.map(row => row.dataset.alert)")
        assert shown[:10] == [f"{row['survey']}:{row['alert_id']}" for row in told]
        assert len(set(shown)) == 24
        page.goto("about:blank")


def test_keyboard_reaches_the_content_first_and_then_everything(site: Served, page: Page) -> None:
    page.goto(site.address + "/filters")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.address}/filters/new")


def test_search_by_keyboard(site: Served, page: Page) -> None:
    page.goto(site.address + "/status")
    page.get_by_role("searchbox", name="Object, alert or position").focus()
    page.keyboard.type("ZTF21abiuvdk")
    page.keyboard.press("Enter")
    expect(page).to_have_url(site.address + SUPERNOVA)


def test_theme_is_chosen_and_kept(site: Served, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(site.address + SUPERNOVA)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    expect(page.locator(".on-light")).to_be_visible()
    page.get_by_role("button", name="Change between light and dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    expect(page.locator(".on-dark")).to_be_visible()
    expect(page.locator(".on-light")).to_be_hidden()
    page.goto(site.address + "/status")
    assert page.evaluate(ground) == dark


def test_axis_changes_in_place(site: Served, page: Page) -> None:
    page.goto(site.address + SUPERNOVA)
    page.get_by_role("link", name="Flux").click()
    expect(page.get_by_role("link", name="Flux")).to_have_attribute("aria-current", "true")
    expect(page.locator(".on-light")).to_have_attribute("src", f"{SUPERNOVA}/lightcurve.svg?flux=1")
    expect(page).to_have_url(site.address + SUPERNOVA)


def test_position_is_copied(site: Served, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(site.address + SUPERNOVA)
    page.get_by_role("button", name="Copy the position in degrees").click()
    assert page.evaluate("navigator.clipboard.readText()") == "0.814290 +16.145693"

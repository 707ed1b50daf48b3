"""The pages in a real browser: quiet console, news as they come, keyboard, themes, accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import starter_filters
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
    "/signin",
    "/catalogues",
    "/watchlists",
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
        lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
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
    look(page)
    page.emulate_media(color_scheme="dark")
    assert violations(page, "{resultTypes: ['violations'], runOnly: ['color-contrast']}") == []


def look(page: Page) -> None:
    """Look at a page that is open with the eyes of the checker, and on narrow screens."""
    # The page's own policy lets nobody in; the checker comes in by the debugger.
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    assert violations(page, "{resultTypes: ['violations']}") == []
    for width in (820, 390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_who_signs_in_makes_a_token_and_a_watchlist(site: Served, page: Page, tmp_path: Path) -> None:
    table = tmp_path / "nearby.csv"
    table.write_text("name,RAJ2000,DEJ2000\nM31,10.684,41.269\nM33,23.462,30.660\n")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(site.address + "/tokens")
    expect(page).to_have_url(f"{site.address}/signin?next=/tokens")
    page.get_by_label("Token").fill(site.token("ada", "operator"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("What for").fill("laptop")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Your new token, laptop")).to_be_visible()
    look(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(site.address + "/watchlists")
    page.get_by_label("VOTable, FITS, Parquet or CSV").set_input_files(table)
    page.get_by_role("button", name="Bring it").click()
    expect(page.get_by_label("Right ascension")).to_have_value("RAJ2000", timeout=60_000)
    look(page)
    page.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(f"{site.address}/watchlists/nearby", timeout=60_000)
    look(page)
    page.goto(site.address + "/operator")
    look(page)


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


def test_keyboard_reaches_the_content_first_and_then_everything(site: Served, page: Page) -> None:
    page.goto(site.address + "/filters")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.address}/filters/bright-transient")


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

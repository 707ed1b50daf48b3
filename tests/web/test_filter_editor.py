"""The filter editor: it checks, tries on past nights and saves for who may; nothing written in it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from lxml import html
from playwright.sync_api import Browser, Page, expect

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import starter_filters
from vobroker.filters.attempt import Attempt
from vobroker.pipeline.river import run
from vobroker.sources.simulator import as_raw_batches, simulate

from .conftest import SCRIPT, Served, serving
from .test_browser import AXE, violations

BRIGHT = "-- Bright\n-- Brighter than 19.\nSELECT alert_id, object_id, mag FROM alert WHERE mag < 19\n"
FAINTER = BRIGHT.replace("19", "20")
ENDLESS = f"SELECT mag FROM alert WHERE '{'a' * 9000}' || object_id LIKE '%{'a' * 250}_b%'"
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A broker that has seen three short nights, with images."""
    filters = starter_filters()
    with open_archive(tmp_path_factory.mktemp("editor")) as archive:
        visits = simulate("ztf", seed=3, nights=3, visits=1, alerts_per_visit=12, history_nights=2)
        run(as_raw_batches(visits), archive, schemas=default_schemas(), filters=filters)
        with serving(archive, filters) as served:
            yield served


def events(answer: httpx.Response) -> list[tuple[str, str]]:
    """The events of a stream: name and data."""
    found = []
    for block in answer.text.split("\n\n"):
        lines = dict.fromkeys(line.partition(": ")[0] for line in block.splitlines())
        if "event" in lines:
            name = next(line[7:] for line in block.splitlines() if line.startswith("event: "))
            data = "\n".join(line[6:] for line in block.splitlines() if line.startswith("data: "))
            found.append((name, data))
    return found


def test_what_is_written_is_checked_with_the_place_of_the_mistake(place: Served) -> None:
    def check(text: str) -> dict:
        return (
            httpx.post(f"{place.address}/filters/check", content=text, timeout=30).raise_for_status().json()
        )

    wrong = check("-- é𝄞\nSELECT mag FROM alert WHERE maag < 2")["error"]
    assert (wrong["line"], wrong["column"], wrong["suggestion"]) == (2, 29, "Did you mean mag?")
    assert "no GROUP BY" in check("SELECT band FROM alert GROUP BY band")["error"]["message"]
    good = check("SELECT candid FROM ztf WHERE drb > 0.9")
    assert (good["valid"], good["note"], good["columns"][0]["name"]) == (
        True,
        "Alerts of ztf only.",
        "candid",
    )
    words = place.json("/filters/language")
    assert {"alert", "ztf", "lsst"} <= set(words["tables"])
    assert "object" not in words["tables"]
    assert "COUNT" not in words["functions"]


def test_a_trial_is_told_as_it_goes_on(place: Served) -> None:
    answer = place.post("/filters/trial", text=BRIGHT, name="young-supernova", nights="3")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer)
    assert told[0] == ("said", "Waiting for its turn.")
    assert told[-1] == ("end", "")
    page = html.fromstring([data for name, data in told if name == "trial"][-1])
    passed, seen = (page.xpath(f"string(//dt[.='{name}']/../dd)") for name in ("pass", "of"))
    mags = place.archive.query("SELECT count(*) AS n FROM alert WHERE mag < 19")["n"][0].as_py()
    assert (passed, seen) == (str(mags), "36")
    assert len(page.xpath("//table[caption='Alerts by night']/tbody/tr")) == 3
    assert "Beside version" in page.text_content()
    assert len(page.xpath("//article//svg")) == len(page.xpath("//article")) > 0
    stamp = page.xpath("//article//img/@src")[0]
    assert place.get(stamp).headers["content-type"] == "image/png"
    assert told[-2][1] == f"{passed} of 36 alerts pass in 3 of 3 nights."


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"text": "SELECT maag FROM alert"}, 400, "There is no column maag"),
        ({"text": BRIGHT, "nights": "9999"}, 422, "A trial looks at 1, 3, 7, 14, 30 nights."),
        ({"text": "-- " + "x" * 20_001}, 413, "at most 20,000 characters"),
        ({"text": "x" * 70_000}, 413, "A form may have 64,000 bytes."),
    ],
    ids=["wrong", "nights", "long", "giant"],
)
def test_what_cannot_be_tried_is_refused(
    place: Served, fields: dict[str, str], status: int, words: str
) -> None:
    answer = place.post("/filters/trial", headers=JSON, **fields)
    assert answer.status_code == status
    assert words in answer.json()["sentence"]


def test_a_trial_ends_when_nobody_looks_any_more(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    usual = Attempt.run

    def watched(self: Attempt) -> Iterator[None]:
        yield from usual(self)
        if self.ended == "stopped":
            ended.set()

    monkeypatch.setattr(Attempt, "run", watched)
    many = " OR ".join([ENDLESS.partition("WHERE ")[2]] * 2)[:18_900]
    fields = {"text": f"SELECT mag FROM alert WHERE {many}", "nights": "3"}
    with httpx.stream(
        "POST", f"{place.address}/filters/trial", data=fields, headers={"Origin": place.address}, timeout=60
    ) as answer:
        next(answer.iter_lines())
    assert ended.wait(60)


def test_without_scripts_the_form_tries_and_says_what_is_wrong(place: Served) -> None:
    page = html.fromstring(place.post("/filters/new", text=BRIGHT, nights="3", do="try").text)
    assert "36 alerts pass" not in page.xpath("string(//textarea)")
    assert "of 36 alerts pass in 3 of 3 nights" in page.xpath(
        "string(//section[@aria-labelledby='trial-heading'])"
    ).replace("\u202f", "")
    wrong = place.post("/filters/new", text="SELECT maag FROM alert", do="try")
    assert wrong.status_code == 400
    assert "^^^^" in wrong.text


def test_a_guest_is_told_how_to_sign_in_and_saves_nothing(place: Served) -> None:
    page = html.fromstring(place.get("/filters/new?from=agn-flare").text)
    assert page.xpath("//form//a[starts-with(@href, '/signin')]")
    assert not page.xpath("//button[@value='save']")
    assert "Flare of an active nucleus" in page.xpath("string(//textarea)")
    refused = place.post("/filters/new", name="guests", text=BRIGHT, do="save")
    assert refused.status_code == 403
    assert "signed in" in refused.text
    assert place.get("/filters/guests").status_code == 404


def test_a_filter_is_saved_changed_and_withdrawn_by_its_owner(place: Served) -> None:
    form = {"name": "of-ada", "text": BRIGHT, "do": "save"}
    with place.browser(place.token("ada")) as ada, place.browser(place.token("bob")) as bob:
        assert ada.post("/filters/new", data=form).headers["location"] == "/filters/of-ada"
        assert "of-ada" in place.json("/streams/")["streams"][-1]["name"]
        taken = bob.post("/filters/new", data=form | {"text": FAINTER})
        assert (taken.status_code, "is taken" in taken.text) == (409, True)
        assert bob.get("/filters/of-ada/edit").headers["location"] == "/filters/new?from=of-ada"
        assert bob.post("/filters/of-ada/edit", data=form | {"text": FAINTER}).status_code == 409
        assert bob.post("/filters/of-ada/withdraw", headers=JSON).status_code == 403
        assert bob.get("/filters/of-ada").text.count("/filters/of-ada/edit") == 0
        assert ada.post("/filters/of-ada/edit", data=form | {"text": FAINTER}).status_code == 303
        told = ada.get("/filters/of-ada", headers=JSON).json()
        assert (told["owner"], told["running"], len(told["versions"])) == ("ada", True, 2)
        assert told["cost"]["budget"] == {"seconds": 1, "rows": 256, "bytes": 16_000_000}
        assert ada.get("/filters/of-ada").text.count("/filters/of-ada/edit") == 1
        assert ada.post("/filters/of-ada/withdraw").status_code == 303
        assert not ada.get("/filters/of-ada", headers=JSON).json()["running"]
        assert "Withdrawn on" in ada.get("/filters/of-ada").text


def test_the_name_of_a_stream_that_once_was_is_nobodys(place: Served) -> None:
    with place.browser(place.token("carl")) as carl:
        for name in ("young-supernova", "agn-flare", "new"):
            answer = carl.post("/filters/new", data={"name": name, "text": BRIGHT, "do": "save"})
            assert answer.status_code == 409


@pytest.mark.parametrize("path", ["/filters/new", "/filters/trial", "/filters/young-supernova/withdraw"])
def test_forms_of_other_sites_are_refused(place: Served, path: str) -> None:
    with place.browser(place.token("dora")) as dora:
        for said in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = dora.post(path, data={"name": "csrf", "text": BRIGHT, "do": "save"}, headers=said)
            assert answer.status_code == 403
    assert place.get("/filters/csrf").status_code == 404


def test_markup_in_a_filter_stays_text_and_control_characters_are_refused(place: Served) -> None:
    with place.browser(place.token("eve", role="operator")) as eve:
        text = f"-- {SCRIPT}\n-- <img src=x onerror=alert(1)> & '\"\n{BRIGHT}"
        assert eve.post("/filters/new", data={"name": "evil", "text": text, "do": "save"}).status_code == 303
        for path in ("/filters/evil", "/filters/evil/edit", "/filters/new?from=evil", "/filters"):
            page = html.fromstring(eve.get(path).text)
            assert not page.xpath("//main//script | //main//img[@onerror]")
            assert SCRIPT in page.text_content()
        for hidden in ("\u202e", "\x1b[2J"):
            bad = {"name": "bidi", "text": f"-- a {hidden}\n{BRIGHT}", "do": "save"}
            answer = eve.post("/filters/new", data=bad)
            assert answer.status_code == 400
            assert "which cannot be seen" in answer.text
        named = eve.post("/filters/new", data={"name": f"{SCRIPT}\u202e", "text": BRIGHT, "do": "save"})
        assert named.status_code == 400
        assert SCRIPT not in named.text


def test_one_writes_tries_and_saves_in_a_browser(place: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page: Page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{place.address}/filters/new")
    text, verdict = page.get_by_role("textbox", name="ADQL 2.1"), page.locator("#verdict")
    text.press("ControlOrMeta+a")
    text.press("Backspace")
    page.keyboard.insert_text("SELECT alert_id, mag FROM alert WHERE maag < 19")
    expect(verdict).to_have_text(
        "Line 1, column 39: There is no column maag. Did you mean mag?", timeout=60_000
    )
    text.press("ControlOrMeta+a")
    text.press("Backspace")
    page.keyboard.insert_text("SELECT alert_id, mag FROM alert WHERE mag < 19")
    expect(verdict).to_have_text("Good. It gives alert_id, mag [mag].", timeout=60_000)
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Token").fill(place.token("fay"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="ADQL 2.1")).to_contain_text("WHERE mag < 19", timeout=60_000)
    page.get_by_label("Name", exact=True).fill("of-fay")
    page.get_by_role("textbox", name="ADQL 2.1").press("ControlOrMeta+Enter")
    expect(page.locator("#first")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=60_000)
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": AXE.read_text()})
    assert violations(page, "{resultTypes: ['violations']}") == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "{resultTypes: ['violations'], runOnly: ['color-contrast']}") == []
    for width in (820, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{place.address}/filters/of-fay", timeout=60_000)
    expect(page.get_by_role("link", name="Edit")).to_be_visible()
    context.close()
    assert complaints == []

"""The query editor: what it says while a query is written, what it gives, what it refuses."""

from __future__ import annotations

import io
import re
from urllib.parse import quote

import httpx
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from lxml import html
from playwright.sync_api import Browser, Page, Route, expect

from .conftest import SCRIPT, Served

BRIGHT = (
    "SELECT TOP 3 survey, object_id, alert_id, mag FROM alert WHERE survey = 'ztf' AND mag < 25 ORDER BY mag"
)


def check(site: Served, text: str | bytes) -> httpx.Response:
    return httpx.post(f"{site.address}/query/check", content=text, timeout=30)


def test_a_good_query_is_told_its_columns(site: Served) -> None:
    answer = check(site, "SELECT mag AS m, COUNT(*) AS n FROM alert GROUP BY mag").json()
    assert answer["valid"] is True
    assert answer["columns"][0] == {"name": "m", "type": "REAL", "unit": "mag", "ucd": "phot.mag"}


def test_a_mistake_is_told_its_place_and_cure(site: Served) -> None:
    error = check(site, "SELECT mag\nFROM alert\nWHERE maag < 20").json()["error"]
    assert (error["line"], error["column"], error["suggestion"]) == (3, 7, "Did you mean mag?")


def test_what_the_engine_cannot_do_exactly_is_told_before_it_runs(site: Served) -> None:
    answer = check(site, "SELECT POINT(ra, dec) FROM alert").json()
    assert answer["error"]["code"] == "unsupported"


@pytest.mark.parametrize(
    ("body", "status"), [(b"SELECT \xff", 400), (b"x" * 100_000, 413), (b"", 200), (b"\0" * 50, 200)]
)
def test_any_bytes_get_an_answer(site: Served, body: bytes, status: int) -> None:
    assert check(site, body).status_code == status


def test_the_result_is_a_page_and_json(site: Served) -> None:
    path = f"/query?q={quote(BRIGHT)}"
    data = site.json(path)
    assert [column["name"] for column in data["columns"]] == ["survey", "object_id", "alert_id", "mag"]
    assert len(data["rows"]) == 3
    assert all(isinstance(row["alert_id"], str) for row in data["rows"])
    page = html.fromstring(site.get(path).text)
    assert len(page.xpath("//section[@aria-labelledby='result']//tbody/tr")) == 3
    first = data["rows"][0]
    assert page.xpath(f"//a[@href='/objects/ztf/{quote(first['object_id'])}']")


def test_the_files_of_a_result_are_those_of_tap(site: Served) -> None:
    page = html.fromstring(site.get(f"/query?q={quote(BRIGHT)}").text)
    links = {a.text: a.get("href") for a in page.xpath("//section[@aria-labelledby='result']//a[@download]")}
    assert list(links) == ["CSV", "VOTable", "Parquet", "FITS", "JSON", "Arrow", "TSV"]
    rows = site.json(f"/query?q={quote(BRIGHT)}")["rows"]
    files = {name: httpx.get(address, timeout=30).raise_for_status() for name, address in links.items()}
    assert files["CSV"].text.splitlines()[1].startswith(f"ztf,{rows[0]['object_id']},{rows[0]['alert_id']},")
    votable = Table.read(io.BytesIO(files["VOTable"].content), format="votable")
    assert [str(number) for number in votable["alert_id"]] == [row["alert_id"] for row in rows]
    assert str(votable["mag"].unit) == "mag"
    assert pq.read_table(io.BytesIO(files["Parquet"].content)).num_rows == 3
    assert [row["alert_id"] for row in files["JSON"].json()["rows"]] == [row["alert_id"] for row in rows]


def test_a_query_that_cannot_run_is_400_with_the_caret(site: Served) -> None:
    answer = site.get(f"/query?q={quote('SELECT nothing FROM alert')}")
    assert answer.status_code == 400
    assert "There is no column nothing" in answer.text
    assert "^^^^^^^" in answer.text
    assert site.get(f"/query/plot.svg?q={quote('SELECT')}").status_code == 400


def test_markup_in_a_query_and_in_the_data_stays_text(site: Served) -> None:
    hostile = f"SELECT object_id, '{SCRIPT}' AS x FROM alert WHERE alert_id = 7"
    page = html.fromstring(site.get(f"/query?q={quote(hostile)}").text)
    assert not page.xpath("//td//script")
    assert SCRIPT in page.xpath("//td/text()")


def test_long_texts_and_unknown_forms_are_refused(site: Served) -> None:
    assert site.get(f"/query?q={'x' * 20_001}").status_code == 422
    assert site.get(f"/query/plot.exe?q={quote(BRIGHT)}").status_code == 404


def test_every_example_runs(site: Served) -> None:
    page = html.fromstring(site.get("/query").text)
    examples = page.xpath("//section[@aria-labelledby='examples']//a/@href")
    assert len(examples) >= 4
    for address in examples:
        assert site.json(address)["error"] is None


def test_the_editor_checks_while_one_writes_and_runs(site: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page: Page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(30_000)
    page.goto(f"{site.address}/query")
    text = page.get_by_role("textbox", name="ADQL 2.1")
    verdict = page.locator("#verdict")
    text.press_sequentially("SELECT TOP 3 object_id, 'é𝄞' AS note, mag FROM alert WHERE maag < 25")
    expect(verdict).to_have_text(
        "Line 1, column 60: There is no column maag. Did you mean mag?", timeout=30_000
    )
    assert page.locator(".cm-lintRange-error").inner_text() == "maag"
    text.press("Escape")
    text.press("ControlOrMeta+a")
    text.press("Backspace")
    expect(verdict).to_have_text("The query is checked while you write.", timeout=30_000)
    text.press_sequentially(BRIGHT)
    expect(verdict).to_have_text("Good. It gives survey, object_id, alert_id, mag [mag].", timeout=30_000)
    text.press("Escape")
    text.press("ControlOrMeta+Enter")
    expect(page.locator("#result")).to_contain_text("3 rows")
    expect(page.get_by_role("textbox", name="ADQL 2.1")).to_contain_text("ORDER BY mag")
    context.close()
    assert complaints == []


def test_who_writes_before_the_editor_is_there_goes_on_in_it(site: Served, browser: Browser) -> None:
    page = browser.new_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/query/language", hold)
    with page.expect_request("**/query/language"):
        page.goto(f"{site.address}/query")
    page.locator("textarea").press_sequentially("SELECT ")
    held[0].continue_()
    expect(page.locator("textarea")).to_be_hidden()
    page.keyboard.type("mag FROM alert")
    expect(page.get_by_role("textbox", name="ADQL 2.1")).to_contain_text("SELECT mag FROM alert")
    page.close()


def test_the_editor_completes_columns(site: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{site.address}/query")
    text = page.get_by_role("textbox", name="ADQL 2.1")
    text.press_sequentially("SELECT object_i", delay=20)
    expect(page.get_by_role("option", name="object_id")).to_be_visible()
    page.close()


def test_without_scripts_the_form_works_as_it_is(site: Served, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.address}/query")
    page.get_by_label("ADQL 2.1").fill(BRIGHT)
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result")).to_contain_text("3 rows")
    context.close()


def test_the_schema_browser_is_narrowed_and_gives_names_to_the_editor(site: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{site.address}/query")
    text = page.get_by_role("textbox", name="ADQL 2.1")
    text.press_sequentially("SELECT ")
    text.press("Escape")
    page.get_by_role("searchbox", name="Find a table or a column").fill("phot.mag error")
    shown = page.locator("[data-table]:visible > summary > code")
    expect(shown).to_contain_text(["alert", "measurement", "ztf"])
    expect(
        page.locator("[data-table]", has_text="Light curves: every").locator("[data-column]:visible")
    ).to_have_count(1)
    page.get_by_role("button", name="mag_error").first.click()
    expect(text).to_contain_text("SELECT mag_error")
    text.press_sequentially(" FROM ")
    text.press("Escape")
    page.get_by_role("button", name="Insert alert").click()
    expect(page.locator("#verdict")).to_have_text("Good. It gives mag_error [mag].", timeout=30_000)
    page.get_by_role("searchbox", name="Find a table or a column").fill("nothing of the kind")
    expect(page.get_by_text("No table and no column is called so.")).to_be_visible()
    context.close()


def test_a_word_of_the_language_is_inserted_in_quotes(site: Served) -> None:
    page = html.fromstring(site.get("/query").text)
    names = page.xpath("//details[summary/code='tap_schema.columns']//code/@data-name")
    assert '"size"' in names
    assert "unit" in names


PLOTTED = (
    "SELECT survey, object_id, mjd, mag, mag_error, band FROM alert WHERE object_id = 'ZTF21abiuvdk'"
    " ORDER BY mjd"
)


def test_the_plot_is_a_picture_and_says_what_each_point_is(site: Served) -> None:
    for suffix, media_type in (("svg", "image/svg+xml"), ("png", "image/png")):
        answer = site.get(f"/query/plot.{suffix}?q={quote(PLOTTED)}")
        assert answer.headers["content-type"] == media_type
    found = site.json(f"/query/plot.json?q={quote(PLOTTED)}")
    rows = site.json(f"/query?q={quote(PLOTTED)}")["rows"]
    assert len(found["points"]) == len([row for row in rows if row["mag"] is not None])
    assert found["description"].startswith("mag (mag) against mjd (MJD, TAI): ")
    x, y, words, where = found["points"][0]
    assert 0 < x < 1
    assert 0 < y < 1
    assert words.startswith(f"object_id {rows[0]['object_id']}, mjd ")
    assert where == "/objects/ztf/ZTF21abiuvdk"


@pytest.mark.parametrize(
    ("query", "chosen", "sentence"),
    [
        (PLOTTED, "&x=nothing", "the result has no column 'nothing'"),
        ("SELECT nothing FROM alert", "", "There is no column nothing"),
    ],
)
def test_what_cannot_be_drawn_is_said(site: Served, query: str, chosen: str, sentence: str) -> None:
    answer = site.get(f"/query/plot.svg?q={quote(query)}{chosen}")
    assert answer.status_code == 400
    assert sentence in html.fromstring(answer.text).text_content()


def test_the_plot_follows_the_choice_and_its_points_lead_to_objects(site: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(30_000)
    page.goto(f"{site.address}/query?q={quote(PLOTTED)}")
    caption = page.locator("[data-plot-caption]")
    expect(caption).to_contain_text("mag (mag) against mjd (MJD, TAI): ")
    page.get_by_label("Up").select_option("mag_error")
    expect(caption).to_contain_text("mag_error (mag) against mjd (MJD, TAI): ")
    expect(page.locator("#plot .on-light")).to_have_attribute("src", re.compile("y=mag_error"))
    page.get_by_label("Up").select_option("mag")
    expect(caption).to_contain_text("mag (mag) against mjd")
    first = site.json(f"/query/plot.json?q={quote(PLOTTED)}")["points"][0]
    area = page.get_by_role("application")
    area.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".plot-words")).to_have_text(first[2])
    page.keyboard.press("Escape")
    expect(page.locator(".plot-words")).to_have_text("")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + first[0] * box["width"], box["y"] + first[1] * box["height"])
    expect(page.locator(".plot-words")).to_contain_text("object_id")
    page.mouse.click(box["x"] + first[0] * box["width"], box["y"] + first[1] * box["height"])
    page.wait_for_url(f"{site.address}/objects/ztf/ZTF21abiuvdk")
    context.close()
    assert complaints == []


def test_without_scripts_the_plot_is_chosen_by_the_form(site: Served, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.address}/query?q={quote(PLOTTED)}")
    page.get_by_label("Up").select_option("")
    page.get_by_role("button", name="Draw").click()
    expect(page.locator("[data-plot-caption]")).to_have_text("Plot of how many rows there are of each mjd")
    assert page.evaluate("document.querySelector('#plot .on-light').decode().then(() => true)")
    page.goto(f"{site.address}/query/plot.svg?q={quote(PLOTTED)}")
    page.locator("svg a").first.click()
    page.wait_for_url(f"{site.address}/objects/ztf/ZTF21abiuvdk")
    context.close()

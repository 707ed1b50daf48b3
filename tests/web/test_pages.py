"""Every page has its data as JSON at the same address, and nothing in it can run."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import duckdb
import httpx
import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from lxml import html
from matplotlib.image import imread

from vobroker import voevent
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.publish.folder import set_embedding
from vobroker.publish.lightcurve import light_curve_of
from vobroker.sources import files
from vobroker.timeseries import LightCurve, documents

from .conftest import SCRIPT, Served, serving

SUPERNOVA = "/objects/ztf/ZTF21abiuvdk"
PAGES = (
    "/",
    "/filters",
    "/filters/young-supernova",
    "/filters/hostile",
    SUPERNOVA,
    "/search",
    "/search?q=ZTF",
    "/search?q=0.8 16.1&radius=3600",
    "/query",
    "/query?q=SELECT survey, object_id, mag, mjd FROM alert",
    "/status",
    "/deadletters/1",
)


def links(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(/[^"]*)"', page))


@pytest.fixture(scope="module")
def latest(site: Served) -> dict:
    """The last alert of the supernova."""
    return site.json(SUPERNOVA)["latest"]


@pytest.mark.parametrize("path", PAGES)
def test_page_is_html_and_json_at_the_same_address(site: Served, path: str) -> None:
    page = site.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<main" in page.text
    assert '<html lang="en">' in page.text
    asked = site.get(path, headers={"Accept": "application/json"})
    mark = "&" if "?" in path else "?"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json().keys() == site.get(f"{path}{mark}format=json").json().keys()
    assert "Accept" in asked.headers["vary"]


@pytest.mark.parametrize(
    "path", [*PAGES, "/nothing", "/health", "/static/site.js", f"{SUPERNOVA}/lightcurve.svg"]
)
def test_browser_is_told_to_trust_nothing_from_elsewhere(site: Served, path: str) -> None:
    response = site.get(path)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_loaded_from_elsewhere_and_no_script_is_inline(site: Served, path: str) -> None:
    page = html.fromstring(site.get(path).text)
    loaded = page.xpath("//script/@src | //img/@src | //link/@href")
    assert loaded
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    assert page.xpath("//script[not(@src)] | //style | //*[@style]") == []
    assert [name for element in page.iter() for name in element.attrib if name.startswith("on")] == []


def status(client: httpx.Client, address: str) -> int:
    """Status of an answer, of which streams of events have no end."""
    with client.stream("GET", address) as answer:
        return answer.status_code


@pytest.mark.parametrize("path", ["/", "/filters", "/filters/young-supernova", SUPERNOVA, "/status"])
def test_every_link_of_the_page_leads_somewhere(site: Served, path: str) -> None:
    inside = {address.replace("&amp;", "&") for address in links(site.get(path).text)}
    with httpx.Client(base_url=site.address, timeout=30, follow_redirects=True) as client:
        broken = {address: status(client, address) for address in sorted(inside)[:80]}
    assert {address for address, status in broken.items() if status != 200} == set()


def test_64_bit_identifiers_are_strings_and_nulls_stay_null(site: Served) -> None:
    state = site.json("/")
    assert all(isinstance(row["alert_id"], str) for row in state["alerts"])
    assert {str(int(row["alert_id"])) for row in state["alerts"]} == {
        row["alert_id"] for row in state["alerts"]
    }
    assert all(isinstance(row["alert_id"], str) and isinstance(row["ivorn"], str) for row in state["events"])
    alert = site.json(f"/alerts/ztf/{site.json(SUPERNOVA)['latest']['alert_id']}")
    assert alert["alert"]["ra_error"] is None
    assert {row["name"]: row["value"] for row in alert["common"]} == alert["alert"]


def test_live_page_counts_what_the_archive_has(site: Served) -> None:
    state = site.json("/")
    assert state["totals"]["alerts"] == 2 * 2 * 24 + 34 + 1
    assert state["totals"]["dead_letters"] == 1
    assert sum(state["arrivals"]["alerts"]) == state["totals"]["alerts"]
    assert [row["sequence"] for row in state["alerts"]] == list(range(state["last"], state["last"] - 40, -1))


def test_filter_page_accounts_for_every_alert_it_saw(site: Served) -> None:
    for filter_ in site.json("/filters")["filters"]:
        page = site.json(f"/filters/{filter_['name']}")
        totals = page["totals"]
        assert totals["seen"] == totals["passed"] + totals["rejected"] + totals["failed"] == filter_["seen"]
        assert len(page["matches"]) == min(24, totals["passed"])


def test_filter_page_tells_versions_apart(series: list[Path], tmp_path: Path, site: Served) -> None:
    assert "Version" not in heads(site.get("/filters/young-supernova").text)
    text = "SELECT mag FROM alert WHERE mag < "
    versions = [compile_filter("bright", f"{text}{limit}") for limit in (14, 15)]
    with open_archive(tmp_path / "archive") as archive:
        for filter_, path in zip(versions, (series[0], series[-1]), strict=True):
            run(files.read([path]), archive, schemas=default_schemas(), filters=[filter_])
        with serving(archive, versions[1:]) as served:
            page = served.get("/filters/bright").text
    assert heads(page)[:3] == ["Night", "Version", "Seen"]
    cells = html.fromstring(page).xpath("//section[@aria-labelledby='account']//tbody//code/text()")
    assert cells == [f.version for f in reversed(versions)]


def heads(page: str) -> list[str]:
    """Headings of the account."""
    found: list[str] = html.fromstring(page).xpath(
        "//section[@aria-labelledby='account']//th[@scope='col']/text()"
    )
    return found


def test_matches_of_a_filter_go_on_page_by_page(site: Served) -> None:
    first = site.json("/filters/hostile?limit=10")
    second = site.json(f"/filters/hostile?limit=10&before={first['earlier']}")
    sequences = [row["sequence"] for row in first["matches"] + second["matches"]]
    assert len(sequences) == 20
    assert sequences == sorted(set(sequences), reverse=True)


def test_object_page_tells_all_its_alerts(site: Served) -> None:
    page = site.json(SUPERNOVA)
    assert page["object"]["n_alerts"] == len(page["alerts"]) == 34
    times = [row["mjd"] for row in page["alerts"]]
    assert times == sorted(times, reverse=True)
    assert len(page["light_curve"]) == sum(page["counts"].values())
    html = site.get(SUPERNOVA).text
    assert "00:03:15.43 +16:08:44.5" in html
    assert 'rel="noreferrer noopener"' in html


def test_light_curve_is_read_back_from_the_votable(site: Served) -> None:
    (series,) = documents.read(site.get(f"{SUPERNOVA}/lightcurve.vot").content).series
    curve = LightCurve.of(series)
    assert (curve.object_id, curve.survey) == ("ZTF21abiuvdk", "ztf")
    assert len(curve.detections) == 34


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [
        ("svg", b"<?xml"),
        ("png", b"\x89PNG"),
        ("csv", b'"survey",'),
        ("parquet", b"PAR1"),
        ("fits", b"SIMPLE  ="),
    ],
)
def test_light_curve_comes_in_other_forms(site: Served, suffix: str, begins: bytes) -> None:
    assert site.get(f"{SUPERNOVA}/lightcurve.{suffix}").content.startswith(begins)


def test_packet_is_given_byte_for_byte(site: Served, series: list[Path], latest: dict) -> None:
    packet = site.get(f"/alerts/ztf/{latest['alert_id']}/packet.avro")
    assert packet.content in {path.read_bytes() for path in series}
    assert latest["alert_id"] in packet.headers["content-disposition"]


@pytest.mark.parametrize("kind", ["difference", "science", "template"])
def test_stamps_come_as_fits_and_as_picture(site: Served, latest: dict, kind: str) -> None:
    address = f"/alerts/ztf/{latest['alert_id']}/cutouts/{kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)  # ZTF writes its cards a little off the standard
        shape = fits.getdata(io.BytesIO(site.get(f"{address}.fits").content)).shape
    picture = imread(io.BytesIO(site.get(f"{address}.png").content))
    assert picture.shape[:2] == shape
    assert np.ptp(picture[..., 0]) > 0.7


def test_event_is_a_voevent(site: Served) -> None:
    event = site.json("/filters/young-supernova")["matches"][0]
    document = site.get(f"/events/{event['stream']}/{event['survey']}-{event['alert_id']}.xml").content
    assert voevent.read(document).ivorn == event["ivorn"]


def test_an_event_carries_its_light_curve_as_the_archive_says(site: Served) -> None:
    event = site.json("/filters/young-supernova")["matches"][0]
    address = f"/events/{event['stream']}/{event['survey']}-{event['alert_id']}.xml"
    assert light_curve_of(voevent.read(site.get(address).content)) is None
    folder = Path(site.archive.place) / "voevents"
    set_embedding(folder, "votable", event["stream"])
    try:
        content = site.get(address).content
    finally:
        set_embedding(folder, "none", event["stream"])
    found = light_curve_of(voevent.read(content))
    assert found is not None
    assert found.object_id == event["object_id"]


def test_search_finds_by_name_place_and_number(site: Served, latest: dict) -> None:
    direct = site.get("/search?q=ztf21abiuvdk")
    assert (direct.status_code, direct.headers["location"]) == (303, SUPERNOVA)
    assert (
        site.get(f"/search?q={latest['alert_id']}").headers["location"] == f"/alerts/ztf/{latest['alert_id']}"
    )
    for place in ("0.8143 16.1457", "00:03:15.43 +16:08:44.5", "00h03m15.43s, +16d08m44.5s"):
        found = site.get("/search", params={"q": place, "radius": 5, "format": "json"}).json()["objects"]
        assert "ZTF21abiuvdk" in {row["object_id"] for row in found}
        assert [row["distance"] for row in found] == sorted(row["distance"] for row in found)
        assert found[-1]["distance"] < 5 / 3600
    assert site.json("/search?q=0.8143 -16.1457")["objects"] == []


def test_status_shows_an_identity_that_holds(site: Served) -> None:
    status = site.json("/status")
    sums = status["balance"]
    assert status["balanced"]
    assert sums["received"] == sums["archived"] + sums["duplicate"] + sums["dead"]
    assert "Every alert is accounted for" in site.get("/status").text


def test_status_gives_alarm_when_the_identity_does_not_hold(tmp_path: Path) -> None:
    open_archive(tmp_path).close()
    with duckdb.connect(tmp_path / "archive.duckdb") as db:
        db.execute("INSERT INTO ledger_entry VALUES ('night.tar', 0, 'ztf', 20260305, 1, 5, 3, 1, 0)")
    with open_archive(tmp_path) as archive, serving(archive) as broken:
        page = broken.get("/status").text
        assert not broken.json("/status")["balanced"]
    assert "The account does not hold" in page
    assert 'role="alert"' in page
    assert "≠" in page


def test_dead_letter_is_shown_and_given_back(site: Served, series: list[Path]) -> None:
    letter = site.json("/deadletters/1")
    assert letter["letter"]["size"] == 30_000
    assert letter["meaning"]
    assert site.get("/deadletters/1/data").content == series[0].read_bytes()[:30_000]
    start = letter["excerpt"]["start"]
    assert bytes.fromhex(letter["excerpt"]["hex"]) == series[0].read_bytes()[:30_000][start : start + 512]


@pytest.mark.parametrize("path", ["/", "/status", "/deadletters/1", "/search?q=ZTF", "/filters/hostile"])
def test_no_page_tells_where_the_broker_keeps_things(site: Served, path: str) -> None:
    for answer in (site.get(path).text, site.get(f"{path}{'&' if '?' in path else '?'}format=json").text):
        assert str(site.archive.folder.parent) not in answer
        assert "/tmp" not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/filters",
        "/filters/hostile",
        "/status",
        "/deadletters/1",
        f"/search?q={SCRIPT}",
        "/objects/ztf/%3Cscript%3Ealert(1)%3Cscript%3E",
        f"/filters/{SCRIPT[:8]}",
    ],
)
def test_hostile_text_stays_text(site: Served, path: str) -> None:
    page = site.get(path).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_what_is_not_there_is_said_with_the_nearest_names(site: Served) -> None:
    missing = site.get("/objects/ztf/ZTF21abiuvdx")
    assert missing.status_code == 404
    assert f'href="{SUPERNOVA}"' in missing.text
    assert site.get("/filters/yung-supernova", headers={"Accept": "application/json"}).json()["near"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/alerts/ztf/1", 404),
        ("/alerts/ztf/one", 422),
        (f"/alerts/ztf/{2**63}", 422),
        ("/alerts/nosuch/1", 404),
        ("/deadletters/99", 404),
        (f"/objects/ztf/{'x' * 200}", 422),
        (f"/search?q={'x' * 200}", 422),
        ("/search?q=1 1&radius=-1", 422),
        ("/status?limit=100000", 422),
        (f"/status?before={2**63}", 422),
        (f"/filters/young-supernova?before={10**60}", 422),
        (f"{SUPERNOVA}/lightcurve.exe", 404),
        ("/events/young-supernova/ztf-1.xml", 404),
    ],
)
def test_bad_addresses_get_a_sentence(site: Served, path: str, status: int) -> None:
    response = site.get(path, headers={"Accept": "application/json"})
    assert response.status_code == status
    assert response.json()["sentence"].endswith(".")
    assert "Traceback" not in response.text


def test_a_failure_shows_nothing_of_the_inside(tmp_path: Path) -> None:
    archive = open_archive(tmp_path)
    with serving(archive) as failing:
        archive.close()
        page = failing.get("/status")
        health = failing.get("/health")
    assert page.status_code == 500
    assert "could not make this page" in page.text
    assert not re.search(r"Traceback|duckdb|\.py|/tmp", page.text, re.IGNORECASE)
    assert page.headers["content-security-policy"]
    assert (health.status_code, health.json()) == (503, {"status": "unavailable"})


def test_empty_archive_has_all_its_pages(tmp_path: Path) -> None:
    with open_archive(tmp_path) as archive, serving(archive) as empty:
        for path in ("/", "/filters", "/search?q=x", "/search?q=1 1", "/status", "/health"):
            assert empty.get(path).status_code == 200
            assert empty.get(path, headers={"Accept": "application/json"}).status_code == 200

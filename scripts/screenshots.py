"""Take the pictures of the pages in docs/images/: simulated nights, with what a broker has besides alerts.

Run as ``.venv/bin/python -m scripts.screenshots`` in the checkout, after ``scripts/chromium.sh``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import cdshealpix
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from playwright.sync_api import Page, sync_playwright
from tests.web.chromium import FLAGS, find_chromium

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
PORT = 8765
PAGE = f"http://127.0.0.1:{PORT}"
QUERY = """SELECT TOP 20 survey, object_id, COUNT(*) AS points, MAX(mag) - MIN(mag) AS range_mag
FROM measurement
WHERE mag_error < 0.1
GROUP BY survey, object_id
HAVING COUNT(*) >= 5
ORDER BY range_mag DESC"""
NIGHTS = ("--nights", 7, "--visits", 6, "--alerts", 60, "--seed", 5)
MINE = """-- Young supernova, bright and real
-- A new point source, brighter than magnitude {limit}, seen up to a dozen times within two weeks.
SELECT survey, alert_id, object_id, mjd, ra, dec, band, mag, mjd - first_mjd AS age
FROM alert
WHERE positive = 1
  AND real_bogus > 0.6
  AND mag < {limit}
  AND n_detections BETWEEN 2 AND 12
  AND mjd - first_mjd < 15
  AND COALESCE(extendedness, 0) < 0.9
  AND COALESCE(trail_length, 0) < 1.5
  AND solar_system = 0
"""
FLOW = 20_000
"""Milliseconds until the live nights flow."""


def run(folder: Path, *words: object) -> str:
    """Run a command of vobroker in a folder, and give what it says."""
    command = [sys.executable, "-m", "vobroker", *map(str, words)]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603


def sky_map(file: Path, ra: float, dec: float, sigma: float) -> None:
    """Write a sky map of gravitational waves: a normal distribution around a place, sigma in degrees."""
    order = 6
    cells = np.arange(12 * 4**order, dtype=np.uint64)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, order)
    away = np.hypot((lon.deg - ra) * np.cos(np.radians(dec)), lat.deg - dec)
    prob = np.exp(-0.5 * (away / sigma) ** 2)
    unit = fits.BinTableHDU.from_columns([fits.Column("PROB", "D", array=prob / prob.sum())])
    unit.header.update({"ORDERING": "NESTED", "COORDSYS": "C", "NSIDE": 2**order, "MJD-OBS": 61104.2})
    unit.writeto(file)


def prepare(folder: Path) -> dict[str, str]:
    """Fill an archive; give the tokens of a user and of an operator."""
    for survey in ("lsst", "ztf"):
        run(folder, "simulate", survey, "--out", survey, *NIGHTS)
    run(folder, "catalogue", "add", "lsst/truth.csv", "--name", "known", "--id", "object_id", "--radius", 2,
        "--mag", "peak_mag", "--description", "Known variables")  # fmt: skip
    cells, depths, _ = cdshealpix.nested.cone_search(
        Longitude(189, u.deg), Latitude(-4, u.deg), 3 * u.deg, 7, flat=True
    )
    (folder / "deep.json").write_text(json.dumps({str(depths[0]): cells.tolist()}))
    run(folder, "region", "add", "deep.json", "--name", "deep", "--description", "Deep drilling field")
    sky_map(folder / "event.fits", 190, -6, 4)
    run(folder, "skymap", "add", "event.fits", "--name", "event", "--description", "A simulated event")
    (folder / "bad").mkdir()
    (folder / "bad" / "page.avro").write_bytes(b"<html>Service unavailable</html>")
    run(folder, "ingest", "lsst", "ztf", "bad")
    (folder / "mine.adql").write_text(MINE.format(limit=17))
    run(folder, "filter", "save", "rising-supernova", "mine.adql", "--owner", "ada")
    tokens = {"ada": run(folder, "token", "add", "ada", "--note", "laptop").strip()}
    tokens["root"] = run(folder, "token", "add", "root", "--role", "operator").strip()
    return tokens


def ask(path: str) -> Any:
    """Give the data of a page."""
    request = Request(PAGE + path, headers={"Accept": "application/json"})  # noqa: S310
    with urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def best_known() -> str:
    """Give the page of the young-supernova match with the most alerts."""
    found: dict[str, int] = {}

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("object_id"):
                page = f"/objects/{node['survey']}/{node['object_id']}"
                found[page] = found.get(page, 0) + 1
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(ask("/filters/young-supernova"))
    return max(found, key=lambda page: found[page])


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Take one picture of a page as it is."""
    page.wait_for_timeout(2500)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)


def take(page: Page, path: str, name: str, *, whole: bool = False) -> None:
    """Take one picture of an address."""
    page.goto(PAGE + path)
    shoot(page, name, whole=whole)


def sign_in(page: Page, token: str) -> None:
    """Sign in with a token."""
    page.goto(f"{PAGE}/signin")
    page.fill("#token", token)
    page.click("main button[type=submit]")


def of_a_user(page: Page, token: str, folder: Path) -> None:
    """Take the pictures of what a user does."""
    take(page, "/signin", "signin")
    sign_in(page, token)
    take(page, "/tokens", "tokens")
    page.goto(f"{PAGE}/watchlists")
    page.set_input_files("input[type=file]", folder / "lsst" / "truth.csv")
    page.click("main form button[type=submit]")
    page.get_by_text("Make a watchlist of it").wait_for(timeout=60_000)
    shoot(page, "watchlists", whole=True)
    page.goto(f"{PAGE}/filters/rising-supernova/edit")
    page.locator(".cm-content").fill(MINE.format(limit=18))
    page.click("text=Try on past nights")
    page.locator(".trial .note", has_text="in 7 of 7 nights").first.wait_for(timeout=120_000)
    shoot(page, "filter-editor", whole=True)


def main() -> None:
    """Fill an archive, serve it and take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = prepare(folder)
        command = [sys.executable, "-m", "vobroker", "serve", "--simulate", "--no-open", "--port", str(PORT)]
        server = subprocess.Popen([*command, "--tokens", "vobroker-tokens"], cwd=folder)  # noqa: S603
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
                size: Any = {"width": 1280, "height": 860}
                dark = browser.new_page(viewport=size, color_scheme="dark")
                light, user, operator = (
                    browser.new_context(viewport=size, color_scheme="light").new_page() for _ in range(3)
                )
                dark.wait_for_timeout(FLOW)
                take(dark, "/", "live")
                take(dark, "/filters/young-supernova", "filters")
                take(light, best_known(), "object", whole=True)
                take(light, "/status", "status")
                take(light, f"/query?q={quote(QUERY)}", "query")
                light.goto(f"{PAGE}/sky?ra=187&dec=-2&radius=9")
                for layer in ("Deep drilling field", "A simulated event"):
                    light.get_by_label(layer).check()
                shoot(light, "sky")
                take(light, "/filters/fast-moving/live", "stream")
                take(light, "/catalogues/match_known", "catalogues", whole=True)
                take(light, "/platforms?job=rubin-filter", "platforms")
                of_a_user(user, tokens["ada"], folder)
                sign_in(operator, tokens["root"])
                take(operator, "/operator", "operator", whole=True)
                browser.close()
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()

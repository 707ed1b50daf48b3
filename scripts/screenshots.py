"""Take the pictures of the pages in docs/images/, from the simulated nights of ``make demo``.

Run as ``.venv/bin/python -m scripts.screenshots`` in the checkout, after ``scripts/chromium.sh``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

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
SECONDS_OF_FLOW = 35
"""Until the past nights of the demo are in and the live one flows."""


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


def take(page: Page, path: str, name: str, *, whole: bool = False) -> None:
    """Take one picture."""
    page.goto(PAGE + path)
    page.wait_for_timeout(2500)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)


def main() -> None:
    """Run the demo and take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vobroker", "serve", "--simulate", "--no-open"]
        server = subprocess.Popen([*command, "--port", str(PORT), "--archive", f"{folder}/demo"])  # noqa: S603
        try:
            time.sleep(SECONDS_OF_FLOW)
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=find_chromium(), args=FLAGS)
                dark = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="dark")
                light = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
                take(dark, "/", "live")
                take(dark, "/filters/young-supernova", "filters")
                take(light, best_known(), "object", whole=True)
                take(light, "/status", "status")
                take(light, f"/query?q={quote(QUERY)}", "query")
                browser.close()
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()

"""The page of those who run the broker, and that the others see nothing of the inside."""

from __future__ import annotations

import re
import threading
import time

import httpx
import pytest

from .conftest import Served

JSON = {"Accept": "application/json"}


@pytest.fixture
def operator(site: Served) -> str:
    return site.token("root", "operator")


def test_it_is_for_operators(site: Served) -> None:
    assert site.get("/operator").headers["location"] == "/signin?next=/operator"
    with site.browser(site.token("ada")) as client:
        assert client.get("/operator").status_code == 403


def test_it_tells_the_account_the_dead_letters_by_reason_and_the_costs(site: Served, operator: str) -> None:
    with site.browser(operator) as client:
        told = client.get("/operator", headers=JSON).raise_for_status().json()
        balance = told["balance"]
        assert balance["received"] == balance["archived"] + balance["duplicate"] + balance["dead"] > 0
        assert told["faults"] == []
        (letters,) = told["dead_letters"]
        (last,) = letters["last"]
        assert (letters["letters"], last["size"]) == (1, 30_000)
        assert len(client.get(f"/deadletters/{last['id']}/data").content) == 30_000
        assert re.search(r"\d+\.\d+", told["versions"]["python"])
        page = client.get("/operator").text
        assert f"vobroker deadletter retry --reason {letters['reason']}" in page
        assert "<script>alert" not in page


def test_who_listens_is_seen_with_how_far_behind(site: Served, operator: str) -> None:
    with (
        site.browser(operator) as client,
        httpx.stream(
            "GET",
            f"{site.address}/streams/hostile/lines?since=beginning",
            headers={"Authorization": f"Bearer {site.token('listener')}"},
            timeout=60,
        ) as answer,
    ):
        lines = answer.iter_lines()
        while not next(lines):
            pass
        until = time.monotonic() + 60
        while time.monotonic() < until:
            listeners = client.get("/operator", headers=JSON).json()["listeners"]["furthest"]
            found = [one for one in listeners if one["who"] == "listener"]
            if found and found[0]["bytes"]:
                break
            threading.Event().wait(0.1)
        (one,) = found
        assert (one["stream"], one["format"]) == ("hostile", "json")
        assert one["bytes"] > 1000
        assert one["behind"] >= 0


def test_the_public_pages_say_nothing_of_the_inside(site: Served) -> None:
    for path in ("/status", "/deadletters/1"):
        told = site.get(path, headers=JSON).text + site.get(path).text
        for word in ("source", "partition", "site0", "duckdb"):
            assert word not in told.lower(), (path, word)

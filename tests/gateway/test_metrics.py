"""Metrics: they are the ledger's numbers and the service's own, and for operators only."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from vobroker import tokens
from vobroker.archive import Archive, ArchiveError
from vobroker.roles import read_roles
from vobroker.tap import Jobs, Service
from vobroker.tokens import add, new_token
from vobroker.web import create_app

from .conftest import Served, messages, serving
from .test_app import Flow

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy/grafana/vobroker.json"


def read(answer: httpx.Response) -> dict[tuple[str, ...], float]:
    """Give samples by name and values of labels."""
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_numbers_are_those_of_the_ledger_and_of_the_service(served: Served, flow: Flow) -> None:
    flow()
    every = flow()
    served.get("/nothing")
    with served.lines("/streams/all/lines?since=beginning") as lines:
        messages(lines, 16)
        answer = served.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = read(answer)
    account = served.archive.query("SELECT sum(received) AS r, sum(dead) AS d FROM ledger").to_pylist()[0]
    assert found["vobroker_alerts_received_total", "lsst"] == account["r"] == 16
    assert found["vobroker_alerts_archived_total", "lsst"] == 16
    assert found["vobroker_alerts_dead_total", "lsst"] == account["d"] == 0
    assert found["vobroker_filter_seen_total", "half"] == 16
    passed = len(served.archive.events("half", 0))
    assert 0 < passed < 16
    assert found["vobroker_filter_passed_total", "half"] == passed
    assert found[("vobroker_listeners",)] == 1
    assert found[("vobroker_pages_total",)] >= 1
    assert found["vobroker_requests_total", "streams", "200"] == 1
    assert found["vobroker_requests_total", "pages", "404"] == 1
    assert found["vobroker_request_seconds_count", "streams"] == 1
    assert 0 <= found[("vobroker_newest_alert_age_seconds",)] < 600
    assert every


def test_who_is_elsewhere_needs_a_token_of_an_operator(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "FRESH", 0.0)
    given = {}
    for name, role, scopes in (
        ("op", "operator", []),
        ("scraper", "operator", ["metrics"]),
        ("tap", "operator", ["tap"]),
        ("user", "user", []),
    ):
        given[name], made = new_token(name, role, scopes=scopes)
        add(served.tokens, made)
    elsewhere = {"X-Forwarded-For": "203.0.113.5"}
    for headers, status in (
        ({}, 200),
        (elsewhere, 404),
        ({"X-Forwarded-For": "127.0.0.1"}, 404),
        ({"Via": "1.1 proxy"}, 404),
        ({"Host": "alerts.example.org"}, 404),
        (elsewhere | {"Authorization": f"Bearer {given['op']}"}, 200),
        (elsewhere | {"Authorization": f"Bearer {given['scraper']}"}, 200),
        (elsewhere | {"Authorization": f"Bearer {given['user']}"}, 404),
        (elsewhere | {"Authorization": f"Bearer {given['tap']}"}, 401),
        (elsewhere | {"Authorization": "Bearer guessed"}, 401),
    ):
        answer = served.get("/metrics", **headers)
        assert answer.status_code == status, headers
        assert ("vobroker_" in answer.text) == (status == 200)
    # What is good for metrics is good for nothing else.
    assert served.get("/streams/", Authorization=f"Bearer {given['scraper']}").status_code == 401


def test_an_archive_that_does_not_answer_is_told_and_waited_for(
    served: Served, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def broken(*_: object) -> None:
        asked.set()
        raise ArchiveError("it is at postgres://inside")

    with served.lines("/streams/all/lines") as lines:
        with monkeypatch.context() as patch:
            patch.setattr(type(served.archive), "query", broken)
            assert asked.wait(60)
            found = read(served.get("/metrics"))
        now = flow()
        assert [one["alert"]["alert_id"] for one in messages(lines, len(now))] == now
    assert found[("vobroker_archive_up",)] == 0
    assert found[("vobroker_listeners",)] == 1
    assert not [name for name, *_ in found if name.startswith("vobroker_alerts")]


def test_the_dashboard_names_metrics_that_are_there(served: Served, flow: Flow, tmp_path: Path) -> None:
    flow()
    served.get("/streams/")
    there = {name for name, *_ in read(served.get("/metrics"))}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    named = set(re.findall(r"\b(?:vobroker|process)_\w+", "\n".join(asked)))
    assert len(named) > 10
    assert named <= there, named - there
    alone = {
        name for name in there if name.startswith("vobroker_") and not name.endswith(("_created", "_sum"))
    }
    assert alone - named <= {"vobroker_request_seconds_count"}, "metrics that the dashboard does not show"


def test_metrics_beside_the_pages_are_for_who_is_here(archive: Archive, tmp_path: Path) -> None:
    def get(**headers: str) -> httpx.Response:
        app = create_app(service)

        async def ask() -> httpx.Response:
            here = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
            async with httpx.AsyncClient(transport=here, base_url="http://localhost") as client:
                return await client.get("/metrics", headers=headers)

        return asyncio.run(ask())

    service = Service(archive, read_roles(), Jobs(tmp_path / "jobs"))
    assert read(get())[("vobroker_listeners",)] == 0
    assert get(Forwarded="for=192.0.2.1").status_code == 404
    service.address = "https://alerts.example.org/tap"  # behind a proxy everybody may seem to be here
    assert get().status_code == 404


def test_a_scrape_asks_for_no_secret_of_the_process(archive: Archive, tmp_path: Path) -> None:
    """Names of files, hosts and users are in no label."""
    with serving(archive, read_roles(), tmp_path / "audit.jsonl") as served:
        text = served.get("/metrics").text
    assert str(tmp_path) not in text
    assert "127.0.0.1" not in text

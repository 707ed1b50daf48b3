"""What is looked for first in an application on the web, at every public address of ours."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive
from vobroker.gateway import create_app as create_gateway
from vobroker.gateway import create_streams
from vobroker.pipeline.river import run
from vobroker.roles import read_roles
from vobroker.sources.simulator import as_raw_batches, simulate
from vobroker.tap import Jobs, Service
from vobroker.tokens import add, new_token
from vobroker.web import create_app as create_pages

from .conftest import ALL, HALF
from .test_app import INSIDE

ENDLESS = re.compile(r"/live|/stream(\.ndjson)?$|/events$|/lines$|/ws$|/trial$")
"""Addresses whose answers end only when the listener leaves."""

EVIL = "evil.example"
SECRET = "postgresql://inside:5432/home/secret.py"


@dataclass
class Place:
    """An application, its addresses filled in, and who may sign in."""

    app: Starlette
    paths: Sequence[tuple[str, frozenset[str]]]
    archive: Archive
    token: str

    @property
    def readable(self) -> list[str]:
        return [path for path, methods in self.paths if "GET" in methods]

    @cached_property
    def answers(self) -> list[tuple[str, httpx.Response]]:
        """What a guest gets, who asks for nothing special."""
        return list(self.ask([*self.readable, "/nothing", "/tap/nothing", "/streams/nothing"]))

    def ask(
        self, asked: Sequence[str], method: str = "GET", cookies: dict | None = None, **headers: str
    ) -> Iterator[tuple[str, httpx.Response]]:
        """Ask for addresses of this application, all in one loop."""

        async def every() -> list[httpx.Response]:
            to = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("192.0.2.7", 5000))
            base = "http://alerts.example.org"
            async with httpx.AsyncClient(transport=to, base_url=base, cookies=cookies) as client:
                return [await client.request(method, path, headers=headers) for path in asked]

        return zip(asked, asyncio.run(every()), strict=True)


def _addresses(app: object, before: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    for route in app.routes:
        if hasattr(route, "original_router"):
            yield from _addresses(route.original_router, before)
        elif isinstance(route, Mount):
            inner = getattr(route.app, "app", route.app)
            if hasattr(inner, "routes"):
                yield from _addresses(inner, before + route.path)
        elif methods := getattr(route, "methods", None):
            yield before + route.path, frozenset(methods)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with open_archive(tmp_path_factory.mktemp("checklist") / "archive") as opened:
        visit = next(
            as_raw_batches(simulate("lsst", seed=11, visits=1, alerts_per_visit=8, history_nights=2))
        )
        run([visit], opened, schemas=default_schemas(), filters=[ALL, HALF])
        yield opened


@pytest.fixture(scope="module", params=["serve", "gateway"])
def place(
    request: pytest.FixtureRequest, archive: Archive, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    return make(request.param, archive, tmp_path_factory)


def make(kind: str, archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Make an application that does not run: what it says is asked for in this process."""
    folder = tmp_path_factory.mktemp("place")
    token, line = new_token("ada", "user")
    add(folder / "tokens", line)
    roles = read_roles(None, folder / "tokens")
    if kind == "gateway":
        app = create_gateway(create_streams(archive, roles, filters=[ALL, HALF]))
    else:
        tap = Service(archive, roles, Jobs(folder / "jobs"))
        if "proxy" in kind:
            tap.address = "https://our.example/tap"
        app = create_pages(tap, filters=[ALL, HALF])
    (alert,) = archive.query("SELECT survey, alert_id, object_id FROM alert LIMIT 1").to_pylist()
    values = {name: str(value) for name, value in alert.items()} | {
        **{"name": "all", "stream": "all", "suffix": "svg", "kind": "science", "table": "alert"},
        **{
            "identifier": "none",
            "part": "phase",
            "number": "1",
            "cursor": "A" * 32,
            "night": "1",
            "order": "3",
        },
    }
    found = {
        (re.sub(r"\{(\w+)(:\w+)?\}", lambda name: values.get(name[1], "1"), path), methods)
        for path, methods in _addresses(app)
        if not ENDLESS.search(path)
    }
    return Place(app, sorted(found, key=lambda one: one[0]), archive, token)


def test_all_addresses_are_looked_at(place: Place) -> None:
    assert len(place.readable) > (3 if place.app.routes[0].path == "/health" else 50)
    statuses = [answer.status_code for _, answer in place.answers]
    assert 200 in statuses
    assert not [status for status in statuses if status >= 500]


def test_browsers_are_told_what_they_may_do(place: Place) -> None:
    for path, answer in place.answers:
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin"), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", ""), path
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert "frame-ancestors 'none'" in policy, path
            assert "unsafe-inline" not in policy, path


def test_what_is_sent_is_what_it_says(place: Place) -> None:
    for path, answer in place.answers:
        kind = answer.headers.get("content-type", "")
        assert kind or not answer.content, path
        assert "charset=" in kind or not kind.startswith("text/"), path
        if kind.startswith("application/json"):
            json.loads(answer.content)


def test_nobody_learns_what_runs_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"no connection to {SECRET}")

    monkeypatch.setattr(type(place.archive), "query", broken)
    failed = 0
    for path, answer in place.ask([*place.readable, "/nothing"]):
        about = f"{dict(answer.headers)}\n{answer.text if answer.status_code >= 400 else ''}"
        assert SECRET not in answer.text, path
        assert not {"x-powered-by", "x-aspnet-version", "via"} & set(answer.headers), path
        assert answer.headers.get("server", "vobroker") == "vobroker"
        if answer.status_code >= 500:
            failed += 1
            assert not INSIDE.search(re.sub(r"Health of the archive\.?|archive\.", "", about)), (path, about)
    assert failed


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "PUT", "PATCH", "DELETE"])
def test_methods_that_nobody_needs_are_refused(place: Place, method: str) -> None:
    asked = [path for path, methods in place.paths if method not in methods]
    for path, answer in place.ask(asked, method):
        assert answer.status_code in (404, 405), path


PAYLOADS = {
    "traversal": ("/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    "encoded": ("/static/..%2f..%2f..%2fapp.py", "/static/%252e%252e/app.py", "/static/..%5capp.py"),
    "absolute": ("/static//etc/passwd", "//etc/passwd", "/static/%00", "/static/style.css%00.html"),
    "listing": ("/static", "/static/", "/static/vendor/", "/static/vendor", "/streams/all/at/"),
    "files": ("/.git/config", "/.env", "/gateway.key", "/tokens.txt", "/server-status", "/app.py"),
    "breaks": ("/%0d%0aX-Evil:%20yes", "/tap/%0d%0aX-Evil:%20yes", "/streams/all%0d%0aX-Evil:%20yes"),
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_nothing_is_found_where_nothing_should_be(place: Place, kind: str) -> None:
    for path, answer in place.ask(PAYLOADS[kind]):
        assert answer.status_code in (307, 400, 404, 405, 422), path
        assert "x-evil" not in answer.headers, path
        assert "root:" not in answer.text, path
        if "location" in answer.headers:
            assert answer.headers["location"].startswith(("/", "http://alerts.example.org/")), path
            assert not answer.headers["location"].startswith("//"), path


def test_no_header_is_made_of_a_parameter(place: Place) -> None:
    line = "x%0d%0aX-Evil:%20yes"
    asked = [f"{path}?since={line}&q={line}&next={line}&format={line}" for path in place.readable]
    for path, answer in place.ask(asked):
        assert "x-evil" not in answer.headers, path


def test_a_foreign_host_is_repeated_by_nothing_that_is_kept(place: Place) -> None:
    for path, answer in place.ask(place.readable, Host=EVIL):
        if EVIL in answer.text or EVIL in str(dict(answer.headers)):
            assert "max-age" not in answer.headers.get("cache-control", ""), path


def test_behind_a_proxy_a_foreign_host_is_repeated_by_nothing(
    archive: Archive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = make("serve behind a proxy", archive, tmp_path_factory)
    for path, answer in place.ask(place.readable, Host=EVIL):
        assert EVIL not in answer.text, path
        assert EVIL not in str(dict(answer.headers)), path


@pytest.mark.parametrize(
    "target", [f"https://{EVIL}", f"//{EVIL}", rf"/\{EVIL}", f"/%09/{EVIL}", "javascript:x"]
)
def test_nobody_is_sent_elsewhere(place: Place, target: str) -> None:
    names = "&".join(f"{name}={target}" for name in ("next", "q", "url", "ivorn", "redirect", "return"))
    leading = ("/search", "/signin", "/tokens", "/voevents/one", "/tap", "/streams", "/platform/capabilities")
    for path, answer in place.ask([*(f"{path}?{names}" for path in leading), f"//{EVIL}/%2e%2e"]):
        where = answer.headers.get("location", "")
        assert not re.match(rf"(https?:)?[/\\]+\s*{EVIL}|javascript:", where), (path, where)


def test_pages_of_other_sites_read_what_is_for_everybody_and_no_session(place: Place) -> None:
    origin = {"Origin": f"https://{EVIL}"}
    for path, answer in place.ask(place.readable, **origin):
        allowed = answer.headers.get("access-control-allow-origin")
        assert "access-control-allow-credentials" not in answer.headers, path
        if path.startswith(("/tap/", "/streams/")):
            assert allowed == "*", path
        elif not path.startswith(("/events/", "/sky/")):
            assert allowed is None, path
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    ((_, answer),) = place.ask(["/streams/all"], "OPTIONS", **origin, **asks)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_what_is_private_stays_in_no_cache(place: Place) -> None:
    for path, answer in place.ask(place.readable, Authorization=f"Bearer {place.token}", Cookie="vobroker=x"):
        kept = answer.headers.get("cache-control", "")
        files = path.startswith(("/sky/", "/static/")) or "public" in kept  # the same for everybody
        assert "no-store" in kept or files, path
        assert "no-store" in kept or "text/html" not in answer.headers["content-type"], path


def test_nobody_has_a_cookie_who_has_not_signed_in(place: Place) -> None:
    assert not [path for path, answer in place.answers if "set-cookie" in answer.headers]


def test_errors_are_pages_of_ours(place: Place) -> None:
    for path, answer in place.ask(["/nothing", "/tap/nothing", "/streams/nothing", "/alerts/lsst/x"]):
        assert 400 <= answer.status_code < 500, path
        assert "<script>" not in answer.text, path
    hostile = "/%3Cscript%3Ealert(1)%3C/script%3E"
    for path, answer in place.ask([hostile, f"/tap{hostile}", f"/streams{hostile}", f"/search?q={hostile}"]):
        assert "<script>alert" not in answer.text or "html" not in answer.headers["content-type"], path

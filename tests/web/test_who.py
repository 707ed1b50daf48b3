"""Who asks: sessions that nobody can make, change or use again, and forms of our own pages only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vobroker import tokens
from vobroker.archive import open_archive
from vobroker.gateway.cursor import Cursors
from vobroker.gateway.seal import Seals
from vobroker.roles import read_roles
from vobroker.web.sessions import HOURS, Sessions
from vobroker.web.who import local

from .conftest import SCRIPT, Served, serving

COOKIE = "vobroker"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A broker that has received nothing."""
    with open_archive(tmp_path_factory.mktemp("who")) as archive, serving(archive) as served:
        yield served


def user_of(client: httpx.Client) -> str | None:
    return client.get("/signin", headers={"Accept": "application/json"}).raise_for_status().json()["name"]


def test_a_token_signs_in_until_one_signs_out(place: Served) -> None:
    with place.browser() as client:
        assert user_of(client) is None
        answer = client.post("/signin", data={"token": place.token("ada"), "next": "/status?limit=5"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/status?limit=5")
        said = answer.headers["set-cookie"].lower()
        assert all(word in said for word in ("httponly", "samesite=lax", "path=/"))
        assert user_of(client) == "ada"
        page = client.get("/status")
        assert ">ada</a>" in page.text
        assert page.headers["cache-control"] == "no-store"
        stolen = client.cookies[COOKIE]
        assert client.post("/signout").headers["location"] == "/"
        assert user_of(client) is None
        client.cookies.set(COOKIE, stolen)
        assert user_of(client) is None


def test_over_https_the_cookie_is_for_this_host_alone(place: Served) -> None:
    https = {"X-Forwarded-Proto": "https"}
    answer = place.post("/signin", https, token=place.token("eve"))
    said = answer.headers["set-cookie"]
    assert said.startswith("__Host-vobroker=")
    assert "Secure" in said
    assert "domain" not in said.lower()


def test_a_session_ends_with_its_token(place: Served) -> None:
    with place.browser(place.token("bob")) as client:
        assert user_of(client) == "bob"
        tokens.revoke(place.roles.tokens.file, "bob")
        until = time.monotonic() + 20
        while user_of(client) and time.monotonic() < until:
            threading.Event().wait(0.1)
        assert user_of(client) is None


def test_a_token_for_something_else_does_not_sign_in(place: Served) -> None:
    for token in (place.token("tap-only", scopes=["tap"]), "nonsense", "", place.token("gone", days=1e-9)):
        answer = place.post("/signin", elsewhere(token), token=token)
        assert answer.status_code == 401
        assert "This token does not hold here, or no more." in answer.text
        assert "set-cookie" not in answer.headers


def elsewhere(which: object) -> dict[str, str]:
    """Seem to come from an address of its own."""
    return {"X-Forwarded-For": f"2001:db8::{abs(hash(which)) % 0xFFFF:x}"}


def test_whoever_tries_tokens_has_to_wait(place: Served) -> None:
    here = {"X-Forwarded-For": "192.0.2.7"}
    good = place.token("carol")
    with place.browser(headers=here) as client:
        answers = [client.post("/signin", data={"token": f"guess{n}"}).status_code for n in range(8)]
        assert answers == [401] * 5 + [429] * 3
        late = client.post("/signin", data={"token": good})
        assert late.status_code == 429
        assert float(late.headers["retry-after"]) > 0
    bearer = place.get("/signin", headers={"Authorization": f"Bearer {good}"} | here)
    assert bearer.status_code == 429
    assert place.post("/signin", token=good).status_code == 303


def test_a_cookie_from_before_is_not_the_session(place: Served) -> None:
    with place.browser(place.token("mallory")) as other:
        planted = other.cookies[COOKIE]
        here = {"Cookie": f"{COOKIE}={planted}"}
        answer = place.post("/signin", here, token=place.token("victim"))
        assert answer.cookies[COOKIE] != planted
        assert user_of(other) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused(place: Served, headers: dict[str, str]) -> None:
    with place.browser(place.token("dan")) as client:
        kept = client.cookies[COOKIE]
        answer = httpx.post(
            f"{place.address}/signout", cookies={COOKIE: kept}, headers=headers, follow_redirects=False
        )
        assert answer.status_code == 403
        assert user_of(client) == "dan"


@pytest.mark.parametrize(
    "where",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/a\nb"],
)
def test_nobody_is_led_to_another_site(place: Served, where: str) -> None:
    answer = place.post("/signin", token=place.token("fay"), next=where)
    assert answer.headers["location"] == "/"


@given(st.text(max_size=30))
def test_where_one_is_led_is_of_this_site(text: str) -> None:
    address = httpx.URL("http://here.example").join(local(text))
    assert (address.scheme, address.host) == ("http", "here.example")


def test_what_is_put_into_the_address_is_only_text(place: Served) -> None:
    page = place.get("/signin", params={"next": f'/"{SCRIPT}'}).text
    assert SCRIPT not in page
    assert "&#34;&lt;script&gt;" in page


def test_a_guest_is_sent_to_sign_in_and_a_program_is_told(place: Served) -> None:
    page = place.get("/tokens?a=b")
    assert (page.status_code, page.headers["location"]) == (303, "/signin?next=/tokens%3Fa%3Db")
    assert place.get("/tokens", headers={"Accept": "application/json"}).status_code == 401


def test_a_large_form_is_refused(place: Served) -> None:
    assert place.post("/signin", token="x" * 70_000).status_code == 413


class TestSessions:
    @pytest.fixture
    def made(self, tmp_path: Path) -> tuple[Sessions, str]:
        token, one = tokens.new_token("ada", "user")
        tokens.add(tmp_path / "tokens", one)
        roles = read_roles(tokens=tmp_path / "tokens")
        sessions = Sessions(Seals.of(tmp_path), roles, tmp_path)
        return sessions, sessions.begin(roles.caller(token))

    def again(self, folder: Path) -> Sessions:
        return Sessions(Seals.of(folder), read_roles(tokens=folder / "tokens"), folder)

    def test_each_is_another_and_holds_after_a_restart(
        self, made: tuple[Sessions, str], tmp_path: Path
    ) -> None:
        sessions, cookie = made
        caller = sessions.caller(cookie)
        assert (caller.name, caller.role) == ("ada", "user")
        assert sessions.begin(caller) != cookie
        assert self.again(tmp_path).caller(cookie) == caller

    def test_what_was_signed_out_stays_so_after_a_restart(
        self, made: tuple[Sessions, str], tmp_path: Path
    ) -> None:
        sessions, cookie = made
        other = sessions.begin(sessions.caller(cookie))
        sessions.end(cookie)
        for one in (sessions, self.again(tmp_path)):
            assert one.caller(cookie) is None
            assert one.caller(other).name == "ada"

    def test_it_is_over_after_its_time(self, made: tuple[Sessions, str]) -> None:
        sessions, cookie = made
        old = sessions.begin(sessions.caller(cookie), now=time.time() - HOURS * 3600)
        assert sessions.caller(old) is None

    def test_a_changed_cookie_is_none(self, made: tuple[Sessions, str], tmp_path: Path) -> None:
        sessions, cookie = made
        for at in range(len(cookie)):
            changed = cookie[:at] + ("A" if cookie[at] != "A" else "E") + cookie[at + 1 :]
            assert sessions.caller(changed) is None, at
        for other in (cookie[:-4], cookie + "AAAA", "=", "é", Cursors.of(tmp_path).seal("session", 1)):
            assert sessions.caller(other) is None

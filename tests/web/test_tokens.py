"""The page of tokens: everybody has their own, an operator all, and none is shown twice."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from vobroker.archive import open_archive

from .conftest import SCRIPT, Served, serving

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A broker that has received nothing."""
    with open_archive(tmp_path_factory.mktemp("tokens")) as archive, serving(archive) as served:
        yield served


def asked(client: httpx.Client, path: str = "/tokens", **fields: object) -> httpx.Response:
    return client.post(path, data=fields, headers=JSON)


def listed(client: httpx.Client) -> list[dict]:
    return client.get("/tokens", headers=JSON).raise_for_status().json()["tokens"]


def test_a_token_is_made_shown_once_used_renewed_and_revoked(place: Served) -> None:
    with place.browser(place.token("ada")) as client:
        page = client.post("/tokens", data={"note": "laptop", "scope": ["web", "tap"], "days": "2"})
        assert page.status_code == 201
        made = asked(client, note="desk", scope=["web", "tap"], days="2").json()["made"]
        assert (made["role"], made["scopes"], made["note"]) == ("user", ["tap", "web"], "desk")
        assert made["token"] not in client.get("/tokens").text
        assert made["token"] not in place.roles.tokens.file.read_text()
        assert stat.S_IMODE(place.roles.tokens.file.stat().st_mode) == 0o600

        def holds(token: str) -> bool:
            return (
                place.get("/tokens", headers=JSON | {"Authorization": f"Bearer {token}"}).status_code == 200
            )

        assert holds(made["token"])
        renewed = asked(client, "/tokens/renew", fingerprint=made["fingerprint"]).json()["made"]
        assert (renewed["note"], renewed["scopes"]) == ("desk", ["tap", "web"])
        assert holds(renewed["token"])
        assert holds(made["token"])  # for a day, so that programs can be given the new one
        gone = asked(client, "/tokens/revoke", fingerprint=made["fingerprint"]).json()["revoked"]
        assert gone["fingerprint"] == made["fingerprint"]
        assert (holds(made["token"]), holds(renewed["token"])) == (False, True)


def test_nobody_sees_or_changes_the_tokens_of_another(place: Served) -> None:
    place.token("grace", note="hers")
    with place.browser(place.token("bob")) as client:
        assert {one["name"] for one in listed(client)} == {"bob"}
        with place.browser(place.token("root", "operator")) as operator:
            (hers,) = (one for one in listed(operator) if one["note"] == "hers")
            for action in ("renew", "revoke"):
                assert asked(client, f"/tokens/{action}", fingerprint=hers["fingerprint"]).status_code == 404
            assert asked(operator, "/tokens/revoke", fingerprint=hers["fingerprint"]).status_code == 200
            assert "hers" not in {one["note"] for one in listed(operator)}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scope": []}, "good for"),
        ({"scope": ["everything"]}, "everything"),
        ({"scope": ["tap"], "days": "1e9"}, "366 days"),
        ({"scope": ["tap"], "days": "nan"}, "366 days"),
        ({"scope": ["tap"], "days": "soon"}, "no number"),
        ({"scope": ["metrics"]}, "operators"),
        ({"scope": ["tap"], "note": "n" * 61}, "60 characters"),
        ({"scope": ["tap"], "note": "a\x1b[2Jb"}, "can be printed"),
    ],
    ids=["none", "unknown", "long", "nan", "word", "metrics", "note", "control"],
)
def test_what_cannot_be_is_refused_with_the_reason(
    place: Served, fields: dict[str, object], said: str
) -> None:
    with place.browser(place.token("cid")) as client:
        answer = asked(client, **fields)
        assert answer.status_code == 422
        assert said in answer.json()["error"]
        assert answer.json()["made"] is None


def test_a_user_makes_no_operator_and_nobody_else(place: Served) -> None:
    with place.browser(place.token("dan")) as client:
        made = asked(client, scope="tap", role="operator", name="root").json()["made"]
        assert (made["name"], made["role"]) == ("dan", "user")
    with place.browser(place.token("root2", "operator")) as client:
        made = asked(client, scope=["metrics"], role="operator", name="prometheus").json()["made"]
        assert (made["name"], made["role"]) == ("prometheus", "operator")


def test_there_are_as_many_as_the_role_says(place: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {role: replace(limits, tokens=2) for role, limits in place.roles.limits.items()}
    monkeypatch.setitem(place.roles.limits, "user", few["user"])
    with place.browser(place.token("eve")) as client:
        one = asked(client, scope="tap")
        assert one.status_code == 201
        refused = asked(client, scope="tap")
        assert refused.status_code == 422
        assert "may have 2" in refused.json()["error"]
        assert (
            asked(client, "/tokens/renew", fingerprint=one.json()["made"]["fingerprint"]).status_code == 422
        )


def test_notes_are_text_wherever_they_are_shown(place: Served) -> None:
    with place.browser(place.token("fay")) as client:
        page = client.post("/tokens", data={"note": f'"{SCRIPT}', "scope": "tap"}).text
        assert SCRIPT not in page
        assert page.count("&lt;script&gt;") >= 2


def test_a_form_of_another_site_makes_nothing(place: Served) -> None:
    with place.browser(place.token("hal")) as client:
        answer = client.post("/tokens", data={"scope": "tap"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert len(listed(client)) == 1

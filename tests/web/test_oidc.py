"""Signing in with OpenID Connect, at a provider that runs here; and tokens of it that are not in order."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from vobroker.archive import open_archive
from vobroker.web import oidc
from vobroker.web.oidc import Flow, OidcError, Provider, Settings, read_settings

from .conftest import Served, serving

PEOPLE = {
    "1": {"preferred_username": "ada", "groups": ["astronomers"]},
    "2": {"preferred_username": "root", "groups": ["astronomers", "brokers"]},
    "3": {"preferred_username": "../../etc <b>"},
    "4": {"name": "Nobody"},
}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    people = [oidc_provider_mock.User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=people, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def place(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A broker whose users sign in at a provider."""
    provider = Provider(Settings(issuer, "vobroker", "secret", "the observatory", operators=("brokers",)))
    with open_archive(tmp_path_factory.mktemp("oidc")) as archive, serving(archive, oidc=provider) as served:
        yield served


def gone_to(client: httpx.Client, sub: str, after: str = "/") -> str:
    """Go to the provider and sign in there; give where it leads back to."""
    there = client.get("/signin/oidc", params={"next": after})
    assert there.status_code == 303
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there.headers["location"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["code_challenge"]) == 43
    back = httpx.post(there.headers["location"], data={"sub": sub})
    assert back.status_code == 302, back.text
    return back.headers["location"]


def user_of(client: httpx.Client) -> str | None:
    return client.get("/signin", headers=JSON).json()["name"]


def test_who_signs_in_there_is_signed_in_here_and_makes_tokens(place: Served) -> None:
    assert "Sign in with the observatory" in place.get("/signin").text
    with place.browser() as client:
        answer = client.get(gone_to(client, "1", "/tokens"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/tokens")
        assert user_of(client) == "ada"
        (session,) = client.get("/tokens", headers=JSON).json()["tokens"]
        assert (session["role"], session["scopes"], session["note"]) == ("user", ["web"], "session")
        made = client.post("/tokens", data={"scope": "tap"}, headers=JSON).json()["made"]
        assert place.roles.caller(made["token"], "tap").name == "ada"
        kept = client.cookies["vobroker"]
        client.post("/signout")
        assert user_of(client) is None
        client.cookies.set("vobroker", kept)
        assert user_of(client) is None
        assert place.roles.caller(made["token"], "tap").name == "ada"


def test_a_group_makes_an_operator(place: Served) -> None:
    with place.browser() as client:
        client.get(gone_to(client, "2"))
        assert client.get("/operator").status_code == 200


def test_a_user_of_the_provider_has_no_tokens_of_an_operator_of_that_name(place: Served) -> None:
    place.token("ada", "operator", note="the operator")
    with place.browser() as client:
        client.get(gone_to(client, "1"))
        assert "operator" not in {one["role"] for one in client.get("/tokens", headers=JSON).json()["tokens"]}


@pytest.mark.parametrize("sub", ["3", "4"])
def test_who_has_no_name_that_can_be_is_not_signed_in(place: Served, sub: str) -> None:
    with place.browser() as client:
        answer = client.get(gone_to(client, sub))
        assert answer.status_code == 401
        assert "<b>" not in answer.text
        assert user_of(client) is None
    forget(place)


def forget(place: Served) -> None:
    """Let those who failed try again at once."""
    place.failures._buckets.clear()


@pytest.mark.parametrize("damage", ["state", "cookie", "other browser", "code", "denied", "issuer", "again"])
def test_what_is_not_the_answer_to_this_attempt_signs_nobody_in(place: Served, damage: str) -> None:
    with place.browser() as first, place.browser() as other:
        back = gone_to(first, "1")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        if damage == "other browser":
            gone_to(other, "1")
        client = other if damage == "other browser" else first
        if damage == "cookie":
            client.cookies = {"vobroker-oidc": client.cookies["vobroker-oidc"][:-8] + "AAAAAAAA"}
        asked |= {
            "state": {"state": asked["state"][:-1] + "~"},
            "code": {"code": "guess"},
            "issuer": {"iss": "https://evil.example"},
        }.get(damage, {})
        if damage == "denied":
            asked = {"error": "access_denied", "state": asked["state"]}
        if damage == "again":
            assert client.get("/signin/oidc/done", params=asked).status_code == 303
            client.post("/signout")
        answer = client.get("/signin/oidc/done", params=asked)
        assert answer.status_code == 401
        assert user_of(client) is None
    forget(place)


# -- tokens that are not in order --------------------------------------------------------------------------

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})


class Held(Provider):
    """A provider whose keys are at hand."""

    keys = (KEY,)
    asked = 0

    def _key_set(self, *, again: bool = False) -> KeySet:
        self.asked += again
        return KeySet(list(self.keys) if again else [KEY])


def claims(**changed: object) -> dict:
    now = int(time.time())
    good = {
        "iss": "https://id.example",
        "sub": "1",
        "aud": "vobroker",
        "exp": now + 60,
        "iat": now,
        "nonce": "n",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(told: dict, key: object = KEY, alg: str = "RS256", kid: str = "one") -> str:
    return jwt.encode({"alg": alg, "kid": kid}, told, key, algorithms=[alg])


def by_hand(told: dict, alg: str) -> str:
    """A token without a signature, or with one of the public key as if that were a secret."""
    parts = [json.dumps(part).encode() for part in ({"alg": alg, "kid": "one"}, told)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signature = hmac.digest(KEY.as_pem(private=False), text.encode(), "sha256") if alg == "HS256" else b""
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


WRONG = {
    "nonce": lambda: signed(claims(nonce="m")),
    "no nonce": lambda: signed(claims(nonce=None)),
    "issuer": lambda: signed(claims(iss="https://evil.example")),
    "audience": lambda: signed(claims(aud="another")),
    "for another too": lambda: signed(claims(aud=["vobroker", "another"])),
    "party": lambda: signed(claims(azp="another")),
    "expired": lambda: signed(claims(exp=int(time.time()) - 120)),
    "no end": lambda: signed(claims(exp=None)),
    "tomorrow": lambda: signed(claims(iat=int(time.time()) + 86_400)),
    "nobody": lambda: signed(claims(sub=None)),
    "key": lambda: signed(claims(), OTHER),
    "unknown key": lambda: signed(claims(), OTHER, kid="two"),
    "none": lambda: by_hand(claims(), "none"),
    "symmetric": lambda: by_hand(claims(), "HS256"),
    "nonsense": lambda: "a.b.c",
    "empty": lambda: "",
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.filterwarnings("ignore")
def test_a_token_that_is_not_in_order_is_refused(what: str) -> None:
    provider = Held(Settings("https://id.example", "vobroker"))
    assert provider.checked(signed(claims()), "n")["sub"] == "1"
    with pytest.raises(OidcError, match=r"not in order|somebody else"):
        provider.checked(WRONG[what](), "n")


def test_a_new_key_of_the_provider_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Held(Settings("https://id.example", "vobroker"))
    monkeypatch.setattr(Held, "keys", (KEY, OTHER))
    assert provider.checked(signed(claims(), OTHER, kid="two"), "n")["sub"] == "1"
    assert provider.asked == 1


def test_an_attempt_is_over_after_its_time() -> None:
    with pytest.raises(OidcError, match="too long"):
        Provider(Settings("https://id.example", "vobroker")).person(Flow.begin("/", -1), {}, "")


# -- providers that are not in order -----------------------------------------------------------------------


@contextmanager
def saying(answer: Callable[[str], bytes]) -> Iterator[str]:
    """Listen, and answer each connection so; the answer is given the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer(here))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield here
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def http(status: str, body: bytes, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode() + body


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda here: http("200 OK", json.dumps({"issuer": "https://evil.example"}).encode()), "another"),
        (lambda here: http("302 Found", b"", f"Location: {here}/elsewhere"), "answer as it should"),
        (lambda here: http("200 OK", b" " * 2_000_000), "come to an end"),
        (lambda here: http("200 OK", b"[1]"), "answer as it should"),
        (lambda here: b"nonsense\r\n\r\n", "answer as it should"),
        (
            lambda here: http(
                "200 OK",
                json.dumps({"issuer": here, "authorization_endpoint": "http://evil.example/"}).encode(),
            ),
            "not over https",
        ),
    ],
    ids=["another", "redirect", "endless", "list", "nonsense", "plain"],
)
def test_a_provider_that_is_not_in_order_is_left(answer: Callable[[str], bytes], said: str) -> None:
    with saying(answer) as here, pytest.raises(OidcError, match=said):
        Provider(Settings(here, "vobroker")).address(Flow.begin("/"), "http://localhost/")


def test_a_provider_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Provider(Settings(f"http://127.0.0.1:{listener.getsockname()[1]}", "vobroker"))
        with pytest.raises(OidcError, match="answer"):
            silent.address(Flow.begin("/"), "http://localhost/")


def test_settings_are_read_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "oidc.toml"
    (tmp_path / "secret").write_text("s3cret\n")
    file.write_text(
        'issuer = "https://id.example"\nclient_id = "v"\nsecret_file = "secret"\noperators = ["a"]\n'
    )
    settings = read_settings(file)
    assert (settings.secret, settings.operators) == ("s3cret", ("a",))
    assert "s3cret" not in repr(settings)
    for text, said in (
        ('issuer = "https://id.example"', "lacks"),
        ('issuer = "http://id.example"\nclient_id = "v"', "not over https"),
        ('issuer = "https://id.example"\nclient_id = "v"\nmoon = "1"', "moon"),
        ('issuer = "https://id.example"\nclient_id = 3', "texts"),
        ('issuer = "https://id.example"\nclient_id = "v"\nsecret_file = "x"', "cannot read"),
    ):
        file.write_text(text)
        with pytest.raises(OidcError, match=said):
            read_settings(file)

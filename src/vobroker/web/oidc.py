"""Signing in with OpenID Connect: the authorization code flow with PKCE, and an ID token that is checked.

OpenID Connect Core 1.0, section 3.1; Discovery 1.0; RFC 7636 (PKCE); RFC 9207 (issuer in the answer). joserfc
looks after keys and signatures; what is asked of the provider is bounded in time and size.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import time
import tomllib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

SECONDS = 10.0
"""Time for one answer of the provider."""

MAX_BYTES = 1_000_000

FRESH = 3600.0
"""Seconds that what the provider says of itself is believed."""

KEYS_AGAIN = 30.0
"""Seconds after which its keys may be asked for again, when there is a token of a key that is not known."""

LEEWAY = 60
"""Seconds that clocks may differ."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that are believed: of keys that only the provider has, never ``none``."""

SECRET = "VOBROKER_OIDC_SECRET"  # noqa: S105
"""Environment variable with the secret, where the settings name no file with it."""


class OidcError(Exception):
    """Somebody cannot be signed in, or the settings cannot be used; the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to sign in at a provider.

    Attributes
    ----------
    issuer, client_id, secret
        As the provider has them; without a secret the client is a public one.
    title
        What people call the provider.
    scope
        What is asked for.
    name
        Claim that names somebody here; who can change it at the provider can be anybody here.
    operators_claim, operators
        Claim, and the values of it of which one makes an operator; nobody is one when empty.
    """

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    title: str = "OpenID Connect"
    scope: str = "openid profile"
    name: str = "preferred_username"
    operators_claim: str = "groups"
    operators: tuple[str, ...] = ()


def read_settings(file: Path) -> Settings:
    """Read settings from TOML; ``secret_file`` names a file with the secret.

    Raises
    ------
    OidcError
        With the file and the setting that is wrong.
    """
    try:
        told: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        secret_file = told.pop("secret_file", None)
        secret = (
            (file.parent / str(secret_file)).read_text("utf-8").strip()
            if secret_file
            else os.environ.get(SECRET, "")
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OidcError(f"cannot read {file}: {error}") from error
    known = {one.name for one in fields(Settings)} - {"secret"}
    if unknown := set(told) - known:
        raise OidcError(
            f"{file} has {min(unknown)}, which is no setting; there are {', '.join(sorted(known))}"
        )
    operators = told.pop("operators", [])
    if not isinstance(operators, list) or not all(
        isinstance(one, str) for one in [*operators, *told.values()]
    ):
        raise OidcError(f"{file}: operators is a list of texts, and all others are texts")
    try:
        settings = Settings(**told, secret=secret, operators=tuple(operators))
    except TypeError:
        raise OidcError(f"{file} lacks issuer or client_id") from None
    _secure(settings.issuer)
    return settings


@dataclass(frozen=True, slots=True)
class Flow:
    """One attempt to sign in: what the browser keeps, sealed, until it comes back."""

    state: str
    nonce: str
    verifier: str
    after: str
    until: float

    @classmethod
    def begin(cls, after: str, seconds: float = 600) -> Flow:
        """Begin one that goes on to a page of the site."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, after, time.time() + seconds)


@dataclass(frozen=True, slots=True)
class Person:
    """Who was signed in: a name and a role."""

    name: str
    role: str


class Provider:
    """An OpenID Connect provider; threads may share it.

    Parameters
    ----------
    settings
        How to reach it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._said: tuple[float, dict[str, Any]] = (float("-inf"), {})
        self._keys: tuple[float, KeySet | None] = (float("-inf"), None)

    def address(self, flow: Flow, back: str) -> str:
        """Give where a browser signs in.

        Parameters
        ----------
        flow
            The attempt.
        back
            Address of this site that it then comes back to.

        Raises
        ------
        OidcError
            If the provider does not answer, or says that it is another.
        """
        digest = hashlib.sha256(flow.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": self.settings.scope,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        where = self._endpoint("authorization_endpoint")
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    def person(self, flow: Flow, answer: Mapping[str, str], back: str) -> Person:
        """Give who it is that comes back.

        Parameters
        ----------
        flow, back
            As for :meth:`address`.
        answer
            Parameters that the browser brings.

        Raises
        ------
        OidcError
            If it is not the answer of this attempt, or the provider or its token is not in order.
        """
        if flow.until < time.time():
            raise OidcError("it took too long; sign in once more")
        if not secrets.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise OidcError("this is not the answer to your attempt; sign in once more")
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise OidcError("the answer is of another provider")
        if "code" not in answer:
            raise OidcError("the provider has signed nobody in")
        told = self._token(answer["code"], flow.verifier, back)
        claims = self.checked(str(told.get("id_token", "")), flow.nonce)
        if self.settings.name not in claims or self.settings.operators_claim not in claims:
            claims = self._more(claims, str(told.get("access_token", ""))) | claims
        return self._named(claims)

    def checked(self, token: str, nonce: str) -> dict[str, Any]:
        """Check an ID token; give what it claims (OpenID Connect Core 1.0, section 3.1.3.7).

        Raises
        ------
        OidcError
            If it is not of this provider, for this site and this attempt, or holds no more.
        """
        try:
            try:
                found = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
            except JoseError:
                found = jwt.decode(token, self._key_set(again=True), algorithms=ALGORITHMS)
            claims = dict(found.claims)
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                nonce={"essential": True, "value": nonce},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise OidcError("the provider’s token is not in order") from error
        audience = claims["aud"]
        if claims.get("azp", self.settings.client_id) != self.settings.client_id or (
            isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
        ):
            raise OidcError("the provider’s token is for somebody else")
        return claims

    def _named(self, claims: Mapping[str, Any]) -> Person:
        name, groups = claims.get(self.settings.name), claims.get(self.settings.operators_claim)
        if not isinstance(name, str) or not name:
            raise OidcError(f"the provider does not tell your {self.settings.name}, which names people here")
        if self.settings.name == "email" and claims.get("email_verified") is not True:
            raise OidcError("the provider has not verified your address")
        groups = groups if isinstance(groups, list) else [groups]
        return Person(
            name, "operator" if set(self.settings.operators) & {str(one) for one in groups} else "user"
        )

    def _token(self, code: str, verifier: str, back: str) -> dict[str, Any]:
        settings = self.settings
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        headers = {}
        if settings.secret:
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            asked["client_id"] = settings.client_id
        return _asked(self._endpoint("token_endpoint"), headers, urlencode(asked).encode())

    def _more(self, claims: Mapping[str, Any], access: str) -> dict[str, Any]:
        """Give what the provider tells of a person besides; nothing where it tells of another."""
        if "userinfo_endpoint" not in self._told() or not access:
            return {}
        told = _asked(self._endpoint("userinfo_endpoint"), {"Authorization": f"Bearer {access}"})
        return told if told.get("sub") == claims["sub"] else {}

    def _told(self) -> dict[str, Any]:
        """Give what the provider says of itself."""
        with self._lock:
            at, told = self._said
            if time.monotonic() - at > FRESH:
                told = _asked(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if told.get("issuer") != self.settings.issuer:
                    raise OidcError("the provider says that it is another")
                self._said = time.monotonic(), told
            return told

    def _endpoint(self, name: str) -> str:
        where = self._told().get(name)
        if not isinstance(where, str):
            raise OidcError(f"the provider has no {name}")
        return _secure(where)

    def _key_set(self, *, again: bool = False) -> KeySet:
        """Give the provider's keys; ask again where a token is of another one, for keys change."""
        where = self._endpoint("jwks_uri")
        with self._lock:
            at, keys = self._keys
            if keys is None or time.monotonic() - at > (KEYS_AGAIN if again else FRESH):
                keys = KeySet.import_key_set(_asked(where))  # type: ignore[arg-type]
                self._keys = time.monotonic(), keys
            return keys


def _secure(address: str) -> str:
    """Give an address over https, or on this machine."""
    parts = urlsplit(address)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise OidcError(f"{address} is not over https")
    return address


class _Nowhere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirect: it could lead inside, or take a secret elsewhere."""


_OPENER = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    _Nowhere,
):
    _OPENER.add_handler(_handler())


def _asked(
    address: str, headers: Mapping[str, str] | None = None, data: bytes | None = None
) -> dict[str, Any]:
    """Ask the provider, within the time and the size that an answer may have."""
    request = urllib.request.Request(  # noqa: S310
        _secure(address), data, {"Accept": "application/json", **(headers or {})}
    )
    until, content = time.monotonic() + SECONDS, b""
    try:
        with _OPENER.open(request, timeout=SECONDS) as answer:
            while piece := answer.read1(65_536):
                content += piece
                if len(content) > MAX_BYTES or time.monotonic() > until:
                    raise OidcError("the provider does not come to an end")
        told = json.loads(content)
    except (OSError, HTTPException, ValueError) as error:
        raise OidcError("the provider does not answer as it should") from error
    if not isinstance(told, dict):
        raise OidcError("the provider does not answer as it should")
    return told

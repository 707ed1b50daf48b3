"""Roles: what anybody, a user and an operator may do, from one file.

The services enforce the limits, and what they say of themselves is printed from the same file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

ROLES = ("guest", "user", "operator")
"""Roles, each with the limits of the one before unless it has its own."""

_TOKEN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,64})\s+(?P<role>user|operator)\s+sha256:(?P<digest>[0-9a-f]{64})"
)


class RolesError(Exception):
    """A file of roles or tokens that cannot be used, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a role may do; ``roles.toml`` says what each number is.

    Attributes
    ----------
    rows, max_rows
        Rows of a result: when the query does not say, and at most.
    sync_seconds
        Time of a query that is waited for.
    async_seconds, max_async_seconds
        Time of a job: when it does not say, and at most.
    upload_bytes, upload_rows
        Size of all tables that come with a query, and rows of each.
    jobs, kept_jobs
        Jobs that wait or run at the same time, and jobs that are kept: of one caller, and of all guests
        together.
    result_bytes, kept_bytes
        Size of the result of one job, and disk that all results and uploads of one caller take, or of all
        guests together.
    retention_days, max_retention_days
        Time that a job is kept: when it does not say, and at most.
    listeners
        Streams of events that are followed at the same time: by one caller, or by all guests together.
    """

    title: str
    rows: int
    max_rows: int
    sync_seconds: int
    async_seconds: int
    max_async_seconds: int
    upload_bytes: int
    upload_rows: int
    jobs: int
    kept_jobs: int
    result_bytes: int
    kept_bytes: int
    retention_days: float
    max_retention_days: float
    listeners: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a role, and a name where it is somebody known; guests have none."""

    role: str
    limits: Limits
    name: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """The limits of every role, and who has which."""

    limits: Mapping[str, Limits]
    tokens: Mapping[str, tuple[str, str]]
    """Name and role by the SHA-256 of the token."""

    @property
    def guest(self) -> Caller:
        """Anybody."""
        return Caller("guest", self.limits["guest"])

    def caller(self, token: str) -> Caller | None:
        """Give who has a token; None where nobody has it."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        for known, (name, role) in self.tokens.items():
            if hmac.compare_digest(known, digest):
                return Caller(role, self.limits[role], name)
        return None


def read_roles(file: Path | None = None, tokens: Path | None = None) -> Roles:
    """Read the limits of the roles, and who has which.

    Parameters
    ----------
    file
        Limits in TOML; those that come with the package when not given.
    tokens
        One line for each token as :func:`new_token` makes it; a file that is not there holds none.

    Raises
    ------
    RolesError
        With the file, and the line or the name that is wrong.
    """
    try:
        text = (
            files("vobroker").joinpath("roles.toml").read_text("utf-8")
            if file is None
            else file.read_text("utf-8")
        )
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RolesError(f"cannot read the roles in {file}: {error}") from error
    where = str(file) if file else "roles.toml"
    if unknown := set(data) - set(ROLES):
        raise RolesError(f"{where} has a role '{min(unknown)}'; there are: {', '.join(ROLES)}")
    limits: dict[str, Limits] = {}
    known: dict[str, Any] = {}
    for role in ROLES:
        known = known | data.get(role, {})
        limits[role] = _limits(known, f"{where}, [{role}]")
    return Roles(limits, _tokens(tokens) if tokens else {})


def new_token(name: str, role: str) -> tuple[str, str]:
    """Make a token: what its owner keeps, and the line of the tokens file, which does not tell it.

    Raises
    ------
    RolesError
        If the name or the role cannot be.
    """
    token = secrets.token_urlsafe(32)
    line = f"{name} {role} sha256:{hashlib.sha256(token.encode()).hexdigest()}"
    if not _TOKEN.fullmatch(line):
        raise RolesError(
            f"a token is for a name of letters, digits, '.', '_' and '-', and a role user or operator;"
            f" not for {name!r} as {role!r}"
        )
    return token, line


def _limits(found: Mapping[str, Any], where: str) -> Limits:
    kinds = {field.name: field.type for field in fields(Limits)}
    if missing := set(kinds) - set(found):
        raise RolesError(f"{where} lacks {min(missing)}")
    if unknown := set(found) - set(kinds):
        raise RolesError(f"{where} has {min(unknown)}, which is no limit")
    for name, value in found.items():
        if name == "title":
            good = isinstance(value, str)
        else:
            whole = isinstance(value, int) or (kinds[name] == "float" and isinstance(value, float))
            good = whole and not isinstance(value, bool) and value > 0
        if not good:
            raise RolesError(f"{where}: {name} cannot be {value!r}")
    for least, most in (
        ("rows", "max_rows"),
        ("upload_bytes", "kept_bytes"),
        ("result_bytes", "kept_bytes"),
        ("async_seconds", "max_async_seconds"),
        ("retention_days", "max_retention_days"),
    ):
        if found[least] > found[most]:
            raise RolesError(f"{where}: {least} is larger than {most}")
    return Limits(**found)


def _tokens(file: Path) -> dict[str, tuple[str, str]]:
    try:
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise RolesError(f"cannot read the tokens in {file}: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _TOKEN.fullmatch(line.strip())
        if parts is None:
            raise RolesError(f"{file}, line {number}: a line is NAME user|operator sha256:DIGEST")
        found[parts["digest"]] = (parts["name"], parts["role"])
    return found

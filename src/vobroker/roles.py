"""Roles: what anybody, a user and an operator may do, from one file.

The services enforce the limits, and what they say of themselves is printed from the same file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from vobroker.tokens import Tokens

ROLES = ("guest", "user", "operator")
"""Roles, each with the limits of the one before unless it has its own."""


class RolesError(Exception):
    """A file of roles that cannot be used, with the reason in one sentence."""


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
    filters
        Filters that one caller keeps here; 0 is none, as for a role that does not say.
    filter_seconds, filter_rows, filter_bytes
        What each of them may cost on one batch of alerts: time when run alone, alerts that pass, and size of
        what is selected of them.
    tokens, token_days
        Tokens of one caller that hold, for who makes more on the web pages, and how long those do at most.
    watchlists, watchlist_rows, watchlist_bytes
        Watchlists that one caller keeps here, and rows and size of the file of each.
    notebooks
        Notebook servers that one caller runs at the same time; 0 is none, as for a role that does not say.
    notebook_cores, notebook_memory_bytes, notebook_hours
        What each of them has, and for how long.
    notebook_disk_bytes
        What one caller keeps in files.
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
    filters: int = 0
    filter_seconds: float = 2.0
    filter_rows: int = 1_000_000
    filter_bytes: int = 256_000_000
    tokens: int = 0
    token_days: float = 0
    watchlists: int = 0
    watchlist_rows: int = 0
    watchlist_bytes: int = 0
    notebooks: int = 0
    notebook_cores: int = 0
    notebook_memory_bytes: int = 0
    notebook_hours: float = 0
    notebook_disk_bytes: int = 0


_NOTEBOOK = tuple(field.name for field in fields(Limits) if field.name.startswith("notebook"))
_FILTER = tuple(field.name for field in fields(Limits) if field.name.startswith("filter"))
_OWN = tuple(field.name for field in fields(Limits) if field.name.startswith(("token", "watchlist")))
_OF_ONE = (
    *("rows", "max_rows", "sync_seconds", "async_seconds", "max_async_seconds"),
    *("upload_bytes", "upload_rows", "result_bytes", "retention_days", "max_retention_days", *_NOTEBOOK),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a role, and a name and the digest of a token where it is somebody known; guests have none."""

    role: str
    limits: Limits
    name: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """The limits of every role, and who has which."""

    limits: Mapping[str, Limits]
    tokens: Tokens

    @property
    def guest(self) -> Caller:
        """Anybody."""
        return Caller("guest", self.limits["guest"])

    def caller(self, token: str, scope: str = "") -> Caller | None:
        """Give who has a token that holds for something; None where it does not or nobody has it."""
        found = self.tokens.find(token, scope)
        return self.holder(found.digest, scope) if found else None

    def holder(self, digest: str, scope: str = "") -> Caller | None:
        """Give who has the token of a digest, as :meth:`caller`."""
        found = self.tokens.get(digest)
        if found is None or not found.holds(scope):
            return None
        return Caller(found.role, self.limits[found.role], found.name, found.digest)

    def known(self, caller: Caller, scope: str = "") -> bool:
        """Whether a caller is still who it was: guests are, others while their token holds."""
        if not caller.digest:
            return True
        found = self.tokens.get(caller.digest)
        return found is not None and found.role == caller.role and found.holds(scope)


def read_roles(file: Path | None = None, tokens: Path | None = None) -> Roles:
    """Read the limits of the roles, and who has which.

    Parameters
    ----------
    file
        Limits in TOML; those that come with the package when not given.
    tokens
        File of tokens, see :mod:`vobroker.tokens`; one that is not there holds none.

    Raises
    ------
    RolesError
        With the file and the name that is wrong.
    TokensError
        With the file and the line that is wrong.
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
    _hold_to_order(limits, where)
    return Roles(limits, Tokens(tokens))


def _hold_to_order(limits: Mapping[str, Limits], where: str) -> None:
    """Refuse limits of one caller of which who may do more has less."""
    for one, other in pairwise(ROLES):
        for name in _OF_ONE:
            less, more = getattr(limits[one], name), getattr(limits[other], name)
            if less > more:
                reason = f"{name} of [{one}] is {less}, larger than that of [{other}], {more}"
                raise RolesError(f"{where}: {reason}")


def _limits(found: Mapping[str, Any], where: str) -> Limits:
    kinds = {field.name: field.type for field in fields(Limits)}
    optional = {*_FILTER, *_OWN} | (set() if set(_NOTEBOOK) & set(found) else set(_NOTEBOOK))
    if missing := set(kinds) - set(found) - optional:
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

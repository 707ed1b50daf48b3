"""Tokens: who has which role, for what and until when, from a file that can change while services run.

A line is ``NAME user|operator sha256:DIGEST``, and where they are not without bounds ``scope:streams,tap``
(what it is good for), ``made:`` and ``until:`` (times in UTC, ISO 8601), ``note:`` (what its owner
calls it, written as in an address). The token itself is in no file.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

SCOPES = {
    "streams": "streams of the gateway and of the web pages",
    "tap": "queries and jobs of TAP",
    "vtp": "events over VTP",
    "web": "what is one’s own on the web pages",
    "metrics": "metrics of the services, for operators",
}
"""What a token can be good for."""

ALL = "all"

FRESH = 1.0
"""Seconds that a file is believed before it is looked at again."""

MAX_DAYS = 36_500
MAX_NOTE = 60
_KEPT = timedelta(days=30)  # time that a token is told of after its end

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9._@+-]{1,64})\s+(?P<role>user|operator)\s+sha256:(?P<digest>[0-9a-f]{64})"
    r"(?:\s+scope:(?P<scopes>[a-z,]+))?(?:\s+made:(?P<made>[0-9TZ:-]+))?(?:\s+until:(?P<until>[0-9TZ:-]+))?"
    r"(?:\s+note:(?P<note>[A-Za-z0-9._~%-]{1,800}))?"
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"

_log = logging.getLogger(__name__)


class TokensError(Exception):
    """Tokens that cannot be read, made or changed, with the reason in one sentence."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token.

    Attributes
    ----------
    name, role
        Whose it is, and what the owner may do.
    digest
        SHA-256 of the token, in hexadecimal.
    scopes
        What it is good for, of :data:`SCOPES`; all of it when empty.
    made, until
        When it was made and when it ends, in UTC; not known, and never, when None.
    note
        What its owner calls it.
    """

    name: str
    role: str
    digest: str
    scopes: tuple[str, ...] = ()
    made: datetime | None = None
    until: datetime | None = None
    note: str = ""

    def holds(self, scope: str = "", now: datetime | None = None) -> bool:
        """Whether it holds now, and for something; the empty scope is anything."""
        ended = self.until is not None and (now or datetime.now(UTC)) >= self.until
        return not ended and (not scope or not self.scopes or scope in self.scopes)

    def __str__(self) -> str:
        parts = [self.name, self.role, f"sha256:{self.digest}"]
        if self.scopes:
            parts.append("scope:" + ",".join(self.scopes))
        parts += [f"{what}:{at:{_TIME}}" for what, at in (("made", self.made), ("until", self.until)) if at]
        if self.note:
            parts.append(f"note:{quote(self.note, safe='')}")
        return " ".join(parts)


def new_token(
    name: str, role: str, *, scopes: Sequence[str] = (), days: float | None = None, note: str = ""
) -> tuple[str, Token]:
    """Make a token: what its owner keeps, and what the file says of it, which does not tell it.

    Parameters
    ----------
    name, role
        Whose it is, and ``user`` or ``operator``.
    scopes
        What it is good for, of :data:`SCOPES`; everything when empty or ``all`` is in it.
    days
        How long it holds; without end when not given.
    note
        What its owner calls it.

    Raises
    ------
    TokensError
        If the name, the role, a scope, the time or the note cannot be.
    """
    if unknown := set(scopes) - set(SCOPES) - {ALL}:
        raise TokensError(f"a token is good for {', '.join(SCOPES)} or {ALL}, not for {min(unknown)!r}")
    if days is not None and not 0 < days <= MAX_DAYS:
        raise TokensError(f"a token holds for up to {MAX_DAYS} days, not for {days:g}")
    if len(note) > MAX_NOTE or not note.isprintable():
        raise TokensError(f"a note has up to {MAX_NOTE} characters that can be printed")
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    made = datetime.now(UTC).replace(microsecond=0)
    kept = () if ALL in scopes else tuple(scope for scope in SCOPES if scope in scopes)
    found = Token(name, role, digest, kept, made, made + timedelta(days=days) if days else None, note)
    if not _LINE.fullmatch(str(found)):
        raise TokensError(
            f"a token is for a name of letters, digits and any of ._@+-, and a role user or operator;"
            f" not for {name!r} as {role!r}"
        )
    return token, found


class Tokens(Mapping[str, Token]):
    """The tokens of a file by their digests, as the file is now: it is looked at once a second at most.

    A file that goes away holds none. While services run a line that cannot be read is passed over, and its
    token holds no more; the others stay.

    Parameters
    ----------
    file
        Where they are; None for no tokens.

    Raises
    ------
    TokensError
        With the file and the line, if the file cannot be read to begin with.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._looked = time.monotonic()
        self._seen = self._state()
        self._known = {} if file is None else _by_digest(read_tokens(file))

    @property
    def file(self) -> Path | None:
        """Where they are; None for no tokens."""
        return self._file

    def __getitem__(self, digest: str) -> Token:
        return self._fresh()[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fresh())

    def __len__(self) -> int:
        return len(self._fresh())

    def items(self) -> ItemsView[str, Token]:
        """Give all of one moment."""
        return self._fresh().items()

    def look(self) -> None:
        """Look at the file now."""
        self._looked = -math.inf
        self._fresh()

    def find(self, token: str, scope: str = "") -> Token | None:
        """Give what is known of a token that holds now for something; None where it does not."""
        # How long it takes tells of the digest at most, from which no token can be made.
        found = self.get(hashlib.sha256(token.encode()).hexdigest())
        return found if found and found.holds(scope) else None

    def _state(self) -> tuple[int, int, int] | None:
        with suppress(OSError):
            if self._file is not None:
                found = self._file.stat()
                return found.st_mtime_ns, found.st_ino, found.st_size
        return None

    def _fresh(self) -> dict[str, Token]:
        now = time.monotonic()
        if self._file is not None and now - self._looked >= FRESH:
            self._looked = now
            state = self._state()
            if state != self._seen:
                self._seen = state
                self._known = _by_digest(_readable(self._file))
        return self._known


class Holders(Mapping[str, str]):
    """Names by the digests of tokens that hold now for something; true though it be empty.

    Parameters
    ----------
    tokens
        All that there are.
    scope
        What they are to be good for.
    """

    def __init__(self, tokens: Tokens, scope: str) -> None:
        self._tokens, self._scope = tokens, scope

    def _now(self) -> dict[str, str]:
        return {digest: one.name for digest, one in self._tokens.items() if one.holds(self._scope)}

    def __getitem__(self, digest: str) -> str:
        return self._now()[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def items(self) -> ItemsView[str, str]:
        """Give all of one moment."""
        return self._now().items()

    def __bool__(self) -> bool:
        # Where the last token was taken back nobody may come in, not everybody.
        return True


def read_tokens(file: Path) -> list[Token]:
    """Read the tokens of a file; one that is not there holds none.

    Raises
    ------
    TokensError
        With the file, and the line that is wrong.
    """
    return [one for one in _entries(file) if isinstance(one, Token)]


def add(file: Path, token: Token) -> None:
    """Add a token to a file, which is made where it is not there.

    Those of the same name that ended a month ago are forgotten.

    Raises
    ------
    TokensError
        If the file cannot be read or written.
    """
    with _changing(file) as entries:
        entries[:] = [one for one in entries if isinstance(one, str) or not _forgotten(one, token)]
        entries.append(token)


def _forgotten(one: Token, other: Token) -> bool:
    return one.name == other.name and one.until is not None and not one.holds(now=datetime.now(UTC) - _KEPT)


def revoke(file: Path, which: str) -> list[Token]:
    """Take tokens out of a file; give them.

    Parameters
    ----------
    file
        Where they are.
    which
        A name, for all that it has, or the beginning of one digest.

    Raises
    ------
    TokensError
        If there is none, the beginning is that of several, or the file cannot be read or written.
    """
    with _changing(file, make=False) as entries:
        found = _chosen(file, entries, which)
        entries[:] = [one for one in entries if one not in found]
    return found


def rotate(
    file: Path, which: str, *, days: float | None = None, overlap: timedelta = timedelta(0)
) -> tuple[str, Token]:
    """Put a new token in the place of one, with the same name, role and scopes; give it as :func:`new_token`.

    Parameters
    ----------
    file, which
        As for :func:`revoke`; it must be one token.
    days
        How long the new one holds; as long as the old one from the day it was made, when not given.
    overlap
        How long the old one still holds.

    Raises
    ------
    TokensError
        As :func:`revoke` and :func:`new_token`, and if it is not one token.
    """
    with _changing(file, make=False) as entries:
        found = _chosen(file, entries, which)
        if len(found) > 1:
            several = ", ".join(one.digest[:8] for one in found)
            raise TokensError(f"{which} has {len(found)} tokens; say which: {several}")
        (old,) = found
        if days is None and old.made and old.until:
            days = (old.until - old.made) / timedelta(days=1)
        token, new = new_token(old.name, old.role, scopes=old.scopes, days=days, note=old.note)
        end = datetime.now(UTC).replace(microsecond=0) + overlap
        kept = [replace(old, until=min(old.until or end, end))] if overlap else []
        at = entries.index(old)
        entries[at : at + 1] = [*kept, new]
    return token, new


def _chosen(file: Path, entries: Sequence[Token | str], which: str) -> list[Token]:
    tokens = [one for one in entries if isinstance(one, Token)]
    for found in (
        [one for one in tokens if one.digest == which],
        [one for one in tokens if one.name == which],
    ):
        if found:
            return found
    found = [one for one in tokens if len(which) >= 8 and one.digest.startswith(which)]
    if len(found) != 1:
        raise TokensError(f"{file} has {'several tokens' if found else 'no token'} of {which!r}")
    return found


def _by_digest(tokens: Sequence[Token]) -> dict[str, Token]:
    return {one.digest: one for one in tokens}


def _readable(file: Path) -> list[Token]:
    """Read what can be read, and log what cannot."""
    try:
        return [
            one for one in _entries(file, lambda error: _log.warning("%s", error)) if isinstance(one, Token)
        ]
    except TokensError as error:
        _log.warning("%s; no token holds", error)
        return []


def _raise(error: TokensError) -> None:
    raise error


def _entries(file: Path, wrong: Callable[[TokensError], None] = _raise) -> list[Token | str]:
    """Read tokens, and the lines between them as they are."""
    try:
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise TokensError(f"cannot read the tokens in {file}: {error}") from error
    found: list[Token | str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            found.append(line)
            continue
        try:
            found.append(_token(line.strip()))
        except ValueError as error:
            wrong(TokensError(f"{file}, line {number}: {error}"))
    return found


def _token(line: str) -> Token:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ValueError(
            "a line is NAME user|operator sha256:DIGEST [scope:…] [made:TIME] [until:TIME] [note:…]"
        )
    scopes = tuple(parts["scopes"].split(",")) if parts["scopes"] else ()
    if unknown := set(scopes) - set(SCOPES):
        raise ValueError(f"there is no scope '{min(unknown)}'; there are: {', '.join(SCOPES)}")
    made, until = (
        datetime.strptime(parts[what], _TIME).replace(tzinfo=UTC) if parts[what] else None
        for what in ("made", "until")
    )
    note = unquote(parts["note"] or "", errors="strict")
    return Token(parts["name"], parts["role"], parts["digest"], scopes, made, until, note)


@contextmanager
def _changing(file: Path, *, make: bool = True) -> Iterator[list[Token | str]]:
    """Give what is in a file, and put what becomes of it in its place; nobody else changes it meanwhile.

    Who reads sees the whole old file or the whole new one. Only the owner may read it.
    """
    file = Path(os.path.realpath(file))
    if not make and not file.exists():
        raise TokensError(f"there is no file of tokens {file}")
    try:
        with _alone(file) as held:
            entries = _entries(file)
            yield entries
            _put(file, "".join(f"{one}\n" for one in entries), os.fstat(held))
    except OSError as error:
        raise TokensError(f"cannot write {file}: {error.strerror}") from error


@contextmanager
def _alone(file: Path) -> Iterator[int]:
    """Lock a file that others put new ones in the place of; give its descriptor."""
    while True:
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if _same(held, file):
                yield held
                return
        finally:
            os.close(held)


def _same(held: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held), file.stat())
    except FileNotFoundError:
        return False


def _put(file: Path, text: str, like: os.stat_result) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # of mode 600
    try:
        with open(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(new.fileno(), like.st_uid, like.st_gid)  # else the service could not read it
            os.fsync(new.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise

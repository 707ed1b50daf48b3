"""Filters that users keep: saved version by version, each with its owner, in a file beside the archive.

The file is a book of entries that are only ever added: a text that was saved, or that a filter was withdrawn.
The number of the last entry tells whether something has changed.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vobroker.adql import AdqlError
from vobroker.filters.compile import Filter, compile_filter, starter_filters
from vobroker.filters.database import ask, changing
from vobroker.filters.scan import prove
from vobroker.filters.shipped import examples
from vobroker.roles import Caller
from vobroker.votypes.columns import Table

MAX_TEXT = 20_000
"""Longest text of a filter, in characters."""

MAX_ENTRIES = 5_000
"""Most entries of one owner, all filters and versions together, withdrawn ones too."""

WORDS = frozenset({"new", "check", "language", "trial", "page", "beginning"})
"""What no filter is called: pages beside those of filters have these names."""

_INVISIBLE = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff"
)


class SavedError(Exception):
    """A filter that cannot be saved or withdrawn, with the reason in one sentence.

    Attributes
    ----------
    status
        HTTP status of an answer that says so.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Version:
    """A text of a filter that was saved.

    Attributes
    ----------
    number
        Of the entry; those of one filter ascend.
    version
        Version of the filter: the same for texts that mean the same.
    text
        ADQL as written.
    by
        Who saved it.
    at
        When, UTC, ISO 8601.
    """

    number: int
    version: str
    text: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A filter of a user.

    Attributes
    ----------
    name
        Its name, which stays its owner's when it is withdrawn.
    owner, role
        Whose it is, and the role that says what it may cost.
    versions
        All that were saved, the first one first.
    withdrawn
        When it was withdrawn, UTC, ISO 8601; empty while it runs.
    """

    name: str
    owner: str
    role: str
    versions: tuple[Version, ...]
    withdrawn: str = ""

    @property
    def now(self) -> Version:
        """The version that runs, or that ran last."""
        return self.versions[-1]

    def belongs_to(self, caller: Caller) -> bool:
        """Whether a caller may change it: its owner and operators may."""
        return caller.role == "operator" or (bool(caller.name) and caller.name == self.owner)


_BY_NAME = "SELECT * FROM entry {} ORDER BY number"


class Saved:
    """The filters that users keep at an archive.

    Parameters
    ----------
    files
        Folder of what goes with the archive, :func:`vobroker.archive.files_of`.
    """

    def __init__(self, files: Path) -> None:
        self.files = files

    def last(self) -> int:
        """Give the number of the last change; 0 where nothing was ever saved.

        Raises
        ------
        DatabaseError
            If the file cannot be read, as for all that follows.
        """
        rows = ask(self.files, "SELECT max(number) AS number FROM entry")
        return rows[0]["number"] or 0 if rows else 0

    def names(self) -> set[str]:
        """Give the names that users have, those of withdrawn filters too."""
        return {row["name"] for row in ask(self.files, "SELECT DISTINCT name FROM entry")}

    def all(self) -> dict[str, Kept]:
        """Give the filters by name, withdrawn ones too."""
        return _kept(ask(self.files, _BY_NAME.format("")))

    def get(self, name: str) -> Kept | None:
        """Give one filter, None where there is none of that name."""
        return _kept(ask(self.files, _BY_NAME.format("WHERE name = ?"), name)).get(name)

    def save(
        self, name: str, text: str, caller: Caller, tables: Mapping[str, Table], taken: Collection[str] = ()
    ) -> Filter:
        """Save a filter, or a new version of one; it runs from the next batch on.

        Parameters
        ----------
        name, text
            As for :func:`vobroker.filters.compile_filter`.
        caller
            Who saves it. A new one is theirs; one that there is stays its owner's.
        tables
            What a filter may name.
        taken
            Names that nobody may take besides those of the filters that ship.

        Raises
        ------
        AdqlError
            If the text is no filter, or takes the engine too long to prepare.
        SavedError
            If this caller may not save it.
        """
        text = _cleaned(text)
        filter_ = compile_filter(name, text, tables)
        if not caller.name:
            raise SavedError("Only somebody who has signed in can save a filter.", 403)
        if name in WORDS or name in _shipped() or name in taken:
            raise SavedError(f"The name “{name}” is taken; give your filter another.", 409)
        prove(filter_, tables, caller.limits.filter_seconds)
        with changing(self.files) as database:
            rows = database.execute("SELECT owner, role, name, text FROM entry ORDER BY number").fetchall()
            there = {row[2]: row for row in rows}
            owner, role = caller.name, caller.role
            if name in there:
                owner, role, _, now = there[name]
                if caller.role != "operator" and owner != caller.name:
                    raise SavedError(f"The name “{name}” is taken; give your filter another.", 409)
                if now == text:
                    return filter_
            if name not in there or there[name][3] is None:
                keeps = sum(row[0] == owner and row[3] is not None for row in there.values())
                if keeps >= caller.limits.filters:
                    most = f"{caller.limits.filters:,} filter{'' if caller.limits.filters == 1 else 's'}"
                    raise SavedError(f"{owner} may keep {most} and has as many; withdraw one first.", 403)
            if sum(row[0] == owner for row in rows) >= MAX_ENTRIES:
                raise SavedError(f"{owner} has saved filters {MAX_ENTRIES:,} times, which is the most.", 403)
            _enter(database, name, owner, role, filter_.version, text, caller.name)
        return filter_

    def withdraw(self, name: str, caller: Caller) -> None:
        """Take a filter out of the river; its events stay, and its name stays its owner's.

        Raises
        ------
        SavedError
            If there is no such filter, or it is not this caller's.
        """
        kept = self.get(name)
        if kept is None or kept.withdrawn:
            raise SavedError(f"There is no filter “{name}” that a user keeps.", 404)
        if not kept.belongs_to(caller):
            raise SavedError(f"The filter “{name}” belongs to somebody else.", 403)
        with changing(self.files) as database:
            _enter(database, name, kept.owner, kept.role, kept.now.version, None, caller.name)


def _enter(database: sqlite3.Connection, *values: str | None) -> None:
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    database.execute(
        "INSERT INTO entry (name, owner, role, version, text, by, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*values, at),
    )


def _kept(rows: Iterable[sqlite3.Row]) -> dict[str, Kept]:
    """Put entries together, in their order."""
    found: dict[str, Kept] = {}
    for row in rows:
        name, text = row["name"], row["text"]
        earlier = found[name].versions if name in found else ()
        saved = () if text is None else (Version(row["number"], row["version"], text, row["by"], row["at"]),)
        versions = (*earlier, *saved)
        withdrawn = row["at"] if text is None else ""
        if versions:
            found[name] = Kept(name, row["owner"], row["role"], versions, withdrawn)
    return found


def _shipped() -> set[str]:
    return {*(f.name for f in starter_filters()), *examples()}


def _cleaned(text: str) -> str:
    """Give a text with line feeds at the ends of lines; refuse what cannot be seen in it.

    Raises
    ------
    AdqlError
        With the place of a character that controls a terminal or the direction of text.
    SavedError
        If it is too long.
    """
    if len(text) > MAX_TEXT:
        raise SavedError(f"A filter has at most {MAX_TEXT:,} characters, this one has {len(text):,}.", 413)
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"
    for place, character in enumerate(text):
        control = unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
        if control or character in _INVISIBLE:
            message = f"The text has the character U+{ord(character):04X}, which cannot be seen; take it out."
            raise AdqlError("filter", message, text, (place, place + 1))
    return text

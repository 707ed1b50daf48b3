"""Descriptors from files: what the schema cannot say is checked here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path as File
from typing import Any

from vobroker.platforms.descriptor import (
    GROUPS,
    IDENTITIES,
    NUMBER,
    OF_SESSION,
    PARTS,
    ROLES,
    Evidence,
    Fact,
    Facts,
    Field,
    Item,
    Platform,
)
from vobroker.platforms.documents import MAX_BYTES, Document, parse
from vobroker.platforms.errors import DocumentError, Path, PlatformError, Problem
from vobroker.platforms.schema import validate
from vobroker.platforms.units import UnitError, in_unit

SHIPPED = files("vobroker.platforms") / "descriptors"
"""Descriptors that come with the package."""


def read(file: File) -> Platform:
    """Read a descriptor in YAML or JSON.

    Raises
    ------
    DocumentError
        With the file, the line and the path of each field that is wrong.
    PlatformError
        If the file cannot be read.
    """
    return from_document(parse(content(file), str(file)))


def content(file: File) -> bytes:
    """Give the bytes of a file, and no more than a descriptor may have.

    Raises
    ------
    PlatformError
        If it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlatformError(f"cannot read {file}: {error.strerror}") from error


def shipped() -> dict[str, Platform]:
    """Read the descriptors that come with the package, by their short names."""
    return together(
        from_document(parse(file.read_bytes(), file.name), valid=True)
        for file in sorted(SHIPPED.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    )


def together(platforms: Iterable[Platform]) -> dict[str, Platform]:
    """Put platforms together by their short names.

    Raises
    ------
    PlatformError
        If two have one name, or copies of data go round in a circle.
    """
    found: dict[str, Platform] = {}
    for one in platforms:
        if one.id in found:
            raise PlatformError(f"there are two platforms '{one.id}'")
        found[one.id] = one
    copies = {
        f"{one.id}/{dataset.id}": str(fact.value)
        for one in found.values()
        for dataset in one.datasets
        if (fact := dataset.facts["copy_of"]) is not None
    }
    for start, source in copies.items():
        seen, at = [start], source
        while at in copies and at not in seen:
            seen.append(at)
            at = copies[at]
        if at in seen:
            raise PlatformError(f"copies go round in a circle: {' is a copy of '.join([*seen, at])}")
    return found


def from_document(document: Document, *, valid: bool = False) -> Platform:
    """Make a platform from a document.

    Parameters
    ----------
    document
        The document.
    valid
        Whether it is known to fit the schema, as those that ship do: it is not held against it then.

    Raises
    ------
    DocumentError
        With the line and the path of each field that is wrong.
    """
    if not valid:
        validate(document, "descriptor")
    reader = _Reader(document)
    value = document.value
    platform = Platform(
        **{name: value[name] for name in ("id", "title", "summary", "provider", "site", "web")},
        evidence=reader.evidence,
        facts=reader.facts("platform", value, ()),
        roles={
            role: reader.facts("role", value["roles"][role] or {}, ("roles", role))
            for role in ROLES
            if role in value["roles"]
        },
        datasets=reader.items("datasets", value),
        services=reader.items("services", value),
        images=reader.items("images", value),
        document=value,
    )
    reader.problems += _contradictions(platform, document)
    if reader.problems:
        raise DocumentError(document.name, sorted(reader.problems, key=lambda problem: problem.line))
    return platform


class _Reader:
    """Reads facts, and notes what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.evidence: dict[str, Evidence] = {}
        today = datetime.now(UTC).date()
        for name, one in document.value["evidence"].items():
            path = ("evidence", name, "date")
            try:
                day = date.fromisoformat(one["date"])
            except ValueError:
                self.note(path, f"'{one['date']}' is no day")
                day = today
            if day > today:
                self.note(path, f"{day} is yet to come")
            self.evidence[name] = Evidence(name, one["url"], day, one["basis"], one.get("note", ""))

    def note(self, path: Path, reason: str) -> None:
        self.problems.append(self.document.problem(path, reason))

    def items(self, part: str, value: Mapping[str, Any]) -> tuple[Item, ...]:
        found = value.get(part, [])
        names = [one["id"] for one in found]
        for number, name in enumerate(names):
            if name in names[:number]:
                self.note((part, number, "id"), f"'{name}' is there twice")
        return tuple(
            Item(one["id"], one["title"], self.facts(PARTS[part], one, (part, number)))
            for number, one in enumerate(found)
        )

    def facts(self, group: str, found: Mapping[str, Any], path: Path) -> Facts:
        return {
            name: None if found.get(name) is None else self.fact(field, found[name], (*path, name))
            for name, field in GROUPS[group].items()
        }

    def fact(self, field: Field, found: Mapping[str, Any], path: Path) -> Fact | None:
        source = self.evidence.get(found["from"])
        if source is None:
            self.note((*path, "from"), f"there is no evidence '{found['from'][:40]}'")
            return None
        value = found["value"]
        if field.kind == NUMBER and field.unit:
            try:
                value = in_unit(value, found["unit"], field.unit)
            except UnitError as error:
                self.note((*path, "unit"), str(error))
                return None
        if field.name == "url" and not re.match(r"https?://[^\s<>\"']+$", value):
            self.note((*path, "value"), "an address begins with http:// or https://")
        return Fact(field, value, source, found["value"], found.get("unit", ""), found.get("note", ""))


def _contradictions(platform: Platform, document: Document) -> Iterator[Problem]:
    """Find facts that cannot hold together."""
    before: tuple[str, Facts] | None = None
    for role, facts in platform.roles.items():
        for field in GROUPS["role"].values():
            fact = facts[field.name]
            limit = facts[field.below] if field.below else None
            path = ("roles", role, field.name)
            if fact and limit and fact.value > limit.value:
                yield document.problem(path, f"{fact.text} is more than {field.below}, {limit.text}")
            earlier = before[1][field.name] if before and field.grows else None
            if fact and earlier and before and fact.value < earlier.value:
                yield document.problem(path, f"{role} has {fact.text}, less than {before[0]}, {earlier.text}")
        yield from _sessions(role, facts, document)
        if before:
            yield from _identities((before[0], role), (before[1]["identity"], facts["identity"]), document)
        before = (role, facts)
    datasets = {one.id for one in platform.datasets}
    for number, service in enumerate(platform.services):
        given = service.facts["datasets"]
        for name in [] if given is None else [one for one in given.value if one not in datasets]:
            reason = f"there is no dataset '{name[:40]}' here"
            yield document.problem(("services", number, "datasets", "value"), reason)
    for number, dataset in enumerate(platform.datasets):
        copied = dataset.facts["copy_of"]
        if copied and copied.value == f"{platform.id}/{dataset.id}":
            yield document.problem(("datasets", number, "copy_of"), "it is a copy of itself")


def _sessions(role: str, facts: Facts, document: Document) -> Iterator[Problem]:
    sessions = facts["sessions"]
    if sessions and sessions.value == 0:
        for name in OF_SESSION:
            if (fact := facts[name]) and fact.value:
                reason = f"{role} has {fact.text} of a session, but no session"
                yield document.problem(("roles", role, name), reason)


def _identities(
    names: tuple[str, str], found: tuple[Fact | None, Fact | None], document: Document
) -> Iterator[Problem]:
    order = list(IDENTITIES)
    less, more = found
    if less and more and order.index(more.value) < order.index(less.value):
        reason = f"{more.value} is asked of {names[1]}, less than of {names[0]}, {less.value}"
        yield document.problem(("roles", names[1], "identity"), reason)

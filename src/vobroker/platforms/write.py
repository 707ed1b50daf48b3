"""Platforms as documents, and as one line a fact for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import yaml

from vobroker.platforms.descriptor import GROUPS, OF_SESSION, PARTS, Fact, Facts, Field, Platform

UNKNOWN = "not documented"


@dataclass(frozen=True, slots=True)
class Line:
    """One fact as it is shown.

    Attributes
    ----------
    place
        The part of the descriptor that it is of: empty for the platform itself, a role, a dataset.
    field, fact
        What is said, and what was found; None for what is not documented.
    text, source
        The value, and its evidence in words; the source of what is not documented is empty.
    stale
        Whether the fact is too old to be believed.
    """

    place: str
    field: Field
    fact: Fact | None
    text: str
    source: str
    stale: bool


def to_yaml(document: Any) -> str:
    """Write a document as YAML that :mod:`vobroker.platforms.documents` reads."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return text


def lines(platform: Platform, today: date) -> Iterator[Line]:
    """Give all that is said of a platform, and all that could be said and is not known."""
    yield from told("", "platform", platform.facts, today)
    for role, facts in platform.roles.items():
        yield from told(role, "role", facts, today)
    for part, group in PARTS.items():
        for item in getattr(platform, part):
            yield from told(item.title, group, item.facts, today)


def told(place: str, group: str, facts: Facts, today: date) -> Iterator[Line]:
    """Give the facts of one place in the order of the table of fields; a session of none has nothing."""
    without = (sessions := facts.get("sessions")) is not None and sessions.value == 0
    for name, field in GROUPS[group].items():
        found = line(place, field, facts[name], today)
        none = without and found.fact is None and name in OF_SESSION
        yield replace(found, text="none", source="no session") if none else found


def line(place: str, field: Field, fact: Fact | None, today: date) -> Line:
    """Give one fact as it is shown."""
    if fact is None:
        return Line(place, field, None, UNKNOWN, "", False)
    stale = fact.evidence.stale(today)
    source = f"{fact.evidence.basis}, {fact.evidence.date}{', stale' * stale}"
    text = fact.text + (f" ({fact.note})" if fact.note else "")
    return Line(place, field, fact, text, source, stale)


def described(platform: Platform, today: date) -> dict[str, Any]:
    """Give a platform for programs: its document, with each number in the unit of its field beside it."""

    def told_of(facts: Facts) -> dict[str, Any]:
        return {name: None if fact is None else _fact(fact, today) for name, fact in facts.items()}

    return {
        **{name: getattr(platform, name) for name in ("id", "title", "summary", "provider", "site", "web")},
        "facts": told_of(platform.facts),
        "roles": {role: told_of(facts) for role, facts in platform.roles.items()},
        **{
            part: [
                {"id": one.id, "title": one.title, **told_of(one.facts)} for one in getattr(platform, part)
            ]
            for part in PARTS
        },
    }


def _fact(fact: Fact, today: date) -> dict[str, Any]:
    evidence = fact.evidence
    return {
        "value": fact.value,
        "unit": fact.field.unit,
        "text": fact.text,
        "note": fact.note,
        "url": evidence.url,
        "date": evidence.date.isoformat(),
        "basis": evidence.basis,
        "stale": evidence.stale(today),
    }

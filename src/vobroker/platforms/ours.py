"""The descriptor of this service, made from the roles that it enforces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from vobroker.platforms.descriptor import FORMAT, Platform
from vobroker.platforms.documents import parse
from vobroker.platforms.read import from_document
from vobroker.roles import Limits

NAMES = {"lsst": "rubin-alerts"}
"""Short names of the alerts of surveys that the world calls otherwise; others are ``<survey>-alerts``."""

_IDENTITY = {"guest": "nobody", "user": "institutional", "operator": "institutional"}
_TOGETHER = ("tables", "queries", "streams")  # of all guests together

_LIMITS = (  # field, its unit here, the limit of the roles file
    ("rows", "", "rows"),
    ("max_rows", "", "max_rows"),
    ("result", "byte", "result_bytes"),
    ("sync_time", "s", "sync_seconds"),
    ("async_time", "s", "async_seconds"),
    ("max_async_time", "s", "max_async_seconds"),
    ("upload", "byte", "upload_bytes"),
    ("upload_rows", "", "upload_rows"),
    ("retention", "d", "retention_days"),
    ("max_retention", "d", "max_retention_days"),
    ("tables", "byte", "kept_bytes"),
    ("queries", "", "jobs"),
    ("streams", "", "listeners"),
    ("sessions", "", "notebooks"),
    ("cores", "", "notebook_cores"),
    ("memory", "byte", "notebook_memory_bytes"),
    ("session_time", "h", "notebook_hours"),
    ("home", "byte", "notebook_disk_bytes"),
)


@dataclass(frozen=True, slots=True)
class Holding:
    """What the archive has of a survey: its name, the alerts, and the bytes of their packets."""

    survey: str
    rows: int
    bytes: int | None = None


def ours(
    limits: Mapping[str, Limits], *, address: str, title: str, holdings: Sequence[Holding], today: date
) -> Platform:
    """Describe this service.

    Parameters
    ----------
    limits
        Limits by role, those that the services enforce.
    address
        Public address of the pages, without a slash at its end.
    title
        Name of the service.
    holdings
        What it has.
    today
        The day, UTC.

    Raises
    ------
    DocumentError
        If the limits contradict each other.
    """

    def told(value: object, unit: str = "", note: str = "", source: str = "roles") -> dict[str, object]:
        return (
            {"value": value, "from": source}
            | ({"unit": unit} if unit else {})
            | ({"note": note} if note else {})
        )

    evidence = {"url": f"{address}/platform", "date": today.isoformat(), "basis": "config"}
    document = {
        "format": FORMAT,
        "id": "this-service",
        "title": title,
        "summary": "An alert broker for the Virtual Observatory: an archive of alerts to query, filters that"
        " run on the live stream, and streams of what they let through.",
        "provider": title,
        "site": title,
        "web": f"{address}/",
        "evidence": {
            "roles": evidence | {"note": "the limits that the services enforce"},
            "archive": evidence | {"note": "what the archive holds"},
        },
        "cost": told("nothing"),
        "roles": {role: _role(role, one, told) for role, one in limits.items()},
        "datasets": [_dataset(one, address, told) for one in holdings],
        "services": [
            {
                "id": "tap",
                "title": "Queries in ADQL, and jobs",
                "standard": told("ivo://ivoa.net/std/TAP", source="archive"),
                "url": told(f"{address}/tap", source="archive"),
                "security": told(["anonymous", "OAuth", "BasicAA"]),
                "closeness": told("site", source="archive"),
                "datasets": told([_name(one.survey) for one in holdings], source="archive"),
            },
            {
                "id": "streams",
                "title": "Streams of alerts by filter, live and from any place on",
                "url": told(f"{address}/streams", source="archive"),
                "security": told(["anonymous", "OAuth"]),
                "closeness": told("site", source="archive"),
            },
        ],
    }
    return from_document(parse(json.dumps(document), "the description of this service"))


def _role(role: str, limits: Limits, told: Callable[..., dict[str, object]]) -> dict[str, object]:
    notebook = bool(limits.notebooks)
    facts: dict[str, object] = {"identity": told(_IDENTITY[role], note=limits.title)}
    for field, unit, name in _LIMITS:
        if notebook or not name.startswith("notebook_"):
            together = role == "guest" and field in _TOGETHER
            facts[field] = told(getattr(limits, name), unit, "of all guests together" if together else "")
    if not notebook:
        facts["home"] = told(0, "byte")
    return facts


def _dataset(found: Holding, address: str, told: Callable[..., dict[str, object]]) -> dict[str, object]:
    return {
        "id": _name(found.survey),
        "title": f"Alerts of {found.survey}",
        "rows": told(found.rows, source="archive"),
        "size": None if found.bytes is None else told(found.bytes, "byte", source="archive"),
        "closeness": told("database", source="archive"),
        "path": told(f"{address}/tap", source="archive"),
        "identity": told("nobody", source="archive"),
        "delivery": told("bulk", source="archive"),
    }


def _name(survey: str) -> str:
    return NAMES.get(survey, f"{re.sub('[^a-z0-9]+', '-', survey.lower()).strip('-') or 'other'}-alerts")

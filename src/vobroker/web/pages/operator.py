"""What who runs the broker wants to know: is it behind, does the account hold, what costs, who listens."""

from __future__ import annotations

import platform
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from vobroker.alerts.origin import REASONS
from vobroker.archive import files_of, overview
from vobroker.archive.balance import faults
from vobroker.filters.cost import dearest
from vobroker.filters.database import DatabaseError
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere
from vobroker.web.who import OperatorHere

router = APIRouter()

LETTERS = 5
"""Dead letters of a reason that are shown."""

LISTENERS = 200
"""Listeners that are shown, those that are furthest behind."""

_PACKAGES = ("vobroker", "duckdb", "pyarrow", "confluent-kafka", "fastapi", "uvicorn", "numba")

_LETTERS = """
    SELECT id, reason, source, partition, position, message, size, received FROM (
        SELECT id, reason, source, partition, position, message, size, received,
               row_number() OVER (PARTITION BY reason ORDER BY id DESC) AS number
        FROM dead_letter) AS numbered
    WHERE number <= ? ORDER BY reason, id DESC
"""


@router.get("/operator")
def operator(request: Request, site: SiteHere, _: OperatorHere) -> Response:
    """Show how the broker does, with all that only those who run it may see."""
    lag = _lag(site)
    data = {
        "now": _now(site),
        "lag": lag,
        "behind": sum(one["behind"] or 0 for one in lag or ()),
        "balance": overview.balance(site.archive),
        "faults": faults(site.archive),
        "ledger": overview.account(site.archive, 100),
        "dead_letters": _dead_letters(site),
        "filters": _filters(site),
        "listeners": _listeners(site),
        "jobs": _jobs(site),
        "versions": _versions(site),
    }
    answer = respond(request, "operator.html", data)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _now(site: Site) -> dict[str, Any]:
    now = datetime.now(UTC)
    newest = [row["received"].replace(tzinfo=UTC) for row in site.archive.latest(1)]
    disk = shutil.disk_usage(files_of(site.archive.place))
    return {
        "newest_seconds": (now - newest[0]).total_seconds() if newest else None,
        "last_ten_minutes": sum(overview.arrivals(site.archive, now)),
        "started": f"{site.tap.started:%Y-%m-%dT%H:%M:%SZ}",
        "disk_free": disk.free,
        "disk_total": disk.total,
    }


def _lag(site: Site) -> list[dict[str, Any]] | None:
    if site.lag is None:
        return None
    return [one._asdict() | {"behind": one.packets} for one in site.lag()]


def _dead_letters(site: Site) -> list[dict[str, Any]]:
    """Give the reasons, each with its last letters."""
    letters = site.archive.query(_LETTERS, (LETTERS,)).to_pylist()
    return [
        row
        | {
            "meaning": REASONS.get(row["reason"], ""),
            "last": [
                one | {"received": f"{one['received']:%Y-%m-%dT%H:%M:%SZ}"}
                for one in letters
                if one["reason"] == row["reason"]
            ],
        }
        for row in overview.reasons(site.archive)
    ]


def _filters(site: Site) -> list[dict[str, Any]]:
    try:
        costs = dearest(files_of(site.archive.place), limit=50)
    except DatabaseError:
        return []
    return [
        {
            "filter": one.filter,
            "alerts": one.alerts,
            "seconds": one.seconds,
            "per_thousand": one.per_thousand,
            "failed": one.failed,
            "state": one.state,
            "reason": one.reason or None,
        }
        for one in costs
    ]


def _listeners(site: Site) -> dict[str, Any]:
    """Tell who listens, those furthest behind first."""
    hub, now = site.gateway.hub, time.time()
    told: list[dict[str, Any]] = [
        {
            "who": one.who or "guest",
            "address": one.address,
            "stream": one.stream,
            "format": one.form,
            "seconds": now - one.since,
            "behind": max(0, hub.newest(one.stream) - one.place),
            "bytes": one.sent,
        }
        for one in site.gateway.listeners.present()
    ]
    told.sort(key=lambda one: (-one["behind"], -one["seconds"]))
    return {"number": len(told), "furthest": told[:LISTENERS]}


def _jobs(site: Site) -> list[dict[str, Any]]:
    return [{"phase": phase, "jobs": jobs} for phase, jobs in site.tap.jobs.phases()]


def _versions(site: Site) -> dict[str, str]:
    found = {"python": platform.python_version(), "archive": site.archive.platform}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found

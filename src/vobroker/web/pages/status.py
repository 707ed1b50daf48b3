"""The state of the broker: does the account hold, and what could not be used."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from vobroker.alerts.columns import DEAD_LETTER
from vobroker.alerts.origin import REASONS
from vobroker.archive import ArchiveError, overview
from vobroker.archive.balance import faults
from vobroker.archive.rows import jsonable
from vobroker.web.downloads import attachment
from vobroker.web.limits import Before, Identifier, PageSize
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere
from vobroker.web.who import CallerHere

router = APIRouter()

_INSIDE = ("source", "partition", "position")
"""Columns of a dead letter that tell how the broker is made."""

EXCERPT = 512
"""Bytes of a dead letter that its page shows."""


@router.get("/status")
def status(request: Request, site: SiteHere, limit: PageSize = 50, before: Before = None) -> Response:
    """Show the ledger, the filters' account and the dead letters."""
    letters = site.archive.dead_letters(limit + 1, before)
    shown = [_public(jsonable(row, DEAD_LETTER)) for row in letters[:limit]]
    wrong = faults(site.archive)
    data = {
        "balance": overview.balance(site.archive),
        "balanced": not wrong,
        "totals": overview.totals(site.archive),
        "ledger": overview.by_night(site.archive),
        "filters": overview.judged(site.archive),
        "reasons": [
            row | {"meaning": REASONS.get(row["reason"], "")} for row in overview.reasons(site.archive)
        ],
        "dead_letters": shown,
        "earlier": shown[-1]["id"] if len(letters) > limit else None,
    }
    return respond(request, "status.html", data)


@router.get("/deadletters/{number}")
def dead_letter(request: Request, site: SiteHere, caller: CallerHere, number: Identifier) -> Response:
    """Show one dead letter with the beginning of its bytes; operators see where it came from."""
    row = _letter(site, number)
    start = max(0, (row["at"] or 0) - EXCERPT // 2) // 16 * 16
    excerpt = row["data"][start : start + EXCERPT]
    letter = jsonable(row | {"data": b""}, DEAD_LETTER)
    del letter["data"]
    if caller.role != "operator":
        letter = _public(letter)
    data = {
        "letter": letter,
        "meaning": REASONS.get(row["reason"], ""),
        "excerpt": {"start": start, "hex": excerpt.hex()},
        "lines": _hex_lines(excerpt, start, row["at"]),
    }
    return respond(request, "deadletter.html", data)


@router.get("/deadletters/{number}/data")
def dead_letter_data(site: SiteHere, number: Identifier) -> Response:
    """Give the bytes of a dead letter as they arrived."""
    return attachment(_letter(site, number)["data"], "application/octet-stream", f"deadletter_{number}.bin")


@router.get("/health")
def health(site: SiteHere) -> Response:
    """Tell machines whether the archive answers."""
    try:
        overview.totals(site.archive)
    except ArchiveError:
        return JSONResponse({"status": "unavailable"}, 503)
    return JSONResponse({"status": "ok"})


def place(text: str) -> str:
    """Give a text with each absolute path in it cut to its last part: folders are the broker's own affair."""
    return re.sub(r"(?<![\w.:/])/(?:[^/\s!\[\]'\"]+/)*(?=[^/\s])", "", text)


def _public(letter: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in letter.items() if key not in _INSIDE}
    return told | {"message": place(letter["message"])}


def _letter(site: Site, number: int) -> dict[str, Any]:
    row = site.archive.dead_letter(number)
    if row is None:
        raise HTTPException(404, f"There is no dead letter {number}.")
    return row


def _hex_lines(data: bytes, start: int, trouble: int | None) -> list[tuple[str, str, str, bool]]:
    """Write bytes as offset, hexadecimal and text, 16 to a line, and tell the line with the trouble."""
    return [
        (
            f"{start + at:08x}",
            data[at : at + 16].hex(" "),
            "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in data[at : at + 16]),
            trouble is not None and start + at <= trouble < start + at + 16,
        )
        for at in range(0, len(data), 16)
    ]

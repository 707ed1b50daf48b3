"""The result of a query at a TAP service, fetched into a file as it comes (TAP 1.1, section 2)."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.votable import MAX_BYTES

SECONDS = 600.0
"""Time that a service may take until it answers."""

_PIECE = 2**20


def fetch(url: str, query: str, target: Path, *, rows: int, seconds: float = SECONDS) -> None:
    """Ask a TAP service synchronously, and keep its answer.

    Parameters
    ----------
    url
        Address of the service, without ``/sync``.
    query
        ADQL of that service.
    target
        File for the answer, a VOTable.
    rows
        Most rows (MAXREC).
    seconds
        Time that it may take until it answers.

    Raises
    ------
    EnrichError
        If the address is none, the service cannot be reached or refuses, or the answer is too large.
    """
    address = urllib.parse.urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise EnrichError(f"a TAP service has an address that begins with https:// or http://, not {url!r}")
    asked = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query, "MAXREC": str(rows)}
    asked["RESPONSEFORMAT"] = "votable"
    sync = url.rstrip("/") + "/sync"
    request = urllib.request.Request(sync, urllib.parse.urlencode(asked).encode())  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer, target.open("wb") as file:  # noqa: S310
            size = 0
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > MAX_BYTES:
                    raise EnrichError(
                        f"{sync} gives more than {MAX_BYTES:,} bytes; ask for fewer columns or rows"
                    )
                file.write(piece)
    except urllib.error.HTTPError as error:
        with target.open("wb") as file:
            shutil.copyfileobj(error, file, _PIECE)
        raise EnrichError(
            f"{sync} refuses the query: {_reason(target) or error.reason} (HTTP {error.code})"
        ) from None
    except (OSError, ValueError) as error:
        raise EnrichError(f"{sync} cannot be asked: {getattr(error, 'reason', error)}") from error


def _reason(answer: Path) -> str:
    """Give the sentence in an answer that is an error."""
    from vobroker.enrich.formats.votable import open_votable

    try:
        open_votable(answer)
    except EnrichError as error:
        return str(error).partition(" is an error: ")[2]
    return ""

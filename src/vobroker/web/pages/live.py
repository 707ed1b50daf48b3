"""The front page: alerts as they arrive, what the filters make of them, and where they are on the sky."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from vobroker.web.pulse import EVERY
from vobroker.web.render import fragment, respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

MAX_READERS = 200
"""Most open live streams; who comes later reads a page that stands still."""

_readers = asyncio.Semaphore(MAX_READERS)


@router.get("/")
def live(request: Request, site: SiteHere) -> Response:
    """Show the latest alerts and all counts."""
    return respond(request, "live.html", site.pulse.now())


@router.get("/live")
async def stream(site: SiteHere) -> StreamingResponse:
    """Send what has changed, as server-sent events (WHATWG HTML, section 9.2).

    Event ``alerts`` has the table rows of new alerts, ``summary`` and ``beside`` the counts around
    them, ``news`` one sentence for those who listen.
    """
    if _readers.locked():
        raise HTTPException(503, "Too many readers follow the live page; load it again instead.")
    return StreamingResponse(
        _changes(site), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _changes(site: Site) -> AsyncIterator[str]:
    if _readers.locked():
        # Many came at once, between the answer's head and here; browsers ask again by themselves.
        yield "retry: 30000\n\n"
        return
    async with _readers:
        state = await run_in_threadpool(site.pulse.now)
        seen, quiet, unsaid = state["last"], 0, 0
        shown: dict[str, str] = {}
        yield "retry: 3000\n\n"
        while not site.closing.is_set():
            await asyncio.sleep(EVERY)
            state = await run_in_threadpool(site.pulse.now)
            fresh = [row for row in state["alerts"] if row["sequence"] > seen]
            if fresh:
                unsaid += state["last"] - seen
                seen = state["last"]
                yield _event("alerts", await run_in_threadpool(fragment, "live_rows.html", alerts=fresh))
            for part in ("summary", "beside"):
                html = await run_in_threadpool(_part, part, state)
                if html != shown.get(part):
                    shown[part] = html
                    yield _event(part, html)
            quiet += 1
            if unsaid and quiet >= 10:  # a voice that speaks every second is of no use
                yield _event("news", fragment("live_news.html", number=unsaid, **state))
                quiet = unsaid = 0


def _part(name: str, state: dict[str, Any]) -> str:
    return fragment(f"live_{name}.html", **state)


def _event(name: str, html: str) -> str:
    """Write a server-sent event; each line of its data is a field of its own."""
    data = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{data}\n"

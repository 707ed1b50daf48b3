"""Streams of events over HTTP, as server-sent events and as lines of JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from vobroker.gateway.endless import EVENTS, HEARTBEAT, LINES, Endless, as_event
from vobroker.publish import gcn
from vobroker.tap.errors import TapError
from vobroker.tap.service import caller_with
from vobroker.web.asked import tap_address
from vobroker.web.feed import BEGINNING, EVERY, PASSED, RECEIVED, Form, Item, Kind
from vobroker.web.limits import Name
from vobroker.web.site import Site, SiteHere

router = APIRouter()

HEADERS = {"Cache-Control": "no-store", "Content-Encoding": "identity"}
"""Packed, a stream would wait for more to pack."""


class FormName(StrEnum):
    """What a stream carries: packets, or notices in JSON."""

    voevent = "voevent"
    gcn = "gcn"


@dataclass
class Asked:
    """What a listener asks for."""

    request: Request
    site: SiteHere
    since: Annotated[
        str,
        Query(max_length=1000, description=f"The last event known, a time in UTC, or {BEGINNING}"),
    ] = ""
    form: Annotated[FormName, Query(description="VOEvent packets, or notices with the names of GCN")] = (
        FormName.voevent
    )
    follow: Annotated[bool, Query(description="Whether to wait for events that come")] = True
    last_event_id: Annotated[str, Header(max_length=1000, description="As since, and goes before it")] = ""


AskedHere = Annotated[Asked, Depends()]


@router.get("/events/stream")
async def all_events(asked: AskedHere) -> Response:
    """Stream the events of all filters, as server-sent events."""
    return await _streamed(asked, PASSED, EVENTS)


@router.get("/events/stream.ndjson")
async def all_lines(asked: AskedHere) -> Response:
    """Stream the events of all filters, one line of JSON each."""
    return await _streamed(asked, PASSED, LINES)


@router.get("/events/{stream}/stream")
async def events(asked: AskedHere, stream: Name) -> Response:
    """Stream the events of a filter, as server-sent events."""
    return await _streamed(asked, PASSED, EVENTS, stream)


@router.get("/events/{stream}/stream.ndjson")
async def lines(asked: AskedHere, stream: Name) -> Response:
    """Stream the events of a filter, one line of JSON each."""
    return await _streamed(asked, PASSED, LINES, stream)


@router.get("/voevents/stream")
async def received_events(asked: AskedHere) -> Response:
    """Stream the events that are received, as server-sent events."""
    return await _streamed(asked, RECEIVED, EVENTS)


@router.get("/voevents/stream.ndjson")
async def received_lines(asked: AskedHere) -> Response:
    """Stream the events that are received, one line of JSON each."""
    return await _streamed(asked, RECEIVED, LINES)


@router.get("/events/notice.schema.json")
def notice_schema(request: Request) -> Response:
    """Give the JSON Schema of notices."""
    return JSONResponse(gcn.json_schema(f"{_base(request)}/events/notice.schema.json"))


async def _streamed(asked: Asked, kind: Kind, media_type: str, stream: str | None = None) -> Response:
    request, site = asked.request, asked.site
    known = stream is None or stream in site.filters
    if not known and not await run_in_threadpool(site.archive.events, stream, 0, 1):
        raise HTTPException(404, f"There is no stream “{stream}”.")
    try:
        caller = caller_with(site.tap.roles, request.headers.get("authorization", ""), "streams")
    except TapError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
    since = asked.last_event_id or asked.since
    try:
        place = await run_in_threadpool(site.feed.begin, kind, since)
    except (ValueError, OverflowError):
        raise HTTPException(
            422, f"“since” is the ivorn of an event, a time such as 2026-03-05T01:02:03, or {BEGINNING}."
        ) from None
    if place is None:
        raise HTTPException(404, f"There is no event {since[:200]} to go on from.")
    form = Form(asked.form.value, _base(request) if asked.form is FormName.gcn else "")
    listening = site.feed.listeners.one(caller)
    if not listening.__enter__():
        who = "You follow" if caller.name else "Guests follow"
        most = caller.limits.listeners
        raise HTTPException(503, f"{who} {most} streams already; try again later.", {"Retry-After": "30"})
    write = _event if media_type == EVENTS else _line
    still = partial(site.tap.roles.known, caller, "streams")
    pieces = _pieces(site, kind, stream, form, place, write, follow=asked.follow, known=still)
    return Endless(pieces, media_type, listening, HEADERS)


def _base(request: Request) -> str:
    """Give the address of the pages as the reader reaches them."""
    return tap_address(request).rpartition("/")[0]


async def _pieces(
    site: Site,
    kind: Kind,
    stream: str | None,
    form: Form,
    place: int,
    write: Callable[[Item, Form], bytes],
    *,
    follow: bool,
    known: Callable[[], bool],
) -> AsyncGenerator[bytes, None]:
    """Give what a listener is sent: some events at a time, and signs of life."""
    yield b"retry: 3000\n\n" if write is _event else b""
    quiet = 0.0
    while not site.closing.is_set() and known():
        piece, place = await run_in_threadpool(site.feed.after, kind, stream, form, place, write)
        if piece:
            quiet = 0.0
            yield piece
        else:
            if not follow:
                return
            await asyncio.sleep(EVERY)
            quiet += EVERY
            if quiet >= HEARTBEAT:
                quiet = 0.0
                yield b":\n\n" if write is _event else b"\n"


def _event(item: Item, form: Form) -> bytes:
    return as_event(form.name, item.ivorn, item.content)


def _line(item: Item, form: Form) -> bytes:
    if form.name == "gcn":
        return item.content + b"\n"
    told = {"ivorn": item.ivorn, "voevent": item.content.decode()}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"

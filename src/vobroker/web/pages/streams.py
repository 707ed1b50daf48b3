"""Streams of events over HTTP, which go on by ivorns: as server-sent events and as lines of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from vobroker.gateway.endless import EVENTS, LINES
from vobroker.gateway.listening import HEADERS, asked, base_of, endless
from vobroker.gateway.messages import ALL, RECEIVED
from vobroker.publish import gcn
from vobroker.web.limits import Name

router = APIRouter()

_HEADERS = HEADERS | {
    "Content-Encoding": "identity",  # packed, a stream would wait for more to pack
    "Access-Control-Allow-Origin": "*",
}


class FormName(StrEnum):
    """What a stream carries: packets, or notices in JSON."""

    voevent = "voevent"
    gcn = "gcn"


@dataclass
class Wanted:
    """What a listener asks for."""

    request: Request
    since: Annotated[
        str,
        Query(
            max_length=1000,
            description="The last event known (ivorn or cursor), a span such as 2h, a time (UTC), beginning",
        ),
    ] = ""
    form: Annotated[FormName, Query(description="VOEvent packets, or notices with the names of GCN")] = (
        FormName.voevent
    )
    follow: Annotated[bool, Query(description="Whether to wait for events that come")] = True
    last_event_id: Annotated[str, Header(max_length=1000, description="As since, and goes before it")] = ""

    async def answer(self, stream: str, media_type: str) -> Response:
        """Follow a stream."""
        found = await asked(self.request, stream, self.last_event_id or self.since)
        return await endless(
            found,
            self.request,
            self.form.value,
            media_type,
            named=True,
            follow=self.follow,
            headers=_HEADERS,
        )


WantedHere = Annotated[Wanted, Depends()]


@router.get("/events/stream")
async def all_events(wanted: WantedHere) -> Response:
    """Stream the events of all filters, as server-sent events."""
    return await wanted.answer(ALL, EVENTS)


@router.get("/events/stream.ndjson")
async def all_lines(wanted: WantedHere) -> Response:
    """Stream the events of all filters, one line of JSON each."""
    return await wanted.answer(ALL, LINES)


@router.get("/events/{stream}/stream")
async def events(wanted: WantedHere, stream: Name) -> Response:
    """Stream the events of a filter, as server-sent events."""
    return await wanted.answer(stream, EVENTS)


@router.get("/events/{stream}/stream.ndjson")
async def lines(wanted: WantedHere, stream: Name) -> Response:
    """Stream the events of a filter, one line of JSON each."""
    return await wanted.answer(stream, LINES)


@router.get("/voevents/stream")
async def received_events(wanted: WantedHere) -> Response:
    """Stream the events that are received, as server-sent events."""
    return await wanted.answer(RECEIVED, EVENTS)


@router.get("/voevents/stream.ndjson")
async def received_lines(wanted: WantedHere) -> Response:
    """Stream the events that are received, one line of JSON each."""
    return await wanted.answer(RECEIVED, LINES)


@router.get("/events/notice.schema.json")
def notice_schema(request: Request) -> Response:
    """Give the JSON Schema of notices."""
    return JSONResponse(gcn.json_schema(f"{base_of(request)}/events/notice.schema.json"))

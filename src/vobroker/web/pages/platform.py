"""The service as a science platform: what a guest and a user may do here, for people and for programs."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from vobroker.archive import overview
from vobroker.platforms.descriptor import GROUPS, PARTS, Platform
from vobroker.platforms.documents import parse
from vobroker.platforms.errors import PlatformError
from vobroker.platforms.offer import EXPIRES, offers
from vobroker.platforms.ours import Holding, ours
from vobroker.platforms.schema import descriptor_schema
from vobroker.platforms.write import Line, described, to_yaml, told
from vobroker.roles import Limits
from vobroker.web.asked import tap_address
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere, site_of

router = APIRouter()

MAX_REQUEST = 2**16
"""Most bytes of a request for offers."""

KEPT = 200
"""Most sets of offers that are kept, the last ones."""


@router.get("/platform")
def platform(request: Request, site: SiteHere) -> Response:
    """Show what this service offers to a guest, a user and an operator."""
    found = platform_of(request, site)
    today = datetime.now(UTC).date()
    page = {
        "limits": limits_of(found),
        "parts": [
            (part, item, [one for one in told(item.title, group, item.facts, today) if one.fact])
            for part, group in PARTS.items()
            for item in getattr(found, part)
        ],
    }
    return respond(request, "platform.html", described(found, today), page_only=page)


@router.get("/platform/descriptor.{suffix}")
def descriptor(request: Request, site: SiteHere, suffix: Annotated[str, Path(max_length=8)]) -> Response:
    """Give the descriptor as YAML or JSON."""
    document = dict(platform_of(request, site).document)
    if suffix == "json":
        return JSONResponse(document)
    if suffix == "yaml":
        return Response(to_yaml(document), media_type="application/yaml")
    raise HTTPException(404, f"A descriptor comes as .yaml or .json, not as .{suffix}.")


@router.get("/platform/schema.json")
def schema() -> Response:
    """Give the JSON Schema of descriptors."""
    return JSONResponse(descriptor_schema(), media_type="application/schema+json")


@router.get("/platform/capabilities")
def capabilities(request: Request) -> Response:
    """Lead to the VOSI capabilities of the services here."""
    return RedirectResponse(f"{tap_address(request)}/capabilities", 307)


@router.get("/platform/availability")
def availability(request: Request) -> Response:
    """Lead to the VOSI availability of the services here."""
    return RedirectResponse(f"{tap_address(request)}/availability", 307)


@router.get("/platform/offersets")
def standing(request: Request, site: SiteHere) -> Response:
    """Give what each role is offered, in the form of the IVOA Execution Broker."""
    return JSONResponse(_answer(request, site, {}))


@router.post("/platform/offersets")
async def offersets(request: Request) -> Response:
    """Answer a request for sessions with a set of offers, in the form of the IVOA Execution Broker."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST:
            raise HTTPException(413, f"A request for offers has at most {MAX_REQUEST} bytes.")
    try:
        wanted = parse(body, "the request").value
        if not isinstance(wanted, dict):
            raise PlatformError("the request has to be an object")
        answer = await run_in_threadpool(_answer, request, site_of(request), wanted)
    except PlatformError as error:
        raise HTTPException(400, f"{error}.") from error
    return JSONResponse(answer)


@router.get("/platform/offersets/{uuid}")
def offerset(request: Request, uuid: UUID) -> Response:
    """Give a set of offers again that still hold."""
    made, answer = _offered(request).get(uuid, (datetime.min.replace(tzinfo=UTC), {}))
    if made < datetime.now(UTC) - EXPIRES:
        raise HTTPException(404, "There are no such offers, or no more.")
    return JSONResponse(answer)


def platform_of(request: Request, site: Site) -> Platform:
    """Describe this service as the reader reaches it."""
    rows: dict[str, int] = {}
    for one in overview.nights(site.archive, limit=100_000):
        rows[one["survey"]] = rows.get(one["survey"], 0) + one["alerts"]
    return _ours(
        tuple(sorted(site.tap.roles.limits.items())),
        tap_address(request).removesuffix("/tap"),
        site.title,
        tuple(Holding(survey, number) for survey, number in sorted(rows.items())),
        datetime.now(UTC).date(),
    )


@lru_cache(maxsize=16)
def _ours(
    limits: tuple[tuple[str, Limits], ...],
    address: str,
    title: str,
    holdings: tuple[Holding, ...],
    today: Any,
) -> Platform:
    order = ("guest", "user", "operator")
    known = dict(limits)
    return ours(
        {role: known[role] for role in order}, address=address, title=title, holdings=holdings, today=today
    )


def limits_of(found: Platform) -> list[tuple[str, str, list[Line]]]:
    """Give what each role has, a row a field, of the fields of which something is known."""
    today = datetime.now(UTC).date()
    columns = [list(told(role, "role", facts, today)) for role, facts in found.roles.items()]
    rows = zip(GROUPS["role"].values(), zip(*columns, strict=True), strict=True)
    return [
        (field.text, field.term, list(cells)) for field, cells in rows if any(cell.fact for cell in cells)
    ]


def _answer(request: Request, site: Site, wanted: dict[str, Any]) -> dict[str, Any]:
    found = platform_of(request, site)
    now = datetime.now(UTC)
    answer: dict[str, Any] = offers(found, list(found.roles), wanted, now)
    identifier = UUID(answer["meta"]["uuid"])
    answer["meta"]["url"] = f"{found.web}platform/offersets/{identifier}"
    kept = _offered(request)
    kept[identifier] = (now, answer)
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return answer


def _offered(request: Request) -> OrderedDict[UUID, tuple[datetime, dict[str, Any]]]:
    """Give the sets of offers that were made last."""
    state = request.app.state
    if not hasattr(state, "offered"):
        state.offered = OrderedDict()
    return cast("OrderedDict[UUID, tuple[datetime, dict[str, Any]]]", state.offered)

"""The filter editor: a filter is written, checked, tried on past nights, saved and withdrawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from vobroker.adql import AdqlError
from vobroker.archive import overview
from vobroker.filters import Budget, Filter, Kept, SavedError, compile_filter, examples, starter_filters
from vobroker.filters.attempt import Attempt
from vobroker.filters.database import DatabaseError
from vobroker.filters.saved import MAX_TEXT
from vobroker.filters.tables import filter_tables
from vobroker.roles import Caller
from vobroker.votypes.columns import Table
from vobroker.web import dictionary, trials
from vobroker.web.limits import Name
from vobroker.web.render import fragment, respond, wants_json
from vobroker.web.site import Site, SiteHere, site_of
from vobroker.web.who import CallerHere, FieldsHere, OwnForm, address_of, field

router = APIRouter()

DRAFT = "draft"
"""What a filter is called that has no name yet."""

_NIGHTS = 7

_FIRST = """\
-- What it looks for, in a few words
-- What passes and why, in a sentence or two.
SELECT survey, alert_id, object_id, mjd, ra, dec, band, mag
FROM alert
WHERE mag < 19
  AND n_detections <= 5
"""

Fields = Mapping[str, list[str]]


@router.get("/filters/new")
def new(
    request: Request,
    site: SiteHere,
    caller: CallerHere,
    start: Annotated[str, Query(alias="from", max_length=128, description="Filter to start from")] = "",
) -> Response:
    """Show an editor with an example, or the filter that one starts from."""
    text = _text_of(site, start) if start else _FIRST
    if text is None:
        raise HTTPException(404, f"There is no filter “{start}”.")
    return _page(request, site, caller, None, "", text)


@router.get("/filters/{name}/edit")
def edit(request: Request, site: SiteHere, caller: CallerHere, name: Name) -> Response:
    """Show an editor with a filter of the reader; who does not own it starts a new one from it."""
    kept = _kept(site, name)
    if kept is None or not kept.belongs_to(caller):
        if _text_of(site, name) is None:
            raise HTTPException(404, f"There is no filter “{name}”.")
        return RedirectResponse(f"/filters/new?from={quote(name)}", 303)
    return _page(request, site, caller, kept, name, kept.now.text)


@router.post("/filters/new", dependencies=[OwnForm])
async def post_new(request: Request, site: SiteHere, caller: CallerHere, fields: FieldsHere) -> Response:
    """Try or save what was written."""
    return await _done(request, site, caller, field(fields, "name").strip(), fields, None)


@router.post("/filters/{name}/edit", dependencies=[OwnForm])
async def post_edit(
    request: Request, site: SiteHere, caller: CallerHere, name: Name, fields: FieldsHere
) -> Response:
    """Try or save a new version."""
    kept = await run_in_threadpool(_kept, site, name)
    if kept is None:
        raise HTTPException(404, f"There is no filter “{name}” that a user keeps.")
    return await _done(request, site, caller, name, fields, kept)


@router.post("/filters/{name}/withdraw", dependencies=[OwnForm])
def withdraw(request: Request, site: SiteHere, caller: CallerHere, name: Name) -> Response:
    """Take a filter out of the river; its events stay."""
    try:
        site.filters.saved.withdraw(name, caller)
    except SavedError as error:
        raise HTTPException(error.status, str(error)) from None
    except DatabaseError as error:
        raise HTTPException(503, "Filters cannot be changed now; try again in a moment.") from error
    _note(request, "withdraw filter", caller, filter=name)
    site.filters.now()
    return RedirectResponse(f"/filters/{name}", 303)


@router.post("/filters/trial", dependencies=[OwnForm])
async def trial(request: Request, site: SiteHere, caller: CallerHere, fields: FieldsHere) -> Response:
    """Try what was written, and tell how it goes, as server-sent events (WHATWG HTML, section 9.2).

    Event ``trial`` has the whole of what is known as HTML, ``said`` one sentence, ``wrong`` why it cannot be.
    """
    try:
        attempt = await run_in_threadpool(_attempt, site, caller, field(fields, "name").strip(), fields)
    except AdqlError as error:
        raise HTTPException(400, str(error)) from None
    steps = _events(attempt, caller, trials.follow(attempt, caller, site.closing))
    return StreamingResponse(steps, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.post("/filters/check")
async def check(request: Request, site: SiteHere) -> Response:
    """Check a filter, the body of the request, without running it."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > 4 * MAX_TEXT:
                raise HTTPException(413, f"A filter has at most {MAX_TEXT:,} characters.")
        text = body.decode()
    except ClientDisconnect:  # who leaves the page while it checks
        return Response(status_code=400)
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"The filter is not UTF-8 text: byte {error.start}.") from error
    return JSONResponse(await run_in_threadpool(_checked, site, text))


@router.get("/filters/language")
def language(site: SiteHere) -> Response:
    """Give what the editor completes: keywords, functions, the tables that a filter may name."""
    return JSONResponse(dictionary.language(_tables(site), aggregates=False))


def _tables(site: Site) -> dict[str, Table]:
    """Give what a filter may name: native tables as the archive has them, where it does."""
    return site.filters.tables() | {
        name: table for name, table in site.archive.native_tables().items() if name in filter_tables()
    }


def _text_of(site: Site, name: str) -> str | None:
    """Give the text of a filter that runs, ships, or that a user keeps; None where there is none."""
    if name in site.filters:
        return site.filters[name].text
    if name in examples():
        return examples()[name].text
    kept = _kept(site, name)
    return kept.now.text if kept else None


def _kept(site: Site, name: str) -> Kept | None:
    try:
        return site.filters.saved.get(name)
    except DatabaseError as error:
        raise HTTPException(503, "The filters of users cannot be read now.") from error


def _attempt(site: Site, caller: Caller, name: str, fields: Fields) -> Attempt:
    """Make a trial of what was written; against the filter of that name that runs, if it means another thing.

    Raises
    ------
    AdqlError
        If it is no filter.
    """
    try:
        nights = int(field(fields, "nights") or _NIGHTS)
    except ValueError:
        nights = 0
    if nights not in trials.NIGHTS:
        raise HTTPException(422, f"A trial looks at {', '.join(map(str, trials.NIGHTS))} nights.")
    text = _text(fields)
    running = site.filters.get(name)
    compiled = compile_filter(running.name if running else DRAFT, text, _tables(site))
    against = running if running is not None and running.version != compiled.version else None
    return Attempt(compiled, site.archive, nights, trials.seconds_of(caller), against)


def _text(fields: Fields) -> str:
    text = field(fields, "text").replace("\r\n", "\n")
    if len(text) > MAX_TEXT:
        raise HTTPException(413, f"A filter has at most {MAX_TEXT:,} characters, this one has {len(text):,}.")
    return text


async def _done(
    request: Request, site: Site, caller: Caller, name: str, fields: Fields, kept: Kept | None
) -> Response:
    """Do what a form asks for, for who reads without scripts or saves."""
    text = _text(fields)
    shown: dict[str, Any] = {"nights": field(fields, "nights")}
    status = 200
    try:
        if field(fields, "do") == "save":
            made = await run_in_threadpool(_save, site, caller, name, text)
            _note(request, "save filter", caller, filter=made.name, version=made.version)
            return RedirectResponse(f"/filters/{made.name}", 303)
        attempt = await run_in_threadpool(_attempt, site, caller, name, fields)
        async for said in trials.follow(attempt, caller, site.closing):
            if await request.is_disconnected():
                break
            shown["wrong"] = said or None
        shown |= {"trial": trials.told(attempt, Budget.of(caller.limits)), "attempt": attempt}
    except AdqlError as error:
        error.where = ""
        status, shown["error"] = 400, error.describe() | {"shown": error.render()}
    except SavedError as error:
        status, shown["refused"] = error.status, str(error)
    return await run_in_threadpool(_page, request, site, caller, kept, name, text, status, **shown)


def _note(request: Request, what: str, caller: Caller, **more: object) -> None:
    """Write into the audit log."""
    site_of(request).gateway.audit.note(
        what, who=caller.name, address=address_of(request), status=303, **more
    )


def _save(site: Site, caller: Caller, name: str, text: str) -> Filter:
    """Save a filter of somebody who has signed in.

    Raises
    ------
    AdqlError, SavedError
        As :meth:`vobroker.filters.Saved.save`.
    """
    saved = site.filters.saved
    try:
        # A stream that an operator's filter once made stays that filter's.
        judged = {row["filter"] for row in overview.judged(site.archive)}
        taken = ({one.name for one in site.filters.operators} | judged) - saved.names()
        made = saved.save(name, text, caller, site.filters.tables(), taken)
    except DatabaseError as error:
        raise HTTPException(503, "Filters cannot be saved now; try again in a moment.") from error
    site.filters.now()
    return made


def _page(
    request: Request,
    site: Site,
    caller: Caller,
    kept: Kept | None,
    name: str,
    text: str,
    status: int = 200,
    *,
    nights: str = "",
    trial: dict[str, Any] | None = None,
    attempt: Attempt | None = None,
    wrong: str | None = None,
    error: dict[str, Any] | None = None,
    refused: str | None = None,
) -> Response:
    data: dict[str, Any] = {
        "name": name,
        "text": text,
        "kept": kept is not None,
        "error": error,
        "refused": refused,
        "wrong": wrong,
        "trial": trial,
    }
    if wants_json(request):
        return respond(request, "filter_editor.html", data, status)
    chosen = int(nights) if nights.isascii() and nights.isdigit() and len(nights) < 4 else _NIGHTS
    page = {
        "examples": _examples(site),
        "tables": dictionary.browsed(_tables(site).values()),
        "nights_choices": trials.NIGHTS,
        "nights_chosen": chosen,
        "max_text": MAX_TEXT,
        "limits": caller.limits,
        "seconds": trials.seconds_of(caller),
        "signed_in": bool(caller.name),
        "shown_trial": _shown(attempt, trial, wrong) if attempt is not None and trial is not None else None,
    }
    return respond(request, "filter_editor.html", data, status, page_only=page)


def _examples(site: Site) -> list[dict[str, Any]]:
    """Give the filters that one can start from, with the tables that are not there yet."""
    there = site.filters.tables()
    shipped = [
        {"name": one.name, "title": one.title, "lacks": [table for table in one.needs if table not in there]}
        for one in examples().values()
    ]
    return [{"name": one.name, "title": one.title, "lacks": []} for one in starter_filters()] + shipped


def _checked(site: Site, text: str) -> dict[str, Any]:
    try:
        found = compile_filter(DRAFT, text, _tables(site))
    except AdqlError as error:
        return {"valid": False, "error": error.describe(), "columns": []}
    columns = [dictionary.described(column) for column in found.columns]
    of = f"Alerts of {found.survey} only." if found.survey else ""
    return {"valid": True, "error": None, "columns": columns, "version": found.version, "note": of}


def _shown(attempt: Attempt, trial: dict[str, Any], wrong: str | None) -> str:
    """Write what is known of a trial as a part of a page."""
    return fragment(
        "filter_trial.html",
        **trial,
        wrong=wrong,
        sentence=trials.said(trial),
        curves=trials.curves(attempt),
        nights_svg=trials.nights_svg,
    )


async def _events(attempt: Attempt, caller: Caller, steps: AsyncIterator[str]) -> AsyncIterator[str]:
    """Write the steps of a trial as events; what changes faster than it can be read is told once."""
    budget, wrong, before = Budget.of(caller.limits), "", (-1, -1, False)
    yield _event("said", "Waiting for its turn.")
    try:
        async for said in steps:
            wrong = said or wrong
            now = (len(attempt.tried), len(attempt.samples), attempt.done)
            if now == before and not said:
                yield ": somebody there?\n\n"
                continue
            before = now
            known = await run_in_threadpool(trials.told, attempt, budget)
            yield _event("trial", await run_in_threadpool(_shown, attempt, known, wrong or None))
            yield _event("said", wrong or trials.said(known))
    except HTTPException as error:  # too many wait
        wrong = str(error.detail)
    known = trials.told(attempt, budget)
    yield _event("trial", _shown(attempt, known, wrong or None))
    yield _event("said", wrong or trials.said(known))
    yield _event("end", "")


def _event(name: str, html: str) -> str:
    data = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{data}\n"

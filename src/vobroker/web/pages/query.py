"""The query editor: ADQL on the archive, checked while it is written, with a plot of what it gives."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import pyarrow.compute as pc
from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from vobroker import adql
from vobroker.archive.rows import jsonable
from vobroker.tap.errors import TapError
from vobroker.tap.examples import EXAMPLES
from vobroker.tap.formats import FORMATS
from vobroker.timeseries.plot import picture
from vobroker.votypes.columns import Table
from vobroker.web import dictionary, plot
from vobroker.web.asked import Answer, ask, prepared, tap_address
from vobroker.web.dictionary import browsed, described
from vobroker.web.render import respond, wants_json
from vobroker.web.site import SiteHere, site_of

router = APIRouter()

SHOWN = 500
"""Most rows on the page."""

PLOTTED = 20_000
"""Most rows in a plot."""

MAX_TEXT = 20_000
"""Longest query, in characters: an address can hold it."""

QUICK = 2.0
"""Seconds of a query that is asked again at once, for its plot."""

_ARCSEC = 1 / 3600

Text = Annotated[str, Query(max_length=MAX_TEXT)]
Name = Annotated[str | None, Query(max_length=128)]
Given = tuple[str | None, str | None, str | None]


@router.get("/query")
def query(
    request: Request, site: SiteHere, q: Text = "", x: Name = None, y: Name = None, colour: Name = None
) -> Response:
    """Show the editor and, when there is a query, its result."""
    data: dict[str, Any] = {"q": q, "error": None, "columns": [], "rows": [], "overflow": False, "seconds": 0}
    status = 200
    drawn = None
    if q.strip():
        try:
            answer = ask(request, prepared(request, q), SHOWN)
        except adql.AdqlError as error:
            status, data["error"] = 400, error.describe() | {"shown": error.render()}
        except TapError as error:
            status, data["error"] = 400, {"code": "failed", "message": str(error), "shown": str(error)}
        else:
            columns = answer.prepared.columns
            data["overflow"] = answer.overflow
            data["columns"] = [described(column) for column in columns]
            data["rows"] = [jsonable(row, Table("result", columns)) for row in answer.rows.to_pylist()]
            data["seconds"] = round(answer.seconds, 3)
            drawn = None if wants_json(request) else _plot_of(answer, q, (x, y, colour))
    address = tap_address(request)
    page = {
        "tables": browsed(site.tap.catalogue(address).tables.values()),
        "examples": [(title, text) for _, title, _, text in EXAMPLES if "TAP_UPLOAD" not in text],
        "shown": SHOWN,
        "plot": drawn,
        "files": _files(q, address, site.tap.roles.guest.limits.max_rows),
        "python": _python(q, address),
        "address_of": plot.address,
    }
    return respond(request, "query.html", data, status, page_only=page)


@router.get("/query/plot.{suffix}")
def plotted(
    request: Request,
    suffix: Annotated[str, Path(max_length=8)],
    q: Text,
    x: Name = None,
    y: Name = None,
    colour: Name = None,
    dark: bool = False,
) -> Response:
    """Draw a result; as JSON, tell where each point of the picture is, what it is and where it leads."""
    if suffix not in ("svg", "png", "json"):
        raise HTTPException(404, f"A plot comes as .svg, .png or .json, not as .{suffix}.")
    try:
        asked = prepared(request, q)
        choice = plot.choose(asked.columns, x, y, colour)
        if choice is None:
            raise HTTPException(
                400, "Nothing in this result can be drawn: it has no numbers, times or words."
            )
        answer = ask(request, asked, PLOTTED, plot.needed(choice, asked.columns))
    except (adql.AdqlError, TapError, ValueError) as error:
        raise HTTPException(400, str(error)) from error
    drawing = plot.draw(answer.rows, asked.columns, choice, dark=dark)
    about = drawing.description
    if answer.overflow:
        about = f"The first {PLOTTED:,} rows. {about}"
    if suffix == "json":
        return JSONResponse({"description": about, "points": drawing.marks})
    content = picture(drawing.figure, "svg" if suffix == "svg" else "png", drawing.title, about)
    if suffix == "png":
        return Response(content, media_type="image/png")
    # The links of a picture that is open by itself may lead away from it, but open no window.
    return Response(content.replace(b' target="_blank"', b""), media_type="image/svg+xml")


@router.post("/query/check")
async def check(request: Request) -> Response:
    """Check a query, the body of the request, without running it."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 4 * MAX_TEXT:
            raise HTTPException(413, f"A query has at most {MAX_TEXT} characters.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"The query is not UTF-8 text: byte {error.start}.") from error
    return JSONResponse(await run_in_threadpool(_checked, request, text))


@router.get("/query/language")
def language(request: Request) -> Response:
    """Give what an editor completes: keywords, functions, tables with their columns."""
    return JSONResponse(dictionary.language(site_of(request).tap.catalogue(tap_address(request)).tables))


def _plot_of(
    answer: Answer, q: str, given: tuple[str | None, str | None, str | None]
) -> dict[str, Any] | None:
    """Give what the page says of the plot: what is drawn, what else could be; None for nothing."""
    columns = answer.prepared.columns
    if not answer.rows.num_rows:
        return None
    try:
        choice = plot.choose(columns, *given, one_place=_one_place(answer))
    except ValueError:  # the columns of another query, whose address was changed
        given = (None, None, None)
        choice = plot.choose(columns, *given, one_place=_one_place(answer))
    if choice is None:
        return None
    chosen = {"q": q, "x": choice.x, "y": choice.y, "colour": choice.colour}
    what = f"how many rows there are of each {choice.x}"
    if choice.y:
        colour = f", coloured by {choice.colour}" if choice.colour else ""
        what = f"{choice.y} against {choice.x}{colour}"
    return {
        "choice": choice,
        "axes": [column.name for column in plot.axes(columns)],
        "colours": [column.name for column in plot.colours(columns)],
        "address": urlencode(chosen),
        "description": f"Plot of {what}",
        "open": answer.seconds < QUICK or any(given),
    }


def _one_place(answer: Answer) -> bool:
    """Whether the rows are at one place on the sky, as those of one object are."""
    for word in ("pos.eq.ra", "pos.eq.dec"):
        names = [column.name for column in answer.prepared.columns if column.ucd.startswith(word)]
        if not names:
            return False
        ends = pc.min_max(answer.rows[names[0]]).as_py()
        if ends["min"] is None or ends["max"] - ends["min"] > 10 * _ARCSEC:
            return False
    return True


def _files(q: str, address: str, most: int) -> list[tuple[str, str]]:
    """Give the files of a result, which come from the TAP service: title and address."""
    asked = {"LANG": "ADQL", "MAXREC": most, "QUERY": q}
    names = ("csv", "votable", "parquet", "fits", "json", "arrow", "tsv")
    found = {form.name: form for form in FORMATS}
    return [
        (found[name].title, f"{address}/sync?{urlencode({'RESPONSEFORMAT': name, **asked})}")
        for name in names
    ]


def _python(query: str, address: str) -> str:
    """Write a query as a program that asks it over TAP."""
    lines = query.strip().replace("\r\n", "\n")
    plain = lines.isprintable() or all(c.isprintable() or c == "\n" for c in lines)
    whole = plain and '"""' not in lines and "\\" not in lines and not lines.endswith('"')
    text = f'"""\n{lines}\n"""' if whole else repr(lines)
    return (
        f"import pyvo\n\nservice = pyvo.dal.TAPService({address!r})\n"
        f"result = service.search({text})\nresult.to_table()\n"
    )


def _checked(request: Request, text: str) -> dict[str, Any]:
    try:
        found = prepared(request, text)
    except adql.AdqlError as error:
        return {"valid": False, "error": error.describe(), "columns": []}
    return {"valid": True, "error": None, "columns": [described(column) for column in found.columns]}

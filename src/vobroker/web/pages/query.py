"""The query editor: ADQL on the archive, checked while it is written."""

from __future__ import annotations

import time
from threading import BoundedSemaphore
from typing import Annotated, Any
from urllib.parse import urljoin

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pyarrow import Table as ArrowTable

from vobroker import adql, sky
from vobroker.adql.functions import FUNCTIONS
from vobroker.archive import Archive, ArchiveError, results
from vobroker.archive.rows import jsonable
from vobroker.tap import examples
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table
from vobroker.web import highlight
from vobroker.web.downloads import attachment
from vobroker.web.render import respond
from vobroker.web.site import SiteHere

router = APIRouter()

SHOWN = 500
"""Most rows on the page."""

TAKEN = 100_000
"""Most rows in a file."""

SECONDS = 30.0
"""Time after which a query is stopped."""

MAX_TEXT = 20_000
"""Longest query, in characters: an address can hold it."""

_AT_ONCE = BoundedSemaphore(2)  # queries that run at the same time; ingest needs the machine too
_WAIT = 10.0  # seconds that one more waits for its turn

Text = Annotated[str, Query(max_length=MAX_TEXT)]

EXAMPLES = (
    *((title, text) for key, title, _, text in examples.EXAMPLES if key in ("brightest", "bands", "changed")),
    (
        "A cone search",
        "SELECT TOP 50 survey, object_id, DISTANCE(ra, dec, 0.84, 16.14) AS separation, mag, mjd\n"
        "FROM alert\nWHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0.84, 16.14, 5))\nORDER BY separation",
    ),
)
"""Queries to start from: title and text."""


@router.get("/query")
def query(request: Request, site: SiteHere, q: Text = "") -> Response:
    """Show the editor and, when there is a query, its result."""
    data: dict[str, Any] = {"q": q, "error": None, "columns": [], "rows": [], "overflow": False, "seconds": 0}
    status = 200
    if q.strip():
        started = time.monotonic()
        try:
            checked = adql.check(adql.parse(q), site.archive.tables())
            rows = _run(site.archive, checked, SHOWN)
        except adql.AdqlError as error:
            status, data["error"] = 400, error.describe() | {"shown": error.render()}
        except ArchiveError as error:
            status, data["error"] = 400, {"code": "failed", "message": str(error), "shown": str(error)}
        else:
            data["overflow"] = rows.num_rows > SHOWN
            data["columns"] = [_described(column) for column in checked.columns]
            result = Table("result", checked.columns)
            data["rows"] = [jsonable(row, result) for row in rows.slice(0, SHOWN).to_pylist()]
        data["seconds"] = round(time.monotonic() - started, 3)
    page = {
        "tables": list(site.archive.tables().values()),
        "examples": EXAMPLES,
        "shown": SHOWN,
        "python": _python(q, urljoin(str(request.url), site.tap)) if site.tap else "",
    }
    return respond(request, "query.html", data, status, page_only=page)


@router.get("/query/result.{form}")
def result(site: SiteHere, form: results.Form, q: Text) -> Response:
    """Give the result of a query as a file."""
    try:
        checked = adql.check(adql.parse(q), site.archive.tables())
        rows = _run(site.archive, checked, TAKEN)
        content = results.write(rows.slice(0, TAKEN), checked.columns, form, overflow=rows.num_rows > TAKEN)
    except (adql.AdqlError, ArchiveError, ValueError) as error:
        raise HTTPException(400, str(error)) from error
    media_type, suffix = _FILES[form]
    return attachment(content, media_type, f"result.{suffix}")


@router.post("/query/check")
async def check(request: Request, site: SiteHere) -> Response:
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
    return JSONResponse(await run_in_threadpool(_checked, text, site.archive))


@router.get("/query/language")
def language(site: SiteHere) -> Response:
    """Give what an editor completes: keywords, functions, tables with their columns."""
    tables = {
        table.name: [_described(column) | {"description": column.description} for column in table]
        for table in site.archive.tables().values()
    }
    return JSONResponse(
        {
            "keywords": highlight.KEYWORDS.split("|"),
            "functions": [*FUNCTIONS, *_MORE_FUNCTIONS],
            "tables": tables,
        }
    )


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


def _checked(text: str, archive: Archive) -> dict[str, Any]:
    try:
        found = adql.check(adql.parse(text), archive.tables())
        adql.translate(found, archive.platform)
    except adql.AdqlError as error:
        return {"valid": False, "error": error.describe(), "columns": []}
    return {"valid": True, "error": None, "columns": [_described(column) for column in found.columns]}


def _run(archive: Archive, checked: adql.CheckedQuery, rows: int) -> ArrowTable:
    """Run a query; one row more than asked tells whether there are more."""
    translation = adql.translate(checked, archive.platform, cells=sky)
    if not _AT_ONCE.acquire(timeout=_WAIT):
        raise HTTPException(503, "Other queries are running; try again in a moment.")
    try:
        found = archive.query(translation.sql, translation.parameters, rows=rows + 1, seconds=SECONDS)
    finally:
        _AT_ONCE.release()
    return found.cast(schema(Table("result", checked.columns)))


def _described(column: Column) -> dict[str, str]:
    return {"name": column.name, "type": column.type, "unit": column.unit, "ucd": column.ucd}


_MORE_FUNCTIONS = (
    *("COALESCE", "CAST", "IN_UNIT", "POINT", "CIRCLE", "POLYGON", "BOX", "CENTROID"),
    *("COUNT", "AVG", "MIN", "MAX", "SUM"),
)
"""What is written like a function but has rules of its own."""

_FILES = {
    results.Form.csv: ("text/csv; charset=utf-8", "csv"),
    results.Form.json: ("application/json", "json"),
    results.Form.votable: ("application/x-votable+xml", "vot"),
    results.Form.parquet: ("application/vnd.apache.parquet", "parquet"),
}

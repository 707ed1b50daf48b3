"""Queries that are waited for: ``/sync``, cone searches and links."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from vobroker.tap import cone as cones
from vobroker.tap import datalink, formats
from vobroker.tap.answer import Streamed, in_thread, while_connected
from vobroker.tap.errors import MEDIA_TYPE, TapError
from vobroker.tap.execute import Asked, checked, chosen_format, pieces, rows_of, understand
from vobroker.tap.formats import Format, Head, Outcome
from vobroker.tap.parameters import Parameters, number, read, reading
from vobroker.tap.service import PATIENCE, Service, base_of, caller_of, service_of, site_of

router = APIRouter()

FORM_BYTES = 4 * 2**20
"""Room in a request beside its uploads."""


@router.api_route("/sync", methods=["GET", "POST"])
async def sync(request: Request) -> Response:
    """Run a query and give its rows as they come (TAP 1.1, section 2.2)."""
    service, base = service_of(request), base_of(request)
    limits = caller_of(request).limits
    async with reading(request, limits.upload_bytes + FORM_BYTES) as parameters:
        return await _answer(
            request, service, lambda: understand(service, parameters, limits, base), limits.sync_seconds, base
        )


@router.get("/cone/{table}")
async def cone(request: Request, table: Annotated[str, Path(max_length=32)]) -> Response:
    """Give what is around a place (Simple Cone Search 1.03)."""
    service, base = service_of(request), base_of(request)
    limits = caller_of(request).limits
    if table not in cones.TABLES:
        raise TapError(f"there is a cone search on {' and on '.join(cones.TABLES)}, not on '{table}'", 404)
    parameters = await read(request, FORM_BYTES)
    text = cones.query(table, parameters)
    maxrec = number(parameters, "MAXREC", limits.rows, limits.max_rows)
    format = _format(parameters)

    def understood() -> Asked:
        prepared = checked(text, "ADQL", service.catalogue(base), service)
        return Asked(replace(prepared, columns=cones.columns(table, prepared.columns)), format, maxrec)

    return await _answer(request, service, understood, limits.sync_seconds, base)


@router.api_route("/datalink", methods=["GET", "POST"])
async def links(request: Request) -> Response:
    """Give the links of alerts and objects (DataLink 1.1, section 2.1)."""
    service, site = service_of(request), site_of(request)
    caller_of(request)
    parameters = await read(request, FORM_BYTES)
    identifiers = parameters.all("ID")
    if len(identifiers) > datalink.MAX_IDS:
        raise TapError(f"{len(identifiers)} values of ID; the limit is {datalink.MAX_IDS}", 413)
    format = _format(parameters)
    rows = await in_thread(lambda: datalink.links(service.archive, identifiers, site))
    head = Head(
        datalink.LINKS.columns,
        datalink.LINKS.description,
        infos=(("standardID", "ivo://ivoa.net/std/DataLink#links-1.1", ""),),
    )
    body = b"".join(formats.write(format, iter([rows]), head, Outcome))
    is_votable = format.media_type.startswith(MEDIA_TYPE)
    return Response(body, media_type=datalink.MEDIA_TYPE if is_votable else format.media_type)


def _format(parameters: Parameters) -> Format:
    """Give the format of an answer that people look at too: VOTable as text where none is asked for."""
    return chosen_format(parameters) if parameters.one("RESPONSEFORMAT") else formats.find("votable/td")


async def _answer(
    request: Request, service: Service, understood: Callable[[], Asked], seconds: float, base: str
) -> Response:
    """Read a query when it is its turn, wait for the first rows, and let the rest follow."""
    await _turn(request, service)
    try:
        asked = await in_thread(understood)
        rows = rows_of(service, asked, seconds)
    except BaseException:
        service.turns.release()
        raise

    def end() -> None:
        rows.close()
        service.turns.release()

    try:
        await while_connected(request.receive, rows.cancel, rows.begin)
        body = pieces(asked, rows, base)
        headers = {
            # Formats without a place for it cannot say that there are more rows; this can.
            "X-Row-Limit": str(asked.maxrec),
            "Content-Disposition": f'inline; filename="result.{asked.format.suffix}"',
        }
        return Streamed(
            body,
            asked.format.media_type,
            seconds=seconds,
            cancel=rows.cancel,
            close=end,
            headers=headers,
        )
    except BaseException:
        end()
        raise


async def _turn(request: Request, service: Service) -> None:
    """Wait for a turn, at most some seconds; who waits holds no thread, which those who run need."""
    deadline = time.monotonic() + PATIENCE
    while not service.turns.acquire(blocking=False):
        if time.monotonic() > deadline or await request.is_disconnected():
            raise TapError(
                "too many queries are running; come again in a moment, or send a job to /async", 503
            )
        await anyio.sleep(0.05)

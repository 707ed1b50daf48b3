"""Science platforms side by side, this service among them, and where a job should run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import Response

from vobroker.platforms.compare import compare
from vobroker.platforms.descriptor import Platform
from vobroker.platforms.documents import parse
from vobroker.platforms.errors import PlatformError
from vobroker.platforms.jobs import SHIPPED, Job, job_of, shipped_jobs
from vobroker.platforms.plan import NO, Choice, plan
from vobroker.platforms.plot import described, draw
from vobroker.platforms.read import shipped
from vobroker.platforms.units import duration, size
from vobroker.platforms.write import described as told
from vobroker.timeseries.plot import picture
from vobroker.web.pages.platform import platform_of
from vobroker.web.render import respond
from vobroker.web.site import Site, SiteHere

router = APIRouter()

MAX_TEXT = 6_000
"""Longest job, in characters: an address can hold it."""

Chosen = Annotated[list[str] | None, Query(max_length=50)]
Name = Annotated[str, Query(max_length=64)]
Text = Annotated[str, Query(max_length=MAX_TEXT)]


@router.get("/platforms")
def platforms(
    request: Request, site: SiteHere, p: Chosen = None, job: Name = "gaia-periods", text: Text = ""
) -> Response:
    """Show platforms side by side, and rank them for a job."""
    known = _known(request, site)
    chosen = _chosen(known, p)
    today = datetime.now(UTC).date()
    rows = compare(list(chosen.values()), today)
    status, error, choices, wanted = 200, "", list[Choice](), None
    try:
        wanted = _job(job, text)
        choices = plan(wanted, chosen)
    except PlatformError as wrong:
        status, error = 400, str(wrong)
    data = {
        "platforms": [told(one, today) for one in chosen.values()],
        "job": None if wanted is None else wanted.title,
        "error": error or None,
        "choices": [one.as_dict() for one in choices],
    }
    page = {
        "known": [(one.id, one.title, one.id in chosen) for one in known.values()],
        "columns": list(chosen.values()),
        "rows": rows,
        "ranked": choices,
        "examples": [(name, one.title) for name, one in _jobs().items()],
        "chosen_job": job,
        "text": text or _text(job),
        "own": bool(text.strip()),
        "summary": wanted.summary if wanted else "",
        "plot": urlencode({"p": list(chosen), "job": job, "text": text}, doseq=True),
        "description": described(choices),
        "size": size,
        "duration": duration,
        "no": NO,
    }
    return respond(request, "platforms.html", data, status, page_only=page)


@router.get("/platforms/plot.{suffix}")
def plotted(
    request: Request,
    site: SiteHere,
    suffix: Annotated[str, Path(max_length=8)],
    p: Chosen = None,
    job: Name = "gaia-periods",
    text: Text = "",
    dark: bool = False,
) -> Response:
    """Draw the data that would be moved against the time one would wait."""
    if suffix not in ("svg", "png"):
        raise HTTPException(404, f"A plot comes as .svg or .png, not as .{suffix}.")
    chosen = _chosen(_known(request, site), p)
    try:
        wanted = _job(job, text)
        choices = plan(wanted, chosen)
    except PlatformError as error:
        raise HTTPException(400, f"{error}.") from error
    about = described(choices)
    content = picture(draw(choices, dark=dark), "svg" if suffix == "svg" else "png", wanted.title, about)
    return Response(content, media_type="image/svg+xml" if suffix == "svg" else "image/png")


@cache
def _shipped() -> Mapping[str, Platform]:
    return shipped()


@cache
def _jobs() -> Mapping[str, Job]:
    return shipped_jobs()


def _known(request: Request, site: Site) -> dict[str, Platform]:
    ours = platform_of(request, site)
    return {ours.id: ours, **_shipped()}


def _chosen(known: Mapping[str, Platform], names: list[str] | None) -> dict[str, Platform]:
    """Give those that are chosen, in the order in which they are known; all when none is."""
    for name in names or []:
        if name not in known:
            raise HTTPException(404, f"There is no platform {name[:64]!r}; there are: {', '.join(known)}.")
    return {name: one for name, one in known.items() if not names or name in names}


def _job(name: str, text: str) -> Job:
    if text.strip():
        return job_of(parse(text, "your job"))
    if name not in _jobs():
        raise PlatformError(f"there is no job {name!r}; there are: {', '.join(_jobs())}")
    return _jobs()[name]


def _text(name: str) -> str:
    """Give an example as its file has it."""
    return (SHIPPED / f"{name}.yaml").read_text("utf-8") if name in _jobs() else ""

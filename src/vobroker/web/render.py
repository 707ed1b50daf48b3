"""A page's data as HTML for a person or as JSON for a program, at the same address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from vobroker.web import highlight, sky, sparkline, wording
from vobroker.web.who import by_session


@cache
def templates() -> jinja2.Environment:
    """Give the templates; everything put into them is escaped, and a name they lack is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vobroker.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS)
    environment.filters.update(adql=highlight.adql)
    environment.globals.update(sky_map=sky.svg, sparkline=sparkline.svg)
    return environment


def wants_json(request: Request) -> bool:
    """Tell whether a request asks for JSON: ``?format=json``, or an Accept header that prefers it."""
    chosen = request.query_params.get("format")
    if chosen is not None:
        return chosen == "json"
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def respond(
    request: Request,
    template: str,
    data: Mapping[str, Any],
    status: int = 200,
    *,
    page_only: Mapping[str, Any] | None = None,
) -> Response:
    """Answer with a page.

    Parameters
    ----------
    request
        What was asked.
    template
        File name of the template.
    data
        The page's data, ready for JSON; the template sees the same.
    status
        HTTP status.
    page_only
        What the template needs besides.
    """
    # A page says who is signed in, and must not be shown to another.
    who = by_session(request)
    headers = {"Vary": "Accept, Cookie"} | ({"Cache-Control": "no-store"} if who.name else {})
    if wants_json(request):
        return JSONResponse(data, status, headers)
    site = request.app.state.site
    page = (
        templates()
        .get_template(template)
        .render(
            **data,
            **(page_only or {}),
            site_title=site.title,
            path=request.url.path,
            who=who,
            may_sign_in=site.may_sign_in,
        )
    )
    return HTMLResponse(page, status, headers)


def fragment(template: str, **data: Any) -> str:
    """Give a part of a page, such as one that changes while the page is open."""
    return templates().get_template(template).render(**data)

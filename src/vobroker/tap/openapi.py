"""The service in the words of OpenAPI 3.1, for programs that know HTTP and not the VO.

What the standards say in prose stands here as a table: parameters, media types, and every status that an
answer can have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vobroker.tap import cone, datalink, errors
from vobroker.tap.asynchronous import PARTS, PHASES
from vobroker.tap.formats import FORMATS
from vobroker.tap.query import LANGUAGES, MAX_QUERY

VERSION = "3.1.0"
Json = dict[str, Any]
Answers = dict[int, Json]

_XML, _HTML, _TEXT = "text/xml", "text/html", "text/plain"
_WRONG = {
    400: "Something about the request is wrong; the sentence says what",
    401: "Nobody has this token",
    403: "An upload is not fetched from there",
    404: "There is no such thing",
    405: "This cannot be changed",
    408: "The request does not come in time",
    409: "The job has begun, and what it does cannot be changed any more",
    413: "More than may be sent",
    415: "Parameters do not come in this form",
    416: "The file has no such bytes",
    500: "The service is wrong; its log has the reason",
    503: "Too much is going on; come again",
    507: "No more room for results and uploads; delete some jobs",
}
_SENDS = (400, 401, 408, 413, 415, 500, 503)

_STRING: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time"}
_JOB: Json = {"type": "string", "pattern": "^[A-Za-z0-9]{1,64}$", "format": "uws-job"}


def _parameter(description: str, schema: Json, **more: Any) -> Json:
    return {"description": description, "schema": schema, **more}


def _angle(low: float, high: float) -> Json:
    return {"type": "number", "minimum": low, "maximum": high}


_QUERY = {
    "QUERY": _parameter(
        f"The query, at most {MAX_QUERY} characters; an address has room for some 60 000 in all",
        {"type": "string", "format": "adql"},
    ),
    "LANG": _parameter("Language of the query", {"enum": list(LANGUAGES)}),
    "MAXREC": _parameter("Most rows; more than the role may have becomes as many as it may", _COUNT),
    "RESPONSEFORMAT": _parameter(
        "Form of the result, by one of its names", {"enum": [name for form in FORMATS for name in form.names]}
    ),
    "UPLOAD": _parameter(
        "Tables: name,address; several with ; between. The address param:x is the file x of this request",
        {"type": "string", "format": "tap-upload"},
    ),
    "RUNID": _parameter("A name for the query", _STRING),
    "REQUEST": _parameter("What to do, as TAP 1.0 had it", {"const": "doQuery"}),
}
_FORMAT = {"RESPONSEFORMAT": _QUERY["RESPONSEFORMAT"]}
_CONTROLS = {
    "PHASE": _parameter("RUN lets the job begin, ABORT ends it", {"enum": ["RUN", "ABORT"]}),
    "EXECUTIONDURATION": _parameter("Seconds that the job may take; 0 is as long as possible", _COUNT),
    "DESTRUCTION": _parameter("When the job is forgotten", _TIME),
}
_CONE = {
    "RA": _parameter("Right ascension, degrees ICRS", _angle(0, 360), required=True),
    "DEC": _parameter("Declination, degrees ICRS", _angle(-90, 90), required=True),
    "SR": _parameter("Radius, degrees; 0 asks for the columns alone", _angle(0, 180), required=True),
    "VERB": _parameter("How many columns", {"enum": ["1", "2", "3"]}),
    "MAXREC": _QUERY["MAXREC"],
    **_FORMAT,
}
_ID = {"ID": _parameter("Identifiers of alerts and objects", {"type": "array", "items": _STRING})}
_LIST = {
    "PHASE": _parameter("Only jobs in these phases", {"type": "array", "items": {"enum": list(PHASES)}}),
    "AFTER": _parameter("Only jobs created later", _TIME),
    "LAST": _parameter("Only so many of the newest", _COUNT),
}
_WAIT = {
    "WAIT": _parameter(
        "Seconds to wait for another phase; -1 is as long as possible", {"type": "integer", "minimum": -1}
    ),
    "PHASE": _parameter("Wait only while the job is in this phase", {"enum": list(PHASES)}),
}


def document(title: str, base: str) -> Json:
    """Describe the service.

    Parameters
    ----------
    title
        Its name.
    base
        Its address.
    """
    rows = [form.media_type for form in FORMATS]
    xml, to_job = _given(_XML), {303: _moved("The job")}
    named = {"identifier": _parameter("Identifier of the job", _JOB)}
    part = named | {"part": _parameter("What about the job", {"enum": list(PARTS)})}
    result = _given(*rows) | {206: _answer("Some bytes of the file", rows)}
    links = _given(*dict.fromkeys((datalink.MEDIA_TYPE, *rows)))
    found = _given(*rows, headers={"X-Row-Limit": _header("Most rows that this result can have", _COUNT)})
    parts = _given(_TEXT, _XML, errors.MEDIA_TYPE)
    sync, sent = {**_wrong(*_SENDS, 403), **found}, _wrong(*_SENDS, 403, 507)
    # Each has: what it is, parameters of the path, others, and answers.
    operations: dict[tuple[str, str], tuple[str, Json, Json, Answers]] = {
        ("get", "/"): ("What is here, for a person", {}, {}, _given(_HTML)),
        ("get", "/availability"): ("Whether queries are answered", {}, {}, xml),
        ("get", "/capabilities"): ("What the service can do, and its limits", {}, {}, xml),
        ("get", "/tables"): (
            "Tables and columns",
            {},
            {"detail": _parameter("min leaves the columns out", {"enum": ["min", "max"]})},
            xml | _wrong(400, 500, 503),
        ),
        ("get", "/tables/{name}"): (
            "One table",
            {"name": _parameter("Name of the table", _STRING)},
            {},
            xml | _wrong(404, 500, 503),
        ),
        ("get", "/examples"): ("Queries to start from", {}, {}, _given(_HTML)),
        ("get", "/sync"): ("Run a query and give its rows as they come", {}, _QUERY, sync),
        ("post", "/sync"): ("Run a query and give its rows as they come", {}, _QUERY, sync),
        ("get", "/cone/{table}"): (
            "What is around a place, the nearest first",
            {"table": _parameter("What to look for", {"enum": list(cone.TABLES)})},
            _CONE,
            found | _wrong(400, 401, 404, 500, 503),
        ),
        ("get", "/datalink"): (
            "Links of alerts and objects",
            {},
            _ID | _FORMAT,
            links | _wrong(400, 401, 413, 500, 503),
        ),
        ("post", "/datalink"): ("Links of alerts and objects", {}, _ID | _FORMAT, links | _wrong(*_SENDS)),
        ("get", "/async"): ("The jobs of who asks", {}, _LIST, xml | _wrong(400, 401, 500)),
        ("post", "/async"): (
            "Make a job",
            {},
            _QUERY | {"PHASE": _parameter("RUN lets it begin at once", {"const": "RUN"})},
            to_job | sent,
        ),
        ("get", "/async/{identifier}"): ("A job", named, _WAIT, xml | _wrong(400, 401, 404, 500)),
        ("post", "/async/{identifier}"): (
            "Change a job, or delete it",
            named,
            _QUERY | _CONTROLS | {"ACTION": _parameter("DELETE deletes the job", {"const": "DELETE"})},
            to_job | sent | _wrong(404, 409),
        ),
        ("delete", "/async/{identifier}"): (
            "Delete a job",
            named,
            {},
            {303: _moved("The list of jobs")} | _wrong(401, 404, 500),
        ),
        ("get", "/async/{identifier}/results/result"): (
            "The result of a job",
            named,
            {},
            result | _wrong(401, 404, 416, 500),
        ),
        ("get", "/async/{identifier}/{part}"): (
            "One thing about a job",
            part,
            {},
            parts | _wrong(401, 404, 500),
        ),
        ("post", "/async/{identifier}/{part}"): (
            "Change one thing about a job",
            part,
            _QUERY | _CONTROLS,
            to_job | sent | _wrong(404, 405, 409),
        ),
    }
    paths: Json = {}
    for (method, path), (summary, in_path, others, answers) in operations.items():
        paths.setdefault(path, {})[method] = _operation(method, summary, in_path, others, answers)
    return {
        "openapi": VERSION,
        "info": {"title": f"TAP of {title}", "version": "1.1", "description": "Table Access Protocol 1.1"},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any name, and the token as password",
                },
            }
        },
        "security": [{}, {"token": []}, {"password": []}],
    }


def _operation(method: str, summary: str, in_path: Json, others: Json, answers: Answers) -> Json:
    described: Json = {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "path", **about, "required": True} for name, about in in_path.items()
        ],
        "responses": {str(status): answer for status, answer in sorted(answers.items())},
    }
    if method == "post":
        fields = {
            name: {"description": about["description"], **about["schema"]} for name, about in others.items()
        }
        schema: Json = {"type": "object", "properties": fields}
        files: Json = {"type": "string", "format": "binary", "description": "A table that UPLOAD names"}
        described["requestBody"] = {
            "content": {
                "application/x-www-form-urlencoded": {"schema": schema},
                "multipart/form-data": {"schema": schema | {"additionalProperties": files}},
            }
        }
    else:
        described["parameters"] += [{"name": name, "in": "query", **about} for name, about in others.items()]
    return described


def _given(*media_types: str, headers: Json | None = None) -> Answers:
    return {200: _answer("What was asked for", media_types) | ({"headers": headers} if headers else {})}


def _answer(description: str, media_types: Iterable[str]) -> Json:
    return {"description": description, "content": {name: {} for name in media_types}}


def _wrong(*statuses: int) -> Answers:
    return {status: _answer(_WRONG[status], [errors.MEDIA_TYPE]) for status in statuses}


def _moved(what: str) -> Json:
    return {
        "description": what,
        "headers": {"Location": _header("Its address", {"type": "string", "format": "uri"})},
    }


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "required": True, "schema": schema}

"""Jobs as XML (UWS 1.1, section 2.2 and appendix B)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from vobroker.tap.errors import xml_escape
from vobroker.tap.jobs import Job
from vobroker.votypes.votable import element

_NAMESPACES = {
    "xmlns:uws": "http://www.ivoa.net/xml/UWS/v1.0",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "version": "1.1",
}
MEDIA_TYPE = "text/xml; charset=utf-8"

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def job(found: Job, address: str) -> str:
    """Write a job; ``address`` is its own, without a slash at its end."""
    summary = []
    if found.error:
        message = element("uws:message", {}, xml_escape(found.error))
        summary = [element("uws:errorSummary", {"type": "fatal", "hasDetail": "true"}, message)]
    return _HEAD + element(
        "uws:job",
        _NAMESPACES,
        element("uws:jobId", {}, found.id),
        *([element("uws:runId", {}, xml_escape(found.run_id))] if found.run_id else []),
        _optional("uws:ownerId", found.owner),
        element("uws:phase", {}, found.phase),
        _optional("uws:quote", ""),
        element("uws:creationTime", {}, time(found.created)),
        _optional("uws:startTime", time(found.started)),
        _optional("uws:endTime", time(found.ended)),
        element("uws:executionDuration", {}, str(found.seconds)),
        element("uws:destruction", {}, time(found.destruction)),
        _parameters("uws:parameters", {}, found),
        _results("uws:results", {}, found, address),
        *summary,
    )


def parameters(found: Job) -> str:
    """Write the parameters of a job."""
    return _HEAD + _parameters("uws:parameters", _NAMESPACES, found)


def results(found: Job, address: str) -> str:
    """Write the list of a job's results."""
    return _HEAD + _results("uws:results", _NAMESPACES, found, address)


def jobs(found: Sequence[Job], address: str) -> str:
    """Write a list of jobs; ``address`` is that of the list."""
    return _HEAD + element(
        "uws:jobs",
        _NAMESPACES,
        *(
            element(
                "uws:jobref",
                {"id": one.id, "xlink:href": f"{address}/{one.id}"},
                element("uws:phase", {}, one.phase),
                *([element("uws:runId", {}, xml_escape(one.run_id))] if one.run_id else []),
                _optional("uws:ownerId", one.owner),
                element("uws:creationTime", {}, time(one.created)),
            )
            for one in found
        ),
    )


def time(moment: datetime | None) -> str:
    """Write a time as UWS has it: UTC, in milliseconds."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _optional(tag: str, text: str) -> str:
    return element(tag, {}, xml_escape(text)) if text else element(tag, {"xsi:nil": "true"})


def _parameters(tag: str, attributes: dict[str, str], found: Job) -> str:
    return element(
        tag,
        attributes,
        *(element("uws:parameter", {"id": name}, xml_escape(value)) for name, value in found.parameters),
    )


def _results(tag: str, attributes: dict[str, str], found: Job, address: str) -> str:
    if found.phase != "COMPLETED":
        return element(tag, attributes)
    about = {
        "id": "result",
        "xlink:href": f"{address}/results/result",
        "xlink:type": "simple",
        "mime-type": found.media_type,
        "size": str(found.size),
    }
    return element(tag, attributes, element("uws:result", about))

"""What a request that cannot be answered is told (DALI 1.1, section 4.4; TAP 1.1, section 3.3)."""

from __future__ import annotations

from xml.sax.saxutils import escape

from vobroker.votypes.votable import NAMESPACE, element, xml_text

MEDIA_TYPE = "application/x-votable+xml"


class TapError(Exception):
    """A request that cannot be answered: one sentence for the caller, and the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class TimeLimitError(TapError):
    """A query that was stopped at its time limit."""


def document(message: str, *, cone: bool = False) -> bytes:
    """Write an error as a VOTable; one of a cone search also as SCS 1.03 section 2.3 wants it."""
    infos = [element("INFO", {"name": "QUERY_STATUS", "value": "ERROR"}, xml_escape(message))]
    if cone:
        infos.append(element("INFO", {"ID": "Error", "name": "Error", "value": message}))
    resource = element("RESOURCE", {"type": "results"}, *infos)
    votable = element("VOTABLE", {"version": "1.4", "xmlns": NAMESPACE}, resource)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{votable}\n'.encode()


def xml_escape(text: str) -> str:
    """Write text so that it can stand in an XML document."""
    return escape(xml_text(text))

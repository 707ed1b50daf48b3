"""XML of unknown origin, parsed so that it cannot do harm."""

from __future__ import annotations

from lxml import etree

from vobroker.voevent.errors import VOEventError

NAMESPACES = {
    version: f"http://www.ivoa.net/xml/VOEvent/v{version}" for version in ("1.0", "1.1", "2.0", "2.1")
}
"""XML namespace of each version."""

INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
"""Namespace of ``schemaLocation``."""

MAX_BYTES = 2**21
"""Largest packet; real ones have some kilobytes."""

SPACE = " \t\r\n"
"""What XML takes for white space."""


def parse(document: bytes) -> etree._Element:
    """Parse a document: no document type, no entities, no network, within limits.

    Raises
    ------
    VOEventError
        If it is too large, not well-formed, or declares a document type; with the line.
    """
    if len(document) > MAX_BYTES:
        raise VOEventError(f"the packet has {len(document)} bytes; the limit is {MAX_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise VOEventError(f"the packet is not well-formed XML: {_reason(error)}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise VOEventError("the packet declares a document type; that is not allowed")
    return root


def _reason(error: Exception) -> str:
    message = error.msg if isinstance(error, etree.XMLSyntaxError) else str(error)
    return " ".join((message or "the document is empty").split())

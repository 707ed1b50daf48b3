"""XML of unknown origin, parsed so that it cannot do harm."""

from __future__ import annotations

from lxml import etree

from vobroker.voevent.errors import VOEventError

NEXT = "next"
"""Version of packets by the schema that is proposed in ``schemas/VOEvent-next.xsd``."""

NAMESPACES = {
    version: f"http://www.ivoa.net/xml/VOEvent/v{version}" for version in ("1.0", "1.1", "2.0", "2.1")
} | {NEXT: "urn:x-voevent:next"}
"""XML namespace of each version."""

STC = "http://www.ivoa.net/xml/STC/stc-v1.30.xsd"
"""Namespace of ``ObsDataLocation`` and what is inside it, before version 2.0."""

VOTABLE = "http://www.ivoa.net/xml/VOTable/"
"""Namespaces of VOTable begin like this."""

INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
"""Namespace of ``schemaLocation``."""

MAX_BYTES = 2**21
"""Largest packet; real ones have some kilobytes."""

SPACE = " \t\r\n"
"""What XML takes for white space."""


def schema_location(version: str) -> str:
    """Give the ``schemaLocation`` of a version."""
    namespace = NAMESPACES[version]
    if version == NEXT:
        return f"{namespace} VOEvent-next.xsd"
    return f"{namespace} {namespace.rpartition('/')[0]}/VOEvent-v{version}.xsd"


def parse(document: bytes, *, keep: bool = False) -> etree._Element:
    """Parse a document: no document type, no entities, no network, within limits.

    Parameters
    ----------
    document
        The document as bytes.
    keep
        Whether comments and processing instructions stay.

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
        remove_comments=not keep,
        remove_pis=not keep,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise VOEventError(f"the packet is not well-formed XML: {_reason(error)}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise VOEventError("the packet declares a document type; that is not allowed")
    return root


def c14n(
    node: etree._Element | etree._ElementTree, *, exclusive: bool = False, with_tail: bool = True
) -> bytes:
    """Write an element or a document as Canonical XML 1.0, without comments.

    Raises
    ------
    VOEventError
        If it has a namespace that is relative, which has no canonical form (Canonical XML 1.0, 1.3).
    """
    try:
        text: bytes = etree.tostring(
            node, method="c14n", exclusive=exclusive, with_comments=False, with_tail=with_tail
        )
    except etree.C14NError as error:
        root = node if isinstance(node, etree._Element) else node.getroot()
        spaces = {space for each in root.iter("*") for space in each.nsmap.values() if space}
        relative = min((space for space in spaces if ":" not in space), default="of it")
        raise VOEventError(
            f"line {root.sourceline} of the packet: the namespace {relative!r} is relative; XML forbids that"
        ) from error
    return text


def _reason(error: Exception) -> str:
    message = error.msg if isinstance(error, etree.XMLSyntaxError) else str(error)
    return " ".join((message or "the document is empty").split())

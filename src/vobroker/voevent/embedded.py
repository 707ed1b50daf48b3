"""VOTables inside packets, such as the light curve of what the event is about.

There are several ways in; the first is what :func:`embed` calls ``votable``, the last ``next``:

``text``
    the text of a ``Param/Value`` in What, as CDATA. Valid by the schema of version 2.0; the document is there
    to be read by people, and any VOTable library takes the text.
``data``, ``data-gzip``
    a ``Reference`` whose ``uri`` is a ``data:`` URI (RFC 2397) in base64, compressed or not. Valid as well.
``element``
    a ``VOTABLE`` element of its own namespace in What: valid only by the schema proposed as the next one,
    ``schemas/VOEvent-next.xsd``. The packet names the version ``next`` and its namespace.

A reader takes all of them, wherever in the packet they are.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from urllib.parse import unquote_to_bytes

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import Element, Param, Reference, VOEvent, What
from vobroker.voevent.xml import MAX_BYTES, NEXT, VOTABLE, c14n, parse

MEDIA_TYPE = "application/x-votable+xml"
MEANING = "urn:x-voevent:meaning:light-curve"
"""Meaning of a Reference to the light curve of an event."""

FORMS = ("text", "data", "data-gzip", "element")
"""Ways for a VOTable into a packet."""

_TEXTS = ("Value", "Description")
_DESCRIPTION = "Light curve as a VOTable"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A VOTable in a packet.

    Attributes
    ----------
    name
        Name of the Param that holds it, or empty.
    form
        One of :data:`FORMS`.
    votable
        The document, UTF-8.
    """

    name: str
    form: str
    votable: bytes


def embed(event: VOEvent, votable: bytes, form: str = "text", name: str = "light_curve") -> VOEvent:
    """Give an event with a VOTable inside.

    Parameters
    ----------
    event
        Any packet; with the form ``element`` its version becomes ``next``.
    votable
        The document in UTF-8.
    form
        One of :data:`FORMS`.
    name
        Name of the Param with a text.

    Raises
    ------
    VOEventError
        If the document is no VOTable, or there is no such form.
    """
    root = _votable(votable)
    what = event.what or What()
    if form == "element":
        fragment = c14n(root, exclusive=True).decode()
        what = replace(what, other_elements=(*what.other_elements, fragment))
        return replace(event, what=what, version=NEXT, namespace=None, schema_location=None)
    if form == "text":
        # The declaration of an encoding would be wrong for a text.
        text = etree.tostring(root, encoding="unicode")
        param = Param(name, ucd="meta.note", descriptions=(_DESCRIPTION,), text=(text,))
        return replace(event, what=replace(what, params=(*what.params, param)))
    if form in ("data", "data-gzip"):
        packed = gzip.compress(votable, 9, mtime=0) if form == "data-gzip" else votable
        media_type = f"{MEDIA_TYPE};content-encoding=gzip" if form == "data-gzip" else MEDIA_TYPE
        uri = f"data:{media_type};base64,{base64.b64encode(packed).decode()}"
        reference = Reference(uri, mimetype=media_type, meaning=MEANING)
        return replace(event, what=replace(what, references=(*what.references, reference)))
    raise VOEventError(f"a VOTable cannot be embedded as {form!r}; there are {', '.join(FORMS)}")


def embedded(event: VOEvent) -> tuple[Embedded, ...]:
    """Give the VOTables in a packet, in whichever form.

    Raises
    ------
    VOEventError
        If one cannot be read: bad base64, compressed beyond the limits, not well-formed.
    """
    return tuple(_find(event, event.ivorn))


def without_embedded(event: VOEvent) -> VOEvent:
    """Give an event without the VOTables that :func:`embed` put into What."""
    what = event.what
    if what is None:
        return event
    return replace(
        event,
        what=replace(
            what,
            params=tuple(param for param in what.params if not any(map(_is_votable, param.text))),
            references=tuple(one for one in what.references if not _is_data(one)),
            other_elements=tuple(one for one in what.other_elements if not _is_votable(one)),
        ),
    )


def _find(element: Element, ivorn: str, name: str = "") -> Iterator[Embedded]:
    if isinstance(element, Reference):
        if _is_data(element):
            yield _from_uri(element, ivorn, name)
        return
    name = getattr(element, "name", None) or name if isinstance(element, Param) else name
    for field in fields(element):
        value = getattr(element, field.name)
        ones = value if isinstance(value, tuple) else (value,)
        for one in ones:
            if isinstance(one, Element):
                yield from _find(one, ivorn, name)
            elif isinstance(one, str) and _is_votable(one):
                form = "element" if field.name == "other_elements" else "text"
                document = one.strip()
                # A text may still declare the encoding of the file that it once was.
                declared = document.partition("?>")[2] if document.startswith("<?xml") else document
                votable = b'<?xml version="1.0" encoding="UTF-8"?>\n' + declared.strip().encode()
                try:
                    _votable(votable)
                except VOEventError as error:
                    raise VOEventError(f"{ivorn}: the embedded VOTable: {error}") from error
                yield Embedded(name, form, votable)


def _is_votable(text: str) -> bool:
    """Whether a text begins as a VOTable does; whether it is one is looked at later."""
    head = text[:1000].lstrip()
    if not head.startswith("<"):
        return False
    if head.startswith("<?xml"):
        head = head.partition("?>")[2].lstrip()
    tag = head[1:].split(">", 1)[0].split(None, 1)[0] if len(head) > 1 and head[1:].split(">", 1)[0] else ""
    return tag.rpartition(":")[2] == "VOTABLE"


def _is_data(reference: Reference) -> bool:
    return (reference.uri or "")[:100].lower().startswith(f"data:{MEDIA_TYPE}") or (
        (reference.uri or "")[:5].lower() == "data:" and (reference.mimetype or "").startswith(MEDIA_TYPE)
    )


def _from_uri(reference: Reference, ivorn: str, name: str) -> Embedded:
    head, comma, body = (reference.uri or "").partition(",")
    where = f"{ivorn}: the data: URI of a Reference"
    if not comma:
        raise VOEventError(f"{where} has no comma before its data")
    content = unquote_to_bytes(body)
    if head.lower().endswith(";base64"):
        try:
            content = base64.b64decode(b"".join(content.split()), validate=True)
        except binascii.Error as error:
            raise VOEventError(f"{where} is not base64: {error}") from error
    form = "data"
    if content[:2] == b"\x1f\x8b":
        form, content = "data-gzip", _inflated(content, where)
    try:
        _votable(content)
    except VOEventError as error:
        raise VOEventError(f"{where}: {error}") from error
    return Embedded(name, form, content)


def _inflated(content: bytes, where: str) -> bytes:
    """Unpack, and stop at the limit of a packet: a bomb costs no more than that."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise VOEventError(f"{where} cannot be unpacked: {error}") from error
    if unpacking.unconsumed_tail:
        raise VOEventError(f"{where} unpacks to more than {MAX_BYTES} bytes")
    if not unpacking.eof:
        raise VOEventError(f"{where} cannot be unpacked: it is cut off")
    return plain


def _votable(document: bytes) -> etree._Element:
    try:
        root = parse(document)
    except VOEventError as error:
        raise VOEventError(str(error).replace("packet", "VOTable")) from error
    name = etree.QName(root)
    if name.localname != "VOTABLE" or (name.namespace and not name.namespace.startswith(VOTABLE)):
        raise VOEventError(f"the root is <{name.text}>, not <VOTABLE>")
    return root

"""A look at a VOTable of unknown origin before a parser trusts it.

Parsers believe what a VOTable says: they fetch what a STREAM points to, and make room for as many rows
and characters as the head announces. One quick pass refuses documents which would abuse that.
"""

from __future__ import annotations

import math
from xml.parsers import expat

MAX_BYTES = 64 * 2**20
"""Largest document read unless the caller says otherwise."""

MAX_ELEMENTS = 2**27
"""Most array elements (characters, mostly) that fixed-size fields may need over all rows."""


class VOTableError(Exception):
    """A VOTable that cannot be read, with the reason in one sentence."""


def check(document: bytes, *, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a VOTable that is not well-formed or could harm its reader.

    Refused are document type declarations (and with them all entities), streams from elsewhere, data
    in forms other than TABLEDATA, BINARY and BINARY2, compressed streams, and announced sizes that the
    document cannot hold.

    Raises
    ------
    VOTableError
        With the reason and the line.
    """
    if len(document) > max_bytes:
        raise VOTableError(f"the VOTable has {len(document)} bytes; the limit is {max_bytes}")
    parser = expat.ParserCreate(namespace_separator=" ")
    rows = announced = elements = 0

    def refuse(reason: str) -> None:
        raise VOTableError(f"line {parser.CurrentLineNumber} of the VOTable {reason}")

    def size(text: str) -> int:
        digits = text.strip().removesuffix("*") or "1"
        if not digits.isdecimal() or len(digits) > 18:
            refuse(f"gives a size as {text[:40]!r}")
        return int(digits)

    def doctype(*_: object) -> None:
        refuse("declares a document type; that is not allowed")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal rows, announced, elements
        tag = name.rpartition(" ")[2]
        if tag == "TR":
            rows += 1
        elif tag in ("FITS", "PARQUET"):
            refuse(f"holds its data as {tag}; TABLEDATA, BINARY and BINARY2 can be read")
        elif tag == "STREAM" and ("href" in attributes or attributes.get("encoding", "base64") != "base64"):
            refuse("has a STREAM that is not base64 in the document itself")
        elif tag == "TABLE":
            announced = max(announced, size(attributes.get("nrows", "0")))
        elif tag == "FIELD":
            elements += math.prod(size(length) for length in attributes.get("arraysize", "1").split("x"))
        if announced > len(document):
            refuse(f"announces {announced} rows, more than the document has bytes")
        if elements * max(rows, announced, 1) > MAX_ELEMENTS:
            refuse(f"needs more than {MAX_ELEMENTS} array elements for its fields of fixed size")

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise VOTableError(f"the VOTable is not well-formed XML: {reason}, line {error.lineno}") from error
    except (LookupError, ValueError) as error:
        raise VOTableError(f"the VOTable is in an encoding that cannot be read: {error}") from error

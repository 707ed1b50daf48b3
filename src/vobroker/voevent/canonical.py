"""Canonical XML of packets: the bytes that a signature signs."""

from __future__ import annotations

from lxml import etree

from vobroker.voevent.xml import c14n, parse

METHODS = {
    "c14n": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "c14n-exclusive": "http://www.w3.org/2001/10/xml-exc-c14n#",
    "c14n2-trimmed": "http://www.w3.org/2010/xml-c14n2",
}
"""Ways to canonical XML, and the identifiers that XML signatures have for them."""


def canonical(document: bytes, method: str = "c14n") -> bytes:
    """Give the canonical form of a packet, without its comments.

    Parameters
    ----------
    document
        The packet as bytes.
    method
        One of :data:`METHODS`. ``c14n`` (Canonical XML 1.0) and ``c14n-exclusive`` keep every blank, and are
        what XML signatures mean as a rule. ``c14n2-trimmed`` is Canonical XML 2.0 with TrimTextNodes and
        PrefixRewrite: packets that differ only in layout and namespace prefixes are the same.

    Raises
    ------
    VOEventError
        If the packet cannot be parsed, see :func:`vobroker.voevent.xml.parse`, or has a relative namespace.
    ValueError
        If there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"there is no canonical form {method!r}; there are {', '.join(METHODS)}")
    tree = parse(document, keep=True).getroottree()
    if method == "c14n2-trimmed":
        plain = etree.tostring(tree, encoding="unicode")
        text: str = etree.canonicalize(plain, strip_text=True, rewrite_prefixes=True)
        return text.encode()
    return c14n(tree, exclusive=method == "c14n-exclusive")

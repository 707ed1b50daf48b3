"""XML documents of unknown origin: parsed so that they do no harm, with the way to each element."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

from lxml import etree

from vobroker.timeseries.errors import TimeSeriesError
from vobroker.timeseries.series import Statement
from vobroker.votypes import guard

MAX_BYTES = guard.MAX_BYTES
"""Largest document read unless the caller says otherwise."""

MAX_ELEMENTS = 20_000
"""Most elements of a document beside the cells of its tables; those that are published have some hundred."""

_FEW = 32  # siblings that are looked through anew for each of them
_NAMES = ("ID", "dmid", "name", "dmrole", "dmtype", "utype")
# Attributes that tell an element from its like.


def parse(document: bytes, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    """Parse a VOTable: no document type, no entities, no network, within limits.

    Raises
    ------
    TimeSeriesError
        If it is too large, not well-formed, or announces what it does not hold; with the line.
    """
    try:
        guard.check(document, max_bytes=max_bytes)
    except guard.VOTableError as error:
        raise TimeSeriesError(str(error)) from error
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,  # a BINARY stream is one long text; the size is limited above
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise TimeSeriesError(f"the document is not well-formed XML: {error}") from error
    if tag(root) != "VOTABLE":
        raise TimeSeriesError(f"the document is {tag(root)}, not VOTABLE", place(root))
    elements: Any = root.xpath("count(//*[local-name() != 'TR' and local-name() != 'TD'])")
    if elements > MAX_ELEMENTS:
        raise TimeSeriesError(
            f"the document has {elements:.0f} elements beside its cells; the limit is {MAX_ELEMENTS}"
        )
    return root


def tag(element: etree._Element) -> str:
    """Name of an element without its namespace."""
    return str(etree.QName(element).localname)


def namespace(element: etree._Element) -> str:
    """Namespace of an element."""
    return str(etree.QName(element).namespace or "")


def children(element: etree._Element, *names: str) -> list[etree._Element]:
    """Give the children with one of the names, all without."""
    return [child for child in element if not names or tag(child) in names]


def within(element: etree._Element, *names: str) -> list[etree._Element]:
    """Give the element and all below it that have one of the names, in document order."""
    return list(element.iter(*(f"{{*}}{name}" for name in names)))


def text(element: etree._Element) -> str:
    """Text of an element in one line."""
    return " ".join("".join(map(str, element.itertext())).split())


def description(element: etree._Element) -> str:
    """Text of the DESCRIPTION of an element."""
    found = children(element, "DESCRIPTION")
    return text(found[0]) if found else ""


def path(element: etree._Element, attribute: str = "") -> str:
    """Give the way from the root to an element or attribute, as XPath without namespaces."""
    parts = []
    one: etree._Element | None = element
    while one is not None:
        parts.append(_step(one))
        one = one.getparent()
    return "/" + "/".join(reversed(parts)) + (f"/@{attribute}" if attribute else "")


def statement(element: etree._Element, attribute: str, value: str | None = None) -> Statement:
    """Say what an attribute says, and where it stands."""
    said = element.get(attribute, "") if value is None else value
    return Statement(said, path(element, attribute), line(element))


def line(element: etree._Element) -> int:
    """Line of an element in the document; 0 where it is not known."""
    found = element.sourceline
    return found if isinstance(found, int) else 0


def place(element: etree._Element, attribute: str = "") -> str:
    """Way and line of an element, for errors."""
    return f"{path(element, attribute)}, line {line(element)}"


def _step(element: etree._Element) -> str:
    name, parent = tag(element), element.getparent()
    if parent is None:
        return name
    if len(parent) > _FEW:
        return _steps(parent)[element]
    alike = [one for one in parent if tag(one) == name]
    return _among(element, name, len(alike), alike.index(element), _values(alike))


@lru_cache(maxsize=8)
def _steps(parent: etree._Element) -> dict[etree._Element, str]:
    """Give the steps to all children of an element that has many."""
    groups: dict[str, list[etree._Element]] = {}
    for one in parent:
        groups.setdefault(tag(one), []).append(one)
    found = {}
    for name, alike in groups.items():
        values = _values(alike)
        for number, one in enumerate(alike):
            found[one] = _among(one, name, len(alike), number, values)
    return found


def forget() -> None:
    """Let go of the documents whose elements have been named."""
    _steps.cache_clear()


def _values(alike: list[etree._Element]) -> Counter[tuple[str, str | None]]:
    return Counter((name, one.get(name)) for one in alike for name in _NAMES)


def _among(
    element: etree._Element, name: str, count: int, number: int, values: Counter[tuple[str, str | None]]
) -> str:
    """Tell an element from its siblings of the same name: by an attribute, or by its number."""
    role = element.get("dmrole")
    if count == 1:
        return f'{name}[@dmrole="{role}"]' if role and name == "ATTRIBUTE" else name
    for attribute in _NAMES:
        value = element.get(attribute)
        if value and values[attribute, value] == 1:
            return f'{name}[@{attribute}="{value}"]'
    return f"{name}[{number + 1}]"

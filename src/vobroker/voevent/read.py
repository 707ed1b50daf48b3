"""Read packets of every version, in the namespace that they should have or in none."""

from __future__ import annotations

import math
import re
from typing import Any, cast

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import ATTRIBUTE, CONTENT, ELEMENT, TEXT, Element, Place, VOEvent, places
from vobroker.voevent.xml import INSTANCE, NAMESPACES, SPACE, parse

STC = "http://www.ivoa.net/xml/STC/"
"""Namespaces that begin like this are those of WhereWhen in VOEvent 1.1."""

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SCHEMA_LOCATIONS = (f"{{{INSTANCE}}}schemaLocation", f"{{{INSTANCE}}}noNamespaceSchemaLocation")


def read(document: bytes) -> VOEvent:
    """Read a packet of VOEvent 1.0, 1.1, 2.0 or 2.1.

    White space around texts is dropped, as are comments. Elements and attributes that the model does
    not have are kept, see :class:`vobroker.voevent.model.Element`.

    Parameters
    ----------
    document
        The packet as bytes, in the encoding that its XML declaration names.

    Raises
    ------
    VOEventError
        If it is too large, not well-formed, declares a document type, is no VOEvent, lacks its ivorn or
        has no number where one must be; with the line.
    """
    root = parse(document)
    event = cast(VOEvent, _element(root, VOEvent, {"version": version_of(root)}))
    if not event.ivorn.strip(SPACE):
        raise VOEventError(f"line {root.sourceline} of the packet: the ivorn is empty")
    return event


def version_of(root: etree._Element) -> str:
    """Give the version of a packet: what its attribute says, or else its namespace.

    Raises
    ------
    VOEventError
        If the root element is no VOEvent, or neither says a version that is known.
    """
    name = etree.QName(root)
    of_namespace = {namespace: version for version, namespace in NAMESPACES.items()}
    if name.localname != "VOEvent":
        raise VOEventError(
            f"line {root.sourceline} of the packet: the root is <{name.localname}>, not <VOEvent>"
        )
    if name.namespace and name.namespace not in of_namespace:
        raise VOEventError(
            f"line {root.sourceline} of the packet: {name.namespace} is not a namespace of VOEvent,"
            f" such as {NAMESPACES['2.0']}"
        )
    version = root.get("version") or of_namespace.get(name.namespace or "", "")
    if version not in NAMESPACES:
        said = (
            f"version {version!r} is not one of {', '.join(NAMESPACES)}" if version else "no version is given"
        )
        raise VOEventError(f"line {root.sourceline} of the packet: {said}")
    return version


def local_name(node: etree._Element) -> str:
    """Give the name of an element of VOEvent or STC without its namespace, other names in Clark notation."""
    name = etree.QName(node)
    namespace = name.namespace or ""
    ours = not namespace or namespace.startswith(STC) or namespace in NAMESPACES.values()
    return name.localname if ours else name.text


def number(text: str, node: etree._Element, name: str) -> float:
    """Read a finite number.

    Raises
    ------
    VOEventError
        If it is none, with the line.
    """
    stripped = text.strip(SPACE)
    value = float(stripped) if _FLOAT.fullmatch(stripped) else math.nan
    if not math.isfinite(value):
        raise VOEventError(
            f"line {node.sourceline} of the packet: {name} is {stripped[:40]!r}, which is not a finite number"
        )
    return value


def _element(node: etree._Element, kind: type[Element], known: dict[str, Any] | None = None) -> Element:
    by_name = {place.name: place for place in places(kind) if place.at is not ATTRIBUTE}
    values: dict[str, Any] = _attributes(node, kind)
    others = values.pop("other_attributes")
    fragments: list[str] = []
    counts: dict[str, int] = {}
    for child in node:
        name = local_name(child)
        place = by_name.get(name)
        if place is None or (place.at is TEXT and len(child)):
            fragments.append(_fragment(child))
            continue
        counts[name] = counts.get(name, 0) + 1
        path = f"{name}[{counts[name]}]" if place.many else name
        _add(values, place, child)
        if place.at is TEXT:
            others += _named(path, child)
    text = " ".join(
        filter(None, (part.strip(SPACE) for part in (node.text or "", *(c.tail or "" for c in node))))
    )
    for place in places(kind):
        if place.at is CONTENT:
            values[place.field], text = text, ""
        if place.required and values.get(place.field) is None:
            what = "attribute" if place.at is ATTRIBUTE else "element"
            raise VOEventError(
                f"line {node.sourceline} of the packet: <{local_name(node)}> has no {what} {place.name}"
            )
    values |= {"other_attributes": tuple(others), "other_elements": tuple(fragments), "other_text": text}
    return kind(**values | (known or {}))


def _named(path: str, node: etree._Element) -> list[tuple[str, str]]:
    """Give the attributes of a child that the model has as a text, with its path before their names."""
    return [(f"{path}/@{name}", value) for name, value in cast("dict[str, str]", node.attrib).items()]


def _attributes(node: etree._Element, kind: type[Element]) -> dict[str, Any]:
    by_name = {place.name: place for place in places(kind) if place.at is ATTRIBUTE}
    values: dict[str, Any] = {"other_attributes": []}
    for name, text in cast("dict[str, str]", node.attrib).items():
        place = by_name.get(name)
        if place is not None:
            values[place.field] = number(text, node, name) if place.of is float else text
        elif name not in _SCHEMA_LOCATIONS:
            values["other_attributes"].append((name, text))
    return values


def _add(values: dict[str, Any], place: Place, child: etree._Element) -> None:
    value: Any
    if place.at is ELEMENT:
        value = _element(child, place.of)
    else:
        value = (child.text or "").strip(SPACE)
        if place.of is float:
            value = number(value, child, place.name)
    if place.many:
        values[place.field] = (*values.get(place.field, ()), value)
    elif place.field in values:
        raise VOEventError(f"line {child.sourceline} of the packet: <{place.name}> is there a second time")
    else:
        values[place.field] = value


def _fragment(node: etree._Element) -> str:
    """Write an element as canonical XML; white space between elements is dropped."""
    for each in node.iter():
        if (
            len(each)
            and not (each.text or "").strip(SPACE)
            and not any((c.tail or "").strip(SPACE) for c in each)
        ):
            each.text = None
            for child in each:
                child.tail = None
    text: bytes = etree.tostring(node, method="c14n", exclusive=True, with_tail=False)
    return text.decode()

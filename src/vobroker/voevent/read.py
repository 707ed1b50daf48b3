"""Read packets of every version, in the namespace that they should have or in none."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, cast

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import (
    ATTRIBUTE,
    CONTENT,
    ELEMENT,
    TEXT,
    Element,
    Number,
    ObsDataLocation,
    Place,
    VOEvent,
    places,
)
from vobroker.voevent.xml import INSTANCE, NAMESPACES, SPACE, STC, c14n, parse, schema_location

_OF_STC = STC.rpartition("/")[0]

FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A finite number as XML Schema spells it."""

_SCHEMA_LOCATION = f"{{{INSTANCE}}}schemaLocation"


def read(document: bytes) -> VOEvent:
    """Read a packet of VOEvent 1.0, 1.1, 2.0 or 2.1, or of the proposed next version.

    White space around texts is dropped, as are comments. Everything else is kept, see
    :class:`vobroker.voevent.model.Element`: a packet that is written again from the model differs from
    the original in layout only, and one that was not changed has the bytes of the original.

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
    version = version_of(root)
    namespace = etree.QName(root).namespace or ""
    location = root.get(_SCHEMA_LOCATION, "")
    known = {
        "version": root.get("version", version),
        "namespace": None if namespace == NAMESPACES[version] else namespace,
        "schema_location": None if location == schema_location(version) else location,
    }
    event = cast(VOEvent, _element(root, VOEvent, namespace, version, known))
    if not event.ivorn.strip(SPACE):
        raise VOEventError(f"line {root.sourceline} of the packet: the ivorn is empty")
    object.__setattr__(event, "source", bytes(document))
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
    return _named_tag(node.tag)[0]


@lru_cache(maxsize=4096)
def _named_tag(tag: str) -> tuple[str, str]:
    """Give the name of :func:`local_name`, and the namespace."""
    namespace, brace, local = tag[1:].rpartition("}")
    if not brace:
        return tag, ""
    ours = namespace.startswith(_OF_STC) or namespace in NAMESPACES.values()
    return (local if ours else tag), namespace


def expected_namespace(kind: type[Element], version: str, scope: str) -> str:
    """Give the namespace that the standard has for an element.

    Parameters
    ----------
    kind
        What the element is.
    version
        Version of the packet.
    scope
        Namespace of the elements beside it.
    """
    return STC if kind is ObsDataLocation and version.startswith("1.") else scope


def number(text: str, node: etree._Element, name: str) -> float:
    """Read a finite number; it remembers how it was spelt.

    Raises
    ------
    VOEventError
        If it is none, with the line.
    """
    stripped = text.strip(SPACE)
    value = Number(stripped) if FLOAT.fullmatch(stripped) else math.nan
    if not math.isfinite(value):
        raise VOEventError(
            f"line {node.sourceline} of the packet: {name} is {stripped[:40]!r}, which is not a finite number"
        )
    return value


def _element(
    node: etree._Element, kind: type[Element], scope: str, version: str, known: dict[str, Any] | None = None
) -> Element:
    """Read an element; ``scope`` is the namespace of the elements beside it, where all is as it should be."""
    _, by_name, required, _ = _parts(kind)
    values: dict[str, Any] = _attributes(node, kind)
    others = values.pop("other_attributes")
    namespace = _named_tag(node.tag)[1]
    if namespace != expected_namespace(kind, version, scope):
        others.append(("xmlns", namespace))
    inside = "" if kind is VOEvent else namespace
    fragments: list[str] = []
    texts = [(node.text or "").strip(SPACE)]
    order = ["#"] if texts[0] else []
    counts: dict[str, int] = {}
    for child in node:
        name = _named_tag(child.tag)[0]
        place = by_name.get(name)
        if place is None or (len(child) and _is_text(place)):
            fragments.append(_fragment(child))
            order.append("*")
        else:
            counts[name] = counts.get(name, 0) + 1
            _add(values, place, child, inside, version)
            order.append(name)
            if place.at is TEXT:
                others += _named(f"{name}[{counts[name]}]" if place.many else name, child, inside)
        if child.tail and (text := child.tail.strip(SPACE)):
            texts.append(text)
            order.append("#")
    texts = [text for text in texts if text]
    for place in required:
        if place.at is CONTENT:
            values[place.field], texts, order = " ".join(texts), [], [n for n in order if n != "#"]
        if values.get(place.field) is None:
            what = "attribute" if place.at is ATTRIBUTE else "element"
            raise VOEventError(
                f"line {node.sourceline} of the packet: <{local_name(node)}> has no {what} {place.name}"
            )
    values |= {
        "other_attributes": tuple(others),
        "other_elements": tuple(fragments),
        "other_text": tuple(texts),
        "order": tuple(order) if _out_of_order(kind, order) else (),
    }
    return kind(**values | (known or {}))


class _Parts(NamedTuple):
    """A kind of element: attributes and what is inside by name, what it must have, how it is written."""

    attributes: dict[str, Place]
    inside: dict[str, Place]
    required: tuple[Place, ...]
    ranks: dict[str, int]


_PARTS: dict[type[Element], _Parts] = {}


def _parts(kind: type[Element]) -> _Parts:
    """Give the parts of a kind; putting them together costs more than reading an element."""
    if kind not in _PARTS:
        inside = {place.name: place for place in places(kind) if place.at is not ATTRIBUTE}
        _PARTS[kind] = _Parts(
            {place.name: place for place in places(kind) if place.at is ATTRIBUTE},
            inside,
            tuple(place for place in places(kind) if place.required),
            {name: rank for rank, name in enumerate(("#", *inside, "*"))},
        )
    return _PARTS[kind]


def _out_of_order(kind: type[Element], order: list[str]) -> bool:
    """Whether children stand in another order than they are written in by themselves."""
    if len(order) < 2:
        return False
    ranks = _parts(kind).ranks
    return any(ranks[before] > ranks[after] for before, after in pairwise(order))


def _is_text(place: Place) -> bool:
    """Whether the model has a child as a text, which can hold no elements."""
    return place.at is TEXT or any(inner.at is CONTENT for inner in places(place.of))


def _named(path: str, node: etree._Element, scope: str) -> list[tuple[str, str]]:
    """Give the attributes of a child that the model has as a text, with its path before their names."""
    found = [(f"{path}/@{name}", value) for name, value in cast("dict[str, str]", node.attrib).items()]
    namespace = _named_tag(node.tag)[1]
    return [*found, (f"{path}/@xmlns", namespace)] if namespace != scope else found


def _attributes(node: etree._Element, kind: type[Element]) -> dict[str, Any]:
    by_name = _parts(kind).attributes
    values: dict[str, Any] = {"other_attributes": []}
    for name, text in cast("dict[str, str]", node.attrib).items():
        place = by_name.get(name)
        if place is not None:
            values[place.field] = number(text, node, name) if place.of is float else text
        elif name != _SCHEMA_LOCATION or kind is not VOEvent:
            values["other_attributes"].append((name, text))
    return values


def _add(values: dict[str, Any], place: Place, child: etree._Element, scope: str, version: str) -> None:
    value: Any
    if place.at is ELEMENT:
        value = _element(child, place.of, scope, version)
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
    return c14n(node, exclusive=True, with_tail=False).decode()

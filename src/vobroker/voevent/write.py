"""Write packets: one form for one event, byte for byte."""

from __future__ import annotations

import math
from typing import Any

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import At, Element, VOEvent, places
from vobroker.voevent.xml import INSTANCE, NAMESPACES, parse

_SCHEMA_LOCATION = f"{{{INSTANCE}}}schemaLocation"


def write(event: VOEvent) -> bytes:
    """Write a packet as XML in UTF-8.

    The same event always gives the same bytes: attributes, elements and indentation follow the model, numbers
    are the shortest decimals that read back to the same value.

    Parameters
    ----------
    event
        The packet; it is written in the version that it names.

    Raises
    ------
    VOEventError
        If the version is none that can be written, a number is not finite, or a text holds characters
        that XML cannot.
    """
    namespace = NAMESPACES.get(event.version)
    if namespace is None:
        raise VOEventError(f"cannot write {event.ivorn}: there is no VOEvent version {event.version!r}")
    root = etree.Element(f"{{{namespace}}}VOEvent", nsmap={"voe": namespace, "xsi": INSTANCE})
    root.set(_SCHEMA_LOCATION, f"{namespace} {namespace.rpartition('/')[0]}/VOEvent-v{event.version}.xsd")
    try:
        _fill(root, event)
    except (ValueError, TypeError) as error:
        raise VOEventError(f"cannot write {event.ivorn}: {error}") from error
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return text


def _fill(node: etree._Element, element: Element) -> None:
    for place in places(type(element)):
        value = getattr(element, place.field)
        if value is None:
            continue
        if place.at is At.ATTRIBUTE:
            node.set(place.name, _text(value))
        elif place.at is At.CONTENT:
            node.text = _text(value)
        else:
            for one in value if place.many else (value,):
                child = etree.SubElement(node, place.name)
                if place.at is At.TEXT:
                    child.text = _text(one)
                else:
                    _fill(child, one)
    if element.other_text:
        node.text = element.other_text
    for name, value in element.other_attributes:
        path, _, own = name.rpartition("/@")
        _child(node, path).set(own, value)
    for fragment in element.other_elements:
        node.append(parse(fragment.encode()))


def _child(node: etree._Element, path: str) -> etree._Element:
    """Give the child that a path such as ``Description[2]`` means, the node itself without one."""
    child = node.find(path) if path else node
    if child is None:
        raise ValueError(f"<{node.tag}> has no {path} to take an attribute")
    return child


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return repr(float(value))

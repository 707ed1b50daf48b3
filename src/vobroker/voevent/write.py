"""Write packets: one form for one event, byte for byte, whatever XML library is there."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import ATTRIBUTE, CONTENT, ELEMENT, Element, VOEvent, places
from vobroker.voevent.xml import INSTANCE, NAMESPACES, parse

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2
_NAME = re.compile(r"(?:\{(?P<namespace>[^{}]+)\})?(?P<local>[^\W\d][\w.-]*)")
_XML = "http://www.w3.org/XML/1998/namespace"


def write(event: VOEvent) -> bytes:
    """Write a packet as XML in UTF-8.

    The same event always gives the same bytes: attributes, elements and indentation follow the model,
    numbers are the shortest decimals that read back to the same value.

    Parameters
    ----------
    event
        The packet; it is written in the version that it names.

    Raises
    ------
    VOEventError
        If the version is none that can be written, a number is not finite, or a text holds
        characters that XML cannot.
    """
    namespace = NAMESPACES.get(event.version)
    if namespace is None:
        raise VOEventError(f"cannot write {event.ivorn}: there is no VOEvent version {event.version!r}")
    schema = f"{namespace.rpartition('/')[0]}/VOEvent-v{event.version}.xsd"
    declared = f' xmlns:voe="{namespace}" xmlns:xsi="{INSTANCE}" xsi:schemaLocation="{namespace} {schema}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    try:
        _write(lines, "voe:VOEvent", event, "", declared)
    except (ValueError, VOEventError) as error:
        raise VOEventError(f"cannot write {event.ivorn}: {error}") from error
    text = "\n".join((*lines, ""))
    if wrong := _NOT_XML.search(text):
        raise VOEventError(f"cannot write {event.ivorn!r}: XML has no character {wrong[0]!r}")
    return text.encode()


def _write(lines: list[str], name: str, element: Element, indent: str, start: str = "") -> None:
    """Write an element; ``start`` is what its tag begins with after the name."""
    values = vars(element)
    others = _others(element) if element.other_attributes else {}
    attributes, content, inside = [start], element.other_text, f"{indent}  "
    children: list[str] = []
    for place in places(type(element)):
        value = values[place.field]
        if value is None or value == ():
            continue
        at = place.at
        if at is ATTRIBUTE:
            attributes.append(f' {place.name}="{_quotable(_text(value))}"')
        elif at is CONTENT:
            content = value
        elif at is ELEMENT:
            for one in value if place.many else (value,):
                _write(children, place.name, one, inside)
        else:
            for number, one in enumerate(value if place.many else (value,), 1):
                own = (
                    others.pop(f"{place.name}[{number}]" if place.many else place.name, "") if others else ""
                )
                children.append(inside + _tag(place.name, own, _escaped(_text(one))))
    children += (inside + _checked(fragment) for fragment in element.other_elements)
    attributes.append(others.pop("", ""))
    if others:
        raise ValueError(f"<{name}> has no {min(others)} to take an attribute")
    written = "".join(attributes)
    if children:
        lines += (f"{indent}<{name}{written}>{_escaped(content)}", *children, f"{indent}</{name}>")
    else:
        lines.append(indent + _tag(name, written, _escaped(content)))


def _tag(name: str, attributes: str, content: str) -> str:
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def _others(element: Element) -> dict[str, str]:
    """Write the attributes that the model does not have, by the path of the child that they belong to."""
    found: dict[str, str] = {}
    for number, (full, value) in enumerate(element.other_attributes):
        path, _, own = full.rpartition("/@") if "/@" in full else ("", "", full)
        name = _NAME.fullmatch(own)
        if name is None:
            raise ValueError(f"{own!r} is not the name of an attribute")
        namespace, shown = name["namespace"], name["local"]
        if namespace == _XML:
            shown = f"xml:{shown}"
        elif namespace:
            declared = f' xmlns:n{number}="{_quotable(namespace)}"'
            found[path] = found.get(path, "") + declared
            shown = f"n{number}:{shown}"
        found[path] = found.get(path, "") + f' {shown}="{_quotable(value)}"'
    return found


def _checked(fragment: str) -> str:
    """Give an element of canonical XML, after a look whether it is one."""
    parse(fragment.encode())
    return fragment


@lru_cache(maxsize=2048)  # names, units, UCDs and descriptions are the same in event after event
def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


@lru_cache(maxsize=2048)
def _quotable(text: str) -> str:
    return _escaped(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return repr(float(value))

"""Write packets: one form for one event, byte for byte, whatever XML library is there."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import ATTRIBUTE, CONTENT, ELEMENT, Element, Number, Row, VOEvent, places
from vobroker.voevent.read import expected_namespace
from vobroker.voevent.xml import INSTANCE, NAMESPACES, STC, parse, schema_location

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2
_NAME = re.compile(r"(?:\{(?P<namespace>[^{}]+)\})?(?P<local>[^\W\d][\w.-]*)")
_MARKUP = 8
_XML = "http://www.w3.org/XML/1998/namespace"


def write(event: VOEvent) -> bytes:
    """Write a packet as XML in UTF-8.

    A packet that was read and not changed is given as it was read, so that signatures stay good. Any other
    is laid out by the model, and the same event always gives the same bytes: attributes, elements and
    indentation follow the model; numbers are spelt as the packet spelt them, new ones as the shortest
    decimals that read back to the same value.

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
    return event.source if event.source is not None else laid_out(event)


def laid_out(event: VOEvent) -> bytes:
    """Write a packet by the model, also one that was not changed; see :func:`write`."""
    if event.version not in NAMESPACES:
        raise VOEventError(f"cannot write {event.ivorn}: there is no VOEvent version {event.version!r}")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    try:
        _write_root(lines, event)
    except (ValueError, VOEventError) as error:
        raise VOEventError(f"cannot write {event.ivorn}: {error}") from error
    text = "\n".join((*lines, ""))
    if wrong := _NOT_XML.search(text):
        raise VOEventError(f"cannot write {event.ivorn!r}: XML has no character {wrong[0]!r}")
    return text.encode()


def _write_root(lines: list[str], event: VOEvent) -> None:
    namespace = NAMESPACES[event.version] if event.namespace is None else event.namespace
    location = schema_location(event.version) if event.schema_location is None else event.schema_location
    prefix, declared = "", ""
    if namespace:
        prefix, declared = "voe:", f' xmlns:voe="{_quotable(namespace)}"'
    if location:
        declared += f' xmlns:xsi="{INSTANCE}" xsi:schemaLocation="{_quotable(location)}"'
    _write(lines, "VOEvent", event, "", namespace, prefix, event.version, declared)


def _write(
    lines: list[str],
    name: str,
    element: Element,
    indent: str,
    scope: str,
    prefix: str,
    version: str,
    start: str = "",
) -> None:
    """Write an element.

    ``scope`` and ``prefix`` are the namespace of the elements beside it and how it is written there;
    ``start`` is what the tag begins with after the name.
    """
    values, kind = vars(element), type(element)
    others = _others(element) if element.other_attributes else {}
    namespace = others.pop("/xmlns") if "/xmlns" in others else expected_namespace(kind, version, scope)
    if namespace != scope:
        prefix = _prefix(namespace)
        start += _declared(namespace)
    own_name = prefix + name
    if kind is VOEvent:
        namespace, prefix = "", ""
    attributes, inside = [start], f"{indent}  "
    content = " ".join(element.other_text)
    children: dict[str, list[list[str]]] = {}
    if element.other_text:
        texts = element.other_text if element.order else (content,)
        children["#"] = [[inside + _escaped(text)] for text in texts]
    for place in places(kind):
        value = values[place.field]
        if value is None or value == ():
            continue
        at = place.at
        if at is ATTRIBUTE:
            attributes.append(f' {place.name}="{_quotable(_text(value))}"')
        elif at is CONTENT:
            content = _text(value)
            children["#"] = [[inside + _escaped(content)]]
        elif at is ELEMENT:
            written = children[place.name] = []
            for one in value if place.many else (value,):
                block: list[str] = []
                _write(block, place.name, one, inside, namespace, prefix, version)
                written.append(block)
        else:
            written = children[place.name] = []
            for number, one in enumerate(value if place.many else (value,), 1):
                own, tag = "", prefix + place.name
                if others:
                    path = f"{place.name}[{number}]" if place.many else place.name
                    if (other := others.pop(f"{path}/xmlns", None)) is not None:
                        tag, own = _prefix(other) + place.name, _declared(other)
                    own += others.pop(path, "")
                written.append([inside + _tag(tag, own, _content(_text(one)))])
    if element.other_elements:
        children["*"] = [[inside + _checked(fragment)] for fragment in element.other_elements]
    attributes.append(others.pop("", ""))
    if others:
        raise ValueError(f"<{name}> has no {min(others)} to take an attribute")
    if children.keys() <= {"#"}:
        lines.append(indent + _tag(own_name, "".join(attributes), _escaped(content)))
        return
    lines.append(f"{indent}<{own_name}{''.join(attributes)}>")
    blocks = _ordered(children, element.order)
    if kind is Row:  # a table with a line a cell would be mostly indentation
        lines[-1] += "".join(line[len(inside) :] for block in blocks for line in block) + f"</{own_name}>"
        return
    for block in blocks:
        lines += block
    lines.append(f"{indent}</{own_name}>")


def _ordered(children: dict[str, list[list[str]]], order: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield children in the order of the packet; what was added follows its like, or stands at the end."""
    if not order:
        yield from chain.from_iterable(children.values())
        return
    left = Counter(order)
    waiting = {name: iter(blocks) for name, blocks in children.items()}
    for name in order:
        left[name] -= 1
        yield from islice(waiting.get(name, iter(())), 1 if left[name] else None)
    yield from chain.from_iterable(waiting.values())


def _prefix(namespace: str) -> str:
    return "" if not namespace else "stc:" if namespace == STC else "ns:"


def _declared(namespace: str) -> str:
    return f' xmlns:{_prefix(namespace)[:-1]}="{_quotable(namespace)}"' if namespace else ""


def _tag(name: str, attributes: str, content: str) -> str:
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def _others(element: Element) -> dict[str, str]:
    """Write the attributes that the model does not have, by the path of the child that they belong to.

    A namespace of its own stands under the path and ``/xmlns``, as it is.
    """
    found: dict[str, str] = {}
    for number, (full, value) in enumerate(element.other_attributes):
        path, _, own = full.rpartition("/@") if "/@" in full else ("", "", full)
        if own == "xmlns":
            found[f"{path}/xmlns"] = value
            continue
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


def _content(text: str) -> str:
    """Write a text; a document within the document stays legible, and is half as long, as CDATA."""
    if text.count("<") > _MARKUP and "]]>" not in text and "\r" not in text:
        return f"<![CDATA[{text}]]>"
    return _escaped(text)


@lru_cache(maxsize=2048)  # names, units, UCDs and descriptions are the same in event after event
def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


@lru_cache(maxsize=2048)
def _quotable(text: str) -> str:
    return _escaped(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Number):
        return value.text
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return repr(float(value))

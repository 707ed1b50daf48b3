"""Check packets against the standard, and say everything that is wrong at once.

The structure is that of :mod:`vobroker.voevent.model`; what a schema cannot say (identifiers, times,
ranges, values that must agree) stands here, one small check for each kind of element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import (
    ATTRIBUTE,
    CITES,
    CONTENT,
    COORDINATE_SYSTEMS,
    DATA_TYPES,
    ELEMENT,
    ROLES,
    AstroCoords,
    AstroCoordSystem,
    Citations,
    Element,
    EventIVORN,
    Group,
    Inference,
    ObsDataLocation,
    ObservationLocation,
    Param,
    Position2D,
    Reference,
    Table,
    TimeInstant,
    VOEvent,
    WhereWhen,
    Who,
    Why,
    places,
)
from vobroker.voevent.read import local_name, number, version_of
from vobroker.voevent.xml import NAMESPACES, SPACE, parse

_IVORN = re.compile(r"ivo://[A-Za-z0-9][\w.~*'()!+=-]{2,}(/[^\s#?]*)?(\?[^\s#]*)?(#\S+)?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a packet, and where; line 0 where no line is known."""

    line: int
    element: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: <{self.element}> {self.message}"


def validate(document: bytes) -> list[Finding]:
    """Check a packet.

    Parameters
    ----------
    document
        The packet as bytes.

    Returns
    -------
    list of Finding
        In order of lines; empty when nothing is wrong. Versions other than 2.0 may have elements and
        attributes that the model does not know.
    """
    try:
        root = parse(document)
    except VOEventError as error:
        found = re.search(r"line (\d+)", str(error))
        return [Finding(int(found[1]) if found else 0, "VOEvent", str(error))]
    try:
        version = version_of(root)
    except VOEventError as error:
        return [Finding(_line(root), "VOEvent", str(error))]
    findings = [
        Finding(_line(node), local_name(node), message) for node, message in _walk(root, VOEvent, version)
    ]
    return sorted(findings, key=lambda finding: finding.line)


def _line(node: etree._Element) -> int:
    return cast("int | None", node.sourceline) or 0


_Report = tuple[etree._Element, str]


def _walk(node: etree._Element, kind: type[Element], version: str) -> Iterator[_Report]:
    by_name = {place.name: place for place in places(kind) if place.at is not ATTRIBUTE}
    yield from ((node, message) for message in _attributes(node, kind, version))
    seen: set[str] = set()
    for child in node:
        name = local_name(child)
        place = by_name.get(name)
        if place is None:
            if version == "2.0":
                yield child, f"is not an element of <{local_name(node)}>"
            continue
        if name in seen and not place.many:
            yield child, f"is there a second time in <{local_name(node)}>"
        seen.add(name)
        if place.at is ELEMENT:
            yield from _walk(child, place.of, version)
        elif place.of is float:
            yield from ((child, message) for message in _number(child.text or "", child, "the value"))
    for name, place in by_name.items():
        if place.required and place.at is not CONTENT and name not in seen:
            yield node, f"has no <{name}>"
    if check := _CHECKS.get(kind):
        yield from ((node, message) for message in check(node, version))


def _attributes(node: etree._Element, kind: type[Element], version: str) -> Iterator[str]:
    by_name = {place.name: place for place in places(kind) if place.at is ATTRIBUTE}
    for name, place in by_name.items():
        text = node.get(name)
        if text is None and place.required:
            yield f"has no {name}"
        elif text is not None and place.of is float:
            yield from _number(text, node, name)
    for name in cast("dict[str, str]", node.attrib):
        if name not in by_name and not name.startswith("{") and version == "2.0":
            yield f"has an attribute {name}, which is not one of <{local_name(node)}>"


def _number(text: str, node: etree._Element, name: str) -> Iterator[str]:
    try:
        number(text, node, name)
    except VOEventError as error:
        yield str(error).partition("packet: ")[2]


def _text(node: etree._Element, path: str) -> str | None:
    """Give the text of a descendant, whatever namespace its version puts it in."""
    for name in path.split("/"):
        found = next((child for child in node if local_name(child) == name), None)
        if found is None:
            return None
        node = found
    return (node.text or "").strip(SPACE)


def _has(node: etree._Element, *names: str) -> Iterator[str]:
    there = {local_name(child) for child in node}
    yield from (f"has no <{name}>" for name in names if name not in there)


def _one_of(value: str | None, allowed: tuple[str, ...], name: str) -> Iterator[str]:
    if value is not None and value not in allowed:
        yield f"has {name} {value!r}; it must be one of {', '.join(allowed)}"


def _ivorn(text: str | None, name: str) -> Iterator[str]:
    if text is not None and not _IVORN.fullmatch(text):
        yield f"has {name} {text!r}, which is not an IVOA identifier such as ivo://authority/stream#event"


def _iso(text: str | None, name: str, *, leap_seconds: bool = False) -> Iterator[str]:
    if text is None:
        return
    found = _ISO.fullmatch(text)
    try:
        # ISOTime may be a leap second; xs:dateTime knows none, nor does the calendar of the library.
        leap = leap_seconds and found and found[1] == "60"
        datetime.fromisoformat(f"{text[:17]}59" if leap else text[:19])
    except ValueError:
        found = None
    if not found:
        yield f"has {name} {text!r}, which is not a time such as 2026-03-05T01:02:03"


def _between(text: str | None, low: float, high: float, name: str) -> Iterator[str]:
    """Check a range; what is no number is reported elsewhere."""
    try:
        value = float(text) if text else low
    except ValueError:
        return
    if not low <= value <= high:
        yield f"has {name} {text}, which is not between {low:g} and {high:g}"


def _check_event(node: etree._Element, version: str) -> Iterator[str]:
    yield from _ivorn(node.get("ivorn"), "the ivorn")
    yield from _one_of(node.get("role"), ROLES, "the role")
    if node.get("version") is None:
        yield "has no version"
    namespace = etree.QName(node).namespace or "''"
    if namespace != NAMESPACES[version]:
        yield f"is in the namespace {namespace}, not in {NAMESPACES[version]}"


def _check_who(node: etree._Element, _: str) -> Iterator[str]:
    if not {local_name(child) for child in node} & {"AuthorIVORN", "Author"}:
        yield "has neither <AuthorIVORN> nor <Author>"
    yield from _ivorn(_text(node, "AuthorIVORN"), "the AuthorIVORN")
    yield from _iso(_text(node, "Date"), "the Date")


def _check_param(node: etree._Element, _: str) -> Iterator[str]:
    if not node.get("name"):
        yield "has no name"
    kind, value = node.get("dataType"), node.get("value")
    yield from _one_of(kind, DATA_TYPES, "the dataType")
    if value and kind == "float":
        yield from _number(value, node, f"value of {node.get('name')}")
    if value and kind == "int" and not re.fullmatch(r"\s*[+-]?\d+\s*", value, re.ASCII):
        yield f"has the value {value!r}, which is not an int"


def _check_group(node: etree._Element, _: str) -> Iterator[str]:
    names = [child.get("name") for child in node if local_name(child) == "Param"]
    yield from (f"has two Params {name!r}" for name in sorted({n for n in names if n and names.count(n) > 1}))


def _check_table(node: etree._Element, _: str) -> Iterator[str]:
    yield from _has(node, "Data")
    width = sum(local_name(child) == "Field" for child in node)
    for data in (child for child in node if local_name(child) == "Data"):
        for row in data:
            if len(row) != width:
                yield f"has {width} Fields, but line {row.sourceline} has {len(row)} cells"


def _check_system(node: etree._Element, version: str) -> Iterator[str]:
    if version == "2.0":
        yield from _one_of(node.get("id"), COORDINATE_SYSTEMS, "the id")


def _check_observation(node: etree._Element, _: str) -> Iterator[str]:
    yield from _has(node, "AstroCoordSystem", "AstroCoords")
    by_name = {local_name(child): child for child in node}
    if len(by_name) == 2:
        system, coords = by_name["AstroCoordSystem"].get("id"), by_name["AstroCoords"].get("coord_system_id")
        if system != coords:
            yield f"has the coordinate system {system}, but its coordinates are in {coords}"


def _check_coords(node: etree._Element, version: str) -> Iterator[str]:
    if version == "2.0":
        yield from _one_of(node.get("coord_system_id"), COORDINATE_SYSTEMS, "the coord_system_id")


def _check_position(node: etree._Element, version: str) -> Iterator[str]:
    if version == "2.0":
        yield from _has(node, "Error2Radius")
    if node.get("unit", "deg") in ("deg", "degrees"):
        yield from _between(_text(node, "Value2/C1"), 0, 360, "C1")
        yield from _between(_text(node, "Value2/C2"), -90, 90, "C2")
        yield from _between(_text(node, "Error2Radius"), 0, 180, "Error2Radius")


def _check_citations(node: etree._Element, _: str) -> Iterator[str]:
    yield from _has(node, "EventIVORN")


def _check_event_ivorn(node: etree._Element, _: str) -> Iterator[str]:
    yield from _ivorn((node.text or "").strip(SPACE), "the ivorn")
    yield from _one_of(node.get("cite", ""), CITES, "cite")


def _check_why(node: etree._Element, _: str) -> Iterator[str]:
    yield from _between(node.get("importance"), 0, 1, "the importance")
    yield from _iso(node.get("expires"), "expires")


_CHECKS: dict[type[Element], Callable[[etree._Element, str], Iterator[str]]] = {
    VOEvent: _check_event,
    Who: _check_who,
    Param: _check_param,
    Group: _check_group,
    Table: _check_table,
    WhereWhen: lambda node, _: _has(node, "ObsDataLocation"),
    ObsDataLocation: lambda node, _: _has(node, "ObservatoryLocation", "ObservationLocation"),
    ObservationLocation: _check_observation,
    AstroCoordSystem: _check_system,
    AstroCoords: _check_coords,
    TimeInstant: lambda node, _: _iso(_text(node, "ISOTime"), "the ISOTime", leap_seconds=True),
    Position2D: _check_position,
    Why: _check_why,
    Inference: lambda node, _: _between(node.get("probability"), 0, 1, "the probability"),
    Citations: _check_citations,
    EventIVORN: _check_event_ivorn,
    Reference: lambda node, _: iter(() if node.get("uri") else ("has no uri",)),
}

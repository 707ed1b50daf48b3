"""What a schema cannot say of an element: one small check for each kind.

Sections are those of VOEvent 2.0. A check yields rules, see :data:`RULES`, with sentences that follow the
name of the element.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from lxml import etree

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import (
    CITES,
    COORDINATE_SYSTEMS,
    DATA_TYPES,
    ROLES,
    SCHEMA_SYSTEMS,
    AstroCoords,
    AstroCoordSystem,
    Citations,
    Element,
    EventIVORN,
    Field,
    Group,
    Inference,
    ObsDataLocation,
    ObservationLocation,
    ObservatoryLocation,
    Param,
    Position2D,
    Position3D,
    Reference,
    Table,
    TimeInstant,
    TimeInterval,
    VOEvent,
    What,
    WhereWhen,
    Who,
    Why,
)
from vobroker.voevent.read import FLOAT, local_name, number
from vobroker.voevent.semantics import ucd_problem, unit_problem
from vobroker.voevent.xml import NAMESPACES, SPACE

ERROR, WARNING, NOTE = "error", "warning", "note"

RULES: dict[str, tuple[str, str]] = {
    "xml": (ERROR, "well-formed XML without document type, in its encoding, within the limits"),
    "root": (ERROR, "a VOEvent of a known namespace and version"),
    "namespace": (ERROR, "the namespace of its version"),
    "element": (ERROR, "only elements that the version has"),
    "attribute": (ERROR, "only attributes that the version has"),
    "repeated": (ERROR, "at most one of what may be there once"),
    "missing": (ERROR, "all elements and attributes that must be there"),
    "number": (ERROR, "finite numbers where the schema has numbers; no NaN"),
    "value": (ERROR, "one of the values that the standard lists"),
    "ivorn": (ERROR, "identifiers of the form ivo://authority/stream#event"),
    "ivorn-event": (
        WARNING,
        "identifiers that name an event (#…), without which VTP brokers refuse the packet",
    ),
    "time": (ERROR, "times in ISO 8601"),
    "time-scale": (ERROR, "a time scale for every time"),
    "time-zone": (WARNING, "no zone at times that are not UTC"),
    "coordinate-system": (ERROR, "a known coordinate system, the same for system and coordinates"),
    "schema-gap": (WARNING, "systems that the text of version 2.0 names and its schema has not"),
    "position": (ERROR, "positions within their range"),
    "range": (ERROR, "probabilities and importance from 0 to 1"),
    "param-type": (ERROR, "values of Params and cells that are what dataType says"),
    "param-value": (WARNING, "one value for a Param, of at most 64 bits"),
    "unique-name": (ERROR, "names of Params and Groups that are there once"),
    "table-shape": (ERROR, "as many cells as Fields in every row"),
    "citation": (ERROR, "citations of other events, each once"),
    "citation-reason": (WARNING, "a Description where an event is retracted"),
    "reference": (WARNING, "absolute URIs in References"),
    "ucd": (WARNING, "UCDs by UCD1+"),
    "unit": (WARNING, "units by VOUnits"),
    "clock": (WARNING, "dates that are not in the future, and not before what was observed"),
    "votable": (ERROR, "embedded VOTables that can be read"),
    "not-checked": (NOTE, "units and words of UCDs, which need astropy"),
}
"""Rule: how bad it is to break it, and what it asks for."""

SKEW = timedelta(minutes=5)
"""How far clocks may be apart."""

_IVORN = re.compile(r"ivo://[A-Za-z0-9][\w.~*'()!+=-]{2,}(/[^\s#?]*)?(\?[^\s#]*)?(#\S+)?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", re.ASCII)
_INT = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf)", re.IGNORECASE)
_SCALES = ("UTC", "TT", "TDB", "TCB", "TCG", "TAI", "UT1", "GPS")
_DEGREES = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}

Problem = tuple[str, str]
"""A rule, and how it is broken."""


class Context(NamedTuple):
    """What checks know besides the element: the packet's version, and what time it is."""

    version: str
    now: datetime


def text_of(node: etree._Element, path: str) -> str | None:
    """Give the text of a descendant, whatever namespace its version puts it in."""
    found = find(node, path)
    return None if found is None else (found.text or "").strip(SPACE)


def find(node: etree._Element, path: str) -> etree._Element | None:
    """Give the first descendant of a path, whatever namespace its version puts it in."""
    for name in path.split("/"):
        found = next((child for child in node if local_name(child) == name), None)
        if found is None:
            return None
        node = found
    return node


def number_problem(text: str, node: etree._Element, name: str) -> Iterator[Problem]:
    """Say that a text is no finite number."""
    try:
        number(text, node, name)
    except VOEventError as error:
        yield "number", str(error).partition("packet: ")[2]


def _has(node: etree._Element, *names: str) -> Iterator[Problem]:
    there = {local_name(child) for child in node}
    yield from (("missing", f"has no <{name}>") for name in names if name not in there)


def _one_of(value: str | None, allowed: tuple[str, ...], name: str, rule: str = "value") -> Iterator[Problem]:
    if value is not None and value not in allowed:
        yield rule, f"has {name} {value!r}; it must be one of {', '.join(allowed)}"


def _ivorn(text: str | None, name: str) -> Iterator[Problem]:
    if text is not None and not _IVORN.fullmatch(text):
        yield (
            "ivorn",
            f"has {name} {text!r}, which is not an IVOA identifier such as ivo://authority/stream#event",
        )


def _event_ivorn(text: str | None, name: str) -> Iterator[Problem]:
    problems = list(_ivorn(text, name))
    if text and not problems and not text.partition("#")[2]:
        yield "ivorn-event", f"has {name} {text!r}, which names no event of its stream behind a #"
    yield from problems


def _iso(text: str | None, name: str, *, leap_seconds: bool = False) -> Iterator[Problem]:
    if text is not None and _instant(text, leap_seconds=leap_seconds) is None:
        yield "time", f"has {name} {text!r}, which is not a time such as 2026-03-05T01:02:03"


def _instant(text: str | None, *, leap_seconds: bool = True) -> datetime | None:
    """Read a time as UTC; None where it is none."""
    if text is None or not (found := _ISO.fullmatch(text)):
        return None
    # ISOTime may be a leap second; xs:dateTime knows none, nor does the calendar of the library.
    second = "59" if leap_seconds and found[1] == "60" else found[1]
    try:
        time = datetime.fromisoformat(f"{text[:17]}{second}{found[3] or 'Z'}")
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _between(text: str | None, low: float, high: float, name: str, rule: str = "range") -> Iterator[Problem]:
    """Check a range; what is no number is reported elsewhere."""
    try:
        value = float(text) if text else low
    except ValueError:
        return
    if value < low or value > high:
        yield rule, f"has {name} {text}, which is not between {low:g} and {high:g}"


def _value(text: str, kind: str, what: str) -> Iterator[Problem]:
    """Check that a value is what a dataType says (section 3.3.1.5)."""
    stripped = text.strip()
    if kind == "float" and stripped and not FLOAT.fullmatch(stripped) and not _NOT_FINITE.fullmatch(stripped):
        yield "param-type", f"has {what} {text!r}, which is not a float"
    if kind == "int" and stripped:
        if not _INT.fullmatch(text):
            yield "param-type", f"has {what} {text!r}, which is not an int"
        elif len(stripped.lstrip("+-0")) > 18 and not -(2**63) <= int(stripped[:25]) < 2**63:
            yield "param-value", f"has {what} {text!r}, which does not fit into 64 bits"


def _event(node: etree._Element, context: Context) -> Iterator[Problem]:
    yield from _event_ivorn(node.get("ivorn"), "the ivorn")
    yield from _one_of(node.get("role"), ROLES, "the role")
    if node.get("version") is None:
        yield "missing", "has no version"
    namespace = etree.QName(node).namespace
    expected = NAMESPACES[context.version]
    if namespace is None:
        yield "namespace", f"is in no namespace; it must be in {expected}"
    elif namespace != expected:
        yield "namespace", f"is in the namespace {namespace}, not in {expected}"


def _who(node: etree._Element, context: Context) -> Iterator[Problem]:
    if not {local_name(child) for child in node} & {"AuthorIVORN", "Author"}:
        yield "missing", "has neither <AuthorIVORN> nor <Author>"
    yield from _ivorn(text_of(node, "AuthorIVORN"), "the AuthorIVORN")
    text = text_of(node, "Date")
    yield from _iso(text, "the Date")
    date = _instant(text, leap_seconds=False)
    if date is None:
        return
    if date > context.now + SKEW:
        yield "clock", f"has the Date {text}, {_span(date - context.now)} ahead of the clock here"
    packet = node.getparent()
    if packet is None or packet.get("role", "observation") != "observation":
        return
    path = "WhereWhen/ObsDataLocation/ObservationLocation/AstroCoords/Time/TimeInstant/ISOTime"
    seen = _instant(text_of(packet, path))
    if seen and date < seen - SKEW:
        yield "clock", f"has the Date {text}, {_span(seen - date)} before what it observed"


def _span(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 60:.3g} min"


def _semantics(node: etree._Element) -> Iterator[Problem]:
    if problem := ucd_problem(node.get("ucd", "")):
        yield "ucd", f"{_called(node)}has {problem}"
    if problem := unit_problem(node.get("unit", "")):
        yield "unit", f"{_called(node)}has {problem}"


def _called(node: etree._Element) -> str:
    return f"{node.get('name')} " if node.get("name") else ""


def _param(node: etree._Element, _: Context) -> Iterator[Problem]:
    if not node.get("name"):
        yield "missing", "has no name"
    kind, value, inner = node.get("dataType", "string"), node.get("value"), text_of(node, "Value")
    yield from _one_of(kind, DATA_TYPES, "the dataType")
    if value is not None and inner is not None:
        yield "param-value", f"{_called(node)}has a value twice; that of the attribute counts"
    yield from _value(value if value is not None else inner or "", kind, "the value")
    yield from _semantics(node)


def _field(node: etree._Element, _: Context) -> Iterator[Problem]:
    if not node.get("name"):
        yield "missing", "has no name"
    yield from _one_of(node.get("dataType"), DATA_TYPES, "the dataType")
    yield from _semantics(node)


def _unique(node: etree._Element, kinds: tuple[str, ...], word: str) -> Iterator[Problem]:
    names = Counter(child.get("name", "") for child in node if local_name(child) in kinds)
    for name, count in sorted(names.items()):
        if count > 1 and (name or word == "Groups or Tables"):
            which = repr(name) if name else "without a name"
            yield "unique-name", f"has {'two' if count == 2 else count} {word} {which}"


def _group(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _unique(node, ("Param",), "Params")


def _what(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _unique(node, ("Param",), "Params")
    yield from _unique(node, ("Group", "Table"), "Groups or Tables")


def _table(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _has(node, "Data")
    yield from _unique(node, ("Param", "Field"), "Params or Fields")
    kinds = [child.get("dataType", "string") for child in node if local_name(child) == "Field"]
    for data in (child for child in node if local_name(child) == "Data"):
        for row in data:
            if len(row) != len(kinds):
                yield (
                    "table-shape",
                    f"has {len(kinds)} Fields, but line {row.sourceline} has {len(row)} cells",
                )
            for cell, kind in zip(row, kinds, strict=False):
                if kind != "string":
                    yield from _value(cell.text or "", kind, f"in line {cell.sourceline} the cell")


def _system(node: etree._Element, context: Context) -> Iterator[Problem]:
    yield from _known_system(node, node.get("id"), "the id", context)


def _coords(node: etree._Element, context: Context) -> Iterator[Problem]:
    yield from _known_system(node, node.get("coord_system_id"), "the coord_system_id", context)


def _known_system(node: etree._Element, system: str | None, name: str, context: Context) -> Iterator[Problem]:
    if system is None or system in SCHEMA_SYSTEMS:
        return
    if system in COORDINATE_SYSTEMS:
        if context.version == "2.0":
            yield "schema-gap", f"has {name} {system!r}, which the schema of version 2.0 has not"
    elif context.version in ("2.0", "1.1", "1.0"):
        yield from _one_of(system, COORDINATE_SYSTEMS, name, "coordinate-system")
    elif local_name(node) == "AstroCoordSystem" and not {local_name(child) for child in node}:
        yield "coordinate-system", f"has {name} {system!r}, which is not known, and describes no frames"


def _observation(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _has(node, "AstroCoordSystem", "AstroCoords")
    system, coords = find(node, "AstroCoordSystem"), find(node, "AstroCoords")
    if system is None or coords is None:
        return
    name, used = system.get("id"), coords.get("coord_system_id")
    if name != used:
        yield "coordinate-system", f"has the coordinate system {name}, but its coordinates are in {used}"
    said = text_of(system, "TimeFrame/TimeScale") or text_of(coords, "Time/TimeInstant/TimeScale")
    named = (name or used or "").partition("-")[0]
    scale = said or (named if named in _SCALES else None)
    texts = [text_of(coords, f"Time/{path}") for path in _TIMES]
    times = [text for text in texts if text]
    if times and scale is None:
        yield "time-scale", f"has the time {times[0]} in no time scale: no coordinate system names one"
    if said and named in _SCALES and said != named:
        yield "time-scale", f"has times in {said}, but the coordinate system {name or used}"
    for text in times:
        if text.endswith("Z") and scale not in (None, "UTC"):
            yield "time-zone", f"has the time {text}, which says UTC, in the time scale {scale}"


_TIMES = ("TimeInstant/ISOTime", "TimeInterval/ISOTimeStart", "TimeInterval/ISOTimeStop")


def _observatory(node: etree._Element, _: Context) -> Iterator[Problem]:
    system, coords = find(node, "AstroCoordSystem"), find(node, "AstroCoords")
    if system is not None and coords is not None and system.get("id") != coords.get("coord_system_id"):
        yield (
            "coordinate-system",
            f"has the coordinate system {system.get('id')}, but its coordinates are in"
            f" {coords.get('coord_system_id')}",
        )


def _position(node: etree._Element, context: Context) -> Iterator[Problem]:
    if context.version in ("2.0", "1.1", "1.0"):
        yield from _has(node, "Error2Radius")
    parent = cast(etree._Element, node.getparent())
    frame = (parent.get("coord_system_id") or "--").split("-")[1:2]
    degrees = _DEGREES.get(node.get("unit", "deg"))
    if degrees is None or frame in (["HPC"], ["HPR"]):
        return
    low = -180 if frame in (["HGS"], ["HGC"]) else 0
    yield from _between(text_of(node, "Value2/C1"), low / degrees, 360 / degrees, "C1", "position")
    yield from _between(text_of(node, "Value2/C2"), -90 / degrees, 90 / degrees, "C2", "position")
    yield from _between(text_of(node, "Error2Radius"), 0, 180 / degrees, "Error2Radius", "position")


def _place(node: etree._Element, _: Context) -> Iterator[Problem]:
    if node.get("unit", "").split("-")[:2] == ["deg", "deg"]:
        yield from _between(text_of(node, "Value3/C1"), -180, 360, "C1", "position")
        yield from _between(text_of(node, "Value3/C2"), -90, 90, "C2", "position")


def _interval(node: etree._Element, _: Context) -> Iterator[Problem]:
    start, stop = (text_of(node, name) for name in ("ISOTimeStart", "ISOTimeStop"))
    yield from _iso(start, "the ISOTimeStart", leap_seconds=True)
    yield from _iso(stop, "the ISOTimeStop", leap_seconds=True)
    first, last = _instant(start), _instant(stop)
    if first and last and last < first:
        yield "time", f"ends at {stop}, before it begins at {start}"


def _citations(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _has(node, "EventIVORN")
    cited = [child for child in node if local_name(child) == "EventIVORN"]
    names = Counter((child.text or "").strip(SPACE).lower() for child in cited)
    for name, count in names.items():
        if count > 1:
            yield "citation", f"cites {name} {count} times"
    if any(child.get("cite") == "retraction" for child in cited) and not text_of(node, "Description"):
        yield "citation-reason", "retracts an event and has no <Description> of the reason"


def _cited(node: etree._Element, _: Context) -> Iterator[Problem]:
    name = (node.text or "").strip(SPACE)
    yield from _event_ivorn(name, "the ivorn")
    if node.get("cite") is None:
        yield "missing", "has no cite"
    yield from _one_of(node.get("cite"), CITES, "cite")
    if name and name == node.getroottree().getroot().get("ivorn"):
        yield "citation", "cites the packet itself"


def _why(node: etree._Element, _: Context) -> Iterator[Problem]:
    yield from _between(node.get("importance"), 0, 1, "the importance")
    yield from _iso(node.get("expires"), "expires")


def _reference(node: etree._Element, _: Context) -> Iterator[Problem]:
    uri = (node.get("uri") or "").strip(SPACE)
    if not uri:
        yield "missing", "has no uri"
    elif not _URI.fullmatch(uri):
        yield "reference", f"has the uri {uri[:60]!r}, which is not an absolute URI"


CHECKS: dict[type[Element], Callable[[etree._Element, Context], Iterator[Problem]]] = {
    VOEvent: _event,
    Who: _who,
    What: _what,
    Param: _param,
    Group: _group,
    Table: _table,
    Field: _field,
    WhereWhen: lambda node, _: _has(node, "ObsDataLocation"),
    ObsDataLocation: lambda node, _: _has(node, "ObservatoryLocation", "ObservationLocation"),
    ObservatoryLocation: _observatory,
    ObservationLocation: _observation,
    AstroCoordSystem: _system,
    AstroCoords: _coords,
    TimeInstant: lambda node, _: _iso(text_of(node, "ISOTime"), "the ISOTime", leap_seconds=True),
    TimeInterval: _interval,
    Position2D: _position,
    Position3D: _place,
    Why: _why,
    Inference: lambda node, _: _between(node.get("probability"), 0, 1, "the probability"),
    Citations: _citations,
    EventIVORN: _cited,
    Reference: _reference,
}
"""Check of each kind of element."""

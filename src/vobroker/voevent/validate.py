"""Check packets against the standard, and say everything that is wrong at once.

The structure is that of :mod:`vobroker.voevent.model`; what a schema cannot say (identifiers, times,
ranges, values that must agree, units) is in :mod:`vobroker.voevent.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from lxml import etree

from vobroker.voevent import semantics
from vobroker.voevent.checks import CHECKS, ERROR, RULES, Context, Problem, number_problem
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import ATTRIBUTE, CONTENT, ELEMENT, Element, VOEvent, places
from vobroker.voevent.read import local_name, version_of
from vobroker.voevent.xml import NEXT, VOTABLE, parse
from vobroker.votypes.guard import VOTableError
from vobroker.votypes.guard import check as check_votable

_STRICT = ("2.0", "2.1", NEXT)
"""Versions whose every element and attribute the model has."""
_LATER = ("2.1", NEXT)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a packet, and where.

    Attributes
    ----------
    line
        Line of the packet; 0 where none is known.
    element
        Name of the element.
    message
        What is wrong.
    rule
        Name of the rule that is broken, a key of :data:`vobroker.voevent.checks.RULES`.
    """

    line: int
    element: str
    message: str
    rule: str

    @property
    def severity(self) -> str:
        """``error`` where the packet breaks the standard, ``warning`` or ``note`` where it is only unwise."""
        return RULES[self.rule][0]

    def __str__(self) -> str:
        return f"line {self.line}: <{self.element}> {self.message}"


def validate(document: bytes, *, now: datetime | None = None) -> list[Finding]:
    """Check a packet.

    Parameters
    ----------
    document
        The packet as bytes.
    now
        The time that dates are held against; that of the clock by default.

    Returns
    -------
    list of Finding
        In order of lines; empty when nothing is wrong. Versions before 2.0 may have elements and attributes
        that the model does not know.
    """
    try:
        root = parse(document)
    except VOEventError as error:
        found = re.search(r"line (\d+)", str(error))
        return [Finding(int(found[1]) if found else 0, "VOEvent", str(error), "xml")]
    try:
        version = version_of(root)
    except VOEventError as error:
        message = str(error).partition("packet: ")[2]
        return [Finding(_line(root), local_name(root), message, "root")]
    context = Context(version, now or datetime.now(UTC))
    findings = [
        Finding(_line(node), local_name(node), message, rule)
        for node, (rule, message) in _walk(root, VOEvent, context)
    ]
    if not semantics.HAS_ASTROPY and any(node.get("unit") or node.get("ucd") for node in root.iter("*")):
        message = "has units and UCDs, which were not looked up: astropy is not installed"
        findings.append(Finding(_line(root), "VOEvent", message, "not-checked"))
    return sorted(findings, key=lambda finding: finding.line)


def is_valid(findings: list[Finding]) -> bool:
    """Whether none of the findings is an error."""
    return not any(finding.severity == ERROR for finding in findings)


def _line(node: etree._Element) -> int:
    return cast("int | None", node.sourceline) or 0


_Report = tuple[etree._Element, Problem]


def _walk(node: etree._Element, kind: type[Element], context: Context) -> Iterator[_Report]:
    by_name = {
        place.name: place
        for place in places(kind)
        if place.at is not ATTRIBUTE and (not place.since or context.version in _LATER)
    }
    yield from ((node, problem) for problem in _attributes(node, kind, context.version))
    seen: set[str] = set()
    for child in node:
        name = local_name(child)
        place = by_name.get(name)
        if place is None:
            if context.version == NEXT and name.startswith(f"{{{VOTABLE}") and local_name(node) == "What":
                yield from ((child, problem) for problem in _votable(child))
            elif context.version in _STRICT:
                yield child, ("element", f"is not an element of <{local_name(node)}>")
            continue
        if name in seen and not place.many:
            yield child, ("repeated", f"is there a second time in <{local_name(node)}>")
        seen.add(name)
        if place.at is ELEMENT:
            yield from _walk(child, place.of, context)
        elif len(child):
            yield child, ("element", f"has <{local_name(child[0])}> inside, where only a text can be")
        elif place.of is float:
            yield from ((child, problem) for problem in number_problem(child.text or "", child, "the value"))
    for name, place in by_name.items():
        if place.required and place.at is not CONTENT and name not in seen:
            yield node, ("missing", f"has no <{name}>")
    if check := CHECKS.get(kind):
        yield from ((node, problem) for problem in check(node, context))


def _attributes(node: etree._Element, kind: type[Element], version: str) -> Iterator[Problem]:
    by_name = {place.name: place for place in places(kind) if place.at is ATTRIBUTE}
    for name, place in by_name.items():
        text = node.get(name)
        if text is None and place.required:
            yield "missing", f"has no {name}"
        elif text is not None and place.of is float:
            yield from number_problem(text, node, name)
    for name in cast("dict[str, str]", node.attrib):
        if name not in by_name and not name.startswith("{") and version in _STRICT:
            yield "attribute", f"has an attribute {name}, which is not one of <{local_name(node)}>"


def _votable(node: etree._Element) -> Iterator[Problem]:
    try:
        check_votable(etree.tostring(node, with_tail=False))
    except VOTableError as error:
        yield "votable", f"cannot be read: {error}"

"""A query as a person reads it: the tree, line by line, each value with its type, unit and UCD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from vobroker.adql import tree
from vobroker.adql.check import CheckedQuery

_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the outline.

    Attributes
    ----------
    depth
        How deep it is indented, from 0.
    role
        What the node is to the one above: ``where``, ``left`` ...; empty for one of a list.
    kind
        What the node is.
    text
        The part of the query it stands for, shortened.
    type, unit, ucd
        Of a value in a checked query; else empty.
    """

    depth: int
    role: str
    kind: str
    text: str
    type: str = ""
    unit: str = ""
    ucd: str = ""


def outline(query: tree.Query, checked: CheckedQuery | None = None) -> Iterator[Line]:
    """Go through the tree in the order of the text, leaving out bare names."""
    yield from _lines(query, "", 0, query.text, checked)


def _lines(node: tree.Node, role: str, depth: int, text: str, checked: CheckedQuery | None) -> Iterator[Line]:
    found = checked.types.get(id(node)) if checked else None
    yield Line(
        depth,
        role,
        type(node).__name__,
        _shortened(text[node.span[0] : node.span[1]]),
        found.type if found else "",
        (found.unit or "") if found else "",
        found.ucd if found else "",
    )
    for name in (f.name for f in fields(node)):
        for child in _children(getattr(node, name)):
            if not isinstance(child, tree.Identifier):
                yield from _lines(child, name, depth + 1, text, checked)


def _children(value: object) -> Iterator[tree.Node]:
    if isinstance(value, tree.Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _children(item)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"

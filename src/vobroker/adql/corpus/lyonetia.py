"""The XML format of lyonetia, the IVOA's collection of queries for validators (github.com/ivoa/lyonetia).

What its schema ``queries.xsd`` describes is read and written. The few elements that some of its files have
besides (``dataset``, ``target``, ``expected``, ``platforms``) are left out: they are about services.

A query's ``uuid`` is its id. Where a file has it a second time, or none, ``#`` and a number follow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from vobroker.adql.corpus.model import VERSIONS, CorpusError, Declaration, Group, Party, Query

MAX_DEPTH = 32
_PREFIX = "adql-"
_TRUE = ("true", "1", "yes")


class _Element:
    __slots__ = ("attributes", "children", "parts", "tag")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[_Element] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.parts)


def from_xml(document: bytes, name: str) -> Group:
    """Read a lyonetia document; no document type, no entities, no network.

    Raises
    ------
    CorpusError
        If it is not well-formed XML, declares a document type, or is not a lyonetia document.
    """
    root = _parse(document)
    if root.tag != "queries":
        raise CorpusError(f"the document is {root.tag[:40]!r}, not 'queries': no lyonetia document")
    seen: Counter[str] = Counter()
    queries = tuple(_query(child, seen) for child in root.children if child.tag == "query")
    return Group(
        name,
        title=_inner(root, "title"),
        description=_inner(root, "description"),
        contact=_party(root, "contact"),
        publisher=_party(root, "publisher"),
        functions=_functions(root),
        queries=queries,
    )


def _parse(document: bytes) -> _Element:
    parser = expat.ParserCreate()
    top = _Element("", {})
    open_elements = [top]

    def refuse(*_: object) -> None:
        raise CorpusError(f"line {parser.CurrentLineNumber} declares a document type; that is not allowed")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MAX_DEPTH:
            raise CorpusError(
                f"line {parser.CurrentLineNumber}: elements are nested more than {MAX_DEPTH} deep"
            )
        element = _Element(tag, attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def characters(text: str) -> None:
        open_elements[-1].parts.append(text)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise CorpusError(
            f"not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}"
        ) from error
    except (LookupError, ValueError) as error:
        raise CorpusError(f"in an encoding that cannot be read: {error}") from error
    return top.children[0]


def _query(element: _Element, seen: Counter[str]) -> Query:
    uuid = element.attributes.get("uuid", "").strip()
    seen[uuid] += 1
    name = uuid if uuid and seen[uuid] == 1 else f"{uuid}#{seen[uuid]}"
    adql = _child(element, "adql")
    if adql is None:
        raise CorpusError(f"query {name!r} has no element 'adql'")
    version = adql.attributes.get("version", _PREFIX + VERSIONS[-1]).removeprefix(_PREFIX)
    if version not in VERSIONS:
        raise CorpusError(f"query {name!r} is of version {version[:40]!r}; known: {', '.join(VERSIONS)}")
    return Query(
        id=name,
        text=adql.text.strip(),
        verdicts={version: adql.attributes.get("valid", "").strip().lower() in _TRUE},
        description=_inner(element, "description"),
        functions=_functions(element),
    )


def _child(element: _Element, tag: str) -> _Element | None:
    return next((child for child in element.children if child.tag == tag), None)


def _inner(element: _Element, tag: str) -> str:
    child = _child(element, tag)
    return " ".join(child.text.split()) if child else ""


def _party(element: _Element, tag: str) -> Party | None:
    child = _child(element, tag)
    return Party(_inner(child, "name"), _inner(child, "url")) if child else None


def _functions(element: _Element) -> tuple[Declaration, ...]:
    child = _child(element, "functions")
    items = child.children if child else ()
    return tuple(Declaration(_inner(item, "form"), _inner(item, "description")) for item in items)


def to_xml(group: Group) -> str:
    """Give a group as a lyonetia document; each query once for every version that it has a verdict of.

    Raises
    ------
    CorpusError
        If a text has a character that XML cannot hold.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<queries>"]
    lines += _elements(2, title=group.title)
    for tag, party in (("contact", group.contact), ("publisher", group.publisher)):
        if party:
            lines += [f"  <{tag}>", *_elements(4, name=party.name, url=party.url), f"  </{tag}>"]
    lines += [*_elements(2, description=group.description), *_declarations(2, group.functions)]
    for query in group.queries:
        if bad := _NOT_XML.search(query.text):
            raise CorpusError(f"query {query.id!r} has the character {bad.group()!r}, which XML cannot hold")
        for version, valid in query.verdicts.items():
            label = "true" if valid else "false"
            lines += [
                f"  <query uuid={quoteattr(query.id.partition('#')[0])}>",
                *_elements(4, description=query.description),
                *_declarations(4, query.functions),
                f'    <adql valid="{label}" version="{_PREFIX}{version}">{escape(query.text, _ENDS)}</adql>',
                "  </query>",
            ]
    return "\n".join([*lines, "</queries>", ""])


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENDS = {"\r": "&#13;"}
"""A carriage return would be read as a newline."""


def _elements(indent: int, **texts: str) -> list[str]:
    return [f"{'':{indent}}<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items() if text]


def _declarations(indent: int, functions: Iterable[Declaration]) -> list[str]:
    inner = []
    for function in functions:
        texts = _elements(indent + 4, form=function.form, description=function.description)
        inner += [f"{'':{indent + 2}}<function>", *texts, f"{'':{indent + 2}}</function>"]
    return [f"{'':{indent}}<functions>", *inner, f"{'':{indent}}</functions>"] if inner else []

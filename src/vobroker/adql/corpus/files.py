"""The corpus's own format: one JSON document for each group, laid out so that a change is a short diff.

The format is described by ``corpus/schema.json`` and ``corpus/README.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vobroker.adql.corpus.lyonetia import from_xml
from vobroker.adql.corpus.model import (
    LEVELS,
    VERSIONS,
    Contested,
    CorpusError,
    Declaration,
    Group,
    Party,
    Query,
)

MAX_BYTES = 16 * 2**20
"""Largest file read."""

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
"""Characters that no command can be given."""

_ALWAYS = ("text",)
_NOT_GROUPS = ("schema.json",)
_VERDICTS = {"valid": True, "invalid": False}
_GROUP_TEXTS = ("title", "description", "licence")
_QUERY_TEXTS = ("section", "provenance", "description", "extension")
_QUERY_LISTS = ("features", "productions")


def find(path: str | Path) -> list[Path]:
    """Give the files of a corpus: those below a folder, or the one file.

    Raises
    ------
    CorpusError
        If there are none.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(
            p for p in path.rglob("*") if p.suffix in (".json", ".xml") and p.name not in _NOT_GROUPS
        )
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise CorpusError(f"{path} is no corpus: there is no .json or .xml file of queries")
    return found


def read(path: str | Path) -> tuple[Group, ...]:
    """Read a corpus: a folder, or one file, in the corpus's own format (.json) or lyonetia's (.xml).

    Raises
    ------
    CorpusError
        If a file cannot be read as what its name says; with the file and the place in it.
    """
    return tuple(_read(file, Path(path)) for file in find(path))


def _read(file: Path, root: Path) -> Group:
    name = (file.relative_to(root) if root.is_dir() else Path(file.name)).with_suffix("").as_posix()
    try:
        with file.open("rb") as stream:
            document = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CorpusError(f"cannot read {file}: {error.strerror}") from error
    if len(document) > MAX_BYTES:
        raise CorpusError(f"{file} is longer than {MAX_BYTES} bytes")
    try:
        return from_xml(document, name) if file.suffix == ".xml" else from_json(document, name)
    except CorpusError as error:
        raise CorpusError(f"{file}: {error}") from error


def write(group: Group, file: str | Path) -> None:
    """Write a group into a file of the corpus's own format."""
    Path(file).write_text(to_json(group), encoding="utf-8", newline="\n")


# --- JSON out ---


def to_json(group: Group) -> str:
    """Give a group as a document of the corpus's own format."""
    head: dict[str, Any] = {key: getattr(group, key) for key in _GROUP_TEXTS}
    head |= {"contact": _party(group.contact), "publisher": _party(group.publisher)}
    head["functions"] = [_declaration(f) for f in group.functions]
    queries = ",\n".join(f"  {{\n{_fields(_query(query), '   ')}\n  }}" for query in group.queries)
    return (
        "{\n"
        + "".join(f"{_fields(head, ' ')},\n" if any(head.values()) else "")
        + (f' "queries": [\n{queries}\n ]\n}}\n')
    )


def _fields(values: Mapping[str, Any], indent: str) -> str:
    """Write what there is, one field a line."""
    return ",\n".join(
        f"{indent}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
        if value or key in _ALWAYS
    )


def _query(query: Query) -> dict[str, Any]:
    return {
        "id": query.id,
        "text": query.text,
        "verdict": {version: "valid" if good else "invalid" for version, good in query.verdicts.items()},
        "level": "" if query.level == LEVELS[0] else query.level,
        **{key: list(getattr(query, key)) for key in _QUERY_LISTS},
        **{key: getattr(query, key) for key in _QUERY_TEXTS},
        "functions": [_declaration(f) for f in query.functions],
        "contested": _contested(query.contested),
    }


def _party(party: Party | None) -> dict[str, str]:
    return {"name": party.name, "url": party.url} if party else {}


def _declaration(function: Declaration) -> dict[str, str]:
    return {"form": function.form, **({"description": function.description} if function.description else {})}


def _contested(contested: Contested | None) -> dict[str, Any]:
    if contested is None:
        return {}
    return {"labels": dict(contested.labels), "section": contested.section, "reason": contested.reason}


# --- JSON in ---


def from_json(document: bytes, name: str) -> Group:
    """Read a document of the corpus's own format.

    Raises
    ------
    CorpusError
        If it is not of that format; with the place.
    """
    try:
        content = json.loads(document)
    except json.JSONDecodeError as error:
        raise CorpusError(f"not JSON: {error.msg}, line {error.lineno}, column {error.colno}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise CorpusError(f"not JSON: {error}") from error
    head = _object(content, "the document", (*_GROUP_TEXTS, "contact", "publisher", "functions", "queries"))
    group = Group(
        name,
        title=_text(head.get("title", ""), "title"),
        description=_text(head.get("description", ""), "description"),
        licence=_text(head.get("licence", ""), "licence"),
        contact=_read_party(head.get("contact"), "contact"),
        publisher=_read_party(head.get("publisher"), "publisher"),
        functions=_declarations(head.get("functions", []), "functions"),
    )
    items = _list(head.get("queries"), "queries")
    queries = tuple(_read_query(item, f"query {number}") for number, item in enumerate(items, 1))
    seen: set[str] = set()
    for query in queries:
        if query.id in seen:
            raise CorpusError(f"query {query.id!r} is there twice")
        seen.add(query.id)
    return replace(group, queries=queries)


def _read_query(item: Any, where: str) -> Query:
    keys = ("id", "text", "verdict", "level", "functions", "contested", *_QUERY_LISTS, *_QUERY_TEXTS)
    given = _object(item, where, keys)
    name = _text(given.get("id"), f"{where}, id")
    if not name:
        raise CorpusError(f"{where} has no id")
    where = f"query {name!r}"
    level = _text(given.get("level", LEVELS[0]), f"{where}, level")
    if level not in LEVELS:
        raise CorpusError(f"{where}: there is no level {level!r}; known: {', '.join(LEVELS)}")
    verdict = _object(given.get("verdict"), f"{where}, verdict", VERSIONS)
    if not verdict:
        raise CorpusError(f"{where} has no verdict")
    return Query(
        id=name,
        text=_text(given.get("text"), f"{where}, text"),
        verdicts={version: _verdict(label, where) for version, label in verdict.items()},
        level=level,
        features=_texts(given.get("features", []), f"{where}, features"),
        productions=_texts(given.get("productions", []), f"{where}, productions"),
        section=_text(given.get("section", ""), f"{where}, section"),
        provenance=_text(given.get("provenance", ""), f"{where}, provenance"),
        description=_text(given.get("description", ""), f"{where}, description"),
        extension=_text(given.get("extension", ""), f"{where}, extension"),
        functions=_declarations(given.get("functions", []), f"{where}, functions"),
        contested=_read_contested(given.get("contested"), f"{where}, contested"),
    )


def _read_contested(item: Any, where: str) -> Contested | None:
    if item is None:
        return None
    given = _object(item, where, ("labels", "section", "reason"))
    labels = given.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise CorpusError(f"{where}: labels must say what each source says")
    for label in labels.values():
        _verdict(label, where)
    section, reason = (_text(given.get(key), f"{where}, {key}") for key in ("section", "reason"))
    return Contested(labels, section, reason)


def _read_party(item: Any, where: str) -> Party | None:
    if item is None:
        return None
    given = _object(item, where, ("name", "url"))
    return Party(*(_text(given.get(key, ""), f"{where}, {key}") for key in ("name", "url")))


def _declarations(items: Any, where: str) -> tuple[Declaration, ...]:
    found = []
    for item in _list(items, where):
        given = _object(item, where, ("form", "description"))
        found.append(Declaration(_text(given.get("form"), where), _text(given.get("description", ""), where)))
    return tuple(found)


def _verdict(label: Any, where: str) -> bool:
    if not isinstance(label, str) or label not in _VERDICTS:
        raise CorpusError(f"{where}: a verdict is valid or invalid, not {str(label)[:40]!r}")
    return _VERDICTS[label]


def _object(item: Any, where: str, keys: Iterable[str]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise CorpusError(f"{where} must be an object")
    if unknown := sorted(set(item) - set(keys)):
        raise CorpusError(f"{where}: {unknown[0][:40]!r} is not known; known: {', '.join(keys)}")
    return item


def _list(item: Any, where: str) -> list[Any]:
    if not isinstance(item, list):
        raise CorpusError(f"{where} must be a list")
    return item


def _texts(items: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(item, where) for item in _list(items, where))


def _text(item: Any, where: str) -> str:
    if not isinstance(item, str):
        raise CorpusError(f"{where} must be a text")
    if bad := _NOT_TEXT.search(item):
        raise CorpusError(f"{where} has the character {bad.group()!r}, which is no text")
    return item

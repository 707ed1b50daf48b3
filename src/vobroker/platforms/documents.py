"""YAML and JSON of unknown origin, read so that they cannot do harm and each value's line is known.

Only what YAML 1.2 has in common with JSON is read, in YAML's notation or in JSON's: no anchors and aliases
(and so neither cycles nor documents that grow when they are read), no tags, no second meaning of ``no`` or
``12:30``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from vobroker.platforms.errors import DocumentError, Path, Problem

MAX_BYTES = 2**18
"""Largest document; real ones have some ten kilobytes."""

MAX_VALUES = 20_000
MAX_DEPTH = 12
MAX_TEXT = 4_000
"""Most characters of one text."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {"null": None, "~": None, "": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]{0,20})")
_DECIMAL = re.compile(r"[-+]?(\d{1,20}(_\d{3})*)?(\.\d{0,20})?([eE][-+]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Document:
    """A document's value, and the line of each value in it by its path."""

    name: str
    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Give the line of a value, or of the nearest one around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: Path, reason: str) -> DocumentError:
        """Make an error of one problem."""
        return DocumentError(self.name, [self.problem(path, reason)])

    def problem(self, path: Path, reason: str) -> Problem:
        """Make a problem at a path."""
        return Problem(self.line(path), path, reason)


def parse(data: bytes | str, name: str) -> Document:
    """Read a document.

    Parameters
    ----------
    data
        UTF-8.
    name
        Name of the file for errors.

    Raises
    ------
    DocumentError
        With the line: if it is too large or too deep, is no YAML, has anchors, aliases, tags, a key twice, or
        characters that show nothing.
    """
    content = data.encode() if isinstance(data, str) else data
    if len(content) > MAX_BYTES:
        raise _refuse(name, 1, (), f"the file has {len(content)} bytes; the limit is {MAX_BYTES}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refuse(name, line, (), "this is no UTF-8 text") from None
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join((error.problem or error.context or "it cannot be read").split())[:200]
        raise _refuse(name, mark.line + 1 if mark else 1, (), f"this is no YAML: {reason}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _refuse(name, 1, (), f"this is no YAML: {reason}") from None
    return builder.document()


def _refuse(name: str, line: int, path: Path, reason: str) -> DocumentError:
    return DocumentError(name, [Problem(line, path, reason)])


class _Builder:
    """Makes values from the events of the parser, with a stack of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.open: list[tuple[Path, Any]] = []
        self.keys: list[str | None] = []
        self.documents = 0
        self.value: Any = None

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refuse(self.name, line, self.path(), "anchors and aliases are not allowed; write it twice")
        if getattr(event, "tag", None):
            raise _refuse(self.name, line, self.path(), "tags are not allowed")
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _refuse(self.name, line, (), "the file holds more than one document")
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            path = self.next_path(line)
            made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self.put(path, made, line)
            self.open.append((path, made))
            self.keys.append(None)
            if len(self.open) > MAX_DEPTH:
                raise _refuse(self.name, line, (), f"values are nested more than {MAX_DEPTH} deep")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.open.pop()
            self.keys.pop()

    def scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        text = event.value
        if len(text) > MAX_TEXT:
            raise _refuse(
                self.name, line, self.path(), f"a text has {len(text)} characters; {MAX_TEXT} at most"
            )
        if hidden := [one for one in text if unicodedata.category(one)[0] == "C" and one not in "\n\t"]:
            raise _refuse(
                self.name,
                line,
                self.path(),
                f"a text holds the character U+{ord(hidden[0]):04X}, which shows nothing",
            )
        if self.open and isinstance(self.open[-1][1], dict) and self.keys[-1] is None:
            path, around = self.open[-1]
            if text in around:
                raise _refuse(self.name, line, (*path, text[:80]), "this key is there twice")
            self.keys[-1] = text
            return
        self.put(self.next_path(line), _resolve(text) if event.implicit[0] else text, line)

    def path(self) -> Path:
        """Path of what is being read."""
        if not self.open:
            return ()
        path, around = self.open[-1]
        step = len(around) if isinstance(around, list) else self.keys[-1]
        return path if step is None else (*path, step)

    def next_path(self, line: int) -> Path:
        """Path of the value that comes now."""
        if self.open and isinstance(self.open[-1][1], dict) and self.keys[-1] is None:
            raise _refuse(self.name, line, self.open[-1][0], "a key is a text")
        return self.path()

    def put(self, path: Path, value: Any, line: int) -> None:
        if len(self.lines) >= MAX_VALUES:
            raise _refuse(self.name, line, path, f"the file holds more than {MAX_VALUES} values")
        self.lines[path] = line
        if not self.open:
            self.value = value
            return
        around = self.open[-1][1]
        if isinstance(around, list):
            around.append(value)
        else:
            around[self.keys[-1]] = value
            self.keys[-1] = None

    def document(self) -> Document:
        return Document(self.name, self.value, self.lines)


def _resolve(text: str) -> Any:
    """Give the value of a text without quotes: the words and numbers of JSON, and numbers with ``_``."""
    if text in _PLAIN:
        return _PLAIN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if any(digit in text for digit in "0123456789") and _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text

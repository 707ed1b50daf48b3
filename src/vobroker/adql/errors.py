"""The one error of the toolkit: what is wrong, where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from vobroker.adql.tree import Span

_WIDTH = 100


class AdqlError(Exception):
    """A query that cannot be used.

    Attributes
    ----------
    code
        Short word for programs: ``syntax``, ``unknown-column``, ``type`` ...
    message
        One plain sentence.
    text
        The query.
    span
        Start and end of the trouble in ``text``, in characters.
    line, column
        Place of its start; both count from 1.
    suggestion
        What to write instead; empty where nothing is near.
    where
        What the text belongs to, such as a file; empty where that is clear.
    """

    def __init__(self, code: str, message: str, text: str, span: Span, suggestion: str = "") -> None:
        super().__init__(message)
        start = min(max(span[0], 0), len(text))
        self.code, self.message, self.text, self.suggestion = code, message, text, suggestion
        self.where = ""
        self.span = (start, min(max(span[1], start), len(text)))
        self.line = text.count("\n", 0, start) + 1
        self.column = start - (text.rfind("\n", 0, start) + 1) + 1

    def __str__(self) -> str:
        hint = f" {self.suggestion}" if self.suggestion else ""
        where = f"{self.where}, " if self.where else ""
        return f"{where}line {self.line}, column {self.column}: {self.message}{hint}"

    def describe(self) -> dict[str, str | int]:
        """Give the error for programs; ``start`` and ``end`` are its span, in characters."""
        return {
            "code": self.code,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "start": self.span[0],
            "end": self.span[1],
            "suggestion": self.suggestion,
        }

    def render(self) -> str:
        """Give the message, the line of the query it is about, and a caret under the place."""
        begin = self.span[0] - self.column + 1
        line = self.text[begin:].split("\n", 1)[0].rstrip("\r")
        caret = self.column - 1
        length = max(1, min(self.span[1], begin + len(line)) - self.span[0])
        cut = max(0, caret - _WIDTH * 2 // 3)
        shown = line[cut : cut + _WIDTH]
        # Tabs stay tabs before the caret, so that it stands right under its letter.
        indent = "".join("\t" if c == "\t" else " " for c in line[cut:caret])
        marks = "^" * max(1, min(length, len(shown) - (caret - cut)))
        number = f"{self.line:>4} | "
        where = f"{self.where}: " if self.where else ""
        parts = [f"{where}{self.message}", f"{number}{shown}", f"{'':>4} | {indent}{marks}"]
        if self.suggestion:
            parts.append(self.suggestion)
        return "\n".join(parts)


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the known name nearest to ``name`` in spelling, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""

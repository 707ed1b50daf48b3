"""Light colouring of ADQL on a page."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

KEYWORDS = (
    "SELECT|TOP|DISTINCT|ALL|AS|FROM|JOIN|INNER|LEFT|RIGHT|FULL|OUTER|NATURAL|ON|USING|WHERE|AND|OR|NOT|IN"
    "|BETWEEN|LIKE|ILIKE|IS|NULL|EXISTS|GROUP|ORDER|BY|HAVING|ASC|DESC|UNION|EXCEPT|INTERSECT|WITH|CASE|WHEN"
    "|THEN|ELSE|END"
)

"""Keywords of the language, as alternatives of a regular expression."""

_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<name>\"(?:[^\"]|\"\")*\")"
    rf"|(?P<keyword>\b(?:{KEYWORDS})\b)"
    r"|(?P<function>\b[A-Za-z_]\w*(?=\s*\())"
    r"|(?P<number>\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\b)"
    r"|(?P<other>\w+|.)",
    re.IGNORECASE | re.DOTALL,
)


def adql(text: str) -> Markup:
    """Mark comments, strings, keywords, functions and numbers of a query for the style sheet."""
    return Markup("").join(_marked(found) for found in _TOKEN.finditer(text))


def _marked(found: re.Match[str]) -> Markup:
    kind, text = found.lastgroup, found[0]
    if kind in ("other", "name"):
        return escape(text)
    return Markup('<span class="adql-{}">{}</span>').format(kind, text)

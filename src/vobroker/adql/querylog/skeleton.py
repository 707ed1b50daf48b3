"""The skeleton of a query: its structure without its values and private names, and a line that says it.

Tables become T1, T2 ..., columns C1, C2 ..., numbers ``<number>``, strings ``<string>``. Names that everybody
knows stay: those of TAP_SCHEMA and of the IVOA's own tables, and the usual names of positions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from vobroker.adql import tree
from vobroker.adql.features import features
from vobroker.adql.printer import to_text

PUBLIC_SCHEMAS = ("tap_schema", "ivoa")
"""Schemas whose tables keep their names."""

PUBLIC_COLUMNS = {
    **dict.fromkeys(("ra", "raj2000", "ra_icrs", "ra_deg", "radeg", "s_ra", "alpha", "_raj2000"), "ra"),
    **dict.fromkeys(
        ("dec", "dej2000", "dec_icrs", "de_icrs", "dec_deg", "decdeg", "s_dec", "_dej2000"), "dec"
    ),
}
"""Columns of positions, by what they are called."""

_TOKEN = re.compile(
    r"(?P<blank>(?:\s|--[^\n]*(?:\n|$))+)|(?P<string>'(?:[^']|'')*')|(?P<name>\"(?:[^\"]|\"\")+\")"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<real>(?:\d+\.?\d*|\.\d+)[eE][+-]?\d+|\d+\.\d*|\.\d+)|(?P<whole>\d+)"
)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a query asks, without who and what for.

    Attributes
    ----------
    text
        Pseudo-code: the query with place holders.
    sentence
        The same in a plain line.
    category
        Main intent, one of :data:`CATEGORIES`.
    features
        Names of :data:`vobroker.adql.features.FEATURES`.
    fingerprint
        First 12 hexadecimal digits of the SHA-256 of ``text``: the same for ever and everywhere.
    """

    text: str
    sentence: str
    category: str
    features: frozenset[str]
    fingerprint: str


CATEGORIES = (
    "metadata",
    "cross-match",
    "cone search",
    "region search",
    "observation discovery",
    "lookup by identifier",
    "statistics",
    "random sample",
    "pages of a table",
    "join",
    "selection",
    "look at a table",
)
"""Intents, the more telling first."""


def normal(text: str) -> str:
    """Give the text with its values replaced, such that texts with the same result have the same skeleton.

    Only one pass over the characters: a million repeated queries need not be parsed a million times. The
    numbers 0 and 1 stay, since ``1 = CONTAINS`` is another thing than ``0 = CONTAINS``.
    """
    return _TOKEN.sub(_plain, text).strip()


def _plain(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    if kind == "blank":
        return " "
    if kind == "string":
        return "'s'"
    if kind == "real":
        return "2.5"
    if kind == "whole":
        return text if text in ("0", "1") else "2"
    return text.upper() if kind == "word" else text


def skeleton(query: tree.Query) -> Skeleton:
    """Take the skeleton of a query."""
    names = _Names(query)
    text = to_text(_rewritten(query, names))
    text = re.sub(r"\bTOP \d+", "TOP <n>", re.sub(r"\bOFFSET \d+", "OFFSET <n>", text))
    used = features(query)
    category = _category(query, used)
    return Skeleton(
        text, _sentence(category, query, used, names), category, used,
        hashlib.sha256(text.encode()).hexdigest()[:12],
    )  # fmt: skip


class _Names:
    """Place holders by name, in the order in which the names come."""

    def __init__(self, query: tree.Query) -> None:
        self.tables: dict[str, str] = {}
        self.columns: dict[str, str] = {}
        self.others: dict[str, str] = {}
        for cte in query.ctes:
            self.tables[cte.name.text.lower()] = f"W{len(self.tables) + 1}"
        count = 0
        for node in tree.walk(query):
            if isinstance(node, tree.TableName):
                path = ".".join(part.text for part in node.path).lower()
                if path not in self.tables:
                    schema = path.split(".")[0] if len(node.path) > 1 else ""
                    private = schema not in (*PUBLIC_SCHEMAS, "tap_upload")
                    count += private
                    known = path if schema in PUBLIC_SCHEMAS else "tap_upload.T"
                    self.tables[path] = f"T{count}" if private else known
                self.tables.setdefault(node.path[-1].text.lower(), self.tables[path])
                if node.alias:
                    self.tables.setdefault(node.alias.text.lower(), self.tables[path])
            elif isinstance(node, tree.DerivedTable):
                self.tables.setdefault(node.alias.text.lower(), f"S{len(self.tables) + 1}")

    def table(self, path: tree.Path) -> tree.Path:
        """Give the place holder of a table."""
        known = self.tables.get(".".join(part.text for part in path).lower())
        known = known or self.tables.get(path[-1].text.lower(), "T0")
        return (tree.Identifier(path[0].span, known),)

    def column(self, name: tree.Identifier) -> tree.Identifier:
        """Give the place holder of a column."""
        lower = name.text.lower()
        if lower not in self.columns:
            private = sum(holder.startswith("C") for holder in self.columns.values())
            self.columns[lower] = PUBLIC_COLUMNS.get(lower) or f"C{private + 1}"
        return tree.Identifier(name.span, self.columns[lower])


def _rewritten(value: Any, names: _Names) -> Any:
    match value:
        case tree.Number():
            return tree.Number(value.span, "<number>")
        case tree.Comparison(left=left, operator=operator, right=right):
            sides = [
                _truth(one, other) or _rewritten(one, names) for one, other in ((left, right), (right, left))
            ]
            return tree.Comparison(value.span, sides[0], operator, sides[1])
        case tree.String():
            return tree.Number(value.span, "<string>")
        case tree.Region():
            return tree.Region(value.span, tree.String(value.span, "region"))
        case tree.InUnit():
            unit = tree.String(value.span, "unit")
            return tree.InUnit(value.span, _rewritten(value.value, names), unit)
        case tree.CastTarget():
            return tree.CastTarget(value.span, value.name, None)
        case tree.Function():
            arguments = _rewritten(value.arguments, names)
            name = value.name.lower() if value.user_defined else value.name
            return tree.Function(value.span, name, arguments, value.user_defined)
        case tree.ColumnReference():
            table = names.table(value.path[:-1]) if len(value.path) > 1 else ()
            return tree.ColumnReference(value.span, (*table, names.column(value.path[-1])))
        case tree.TableName():
            return tree.TableName(value.span, names.table(value.path), None)
        case tree.DerivedTable():
            (alias,) = names.table((value.alias,))
            return tree.DerivedTable(value.span, _rewritten(value.query, names), alias)
        case tree.AllColumns(qualifier=qualifier):
            return tree.AllColumns(value.span, names.table(qualifier) if qualifier else None)
        case tree.DerivedColumn():
            inner = _rewritten(value.value, names)
            return tree.DerivedColumn(value.span, inner, names.column(value.alias) if value.alias else None)
        case tree.WithQuery():
            (called,) = names.table((value.name,))
            return tree.WithQuery(value.span, called, _rewritten(value.query, names))
        case tree.Point() | tree.Circle() | tree.Box() | tree.Polygon():
            parts = {f.name: _rewritten(getattr(value, f.name), names) for f in dataclasses.fields(value)}
            return type(value)(**{**parts, "span": value.span, "system": None})
        case tree.Identifier():
            return names.column(value)
        case tree.Node():
            parts = {f.name: _rewritten(getattr(value, f.name), names) for f in dataclasses.fields(value)}
            return type(value)(**parts)
        case tuple() if value and all(isinstance(item, int) for item in value):
            return value
        case tuple():
            return tuple(_rewritten(item, names) for item in value)
        case _:
            return value


def _truth(node: tree.Value, other: tree.Value) -> tree.Number | None:
    """Keep the 0 or 1 that a test of places is compared with."""
    test = isinstance(other, tree.Function) and other.name in ("CONTAINS", "INTERSECTS")
    return node if test and isinstance(node, tree.Number) and node.text in ("0", "1") else None


# --- what it is for ---------------------------------------------------------------------------------------


def _category(query: tree.Query, used: frozenset[str]) -> str:
    tables = [
        ".".join(p.text for p in n.path).lower() for n in tree.walk(query) if isinstance(n, tree.TableName)
    ]
    if any(name.startswith("tap_schema.") for name in tables):
        return "metadata"
    if matched := _place_test(query):
        return matched
    if "ivoa.obscore" in tables:
        return "observation discovery"
    if _by_identifier(query):
        return "lookup by identifier"
    if used & {"COUNT(*)", "COUNT", "AVG", "MIN", "MAX", "SUM", "GROUP BY", "DISTINCT"}:
        return "statistics"
    if "RAND" in used or any("random" in n.path[-1].text.lower() for n in _columns(query)):
        return "random sample"
    if "OFFSET" in used:
        return "pages of a table"
    if used & {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "comma join", "NATURAL JOIN"}:
        return "join"
    return "selection" if "WHERE" in used else "look at a table"


def _place_test(query: tree.Query) -> str:
    """Tell a cone from a region and from a match of two tables."""
    found = set()
    for node in tree.walk(query):
        if not isinstance(node, tree.Comparison):
            continue
        for test in (node.left, node.right):
            if not isinstance(test, tree.Function) or test.name not in ("CONTAINS", "INTERSECTS", "DISTANCE"):
                continue
            sides = [{_owner(c) for c in _columns(argument)} for argument in test.arguments]
            if all(sides) and (sides[0] != sides[1] or not all(map(all, sides))):
                found.add("cross-match")
            elif test.name == "DISTANCE" or any(isinstance(a, tree.Circle) for a in test.arguments):
                found.add("cone search")
            else:
                found.add("region search")
    return next((name for name in CATEGORIES if name in found), "")


def _columns(node: tree.Node) -> list[tree.ColumnReference]:
    return [n for n in tree.walk(node) if isinstance(n, tree.ColumnReference)]


def _owner(column: tree.ColumnReference) -> str:
    return ".".join(part.text for part in column.path[:-1]).lower()


_IDENTIFIER = re.compile(
    r"(^|_)(id|ids|name|designation|source|object|objid|oid|hip|tic|kic|epic|htm9?)$|id$"
)


def _by_identifier(query: tree.Query) -> bool:
    """Whether a condition sets a column called like an identifier equal to values."""
    for node in tree.walk(query):
        match node:
            case tree.Comparison(operator="=", left=left, right=right):
                for one, other in ((left, right), (right, left)):
                    plain = isinstance(other, tree.Number | tree.String | tree.Signed)
                    if plain and isinstance(one, tree.ColumnReference) and _is_identifier(one):
                        return True
            case tree.In(subject=tree.ColumnReference() as subject, choices=tuple(), negated=False):
                if _is_identifier(subject):
                    return True
    return False


def _is_identifier(column: tree.ColumnReference) -> bool:
    return bool(_IDENTIFIER.search(column.path[-1].text.lower()))


def _sentence(category: str, query: tree.Query, used: frozenset[str], names: _Names) -> str:
    tables = list(dict.fromkeys(h for h in names.tables.values() if h[0] == "T" or "." in h))
    parts = [f"{category} on {tables[0] if tables else 'a subquery'}"]
    if category == "cross-match" and len(tables) > 1:
        parts = [f"cross-match of {tables[0]} with {tables[1]}"]
    elif len(tables) > 1:
        parts.append(f"join {' and '.join(tables[1:4])}")
    selects = [n for n in tree.walk(query) if isinstance(n, tree.Select)]
    if any(select.group for select in selects):
        parts.append("aggregate by group")
    elif used & {"COUNT(*)", "COUNT"}:
        parts.append("count")
    elif used & {"AVG", "MIN", "MAX", "SUM"}:
        parts.append("aggregate")
    parts += [words for name, words in _ALSO if name in used]
    return ", ".join(parts)


_ALSO = (
    ("UNION", "union of results"),
    ("UNION ALL", "union of results"),
    ("EXCEPT", "without those of another query"),
    ("INTERSECT", "common to two queries"),
    ("WITH", "with a named subquery"),
    ("ORDER BY", "in order"),
    ("TOP", "the first rows"),
    ("OFFSET", "from a row on"),
)

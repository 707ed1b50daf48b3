"""A named ADQL query becomes a filter: one condition and the columns to report, judged alert by alert."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from vobroker.adql import AdqlError, CheckedQuery, check, parse, tree
from vobroker.adql.check import Field
from vobroker.adql.platforms.duckdb import DuckDB, weight
from vobroker.adql.printer import to_text
from vobroker.alerts.columns import ALERT
from vobroker.enrich.layer import has_one_row
from vobroker.filters.budget import Budget
from vobroker.filters.tables import filter_tables
from vobroker.votypes.columns import Column, Table

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""What a filter may be called: its name becomes a stream and part of an IVOID."""

MAX_WEIGHT = 300
"""Most functions in a filter, those counted anew that are within another."""

MAX_SQL = 50_000
"""Longest filter as the engine gets it, in characters."""

MAX_PATTERN = 256
"""Longest pattern of LIKE in a filter, in characters."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter.

    Attributes
    ----------
    name
        Name of the filter and of its stream.
    version
        Short hash of the canonical query: the same version judges the same way.
    title, description
        From the comment at the head of the text.
    text
        The query as written.
    survey
        Survey whose native table the query names; None where it takes alerts of every survey.
    enriched
        Tables of catalogues, regions and sky maps that it names, and whether an alert must be in each (a
        LEFT JOIN asks for no row).
    columns
        What the query selects, with types, units and UCDs.
    used
        Columns that it reads, by table.
    owner
        Whose it is; empty for one of those who run the broker.
    budget
        What it may cost; None for what any may.
    """

    name: str
    version: str
    title: str
    description: str
    text: str
    survey: str | None
    enriched: Mapping[str, bool]
    columns: tuple[Column, ...]
    used: Mapping[str, frozenset[str]]
    checked: CheckedQuery
    owner: str = ""
    budget: Budget | None = None

    def condition(self) -> str:
        """Write WHERE over the table of a batch (see :mod:`vobroker.filters.run`)."""
        where = _select(self.checked.query).where
        writer = _OnBatch(self.checked)
        there = [
            f"{writer.identifier(f'{table}.alert_id')} IS NOT NULL"
            for table, needed in self.enriched.items()
            if needed
        ]
        given = [f"({writer.condition(where)})"] if where else []
        return " AND ".join(there + given) or "TRUE"

    def plain(self) -> dict[str, str]:
        """Give the output columns that are columns of the batch, with their names there."""
        return {name: _place(found) for name, found in self._outputs() if isinstance(found, Field)}

    def computed(self) -> dict[str, str]:
        """Write the other output columns."""
        writer = _OnBatch(self.checked)
        return {name: writer.value(value) for name, value in self._outputs() if not isinstance(value, Field)}

    def _outputs(self) -> Iterator[tuple[str, Field | tree.Value]]:
        outputs = self.checked.outputs[id(_select(self.checked.query))]
        for output, column in zip(outputs, self.columns, strict=True):
            value = output.value
            if isinstance(value, tree.ColumnReference):
                yield column.name, self.checked.fields[id(value)]
            else:
                yield column.name, value


class _OnBatch(DuckDB):
    """Translator whose tables are all in one: a batch, with columns called ``table.column`` and free of NaN.

    Strings are written as literals, since a prepared statement is kept for all batches.
    """

    def parameter(self, value: object) -> str:
        text = str(value)
        if "\0" in text:
            raise AdqlError(
                "unsupported", "A string cannot hold a NUL character.", self.checked.query.text, (0, 0)
            )
        return "'" + text.replace("'", "''") + "'"

    def stored(self, column: Field) -> str:
        return self.identifier(_place(column))

    def without_nan(self, sql: str) -> str:
        return sql


def _place(column: Field) -> str:
    source, name = column.places[0]
    return f"{source.table}.{name}"


def compile_filter(name: str, text: str, tables: Mapping[str, Table] | None = None) -> Filter:
    """Check a query and compile it as a filter.

    Parameters
    ----------
    name
        Lower-case words joined by hyphens.
    text
        ADQL: one SELECT over ``alert``, a survey's native table, and those of catalogues, regions and sky
        maps, each joined ``USING (survey, alert_id)``.
    tables
        ``alert``, the native tables by survey, and what alerts are enriched with; the first two when not
        given.

    Raises
    ------
    AdqlError
        If the name or the query cannot be used; code ``filter`` where it is good ADQL but no filter.
    """
    try:
        return _compile(name, text, filter_tables() if tables is None else tables)
    except AdqlError as error:
        error.where = f"filter {name}"
        raise


def _compile(name: str, text: str, tables: Mapping[str, Table]) -> Filter:
    if not NAME.fullmatch(name) or len(name) > 64:
        message = f"A filter cannot be called '{name}': use lower-case words joined by hyphens."
        raise AdqlError("filter", message, text, (0, 0))
    query = parse(text)
    survey, enriched = check_shape(query)
    checked = check(query, tables)
    title, description = header(text)
    compiled = Filter(
        name=name,
        version=version_of(query),
        title=title or name,
        description=description,
        text=text,
        survey=survey,
        enriched=enriched,
        columns=checked.columns,
        used={table: frozenset(columns) for table, columns in checked.used.items()},
        checked=checked,
    )
    # Translated once here, so that what the engine cannot do is known before an alert comes.
    size = len(compiled.condition()) + sum(map(len, compiled.computed().values()))
    if size > MAX_SQL or weight(query.body) > MAX_WEIGHT:
        message = (
            "The filter is too much for the engine: it has too many functions, or one in another too often."
        )
        raise AdqlError("filter", message, text, query.body.span)
    return compiled


def load_filters(*paths: Path, tables: Mapping[str, Table] | None = None) -> list[Filter]:
    """Compile the ``.adql`` files at ``paths``: files, or folders whose files are taken by name.

    Raises
    ------
    AdqlError
        If a query cannot be used as a filter.
    OSError
        If a file cannot be read, or a folder holds no filter.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.adql")) if path.is_dir() else [path]
        if not inside:
            raise FileNotFoundError(f"no .adql file in {path}")
        found += inside
    return [compile_filter(path.stem, _read(path), tables) for path in found]


def starter_filters() -> list[Filter]:
    """Compile the filters that run where none are named."""
    library = files("vobroker.filters").joinpath("library")
    texts = {
        entry.name.removesuffix(".adql"): entry.read_text(encoding="utf-8")
        for entry in library.iterdir()
        if entry.name.endswith(".adql")
    }
    return [compile_filter(name, text) for name, text in sorted(texts.items())]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise OSError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def version_of(query: tree.Query) -> str:
    """Give the version of a filter: a short hash of what its query means."""
    return hashlib.sha256(to_text(query).encode()).hexdigest()[:12]


def header(text: str) -> tuple[str, str]:
    """Give title and description: the first line of the comment before the query, and the rest of it."""
    lines: list[str] = []
    for line in text.lstrip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.lstrip("-").strip())
    return (lines[0].rstrip("."), " ".join(filter(None, lines[1:]))) if lines else ("", "")


def _select(query: tree.Query) -> tree.Select:
    assert isinstance(query.body, tree.Select)
    return query.body


def check_shape(query: tree.Query) -> tuple[str | None, dict[str, bool]]:
    """Refuse what does not judge one alert by itself; give the native table, and those of enrichment."""

    def refuse(message: str, node: tree.Node) -> NoReturn:
        raise AdqlError("filter", message, query.text, node.span)

    if query.ctes:
        refuse("A filter has no WITH.", query.ctes[0])
    select = query.body
    if not isinstance(select, tree.Select):
        what = "a set operator" if isinstance(select, tree.SetExpression) else "ORDER BY or OFFSET"
        refuse(f"A filter judges each alert by itself and has no {what}.", select)
    for present, clause in ((select.quantifier == "DISTINCT", "DISTINCT"), (select.top is not None, "TOP")):
        if present:
            refuse(f"A filter judges each alert by itself and has no {clause}.", select)
    if select.group or select.having:
        refuse("A filter judges each alert by itself and has no GROUP BY or HAVING.", select)
    for node in tree.walk(select):
        if isinstance(node, tree.Aggregate):
            refuse(f"A filter judges each alert by itself and has no {node.name}.", node)
        if isinstance(node, (tree.In, tree.Exists, tree.DerivedTable)) and any(
            isinstance(child, tree.QueryBody) for child in tree.children(node)
        ):
            refuse("A filter judges each alert by itself and has no subquery.", node)
        if isinstance(node, tree.Like) and not (
            isinstance(node.pattern, tree.String) and len(node.pattern.text) <= MAX_PATTERN
        ):
            # The engine looks at every place of the text for it, and cannot be interrupted meanwhile.
            refuse(
                f"A filter's {node.operator} has a pattern in quotes, of at most {MAX_PATTERN} characters.",
                node.pattern,
            )
        if isinstance(node, tree.Function) and node.name == "RAND":
            refuse("A filter must judge the same alert the same way each time: no RAND.", node)
    return _joined(select, refuse)


def _joined(select: tree.Select, refuse: Any) -> tuple[str | None, dict[str, bool]]:
    """Give the native table that is named, and those of enrichment with whether a row is needed."""
    names = [name.lower() for name in _tables(select.tables)]
    native = [name for name in names if name != ALERT.name and not has_one_row(name)]
    (whole,) = select.tables if len(select.tables) == 1 else (None,)
    joins = whole.joins if isinstance(whole, tree.JoinedTable) else ()
    needed = [True, *(join.kind == "INNER" for join in joins)]
    by_id = all(
        isinstance(join.condition, tuple)
        and {name.text.lower() for name in join.condition} == {"survey", "alert_id"}
        and (join.kind == "INNER" or (join.kind == "LEFT" and has_one_row(name)))
        for join, name in zip(joins, names[1:], strict=False)
    )
    if whole is None or len(needed) != len(names) or len(set(names)) < len(names) or not by_id or native[1:]:
        refuse(
            "A filter reads alert, a survey's table, or alert JOIN <survey> USING (survey, alert_id); tables"
            " of catalogues, regions and sky maps are joined likewise, or by LEFT JOIN.",
            select.tables[0],
        )
    enriched = {name: must for name, must in zip(names, needed, strict=True) if has_one_row(name)}
    return (native[0] if native else None), enriched


def _tables(tables: Iterable[tree.TableExpression]) -> Iterable[str]:
    for table in tables:
        if isinstance(table, tree.TableName):
            yield ".".join(part.text for part in table.path)
        elif isinstance(table, tree.JoinedTable):
            yield from _tables((table.first, *(join.table for join in table.joins)))

"""The filters that come with the package: those that run by themselves, and examples, which run when named.

Examples may name tables of catalogues, watchlists and sky maps, which an archive has only once somebody adds
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from vobroker.adql import AdqlError, parse
from vobroker.filters.compile import Filter, check_shape, compile_filter, header, starter_filters, version_of
from vobroker.votypes.columns import Table

_HOW = {
    "match": "vobroker catalogue add FILE --name {}",
    "watchlist": "vobroker watchlist add FILE --name {}",
    "region": "vobroker region add FILE --name {}",
    "skymap": "vobroker skymap add FILE --name {}",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A filter that does not run unless it is named.

    Attributes
    ----------
    name, version, title, description, text, survey
        As of a :class:`vobroker.filters.Filter`.
    needs
        Tables of catalogues, watchlists, regions and sky maps that it names.
    """

    name: str
    version: str
    title: str
    description: str
    text: str
    survey: str | None
    needs: tuple[str, ...]

    def compiled(self, tables: Mapping[str, Table]) -> Filter:
        """Compile it for the tables that there are.

        Raises
        ------
        AdqlError
            If a table that it needs is not there, with the command that makes it; or lacks a column.
        """
        for table in self.needs:
            if table not in tables:
                error = AdqlError(
                    "filter",
                    f"The filter needs the table {table}; '{made_by(table)}' makes it.",
                    self.text,
                    (0, 0),
                )
                error.where = f"filter {self.name}"
                raise error
        return compile_filter(self.name, self.text, tables)


@cache
def examples() -> dict[str, Example]:
    """Give the examples by name."""
    folder = files("vobroker.filters").joinpath("library", "examples")
    texts = {
        entry.name.removesuffix(".adql"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".adql")
    }
    return {name: _example(name, text) for name, text in sorted(texts.items())}


def shipped_filter(name: str, tables: Mapping[str, Table]) -> Filter | None:
    """Give a filter that comes with the package, None where there is none of that name.

    Raises
    ------
    AdqlError
        If it is an example that these tables do not suffice for.
    """
    if name in examples():
        return examples()[name].compiled(tables)
    return next((f for f in starter_filters() if f.name == name), None)


def made_by(table: str) -> str:
    """Give the command that makes a table of enrichment."""
    kind, _, name = table.partition("_")
    return _HOW[kind].format(name)


def _example(name: str, text: str) -> Example:
    query = parse(text)
    survey, enriched = check_shape(query)
    title, description = header(text)
    needs = tuple(table for table in enriched if table.partition("_")[0] in _HOW)
    return Example(name, version_of(query), title, description, text, survey, needs)

"""Filters as commands name them: one that comes with the broker or is kept there, a file or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vobroker.cli.common import fail, files_of
from vobroker.cli.ingest import enrichment_of
from vobroker.cli.query import wrong

if TYPE_CHECKING:
    from vobroker.filters import Filter

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME|FILE...", help="Filters that come with the broker or are kept, files or folders."
    ),
]
Name = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE", help="A filter that comes with the broker or is kept, or a file."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(name: str, archive: str) -> list[Filter]:
    """Give a filter that comes with the broker or that a user keeps, or the filters of a file or folder."""
    from vobroker.adql import AdqlError
    from vobroker.filters import Saved, compile_filter, filter_tables, load_filters, shipped_filter
    from vobroker.filters.database import DatabaseError

    path = Path(name)
    try:
        tables = filter_tables() | enrichment_of(archive).tables
        if is_path(name):
            return load_filters(path, tables=tables)
        found = shipped_filter(name, tables)
        if found is None and (kept := Saved(files_of(archive)).get(name)):
            found = compile_filter(name, kept.now.text, tables)
    except AdqlError as error:
        wrong(error)
    except DatabaseError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot read {name}: {error.strerror or error}", 2)
    if found is None:
        unknown(name)
    return [found]


def is_path(name: str) -> bool:
    """Whether a name is of a file or a folder, there or not."""
    return Path(name).exists() or Path(name).suffix == ".adql"


def unknown(name: str) -> NoReturn:
    """Say that there is no such filter, and which there are."""
    from vobroker.filters import examples, starter_filters

    known = ", ".join(f.name for f in starter_filters())
    fail(
        f"there is no file and no filter {name}; starter filters: {known}; examples: {', '.join(examples())}",
        2,
    )


def summary(f: Filter) -> dict[str, object]:
    """Give a filter for JSON."""
    return {
        "name": f.name,
        "version": f.version,
        "title": f.title,
        "description": f.description,
        "survey": f.survey,
        "text": f.text,
        "columns": [{"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd} for c in f.columns],
    }

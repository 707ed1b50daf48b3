"""``vobroker filter``: list, check, show and try filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, out
from vobroker.cli.filter_load import Json, Name, Names, is_path, load, summary
from vobroker.cli.filter_try import try_
from vobroker.cli.ingest import enrichment_of
from vobroker.cli.query import list_tables

if TYPE_CHECKING:
    from vobroker.filters import Example


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="List, check, show and try filters.", no_args_is_help=True)
    group.command("list", help="List the filters that come with the broker, or those of a folder.")(
        list_filters
    )
    group.command("check", help="Say whether filters can be used, and why not.")(check)
    group.command("show", help="Print a filter with its columns.")(show)
    group.command("try", help="Run a filter over the alerts of the archive.")(try_)
    group.command("columns", help="List the columns that a filter may name.")(columns)
    app.add_typer(group, name="filter")


def list_filters(
    folder: Annotated[Path | None, typer.Argument(help="Folder of .adql files, or one file.")] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    as_json: Json = False,
) -> None:
    """List filters."""
    from rich.table import Table

    from vobroker.filters import examples, starter_filters

    found = starter_filters() if folder is None else load(str(folder), archive)
    others = list(examples().values()) if folder is None else []
    if as_json:
        print(json.dumps([*map(summary, found), *map(_example, others)], indent=1))
        return
    table = Table("name", "version", "alerts of", "title")
    for f in found:
        table.add_row(f.name, f.version, f.survey or "every survey", escape(f.title))
    out.print(table)
    if not others:
        return
    table = Table(title="Examples, which run when named with --filters", title_justify="left")
    for heading in ("name", "alerts of", "needs", "title"):
        table.add_column(heading, no_wrap=heading == "name", overflow="fold")
    for one in others:
        table.add_row(one.name, one.survey or "every survey", ", ".join(one.needs), escape(one.title))
    out.print(table)


def check(names: Names, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Check filters; the exit status is 2 where one cannot be used."""
    for name in names:
        for f in load(name, archive):
            out.print(f"{f.name} {f.version}: good", highlight=False)


def show(
    name: Name,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    source: Annotated[
        bool, typer.Option("--source", help="Print only the text, to start a new one from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one filter."""
    from rich.table import Table

    from vobroker.adql import to_text
    from vobroker.filters import examples

    if source and not is_path(name) and (example := examples().get(name)):
        print(example.text.rstrip("\n"))  # its tables need not be there to start a new one from it
        return
    found = load(name, archive)
    if as_json:
        print(json.dumps([summary(f) for f in found], indent=1))
        return
    if source:
        print("\n".join(f.text.rstrip("\n") for f in found))
        return
    for f in found:
        out.print(f"[bold]{escape(f.title)}[/]  {f.name} {f.version}", highlight=False)
        if f.description:
            out.print(f.description, highlight=False, markup=False)
        out.print(to_text(f.checked.query), markup=False, highlight=False)
        table = Table("column", "type", "unit", "description")
        for column in f.columns:
            table.add_row(column.name, column.type, column.unit, column.description)
        out.print(table)


def columns(archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """List the columns of all tables a filter may name."""
    from vobroker.filters import filter_tables

    list_tables(filter_tables() | enrichment_of(archive).tables)


def _example(one: Example) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "title": one.title,
        "description": one.description,
        "survey": one.survey,
        "text": one.text,
        "needs": list(one.needs),
    }

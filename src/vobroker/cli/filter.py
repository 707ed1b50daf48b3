"""``vobroker filter``: list, check, show and try filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out
from vobroker.cli.ingest import enrichment_of
from vobroker.cli.query import list_tables, wrong
from vobroker.cli.results import show as show_rows

if TYPE_CHECKING:
    from vobroker.filters import Filter

Names = Annotated[
    list[str], typer.Argument(metavar="NAME|FILE...", help="Starter filters, files or folders.")
]
Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A starter filter or a file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="List, check, show and try filters.", no_args_is_help=True)
    group.command("list", help="List the starter filters, and those of a folder.")(list_filters)
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

    from vobroker.filters import starter_filters

    found = starter_filters() if folder is None else _load(str(folder), archive)
    if as_json:
        print(json.dumps([_summary(f) for f in found], indent=1))
        return
    table = Table("name", "version", "alerts of", "title")
    for f in found:
        table.add_row(f.name, f.version, f.survey or "every survey", f.title)
    out.print(table)


def check(names: Names, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Check filters; the exit status is 2 where one cannot be used."""
    for name in names:
        for f in _load(name, archive):
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

    found = _load(name, archive)
    if as_json:
        print(json.dumps([_summary(f) for f in found], indent=1))
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


def try_(
    name: Name,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    rows: Annotated[int, typer.Option(help="Rows to print.", min=0, max=10_000)] = 20,
    seconds: Annotated[float, typer.Option(help="Time it may take.", min=0.001, max=86_400)] = 600,
    as_json: Json = False,
) -> None:
    """Run filters over the archive as if its alerts came now; print how many would pass, and the first."""
    from vobroker.adql import AdqlError
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.archive.rows import jsonable
    from vobroker.filters import try_on
    from vobroker.votypes.columns import Table

    try:
        with open_archive(archive, create=False, read_only=True) as store:
            trials = [try_on(f, store, rows=rows, seconds=seconds) for f in _load(name, archive)]
    except AdqlError as error:
        wrong(error)
    except ArchiveError as error:
        fail(str(error))
    if as_json:
        done = [
            {
                **_summary(t.filter),
                "seen": t.seen,
                "passed": t.passed,
                "rows": [jsonable(row, Table("result", t.filter.columns)) for row in t.rows.to_pylist()],
            }
            for t in trials
        ]
        print(json.dumps(done, indent=1))
        return
    for trial in trials:
        share = f" ({100 * trial.passed / trial.seen:.3g} %)" if trial.seen else ""
        out.print(f"{trial.filter.name}: {trial.passed} of {trial.seen} alerts pass{share}", highlight=False)
        if trial.rows.num_rows:
            show_rows(trial.rows, trial.filter.columns)


def columns(archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """List the columns of all tables a filter may name."""
    from vobroker.filters import filter_tables

    list_tables(filter_tables() | enrichment_of(archive).tables)


def _load(name: str, archive: str) -> list[Filter]:
    """Give a starter filter by its name, or the filters of a file or folder."""
    from vobroker.adql import AdqlError
    from vobroker.filters import filter_tables, load_filters, starter_filters

    path = Path(name)
    try:
        if not path.exists() and path.suffix != ".adql":
            found = [f for f in starter_filters() if f.name == name]
            if not found:
                known = ", ".join(f.name for f in starter_filters())
                fail(f"there is no file and no starter filter {name}; starter filters: {known}", 2)
            return found
        return load_filters(path, tables=filter_tables() | enrichment_of(archive).tables)
    except AdqlError as error:
        wrong(error)
    except OSError as error:
        fail(f"cannot read {name}: {error.strerror or error}", 2)


def _summary(f: Filter) -> dict[str, object]:
    return {
        "name": f.name,
        "version": f.version,
        "title": f.title,
        "description": f.description,
        "survey": f.survey,
        "text": f.text,
        "columns": [{"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd} for c in f.columns],
    }

"""``vobroker query``: ADQL on the archive."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, err, fail
from vobroker.cli.results import Form, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vobroker.adql import AdqlError
    from vobroker.votypes.columns import Table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Ask the archive in ADQL 2.1.")(query)


def query(
    text: Annotated[
        str | None, typer.Argument(metavar="ADQL", help="The query; - reads standard input.")
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    form: Annotated[Form, typer.Option("--format", help="Form of the result.")] = Form.table,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; else standard output.")
    ] = None,
    maxrec: Annotated[int, typer.Option(help="Most rows to give.", min=0, max=10_000_000)] = 10_000,
    seconds: Annotated[float, typer.Option(help="Time the query may take.", min=0.001, max=86_400)] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and columns instead.")] = False,
) -> None:
    """Parse, check, translate and run a query."""
    from vobroker import adql, sky
    from vobroker.archive import ArchiveError, open_archive, results
    from vobroker.votypes.arrow import schema
    from vobroker.votypes.columns import Table

    form = Form.json if as_json else form
    if form is Form.parquet and out is None and sys.stdout.isatty():
        fail("parquet is not for the terminal; name a file with --out", 2)
    asked = "" if tables else _text(text, file)
    try:
        parsed = None if tables else adql.parse(asked)
        with open_archive(archive, create=False, read_only=True) as store:
            if parsed is None:
                list_tables(store.tables())
                return
            checked = adql.check(parsed, store.tables())
            translation = adql.translate(checked, store.platform, cells=sky)
            rows = store.query(translation.sql, translation.parameters, rows=maxrec + 1, seconds=seconds)
    except adql.AdqlError as error:
        wrong(error)
    except ArchiveError as error:
        fail(str(error))
    overflow = rows.num_rows > maxrec
    rows = rows.slice(0, maxrec).cast(schema(Table("result", checked.columns)))
    if form is Form.table and out is None:
        show(rows, checked.columns)
    else:
        try:
            file_form = results.Form.csv if form is Form.table else results.Form(form)
            _put(results.write(rows, checked.columns, file_form, overflow=overflow), out)
        except ValueError as error:
            fail(str(error))
    if overflow:
        err.print(f"[yellow]only the first {maxrec} rows;[/] more with --maxrec", highlight=False)


def wrong(error: AdqlError) -> NoReturn:
    """Show what is wrong with a query, with its line and a caret, and leave."""
    err.print("[bold red]error:[/] ", end="")
    err.print(error.render(), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def list_tables(tables: Mapping[str, Table]) -> None:
    """Print tables with their columns."""
    from rich.table import Table as Grid

    from vobroker.cli.common import out as screen

    for table in tables.values():
        grid = Grid(
            "column",
            "type",
            "unit",
            "description",
            title=f"{table.name}: {table.description}",
            title_justify="left",
        )
        for column in table:
            grid.add_row(column.name, column.type, column.unit, column.description)
        screen.print(grid)


def _text(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        fail("give a query, or a file with --file", 2)
    try:
        if file is not None:
            return file.read_text(encoding="utf-8")
        return sys.stdin.buffer.read(1_000_001).decode() if text == "-" else str(text)
    except UnicodeDecodeError as error:
        fail(f"{file or 'standard input'} is not UTF-8 text: {error.reason} at byte {error.start}", 2)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", 2)


def _put(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}")

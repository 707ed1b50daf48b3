"""``vobroker query``: ADQL on the archive."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, err, fail, progress
from vobroker.cli.results import NAMES, SCREEN, chosen, put, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from rich.progress import Progress

    from vobroker.adql import AdqlError
    from vobroker.tap.formats import Format, Head
    from vobroker.tap.query import Prepared, Rows
    from vobroker.votypes.columns import Table

ON_SCREEN = 10_000
"""Rows that are shown on the screen unless more are asked for."""

MOST = 10**12
"""Most rows of a file."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Ask the archive in ADQL 2.1.")(query)


def query(
    text: Annotated[
        str | None, typer.Argument(metavar="ADQL", help="The query; - reads standard input.")
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"Form of the result: {SCREEN} (on the screen), {NAMES}; that of the file's suffix, or"
            f" {SCREEN}, when not given.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; else standard output.")
    ] = None,
    maxrec: Annotated[
        int | None,
        typer.Option(
            help=f"Most rows to give; {ON_SCREEN} on the screen and all in files when not given.",
            min=0,
            max=MOST,
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time the query may take.", min=0.001, max=86_400)] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="List the tables and columns instead.")] = False,
) -> None:
    """Parse, check, translate and run a query; rows go out as they come."""
    from vobroker.adql import AdqlError
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.archive.hats import HatsArchive
    from vobroker.tap.catalogue import catalogue
    from vobroker.tap.errors import TapError
    from vobroker.tap.query import Rows, prepare

    chosen_form = chosen("json" if as_json else form, out)
    if chosen_form and chosen_form.binary and out is None and sys.stdout.isatty():
        fail(f"{chosen_form.name} is not for the terminal; name a file with --out", 2)
    asked = "" if tables else _text(text, file)
    most = (ON_SCREEN if chosen_form is None else MOST) if maxrec is None else maxrec
    try:
        with open_archive(archive, create=False, read_only=True) as store:
            known = catalogue(store, store.native_tables())
            known = known.only(store.exported()) if isinstance(store, HatsArchive) else known.private()
            if tables:
                list_tables(known.tables)
                return
            prepared = prepare(asked, "ADQL", known, store.platform)
            with closing(Rows(store, prepared, maxrec=most, seconds=seconds)) as rows:
                rows.begin()
                _give(rows, prepared, chosen_form, out)
                ended = rows.outcome()
    except AdqlError as error:
        wrong(error)
    except (ArchiveError, TapError) as error:
        fail(str(error))
    if ended.status == "OVERFLOW":
        err.print(f"[yellow]only the first {most} rows;[/] more with --maxrec", highlight=False)


def _give(rows: Rows, prepared: Prepared, form: Format | None, out: Path | None) -> None:
    """Show rows, or write them as they come."""
    import pyarrow as pa

    from vobroker.tap.formats import BrokenOffError, Head
    from vobroker.votypes.arrow import schema

    head = Head(prepared.columns, infos=(("QUERY", prepared.text, ""),))
    if form is None:
        found = pa.Table.from_batches(list(rows), schema(head.table))
        if rows.outcome().status == "ERROR":
            fail(rows.outcome().message.partition(";")[0])
        show(found, prepared.columns)
        return
    try:
        put(_pieces(rows, form, head), out)
    except BrokenOffError as error:  # a file that lacks rows is not put in its place
        fail(str(error).partition(";")[0])


def _pieces(rows: Rows, form: Format, head: Head) -> Iterator[bytes]:
    """Give the pieces of a file, and show how it grows."""
    from vobroker.tap import formats

    with progress() as bar:
        yield from formats.write(form, _counted(rows, bar), head, rows.outcome)
    if rows.outcome().status == "ERROR":
        raise formats.BrokenOffError(rows.outcome().message)


def _counted(rows: Rows, bar: Progress) -> Iterator[pa.RecordBatch]:
    """Give the rows, and show how many there were."""
    task = bar.add_task("rows", total=None, note="")
    for batch in rows:
        yield batch
        bar.advance(task, len(batch))


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

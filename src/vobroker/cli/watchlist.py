"""``vobroker watchlist``: positions and objects that somebody waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from vobroker.cli.catalogue import (
    ColumnsOption,
    DecOption,
    DescriptionOption,
    FileArgument,
    IdOption,
    NameOption,
    QueryOption,
    RadiusColumnOption,
    RaOption,
    RowsOption,
    TapOption,
    list_kind,
    make,
    match_kind,
    remove_kind,
    show_kind,
)
from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption
from vobroker.cli.ledger import JsonOption

KIND = "watchlist"
Name = Annotated[str, typer.Argument(help="Name of the watchlist.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Lists of positions that somebody waits for.", no_args_is_help=True)
    group.command("add", help="Take a watchlist out of a file, or of a TAP service.")(add)
    group.command("list", help="List the watchlists.")(list_)
    group.command("show", help="Show a watchlist with its columns.")(show)
    group.command("match", help="Match the alerts of the archive with a watchlist, anew.")(match)
    group.command("remove", help="Remove a watchlist; matches of the archive stay.")(remove)
    app.add_typer(group, name=KIND)


def add(
    file: FileArgument = None,
    *,
    name: NameOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    ra: RaOption = "ra",
    dec: DecOption = "dec",
    id_: IdOption = "",
    radius: Annotated[float, typer.Option(help="Radius of a match, arcsec.")] = 2.0,
    radius_column: RadiusColumnOption = "",
    columns: ColumnsOption = "",
    tap: TapOption = "",
    query: QueryOption = "",
    max_rows: RowsOption = 10_000_000,
    description: DescriptionOption = "",
    owner: Annotated[
        str, typer.Option(help="Whose it is: who may replace and remove it on the web pages.")
    ] = "",
) -> None:
    """Make a watchlist; alerts are matched with it from the next batch on."""
    from vobroker.enrich.catalogue import Roles

    roles = Roles(ra, dec, id_, radius, radius_column=radius_column)
    make(KIND, file, name, archive, roles, columns, tap, query, max_rows, description, owner)


def list_(archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """List the watchlists."""
    list_kind(KIND, archive, as_json)


def show(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """Show a watchlist, and the columns of its table of matches."""
    show_kind(KIND, name, archive, as_json)


def match(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Match all alerts of the archive; what was stored of them and this watchlist is replaced."""
    match_kind(KIND, name, archive)


def remove(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Remove a watchlist."""
    remove_kind(KIND, name, archive)

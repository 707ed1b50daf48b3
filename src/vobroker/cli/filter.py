"""``vobroker filter``: list, check, show and try filters."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, files_of, out
from vobroker.cli.filter_load import Json, Name, Names, is_path, load, summary
from vobroker.cli.filter_try import try_
from vobroker.cli.ingest import enrichment_of
from vobroker.cli.query import list_tables, wrong
from vobroker.cli.token import RolesOption, read_allowed

if TYPE_CHECKING:
    from vobroker.filters import Example


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="List, check, show, try and save filters.", no_args_is_help=True)
    group.command(
        "list", help="List filters: those that come with the broker and users' own, or a folder's."
    )(list_filters)
    group.command("check", help="Say whether filters can be used, and why not.")(check)
    group.command("show", help="Print a filter with its columns.")(show)
    group.command("try", help="Run a filter over the alerts of the archive.")(try_)
    group.command("columns", help="List the columns that a filter may name.")(columns)
    group.command("save", help="Save a filter for a user, or a new version; rivers take it up at once.")(save)
    group.command("withdraw", help="Take a filter of a user out of the rivers; its events stay.")(withdraw)
    group.command("cost", help="List what filters cost, the dearest first.")(cost)
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
    kept = _kept(archive) if folder is None else []
    if as_json:
        print(json.dumps([*map(summary, found), *map(_example, others), *kept], indent=1))
        return
    table = Table("name", "version", "alerts of", "title")
    for f in found:
        table.add_row(f.name, f.version, f.survey or "every survey", escape(f.title))
    out.print(table)
    if kept:
        table = Table(title="Filters of users", title_justify="left")
        for heading in ("name", "version", "owner", "versions", "state", "cost of 1,000 alerts"):
            table.add_column(heading, no_wrap=heading == "name", overflow="fold")
        for own in kept:
            cost = own["seconds_per_thousand"]
            state = "withdrawn" if own["withdrawn"] else str(own["state"])
            shown = "" if cost is None else f"{1000 * cost:.3g} ms"
            table.add_row(*(str(own[k]) for k in ("name", "version", "owner", "versions")), state, shown)
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


def save(
    name: Annotated[str, typer.Argument(help="What it is called: lower-case words joined by hyphens.")],
    file: Annotated[Path, typer.Argument(help="Text of the filter; - reads it from standard input.")],
    owner: Annotated[str, typer.Option(help="Whose it is: a name of `vobroker token list`.")],
    role: Annotated[
        str, typer.Option(help="Role that says how many the owner may keep, and what each may cost.")
    ] = "user",
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    roles: RolesOption = None,
) -> None:
    """Save a filter; what runs at this archive takes it up before the next batch, without a restart."""
    from vobroker.adql import AdqlError
    from vobroker.filters import Saved, SavedError, filter_tables
    from vobroker.filters.database import DatabaseError
    from vobroker.roles import Caller

    limits = read_allowed(roles, None).limits
    if role not in ("user", "operator"):
        fail(f"a filter is kept by a user or an operator, not by '{role}'", 2)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        tables = filter_tables() | enrichment_of(archive).tables
        made = Saved(files_of(archive)).save(name, text, Caller(role, limits[role], owner), tables)
    except AdqlError as error:
        wrong(error)
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}", 2)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror or error}", 2)
    except (SavedError, DatabaseError) as error:
        fail(str(error))
    out.print(f"{made.name} {made.version} of {owner} is saved", highlight=False)


def withdraw(
    name: Annotated[str, typer.Argument(help="Filter of a user.")], archive: ArchiveOption = DEFAULT_ARCHIVE
) -> None:
    """Withdraw a filter; the name stays its owner's, who can save it again."""
    from vobroker.filters import Saved, SavedError
    from vobroker.filters.database import DatabaseError
    from vobroker.roles import Caller

    operator = Caller("operator", read_allowed(None, None).limits["operator"], "operator")
    try:
        Saved(files_of(archive)).withdraw(name, operator)
    except (SavedError, DatabaseError) as error:
        fail(str(error))
    out.print(f"{name} is withdrawn", highlight=False)


def cost(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    since: Annotated[int, typer.Option(metavar="YYYYMMDD", help="First night that counts.")] = 0,
    limit: Annotated[int, typer.Option(help="Most filters to list.", min=1, max=100_000)] = 30,
    as_json: Json = False,
) -> None:
    """List what filters have cost the rivers of this archive."""
    from dataclasses import asdict

    from rich.table import Table

    from vobroker.filters.cost import dearest
    from vobroker.filters.database import DatabaseError

    try:
        found = dearest(files_of(archive), since=since, limit=limit)
    except DatabaseError as error:
        fail(str(error))
    if as_json:
        print(
            json.dumps([asdict(one) | {"seconds_per_thousand": one.per_thousand} for one in found], indent=1)
        )
        return
    table = Table()
    for heading in ("filter", "seconds", "ms for 1,000", "batches", "failed", "state", "last reason"):
        table.add_column(heading, no_wrap=heading == "filter", overflow="fold")
    for one in found:
        each = "" if one.per_thousand is None else f"{1000 * one.per_thousand:.3g}"
        numbers = (f"{one.seconds:.3f}", each, f"{one.batches:,}", f"{one.failed:,}")
        table.add_row(one.filter, *numbers, one.state, escape(one.reason))
    out.print(table)


def _kept(archive: str) -> list[dict[str, Any]]:
    """Give the filters of users, with how they stand."""
    from vobroker.filters import Saved
    from vobroker.filters.compile import header
    from vobroker.filters.cost import dearest
    from vobroker.filters.database import DatabaseError

    files = files_of(archive)
    try:
        kept = Saved(files).all()
        costs = {one.filter: one for one in dearest(files, limit=1_000_000)} if kept else {}
    except DatabaseError as error:
        fail(str(error))
    found = []
    for one in kept.values():
        cost, (title, description) = costs.get(one.name), header(one.now.text)
        found.append(
            {
                "name": one.name,
                "version": one.now.version,
                "title": title or one.name,
                "description": description,
                "text": one.now.text,
                "owner": one.owner,
                "versions": len(one.versions),
                "withdrawn": one.withdrawn or None,
                "state": cost.state if cost else "not asked yet",
                "seconds_per_thousand": cost.per_thousand if cost else None,
            }
        )
    return found


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

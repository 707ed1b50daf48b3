"""``vobroker adql format``: queries in lines that people read, or in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vobroker.cli.adql.common import Extensions, Files, Text, Version, parsed, queries, show_error
from vobroker.cli.common import err, fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("format", help="Put queries into lines, comments kept; print them or change files.")(format_)


def format_(
    files: Files = None,
    query: Text = None,
    write: Annotated[bool, typer.Option("--write", "-w", help="Change the files themselves.")] = False,
    only_check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit with 1 if a file would be changed."),
    ] = False,
    one_line: Annotated[
        bool,
        typer.Option("--one-line", help="Write the canonical form, which has one line and no comments."),
    ] = False,
    adql: Version = "2.1",
    accept: Extensions = None,
) -> None:
    """Format queries."""
    from vobroker.adql import AdqlError, format_query, to_text

    if (write or only_check) and not files:
        fail("--write and --check need files", 2)
    status = 0
    for name, text in queries(files, query):
        try:
            tree = parsed(text, adql, accept)
            formatted = to_text(tree) + "\n" if one_line else format_query(tree)
        except AdqlError as error:
            show_error(error, name)
            status = 2
            continue
        if only_check:
            if formatted != text:
                err.print(f"{name}: not formatted", markup=False, highlight=False)
                status = max(status, 1)
        elif write and name != "standard input":
            if formatted != text:
                _replace(Path(name), formatted)
        else:
            print(formatted, end="")
    if status:
        raise typer.Exit(status)


def _replace(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")

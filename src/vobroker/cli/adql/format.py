"""``vobroker adql format``: queries in canonical form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vobroker.cli.adql.common import Extensions, Files, Text, Version, parsed, queries, show_error
from vobroker.cli.common import err, fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("format", help="Print queries in canonical form, or put files into it.")(format_)


def format_(
    files: Files = None,
    query: Text = None,
    write: Annotated[bool, typer.Option("--write", "-w", help="Change the files themselves.")] = False,
    only_check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit with 1 if a file is not canonical."),
    ] = False,
    adql: Version = "2.1",
    accept: Extensions = None,
) -> None:
    """Format queries."""
    from vobroker.adql import AdqlError, to_text

    if (write or only_check) and not files:
        fail("--write and --check need files", 2)
    status = 0
    for name, text in queries(files, query):
        try:
            canonical = to_text(parsed(text, adql, accept)) + "\n"
        except AdqlError as error:
            show_error(error, name)
            status = 2
            continue
        if only_check:
            if canonical != text:
                err.print(f"{name}: not in canonical form", markup=False, highlight=False)
                status = max(status, 1)
        elif write and name != "standard input":
            if canonical != text:
                _replace(Path(name), canonical)
        else:
            print(canonical, end="")
    if status:
        raise typer.Exit(status)


def _replace(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")

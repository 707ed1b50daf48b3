"""What the ADQL commands share: where queries and tables come from, and how errors are shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import err, fail

if TYPE_CHECKING:
    from vobroker.adql import AdqlError
    from vobroker.adql.functions import Signature
    from vobroker.adql.tree import Query
    from vobroker.votypes.columns import Table

MAX_BYTES = 1_000_000
"""Most bytes of a query that are read; the parser's own limit is lower."""

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Files of one query each; - reads standard input."),
]
Text = Annotated[str | None, typer.Option("--query", "-q", help="The query itself, instead of files.")]
Tables = Annotated[
    Path | None,
    typer.Option(
        "--tables",
        "-t",
        help="Tables of a TAP service: the XML document that it gives at /tables.",
        exists=False,
    ),
]
Archive = Annotated[Path | None, typer.Option("--archive", "-a", help="Take the tables of this archive.")]
Version = Annotated[str, typer.Option("--adql", help="Version of the language.", metavar="VERSION")]
Extensions = Annotated[
    list[str] | None,
    typer.Option("--accept", metavar="EXTENSION", help="Accept more than the standard does: irsa."),
]
Functions = Annotated[
    list[str] | None,
    typer.Option("--udf", metavar="SIGNATURE", help="Declare a function: 'name(argument TYPE) -> TYPE'."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def queries(files: Sequence[Path] | None, text: str | None) -> Iterator[tuple[str, str]]:
    """Give name and text of each query; standard input when nothing is named."""
    if text is not None:
        if files:
            fail("give files or --query, not both", 2)
        yield "query", text
        return
    for path in files or [Path("-")]:
        name = "standard input" if str(path) == "-" else str(path)
        try:
            if str(path) == "-":
                content = sys.stdin.buffer.read(MAX_BYTES + 1)
            else:
                with path.open("rb") as file:
                    content = file.read(MAX_BYTES + 1)
        except OSError as error:
            fail(f"cannot read {name}: {error.strerror}", 2)
        if len(content) > MAX_BYTES:
            fail(f"{name} is longer than {MAX_BYTES} bytes: that is no query", 2)
        try:
            yield name, content.decode()
        except UnicodeDecodeError as error:
            fail(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}", 2)


def parsed(text: str, version: str, extensions: Sequence[str] | None = None) -> Query:
    """Parse a query in a version of the language, with extensions, that there are."""
    from vobroker import adql

    if version not in adql.VERSIONS:
        fail(f"there is no ADQL {version} here; known: {', '.join(adql.VERSIONS)}", 2)
    unknown = next((name for name in extensions or () if name not in adql.EXTENSIONS), None)
    if unknown is not None:
        fail(f"there is no extension {unknown} here; known: {', '.join(adql.EXTENSIONS)}", 2)
    return adql.parse(text, version=version, extensions=extensions or ())


def declared(forms: Sequence[str] | None) -> dict[str, Signature]:
    """Read declarations of user-defined functions."""
    from vobroker.adql.signatures import SignatureError, declare_all

    try:
        return declare_all(forms or ())
    except SignatureError as error:
        fail(str(error), 2)


def catalogue(tables: Path | None, archive: Path | None) -> dict[str, Table] | None:
    """Give the tables that queries may name; None where none were given."""
    if tables is not None and archive is not None:
        fail("give --tables or --archive, not both", 2)
    if tables is not None:
        from vobroker.votypes.vosi import VosiError, read_tables

        try:
            return read_tables(tables.read_bytes())
        except OSError as error:
            fail(f"cannot read {tables}: {error.strerror}", 2)
        except VosiError as error:
            fail(f"{tables}: {error}", 2)
    if archive is not None:
        from vobroker.archive import ArchiveError, open_archive

        try:
            with open_archive(archive, create=False, read_only=True) as store:
                return dict(store.tables())
        except ArchiveError as error:
            fail(str(error))
    return None


def show_error(error: AdqlError, name: str) -> None:
    """Print what is wrong with a query, with its line and a caret."""
    error.where = name
    err.print("[bold red]error:[/] ", end="")
    err.print(error.render(), markup=False, highlight=False, soft_wrap=True)

"""What every command shares: where the archive is, how to speak, how to fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

out = Console()
err = Console(stderr=True)

ArchiveOption = Annotated[
    str,
    typer.Option(
        "--archive",
        "-a",
        envvar="VOBROKER_ARCHIVE",
        metavar="PLACE",
        help="Folder of the archive, made when it is not there; or postgresql://user@host/database.",
        show_default=True,
    ),
]
DEFAULT_ARCHIVE = "vobroker-data"


def files_of(archive: str) -> Path:
    """Give the folder for what goes with an archive as files, see :func:`vobroker.archive.files_of`."""
    from vobroker import archive as archives

    return archives.files_of(archive)


def shown(archive: str) -> str:
    """Give the place of an archive as it may be printed: without a password."""
    from vobroker.archive import place

    return str(place(archive))


def fail(message: str, status: int = 1) -> NoReturn:
    """Say in one plain sentence what is wrong and leave with a non-zero status."""
    err.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def warn(sentence: str) -> None:
    """Say in one plain sentence what is wrong and go on."""
    err.print(f"[yellow]warning:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def progress() -> Progress:
    """Progress display on standard error; silent where standard error is not a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    )

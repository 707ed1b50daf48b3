"""``vobroker voevent``: show, check, list and export VOEvents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Show, check, list and export VOEvents.")
    group.command()(show)
    group.command()(export)
    app.add_typer(group, name="voevent")


def show(
    event: Annotated[str, typer.Argument(help="Identifier of an event in the archive, or a file.")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
) -> None:
    """Print the packet of an event."""
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.publish.render import render

    try:
        with open_archive(archive, read_only=True) as store:
            sys.stdout.buffer.write(render(store, event))
    except ArchiveError as error:
        fail(str(error))


def export(
    folder: Annotated[Path, typer.Option("--to", help="Folder to write to.")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    stream: Annotated[str | None, typer.Option(help="Only events of this stream.")] = None,
) -> None:
    """Write events to files, those that the folder does not have yet."""
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.publish.folder import publish_folder

    try:
        with open_archive(archive, read_only=True) as store:
            written = publish_folder(store, folder, stream=stream)
    except ArchiveError as error:
        fail(str(error))
    out.print(f"{written} VOEvents written to {folder}", highlight=False)

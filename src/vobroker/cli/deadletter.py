"""``vobroker deadletter``: inputs that could not be used, looked at and tried again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, files_of, out, shown
from vobroker.cli.ingest import enrichment_of, running_filters
from vobroker.cli.ledger import JsonOption, opened

NumberArgument = Annotated[int, typer.Argument(help="Number of the dead letter.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    letters = typer.Typer(help="Inputs that could not be used.", no_args_is_help=True)
    letters.command("list", help="List the last dead letters.")(list_letters)
    letters.command("show", help="Show a dead letter, with the beginning of its bytes.")(show)
    letters.command("save", help="Write the bytes of a dead letter to a file.")(save)
    letters.command("retry", help="Try dead letters again: by number, by reason, or all.")(retry)
    app.add_typer(letters, name="deadletter")


def list_letters(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    limit: Annotated[int, typer.Option(help="Most dead letters to list.", min=1)] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the last dead letters, the last first."""
    from vobroker.alerts.columns import DEAD_LETTER
    from vobroker.archive.rows import jsonable

    with opened(archive) as store:
        letters = store.dead_letters(limit)
    if as_json:
        print(json.dumps([jsonable(letter, DEAD_LETTER) for letter in letters], indent=2))
        return
    for letter in letters:
        out.print(f"[bold]{letter['id']}[/] {letter['reason']} ({letter['size']} bytes)", highlight=False)
        out.print(f"    {letter['message']}", highlight=False, markup=False)
    if not letters:
        out.print("no dead letters")


def show(
    number: NumberArgument, archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False
) -> None:
    """Show one dead letter."""
    from vobroker.alerts.columns import DEAD_LETTER
    from vobroker.archive.rows import jsonable

    letter = _letter(archive, number)
    shown = jsonable(letter | {"data": letter["data"][:64]}, DEAD_LETTER)
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    for name, value in shown.items():
        if value is not None:
            out.print(f"{name:>10}  {value}", highlight=False, markup=False, soft_wrap=True)


def save(
    number: NumberArgument,
    file: Annotated[Path, typer.Argument(help="File to write; - is standard output.")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
) -> None:
    """Write the bytes of one dead letter."""
    data = _letter(archive, number)["data"]
    if file == Path("-"):
        sys.stdout.buffer.write(data)
        return
    try:
        file.write_bytes(data)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    out.print(f"{len(data)} bytes written to {file}", highlight=False)


def _letter(archive: str, number: int) -> dict[str, Any]:
    with opened(archive) as store:
        letter = store.dead_letter(number)
    if letter is None:
        fail(f"there is no dead letter {number} in {shown(archive)}")
    return letter


def retry(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Numbers of dead letters.", metavar="[ID]...")
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    reason: Annotated[
        str | None, typer.Option(help="Only those of this reason, such as unknown-schema-id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All but conflicts.")] = False,
    filters: Annotated[
        Path | None,
        typer.Option(help="Folder of .adql filters, or one file; the starter filters when not given."),
    ] = None,
    no_filters: Annotated[bool, typer.Option("--no-filters", help="Archive only.")] = False,
    schemas: Annotated[
        Path | None, typer.Option(help="Folder of Avro schemas for packets that do not carry theirs.")
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="URL of a Confluent schema registry.", envvar="VOBROKER_REGISTRY")
    ] = None,
) -> None:
    """Try dead letters again, after what they lacked has come."""
    from vobroker.alerts.schemas import default_schemas
    from vobroker.archive import ArchiveError, access
    from vobroker.pipeline.redrive import redrive

    if not (numbers or reason or everything):
        fail("say which: numbers, --reason, or --all", 2)
    try:
        places = default_schemas(folder=schemas, registry=registry, cache=files_of(archive) / "schemas")
    except ValueError as error:
        fail(str(error), 2)
    enrichment = enrichment_of(archive)
    opened(archive).close()  # there must be one: it is not made here
    turns = access(archive)
    try:
        with turns.take() as store:
            tried, used, counts = redrive(
                store,
                schemas=places,
                numbers=numbers or (),
                reason=reason,
                filters=[] if no_filters else running_filters(filters, archive, enrichment),
                enrichment=enrichment,
                voevents=files_of(archive) / "voevents",
            )
    except ArchiveError as error:
        fail(str(error))
    finally:
        turns.close()
    out.print(
        f"{tried} tried: {counts.archived} archived, {counts.duplicate} were there already, "
        f"{tried - used} remain",
        highlight=False,
    )

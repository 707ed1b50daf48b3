"""``vobroker voevent``: show, check, list, export and archive VOEvents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out
from vobroker.cli.received import add

if TYPE_CHECKING:
    from vobroker.archive import Archive
    from vobroker.voevent import VOEvent

StreamOption = Annotated[str | None, typer.Option(help="Only events of this stream.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Show, check, list, export and archive VOEvents.")
    for command in (show, validate, list_events, export, add):
        group.command("list" if command is list_events else None)(command)
    app.add_typer(group, name="voevent")


def show(
    event: Annotated[
        str, typer.Argument(help="Identifier of an event in the archive, or a file.", metavar="IVORN_OR_FILE")
    ],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    xml: Annotated[bool, typer.Option("--xml", help="Print the packet itself.")] = False,
) -> None:
    """Show what a packet says."""
    from vobroker.publish.render import render
    from vobroker.voevent import VOEventError, read

    if event.startswith("ivo://"):
        with _opened(archive) as store:
            packet = render(store, event)
    else:
        packet = _content(Path(event))
    if xml:
        sys.stdout.buffer.write(packet)
        return
    try:
        _print(read(packet))
    except VOEventError as error:
        fail(f"{event}: {error}")


def validate(
    files: Annotated[list[Path], typer.Argument(help="Packets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check packets against the standard; the exit status is 1 when one is not valid."""
    from vobroker.voevent import validate as check

    findings = {str(file): check(_content(file)) for file in files}
    if as_json:
        rows = [
            {"file": file, "line": finding.line, "element": finding.element, "message": finding.message}
            for file, found in findings.items()
            for finding in found
        ]
        print(json.dumps(rows, indent=2))
    else:
        for file, found in findings.items():
            for finding in found:
                out.print(f"{file}: {finding}", highlight=False, markup=False, soft_wrap=True)
    bad = sum(map(bool, findings.values()))
    if bad:
        fail(f"{bad} of {len(files)} packets are not valid")
    if not as_json:
        out.print(f"{len(files)} packets are valid", highlight=False)


def list_events(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    stream: StreamOption = None,
    after: Annotated[int, typer.Option(help="Only events behind this sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="Most events to list.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the events of an archive in order of appearance."""
    from rich.table import Table

    from vobroker.alerts.columns import EVENT
    from vobroker.archive.rows import jsonable

    with _opened(archive) as store:
        rows = [jsonable(row, EVENT) for row in store.events(stream, after, limit)]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    names = ("sequence", "ivorn", "object_id", "mjd", "created")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, min_width=max((len(str(row[name])) for row in rows), default=0))
    for row in rows:
        table.add_row(*(str(row[name] or "") for name in names))
    out.print(table, crop=False)


def export(
    folder: Annotated[Path, typer.Option("--to", help="Folder to write to.", metavar="DIR")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    stream: StreamOption = None,
    role: Annotated[
        str | None, typer.Option(help="Role of the packets: observation, prediction, utility or test.")
    ] = None,
) -> None:
    """Write events to files, those that the folder does not have yet."""
    from vobroker.publish.folder import publish_folder
    from vobroker.voevent.model import ROLES

    if role is not None and role not in ROLES:
        fail(f"the role {role!r} is not one of {', '.join(ROLES)}", 2)
    with _opened(archive) as store:
        written = publish_folder(store, folder, stream=stream, role=role)
    out.print(f"{written} VOEvents written to {folder}", highlight=False)


@contextmanager
def _opened(archive: str) -> Iterator[Archive]:
    """Open the archive for reading; what goes wrong with it ends the command."""
    from vobroker.archive import ArchiveError, open_archive

    try:
        with open_archive(archive, read_only=True) as store:
            yield store
    except ArchiveError as error:
        fail(str(error))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror or error}", 2)


def _print(event: VOEvent) -> None:
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, fact in _facts(event):
        facts.add_row(Text(name, "bold"), Text(fact))
    params = Table("group", "param", "value", "unit", "UCD", box=None, header_style="bold", pad_edge=False)
    for group, param in event.params():
        cells = (group, param.name, param.value or " ".join(param.text), param.unit, param.ucd)
        params.add_row(*(Text(cell or "") for cell in cells))
    out.print(facts, "", params, sep="\n")


def _facts(event: VOEvent) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know first."""
    yield "event", event.ivorn
    yield "role", f"{event.role or 'observation'}, VOEvent {event.version}"
    if event.who:
        yield "author", ", ".join(filter(None, (event.who.author_ivorn, event.who.date)))
    if coords := event.coords:
        system = coords.coord_system_id or ""
        if coords.time and coords.time.instant and coords.time.instant.iso_time:
            yield "time", f"{coords.time.instant.iso_time} {system.partition('-')[0]}"
        if place := coords.position2d:
            unit = place.unit or "deg"
            radius = "" if place.radius is None else f" ± {place.radius:g} {unit}"
            yield "position", f"{place.value.c1} {place.value.c2} {unit}{radius} ({system})"
    for why in event.why.names if event.why else ():
        yield "name", why
    for text in event.why.descriptions if event.why else ():
        yield "why", text
    for cited in event.citations.events if event.citations else ():
        yield cited.cite or "cites", cited.ivorn

"""``vobroker voevent``: show, check, list, export and archive VOEvents."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, files_of, out
from vobroker.cli.lightcurve import NOT_TEXT, form_of, show_points
from vobroker.cli.lightcurve import Form as LightCurveForm
from vobroker.cli.received import add

if TYPE_CHECKING:
    from vobroker.archive import Archive
    from vobroker.voevent import VOEvent

StreamOption = Annotated[str | None, typer.Option(help="Only events of this stream.")]


class Embed(StrEnum):
    """How an event carries its light curve, see ``publish.lightcurve.FORMS``."""

    none = "none"
    table = "table"
    votable = "votable"
    next = "next"


class Written(StrEnum):
    """What files hold."""

    voevent = "voevent"
    gcn = "gcn"


EmbedOption = Annotated[
    Embed | None,
    typer.Option(
        "--embed",
        help="How packets carry their light curve: as Table, as VOTable in a text, by the next schema.",
        show_default="as set with 'vobroker voevent embed'",
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for people.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write instead of the output.")
]
EventArgument = Annotated[
    str, typer.Argument(help="Identifier of an event in the archive, or a file.", metavar="IVORN_OR_FILE")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Show, check, list, export and archive VOEvents; embed light curves and read them.",
    )
    names: dict[Callable[..., None], str] = {list_events: "list", embed_setting: "embed"}
    commands = (
        show,
        validate,
        list_events,
        export,
        embed_setting,
        lightcurve,
        alerts,
        retract,
        supersede,
        samples,
        add,
    )
    for command in commands:
        group.command(names.get(command))(command)
    app.add_typer(group, name="voevent")


def show(
    event: EventArgument,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    xml: Annotated[bool, typer.Option("--xml", help="Print the packet itself.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with nothing lost.")] = False,
    canonical: Annotated[
        bool, typer.Option("--canonical", help="Print the canonical XML, which a signature signs.")
    ] = False,
    embed: EmbedOption = None,
) -> None:
    """Show what a packet says."""
    from vobroker.voevent import VOEventError, read
    from vobroker.voevent import canonical as canonical_form
    from vobroker.voevent.json import to_json

    packet = _packet(event, archive, embed)
    if xml:
        sys.stdout.buffer.write(packet)
        return
    try:
        if canonical:
            sys.stdout.buffer.write(canonical_form(packet))
        elif as_json:
            sys.stdout.buffer.write(to_json(read(packet)))
        else:
            _print(read(packet))
    except VOEventError as error:
        fail(f"{event}: {error}")


def validate(
    files: Annotated[list[Path], typer.Argument(help="Packets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Check packets against the standard, in structure and in what a schema cannot say.

    The exit status is 0 when every packet is valid, 1 when one has errors, 2 when a file cannot be read.
    """
    from vobroker.voevent import validate as check

    findings = {str(file): check(_content(file)) for file in files}
    bad = {file for file, found in findings.items() if any(strict or f.severity == "error" for f in found)}
    if as_json:
        rows = [
            {
                "file": file,
                "line": finding.line,
                "element": finding.element,
                "severity": finding.severity,
                "rule": finding.rule,
                "message": finding.message,
            }
            for file, found in findings.items()
            for finding in found
            if not quiet or finding.severity == "error"
        ]
        print(json.dumps(rows, indent=2))
    else:
        for file, found in findings.items():
            for finding in found:
                if finding.severity == "error":
                    out.print(f"{file}: {finding}", highlight=False, markup=False, soft_wrap=True)
                elif not quiet:
                    line = f"{file}: {finding.severity}: {finding}"
                    out.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
    if bad:
        fail(f"{len(bad)} of {len(files)} packets are not valid")
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
    embed: EmbedOption = None,
    as_: Annotated[
        Written, typer.Option("--as", help="VOEvents, or notices in JSON with GCN's field names.")
    ] = Written.voevent,
) -> None:
    """Write events to files, those that the folder does not have yet."""
    from vobroker.publish.folder import embedding, publish_folder
    from vobroker.voevent.model import ROLES

    if role is not None and role not in ROLES:
        fail(f"the role {role!r} is not one of {', '.join(ROLES)}", 2)
    with _opened(archive) as store:
        forms = embedding(_folder(archive)) | embedding(folder) if embed is None else embed.value
        notices = as_ is Written.gcn
        written = publish_folder(store, folder, stream=stream, role=role, form=forms, notices=notices)
    out.print(f"{written} {'notices' if notices else 'VOEvents'} written to {folder}", highlight=False)


def embed_setting(
    form: Annotated[
        Embed | None, typer.Argument(help="What to set; shows what is set when left out.")
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    stream: StreamOption = None,
) -> None:
    """Say how events that are published from now on carry their light curve.

    It holds for the VOEvents of 'vobroker ingest' and 'vobroker run', in the folder and on Kafka, and can
    differ from stream to stream.
    """
    from vobroker.archive import ArchiveError
    from vobroker.publish.folder import embedding, set_embedding

    folder = _folder(archive)
    try:
        if form is not None:
            set_embedding(folder, form.value, stream)
        settings = embedding(folder)
    except ArchiveError as error:
        fail(str(error))
    others = settings.pop("")
    for name, one in settings.items():
        out.print(f"{name}: {one}", highlight=False)
    out.print(f"{'all other streams' if settings else 'all streams'}: {others}", highlight=False)


def lightcurve(
    event: EventArgument,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    form: Annotated[
        LightCurveForm | None,
        typer.Option("--format", "-f", help="By default what the suffix of FILE says, else a table."),
    ] = None,
    file: OutOption = None,
    flux: Annotated[bool, typer.Option("--flux", help="Plot difference fluxes, not magnitudes.")] = False,
    dark: Annotated[bool, typer.Option("--dark", help="Plot for a dark page.")] = False,
    embed: EmbedOption = None,
) -> None:
    """Read the light curve out of an event, as a table, a file or a plot.

    An event of the archive is given one as it is asked for.
    """
    from vobroker.publish.lightcurve import light_curve_of, votable_of
    from vobroker.timeseries import formats
    from vobroker.voevent import VOEventError, read

    form = form or form_of(file)
    if form in NOT_TEXT and file is None and sys.stdout.isatty():
        fail(f"{form} is not for the terminal; name a file with --out", 2)
    packet = _packet(event, archive, embed or (Embed.votable if event.startswith("ivo://") else None))
    try:
        parsed = read(packet)
        found = light_curve_of(parsed)
        if found is None:
            fail(f"{event} carries no light curve")
        if form is LightCurveForm.table:
            show_points(found)
            return
        votable = votable_of(parsed) if form is LightCurveForm.votable else None
    except VOEventError as error:
        fail(str(error))
    _write(votable or formats.write(found, form.value, flux=flux, dark=dark), file)


def alerts(
    files: Annotated[list[Path], typer.Argument(help="Packets that vobroker made.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give the alerts that events were made from, in the columns of the table 'alert'."""
    from rich.table import Table
    from rich.text import Text

    from vobroker.alerts.columns import ALERT
    from vobroker.archive.rows import jsonable
    from vobroker.publish.voevent import alerts_of
    from vobroker.voevent import VOEventError, read

    try:
        found = alerts_of([read(_content(file)) for file in files])
    except VOEventError as error:
        fail(str(error))
    rows = [jsonable(row, ALERT) for row in found.to_pylist()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        table = Table(box=None, show_header=False, pad_edge=False)
        for column in ALERT:
            if row[column.name] is not None:
                table.add_row(Text(column.name, "bold"), Text(str(row[column.name])), column.unit)
        out.print(table, "")


def retract(
    event: EventArgument,
    reason: ReasonOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    file: OutOption = None,
) -> None:
    """Make the packet that withdraws an event; what sends packets sends it."""
    from datetime import UTC, datetime

    from vobroker.voevent import VOEventError, read, write
    from vobroker.voevent.citations import retraction

    try:
        earlier = read(_packet(event, archive, None))
        content = write(retraction(earlier, reason, date=datetime.now(UTC)))
    except VOEventError as error:
        fail(str(error))
    _write(content, file)


def supersede(
    event: EventArgument,
    new: Annotated[Path, typer.Option("--with", help="Packet that takes its place.", metavar="FILE")],
    reason: ReasonOption,
    revision: Annotated[
        str | None,
        typer.Option(help="Makes the identifier that of the event and this; else that of FILE is kept."),
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    file: OutOption = None,
) -> None:
    """Make the packet that takes the place of an event."""
    from vobroker.voevent import VOEventError, read, write
    from vobroker.voevent.citations import superseding

    try:
        earlier = read(_packet(event, archive, None))
        content = write(superseding(read(_content(new)), earlier.ivorn, reason, revision=revision))
    except VOEventError as error:
        fail(str(error))
    _write(content, file)


def samples(
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.", metavar="DIR")],
) -> None:
    """Write sample packets: a simulated alert in every form, types, an orbit, a sky map, citations.

    The packets are the same at every run.
    """
    from vobroker.cli.voevent_samples import make

    folder.mkdir(parents=True, exist_ok=True)
    made = make()
    for name, content in made.items():
        (folder / name).write_bytes(content)
        out.print(f"{folder / name}  {len(content)} bytes", highlight=False)


@contextmanager
def _opened(archive: str) -> Iterator[Archive]:
    """Open the archive for reading; what goes wrong with it ends the command."""
    from vobroker.archive import ArchiveError, open_archive

    try:
        with open_archive(archive, read_only=True) as store:
            yield store
    except ArchiveError as error:
        fail(str(error))


def _packet(event: str, archive: str, embed: Embed | None) -> bytes:
    """Give a packet of the archive or of a file."""
    if not event.startswith("ivo://"):
        return _content(Path(event))
    from vobroker.archive import ArchiveError
    from vobroker.publish.folder import embedding
    from vobroker.publish.render import render

    with _opened(archive) as store:
        try:
            return render(store, event, form=embedding(_folder(archive)) if embed is None else embed.value)
        except ArchiveError as error:
            fail(str(error))


def _folder(archive: str) -> Path:
    """Give the folder of the archive's VOEvents."""
    return files_of(archive) / "voevents"


def _write(content: bytes, file: Path | None) -> None:
    if file is None:
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")


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
        value = param.value or " ".join(param.text)
        value = f"a document of {len(value)} characters" if value.startswith("<") else value
        cells = (group, param.name, value, param.unit, param.ucd)
        params.add_row(*(Text(cell or "") for cell in cells))
    out.print(facts, "", params, sep="\n")


def _facts(event: VOEvent) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know first."""
    from vobroker.voevent.embedded import embedded
    from vobroker.voevent.event_types import event_types
    from vobroker.voevent.skymaps import sky_maps

    yield "event", event.ivorn
    yield "role", f"{event.role or 'observation'}, VOEvent {event.version}"
    for kind in event_types(event):
        sure = "" if kind.probability is None else f", probability {kind.probability:g}"
        yield "type", f"{kind.label or kind.concept}{sure}"
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
    for sky_map in sky_maps(event):
        yield "sky map", f"{sky_map.uri} ({sky_map.kind})"
    for one in embedded(event):
        yield "embedded", f"VOTable of {len(one.votable)} bytes ({one.form})"
    for table in event.what.tables if event.what else ():
        yield "table", f"{table.name or 'without a name'}, {len(table.data.rows) if table.data else 0} rows"

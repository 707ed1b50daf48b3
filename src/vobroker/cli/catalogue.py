"""``vobroker catalogue``: what alerts are matched with."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, files_of, out, progress, shown, warn
from vobroker.cli.ledger import JsonOption, opened

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vobroker.enrich.catalogue import Info, Roles
    from vobroker.enrich.store import AnyLayer

Name = Annotated[str, typer.Argument(help="Name of the catalogue.")]
FileArgument = Annotated[
    Path | None, typer.Argument(help="VOTable, FITS, Parquet or CSV file; or --tap and --query.")
]
NameOption = Annotated[
    str,
    typer.Option("--name", "-n", help="Its name: lower-case letters, digits and '_'.", show_default=False),
]
RaOption = Annotated[str, typer.Option(help="Column of the right ascension, degrees (ICRS).")]
DecOption = Annotated[str, typer.Option(help="Column of the declination, degrees (ICRS).")]
IdOption = Annotated[
    str, typer.Option("--id", help="Column of the identifier.", show_default="number of the row")
]
RadiusOption = Annotated[float, typer.Option(help="Radius of a match, arcsec.")]
RadiusColumnOption = Annotated[
    str, typer.Option(help="Column with the radius of each entry, in its unit (arcsec if it has none).")
]
ColumnsOption = Annotated[
    str, typer.Option(help="Other columns to keep, with commas between.", show_default="all")
]
TapOption = Annotated[str, typer.Option(help="Address of a TAP service to ask instead of a file.")]
QueryOption = Annotated[str, typer.Option(help="ADQL for the service, or @FILE with it.")]
RowsOption = Annotated[int, typer.Option(help="Most rows.", min=1, max=2_000_000_000)]
DescriptionOption = Annotated[str, typer.Option(help="A sentence for who meets it.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Catalogues that alerts are matched with.", no_args_is_help=True)
    group.command("add", help="Take a catalogue out of a file, or of a TAP service.")(add)
    group.command("list", help="List the catalogues.")(list_)
    group.command("show", help="Show a catalogue with its columns.")(show)
    group.command("match", help="Match the alerts of the archive with a catalogue, anew.")(match)
    group.command("remove", help="Remove a catalogue; matches of the archive stay.")(remove)
    app.add_typer(group, name="catalogue")


def add(
    file: FileArgument = None,
    *,
    name: NameOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    ra: RaOption = "ra",
    dec: DecOption = "dec",
    id_: IdOption = "",
    radius: RadiusOption = 1.0,
    radius_column: RadiusColumnOption = "",
    mag: Annotated[
        str,
        typer.Option(help="Column of a magnitude: of several matches the least likely by chance is best."),
    ] = "",
    major: Annotated[str, typer.Option(help="Column of the semi-major axis of an ellipse (galaxies).")] = "",
    minor: Annotated[str, typer.Option(help="Column of its semi-minor axis.")] = "",
    angle: Annotated[
        str, typer.Option(help="Column of its position angle, degrees from north through east.")
    ] = "",
    factor: Annotated[float, typer.Option(help="An entry matches within so many times its ellipse.")] = 1.0,
    columns: ColumnsOption = "",
    tap: TapOption = "",
    query: QueryOption = "",
    max_rows: RowsOption = 100_000_000,
    description: DescriptionOption = "",
) -> None:
    """Make a catalogue; alerts are matched with it from the next batch on."""
    from vobroker.enrich.catalogue import Roles

    roles = Roles(
        ra, dec, id_, radius, radius_column=radius_column, mag=mag, major=major, minor=minor, angle=angle,
        factor=factor,
    )  # fmt: skip
    make("catalogue", file, name, archive, roles, columns, tap, query, max_rows, description)


def make(
    kind: str,
    file: Path | None,
    name: str,
    archive: str,
    roles: Roles,
    columns: str,
    tap: str,
    query: str,
    max_rows: int,
    description: str,
    owner: str = "",
) -> None:
    """Make a catalogue or a watchlist out of a file or of a TAP service; say what it became."""
    from vobroker.enrich import EnrichError
    from vobroker.enrich.catalogue import add as add_catalogue
    from vobroker.enrich.formats import open_source

    if (file is None) == (not tap) or bool(tap) != bool(query):
        fail("give a file, or --tap and --query", 2)
    wanted = tuple(column.strip() for column in columns.split(",") if column.strip())
    try:
        with _fetched(tap, query, max_rows) as fetched, progress() as bar:
            source = open_source(fetched or Path(str(file)), identifier=roles.id)
            made = add_catalogue(
                store_of(archive),
                name,
                source,
                roles,
                kind=kind,
                columns=wanted,
                description=description,
                origin=f"{tap}: {query}" if tap else "",
                owner=owner,
                most=max_rows,
                watch=_Bars(bar),
            )
    except EnrichError as error:
        fail(str(error))
    for sentence in made.warnings:
        warn(sentence)
    out.print(
        f"{made.info.rows:,} entries; filters and queries call their matches {made.info.table}",
        highlight=False,
    )


def list_(archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """List the catalogues."""
    list_kind("catalogue", archive, as_json)


def list_kind(kind: str, archive: str, as_json: bool) -> None:
    """List the catalogues or the watchlists of an archive."""
    from rich.markup import escape
    from rich.table import Table

    from vobroker.enrich import EnrichError
    from vobroker.enrich.store import infos

    try:
        found = infos(store_of(archive), kind)
    except EnrichError as error:
        fail(str(error))
    if as_json:
        print(json.dumps([_summary(info) for info in found], indent=1))
        return
    owned = any(info.owner for info in found)
    table = Table("name", "table", "entries", "radius ″", "from", "added", *(["owner"] if owned else []))
    for info in found:
        largest = max(radius for radius, _ in info.classes)
        row = (info.name, info.table, f"{info.rows:,}", f"{largest:g}", escape(info.source), info.added[:16])
        table.add_row(*row, *([escape(info.owner)] if owned else []))
    out.print(table)


def show(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """Show a catalogue, and the columns of its table of matches."""
    show_kind("catalogue", name, archive, as_json)


def show_kind(kind: str, name: str, archive: str, as_json: bool) -> None:
    """Show a catalogue or a watchlist."""
    from vobroker.cli.query import list_tables
    from vobroker.enrich import EnrichError
    from vobroker.enrich.match import Matcher

    try:
        matcher = Matcher(place_of(kind, name, archive))
    except EnrichError as error:
        fail(str(error))
    info = matcher.info
    if as_json:
        print(json.dumps(_summary(info) | {"columns": [asdict(c) for c in matcher.table.columns]}, indent=1))
        return
    left = f", {info.missing + info.outside:,} rows left out" if info.missing + info.outside else ""
    out.print(info.description, highlight=False, markup=False)
    out.print(f"{info.rows:,} entries{left}", highlight=False)
    out.print(f"from {info.source}, {info.added}", highlight=False, markup=False)
    out.print(f"in {store_of(archive) / name}", highlight=False, markup=False, soft_wrap=True)
    list_tables({matcher.table.name: matcher.table})


def match(
    name: Annotated[str, typer.Argument(help="Name of the catalogue.")] = "",
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Compare with all there is: watchlists, regions, maps and light curves too."
        ),
    ] = False,
) -> None:
    """Match all alerts of the archive; what was stored of them and this catalogue is replaced."""
    if bool(name) == everything:
        fail("name a catalogue, or --all", 2)
    if name:
        match_kind("catalogue", name, archive)
        return
    from vobroker.cli.ingest import enrichment_of

    _match(archive, lambda: enrichment_of(archive).layers)


def match_kind(kind: str, name: str, archive: str) -> None:
    """Compare the alerts of an archive with one thing of its store."""
    from vobroker.enrich.store import layer

    folder = place_of(kind, name, archive)
    _match(archive, lambda: [layer(folder)])


def _match(archive: str, layers: Callable[[], Iterable[AnyLayer]]) -> None:
    from vobroker.archive import ArchiveError, access
    from vobroker.enrich import EnrichError
    from vobroker.pipeline.rematch import rematch

    opened(archive).close()  # there must be one: it is not made here
    turns = access(archive)
    try:
        with progress() as bar:
            for layer in layers():
                task = bar.add_task(layer.table.name, total=None, note="alerts")
                watch = partial(_advance, bar, task)
                alerts, rows = rematch(turns, layer, watch=watch)
                out.print(f"{rows:,} of {alerts:,} alerts are in {layer.table.name}", highlight=False)
    except (ArchiveError, EnrichError) as error:
        fail(str(error))
    finally:
        turns.close()


def _advance(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def remove(name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Remove a catalogue."""
    remove_kind("catalogue", name, archive)


def remove_kind(kind: str, name: str, archive: str) -> None:
    """Remove one thing of the store of an archive."""
    from vobroker.enrich import EnrichError, store

    try:
        store.remove(store_of(archive), name, kind)
    except (EnrichError, OSError) as error:
        fail(str(error))
    out.print(f"the {kind} {name} is removed; what the archive has matched with it stays", highlight=False)


def store_of(archive: str) -> Path:
    """Give the folder of all that alerts of an archive are compared with."""
    from vobroker.enrich.store import FOLDER

    return files_of(archive) / FOLDER


def place_of(kind: str, name: str, archive: str) -> Path:
    """Give the folder of one thing; leave with an error if there is none."""
    from vobroker.enrich import EnrichError
    from vobroker.enrich.catalogue import check_name, kind_of

    folder = store_of(archive) / name
    try:
        check_name(name, kind)
    except EnrichError as error:
        fail(str(error), 2)
    if not folder.is_dir() or kind_of(folder) != kind:
        fail(f"there is no {kind} called '{name}' in {shown(archive)}", 2)
    return folder


def _summary(info: Info) -> dict[str, Any]:
    return {
        "name": info.name,
        "table": info.table,
        "description": info.description,
        "source": info.source,
        "owner": info.owner or None,
        "added": info.added,
        "rows": info.rows,
        "left_out": info.missing + info.outside,
        "radius": max(radius for radius, _ in info.classes),
    }


class _Bars:
    """A bar for each thing that is done."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, Any] = {}

    def __call__(self, doing: str, done: int, total: int | None) -> None:
        if doing not in self._tasks:
            self._tasks[doing] = self._bar.add_task(doing, total=total, note="rows")
        self._bar.update(self._tasks[doing], completed=done, total=total)


@contextmanager
def _fetched(url: str, query: str, rows: int) -> Iterator[Path | None]:
    """Give the answer of a TAP service as a file, for as long as it is read."""
    if not url:
        yield None
        return
    from vobroker.cli.common import err
    from vobroker.enrich.formats import tap

    if query.startswith("@"):
        try:
            query = Path(query[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fail(f"cannot read {query[1:]}: {error}", 2)
    with tempfile.TemporaryDirectory(prefix="vobroker-tap-") as folder:
        answer = Path(folder, "answer.vot")
        with err.status(f"asking {url}", spinner="dots"):
            tap.fetch(url, query, answer, rows=rows)
        yield answer

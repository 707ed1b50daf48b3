"""``vobroker ingest``: packets from files into the archive, through the filters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import (
    DEFAULT_ARCHIVE,
    ArchiveOption,
    err,
    fail,
    files_of,
    out,
    progress,
    shown,
    warn,
)

if TYPE_CHECKING:
    from vobroker.enrich import Enrichment
    from vobroker.filters import Filter, Running
    from vobroker.pipeline.river import Counts, Filters
    from vobroker.roles import Limits


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Read alert packets from files, folders and tar archives into the archive.")(ingest)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Packets, folders, .tar or .tar.gz files.")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
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
    batch: Annotated[int, typer.Option(help="Packets in one batch, and so in one commit.", min=1)] = 512,
) -> None:
    """Ingest files; say what became of each alert."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        fail(f"no such file or folder: {', '.join(missing)}", 2)

    from vobroker.alerts.schemas import default_schemas
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.pipeline.river import run
    from vobroker.sources import files

    enrichment = enrichment_of(archive)
    chosen: Filters = [] if no_filters else running_filters(filters, archive, enrichment)
    try:
        source = default_schemas(folder=schemas, registry=registry)
    except ValueError as error:
        fail(str(error), 2)
    try:
        with open_archive(archive) as store, progress() as bar:
            task = bar.add_task("ingesting", total=files.count(paths), note="")

            def show(counts: Counts) -> None:
                bar.update(
                    task,
                    completed=counts.received,
                    note=f"{counts.archived} archived, {counts.duplicate} known, {counts.dead} dead letters",
                )

            counts = run(
                files.read(paths, resume=store.position, batch=batch),
                store,
                schemas=source,
                filters=chosen,
                enrichment=enrichment,
                voevents=files_of(archive) / "voevents",
                after_batch=show,
            )
    except ArchiveError as error:
        fail(str(error))
    report(counts, archive)


def enrichment_of(archive: str) -> Enrichment:
    """Open the catalogues that go with an archive; leave with an error if one is damaged."""
    from vobroker.cli.catalogue import store_of
    from vobroker.enrich import EnrichError, Enrichment

    try:
        return Enrichment.open(store_of(archive))
    except EnrichError as error:
        fail(str(error))


def chosen_filters(path: Path | None, enrichment: Enrichment | None = None) -> list[Filter]:
    """Read filters, the starter ones without a path; leave with an error if they are none."""
    from vobroker.adql import AdqlError
    from vobroker.filters import filter_tables, load_filters, shipped_filter, starter_filters

    tables = filter_tables() | (enrichment.tables if enrichment else {})
    try:
        if path is None:
            return starter_filters()
        named = None if path.exists() else shipped_filter(str(path), tables)
        return [named] if named else load_filters(path, tables=tables)
    except (AdqlError, OSError) as error:
        fail(str(error), 2)


def running_filters(
    path: Path | None, archive: str, enrichment: Enrichment, limits: Mapping[str, Limits] | None = None
) -> Running:
    """Give what runs at an archive: the filters of ``path``, and those that users keep there.

    The limits are those of the file that ``VOBROKER_ROLES`` names, unless they are given.
    """
    from vobroker.cli.token import read_allowed
    from vobroker.filters import Running, Saved

    if limits is None:
        named = os.environ.get("VOBROKER_ROLES")
        limits = read_allowed(Path(named) if named else None, None).limits
    return Running(
        chosen_filters(path, enrichment),
        Saved(files_of(archive)),
        limits,
        enriched=enrichment.look,
        say=warn,
    )


def report(counts: Counts, archive: str) -> None:
    """Say what became of the alerts."""
    from vobroker.enrich import enriched

    out.print(
        f"{counts.received} received = {counts.archived} archived + {counts.duplicate} duplicates "
        f"+ {counts.dead} dead letters",
        highlight=False,
    )
    for name, number in counts.passed.items():
        out.print(f"filter {name}: {number} passed", highlight=False)
    if counts.events:
        out.print(f"{counts.events} VOEvents written to {files_of(archive) / 'voevents'}", highlight=False)
    for name, error in counts.failed.items():
        warn(f"{name if enriched(name) else f'filter {name}'} failed: {error}")
    if counts.dead:
        err.print(
            f"[yellow]{counts.dead} dead letters:[/] vobroker deadletter list --archive {shown(archive)}"
        )
    if counts.received and counts.dead == counts.received:
        fail("none of the input could be used")

"""``vobroker region``, ``skymap`` and ``dustmap``: what is known of parts of the sky."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vobroker.cli.catalogue import DescriptionOption, NameOption, match_kind, remove_kind, store_of
from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out
from vobroker.cli.ledger import JsonOption

Name = Annotated[str, typer.Argument(help="Its name.")]


def register(app: typer.Typer) -> None:
    """Add the command groups."""
    regions = typer.Typer(help="Regions of the sky, as MOCs.", no_args_is_help=True)
    regions.command("add", help="Take a region out of a MOC: FITS, JSON or text.")(add_region)
    maps = typer.Typer(help="Sky maps of gravitational waves and the like.", no_args_is_help=True)
    maps.command("add", help="Take a sky map out of a FITS file.")(add_map)
    dust = typer.Typer(help="Dust maps, for the reddening in the table context.", no_args_is_help=True)
    dust.command("add", help="Take a HEALPix map of E(B-V) out of a FITS file.")(add_dust)
    for kind, group in (("region", regions), ("skymap", maps), ("dustmap", dust)):
        group.command("list", help="List them.")(list_)
        group.command("match", help="Compare the alerts of the archive with one, anew.")(match)
        group.command("remove", help="Remove one; what the archive has of it stays.")(remove)
        app.add_typer(group, name=kind)


def add_region(
    file: Annotated[Path, typer.Argument(help="MOC on the sky, ICRS.")],
    *,
    name: NameOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    description: DescriptionOption = "",
) -> None:
    """Make a region; alerts are compared with it from the next start of a worker on."""
    from vobroker.enrich import EnrichError, region

    try:
        info = region.add(store_of(archive), name, file, description=description)
    except EnrichError as error:
        fail(str(error))
    out.print(
        f"{100 * info.sky:.4g} % of the sky; filters and queries call its alerts {info.table}",
        highlight=False,
    )


def add_map(
    file: Annotated[Path, typer.Argument(help="Multi-order map (UNIQ, PROBDENSITY), or one of PROB.")],
    *,
    name: NameOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    level: Annotated[float, typer.Option(help="Alerts in the credible region of this probability.")] = 0.99,
    description: DescriptionOption = "",
) -> None:
    """Make a sky map; alerts are compared with it from the next start of a worker on."""
    from vobroker.enrich import EnrichError, skymap

    try:
        info = skymap.add(store_of(archive), name, file, level=level, description=description)
    except EnrichError as error:
        fail(str(error))
    out.print(
        f"{info.cells:,} cells, 90 % in {info.area:,.4g} square degrees; filters and queries call its alerts"
        f" {info.table}",
        highlight=False,
    )


def add_dust(
    file: Annotated[Path, typer.Argument(help="HEALPix map of the whole sky, equatorial or Galactic.")],
    *,
    name: NameOption,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    column: Annotated[
        str, typer.Option(help="Column with E(B-V) in magnitudes.", show_default="the first")
    ] = "",
    description: DescriptionOption = "",
) -> None:
    """Take a dust map; reddening comes from it with the next batch."""
    from vobroker.enrich import EnrichError, context

    try:
        info = context.add(store_of(archive), name, file, column=column, description=description)
    except EnrichError as error:
        fail(str(error))
    out.print(
        f"E(B-V) in cells of order {info.order}; filters and queries call it context.ebv", highlight=False
    )


def list_(
    context: typer.Context, archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False
) -> None:
    """List what there is of a kind."""
    from rich.markup import escape
    from rich.table import Table

    from vobroker.enrich import EnrichError, store

    try:
        found: list[Any] = [
            layer.info  # type: ignore[union-attr]
            for layer in store.layers(store_of(archive), _kind(context))
        ]
    except EnrichError as error:
        fail(str(error))
    if as_json:
        print(json.dumps([asdict(info) | {"table": info.table} for info in found], indent=1))
        return
    table = Table("name", "table", "size", "from", "added")
    for info in found:
        table.add_row(info.name, info.table, _size(info), escape(info.source), info.added[:16])
    out.print(table)


def _size(info: Any) -> str:
    if info.kind == "region":
        return f"{100 * info.sky:.4g} % of the sky"
    if info.kind == "dustmap":
        return f"order {info.order}"
    return f"90 % in {info.area:,.4g} square degrees"


def match(context: typer.Context, name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Compare all alerts of the archive; what was stored of them and this one is replaced."""
    match_kind(_kind(context), name, archive)


def remove(context: typer.Context, name: Name, archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Remove one."""
    remove_kind(_kind(context), name, archive)


def _kind(context: typer.Context) -> str:
    """Give what the group of a command is named after."""
    return str(context.parent.info_name) if context.parent else ""

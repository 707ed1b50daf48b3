"""``vobroker alert``: one alert, its packet and its images."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out, shown


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Show an alert, or write its packet or its cutouts.")(alert)


def alert(
    survey: Annotated[str, typer.Argument(help="Survey, such as lsst or ztf.")],
    alert_id: Annotated[int, typer.Argument(help="Identifier of the alert.", metavar="ID")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    packet: Annotated[
        Path | None, typer.Option(help="Write the packet as it arrived; - is standard output.")
    ] = None,
    cutouts: Annotated[Path | None, typer.Option(help="Write the image stamps to this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, native columns included.")] = False,
) -> None:
    """Show one alert in the common columns."""
    from vobroker.alerts.columns import ALERT
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.archive.rows import jsonable

    try:
        with open_archive(archive, read_only=True) as store:
            row = store.alert(survey, alert_id)
            if row is None:
                fail(f"there is no {survey} alert {alert_id} in {shown(archive)}")
            if packet is not None:
                _write(packet, store.packet(survey, alert_id))
            if cutouts is not None:
                cutouts.mkdir(parents=True, exist_ok=True)
                for stamp in store.cutouts(survey, alert_id):
                    _write(cutouts / f"{survey}_{alert_id}_{stamp.kind}.fits", stamp.fits)
            native = store.native(survey, alert_id) or {}
            native_table = store.tables()[survey]
    except ArchiveError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    if as_json:
        print(json.dumps({**jsonable(row, ALERT), "native": jsonable(native, native_table)}, indent=2))
    elif packet is None and cutouts is None:
        _print(jsonable(row, ALERT))


def _print(row: dict[str, Any]) -> None:
    from rich.table import Table

    from vobroker.alerts.columns import ALERT

    table = Table("column", "value", "unit", "description")
    for column in ALERT:
        if row[column.name] is not None:
            table.add_row(column.name, str(row[column.name]), column.unit, column.description)
    out.print(table)


def _write(path: Path, data: bytes) -> None:
    if path == Path("-"):
        sys.stdout.buffer.write(data)
        return
    path.write_bytes(data)
    out.print(f"{len(data)} bytes written to {path}", highlight=False)

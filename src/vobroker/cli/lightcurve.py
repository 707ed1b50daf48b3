"""``vobroker lightcurve``: all measurements of an object, as a table, a file or a plot."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out

if TYPE_CHECKING:
    from vobroker.archive import Archive
    from vobroker.timeseries import LightCurve


class Form(StrEnum):
    """What to make of the light curve: a table to read, or one of ``timeseries.formats.FORMATS``."""

    table = "table"
    votable = "votable"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    fits = "fits"
    ecsv = "ecsv"
    mivot = "mivot"
    svg = "svg"
    png = "png"


NOT_TEXT = (Form.parquet, Form.fits, Form.png)
"""Forms that a terminal cannot show."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lightcurve")(lightcurve)


def lightcurve(
    object_id: Annotated[
        str, typer.Argument(metavar="OBJECT", help="The survey's identifier of the object.")
    ],
    survey: Annotated[
        str | None, typer.Option(help="Survey, where several have an object of this name.")
    ] = None,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    form: Annotated[
        Form | None,
        typer.Option("--format", "-f", help="By default what the suffix of FILE says, else a table."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write instead of the output.")
    ] = None,
    flux: Annotated[bool, typer.Option("--flux", help="Plot difference fluxes, not magnitudes.")] = False,
    dark: Annotated[
        bool, typer.Option("--dark", help="Plot for a dark page, on a transparent ground.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Give the light curve of an object: detections, forced photometry and upper limits of all its alerts.

    Times are MJD in TAI at the midpoint of the exposure, fluxes difference fluxes in nJy, magnitudes AB.
    """
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.timeseries import formats

    form = Form.json if as_json else form or form_of(file)
    if form in NOT_TEXT and file is None and sys.stdout.isatty():
        fail(f"{form} is not for the terminal; name a file with --out", 2)
    try:
        with open_archive(archive, create=False, read_only=True) as store:
            try:
                light_curve = store.light_curve(object_id, survey)
            except ArchiveError as error:
                fail(f"{error}{_suggestion(store, object_id)}")
    except ArchiveError as error:
        fail(str(error))
    if form is Form.table:
        show_points(light_curve)
        return
    content = formats.write(light_curve, form.value, flux=flux, dark=dark)
    if file is None:
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")


def form_of(file: Path | None) -> Form:
    """Choose the format that the suffix of a file means."""
    from vobroker.timeseries import formats

    if file is None:
        return Form.table
    name = formats.format_of(file.suffix)
    if name is None:
        known = ", ".join(suffix for one in formats.FORMATS.values() for suffix in one.suffixes)
        fail(f"the suffix of {file} is not one of {known}; say what to write with --format", 2)
    return Form(name)


def _suggestion(store: Archive, object_id: str) -> str:
    """Name the objects of the archive that are spelt most like an unknown one."""
    from vobroker.archive import overview

    names = overview.misspelt(store, object_id)
    return f"; did you mean {' or '.join(names)}?" if names and object_id not in names else ""


def show_points(light_curve: LightCurve) -> None:
    """Print the points for a person."""
    from rich.table import Table

    from vobroker.timeseries.plot import describe

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("MJD (TAI)", "band", "kind", "AB mag", "±", "flux nJy", "±", "5σ limit"):
        table.add_column(heading, justify="left" if heading in ("band", "kind") else "right")
    for point in light_curve.points.to_pylist():
        table.add_row(
            f"{point['mjd']:.6f}",
            point["band"],
            point["kind"],
            _number(point["mag"], ".3f"),
            _number(point["mag_error"], ".3f"),
            _number(point["flux"], ".1f"),
            _number(point["flux_error"], ".1f"),
            _number(point["limiting_mag"], ".2f"),
        )
    out.print(table)
    out.print(describe(light_curve), highlight=False, soft_wrap=True)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)

"""``vobroker timeseries``: light curves in every dialect; needs no archive."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import fail, out, progress, warn

if TYPE_CHECKING:
    from vobroker.timeseries.compare import Comparison
    from vobroker.timeseries.series import Document, Series

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A document in any dialect.")]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DIALECT", help="Dialect of the document; by default that of its content."
    ),
]
ObjectOption = Annotated[
    str | None, typer.Option("--object", help="Only the object of this identifier.", metavar="ID")
]
BandOption = Annotated[str | None, typer.Option("--band", help="Only measurements in this band.")]
ScaleOption = Annotated[
    str | None, typer.Option(help="Time scale, where the document says none: TAI, UTC, TDB, TCB, …")
]
OriginOption = Annotated[
    str | None,
    typer.Option(help="Time origin, where the document says none: MJD, JD, or a Julian date."),
]
PositionOption = Annotated[
    str | None,
    typer.Option(
        "--refposition", help="Reference position of times, where the document says none: BARYCENTER, …"
    ),
]
LimitOption = Annotated[
    int, typer.Option("--max-bytes", min=1, help="Largest document that is read.", show_default=True)
]
_MAX_BYTES = 64 * 2**20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Read, convert, compare and plot light curves in every dialect."
    )
    for command in (show, convert, compare, plot, dialects):
        group.command()(command)
    app.add_typer(group, name="timeseries")


def show(
    file: FileArgument,
    dialect: FromOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    max_bytes: LimitOption = _MAX_BYTES,
) -> None:
    """Show what a document says of its light curves, where it says so, and what it does not say."""
    from vobroker.timeseries.aspects import ASPECTS
    from vobroker.timeseries.report import TOO_LONG, place

    document = _read(file, dialect, max_bytes)
    if as_json:
        print(json.dumps(_content(file, document), ensure_ascii=False, indent=1))
        return
    out.print(f"{file}: {document.dialect}", highlight=False, soft_wrap=True, markup=False)
    for one in document.series:
        bands = ", ".join(band.name for band in one.bands)
        head = f"{one.object_id or 'an object without a name'}: {len(one)} measurements"
        out.print(f"\n{head}{f' in {bands}' if bands else ''}", highlight=False, markup=False, soft_wrap=True)
        rows = []
        for aspect in ASPECTS:
            if aspect.key in TOO_LONG:
                continue
            values = aspect.values(one)
            for key, value in values.items():
                said = one.statements.get(key, ())
                rows.append((aspect.title, key, str(value), place(said[0]) if said else ""))
            if not values:
                rows.append((aspect.title, "", "–", ""))
        _table(("What", "Key", "Value", "Where"), rows)
    for sentence in dict.fromkeys(
        [*document.notes, *(note for one in document.series for note in one.notes)]
    ):
        warn(sentence)


def convert(
    file: FileArgument,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="File to write instead of the output."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DIALECT", help="Dialect to write; by default what the suffix of OUT means."
        ),
    ] = None,
    dialect: FromOption = None,
    object_id: ObjectOption = None,
    band: BandOption = None,
    scale: ScaleOption = None,
    origin: OriginOption = None,
    position: PositionOption = None,
    max_bytes: LimitOption = _MAX_BYTES,
) -> None:
    """Write the light curves of a document in another dialect.

    What the other dialect has no place for is left out, and a warning names it.
    """
    from vobroker.timeseries import documents
    from vobroker.timeseries.errors import TimeSeriesError

    name = to or _dialect_of(out_file)
    try:
        target = documents.dialect(name)
    except TimeSeriesError as error:
        fail(str(error), 2)
    series = _chosen(file, _read(file, dialect, max_bytes), object_id, band)
    series = [_assumed(file, one, scale, origin, position) for one in series]
    try:
        content = target.write(series)
    except TimeSeriesError as error:
        fail(f"{file}: {error}")
    for sentence in _lost(series, name):
        warn(sentence)
    if out_file is None:
        if b"\x00" in content[:4096] and sys.stdout.isatty():
            fail(f"{name} is not for the terminal; name a file with --out", 2)
        sys.stdout.buffer.write(content)
        return
    _write(out_file, content)


def compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Two documents or more; with --report one folder.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the whole way to each place.")
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print a page of HTML.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    differences: Annotated[
        bool, typer.Option("--differences", help="Only points that are not the same in all.")
    ] = False,
    report_page: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="PAGE",
            help="Read every file of a folder, and write what holds the same series, what differs, and where "
            "each dialect puts it into a page of Markdown, with plots in its folder images.",
        ),
    ] = None,
    max_bytes: LimitOption = _MAX_BYTES,
) -> None:
    """Compare documents point by point.

    For the time frame, bands, photometric systems, units, errors, coordinates and identifiers: what each
    document says and where, what it lacks, and whether the numbers agree.
    """
    from vobroker.timeseries import compare as comparing
    from vobroker.timeseries import report
    from vobroker.timeseries.errors import TimeSeriesError

    if as_json + as_html + as_markdown + (report_page is not None) > 1:
        fail("--json, --html, --markdown and --report exclude each other", 2)
    if report_page is not None:
        if len(files) != 1 or not files[0].is_dir():
            fail("--report is about one folder", 2)
        _report(files[0], report_page, max_bytes)
        return
    if folder := next((file for file in files if file.is_dir()), None):
        fail(f"{folder} is a folder; --report compares all that is in it", 2)
    names = _short_names(files)
    try:
        comparison = comparing.compare(
            {name: _read(file, None, max_bytes) for name, file in zip(names, files, strict=True)}
        )
    except TimeSeriesError as error:
        fail(str(error), 2)
    if as_json:
        print(report.as_json(comparison))
    elif as_html:
        print(report.html(comparison), end="")
    elif as_markdown:
        print(report.markdown(comparison))
    else:
        _print(comparison, differences)


def plot(
    file: FileArgument,
    out_file: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="File to write: .png or .svg.")
    ],
    flux: Annotated[
        bool, typer.Option("--flux", help="Plot fluxes, where there are magnitudes too.")
    ] = False,
    dark: Annotated[
        bool, typer.Option("--dark", help="Plot for a dark page, on a transparent ground.")
    ] = False,
    dialect: FromOption = None,
    object_id: ObjectOption = None,
    band: BandOption = None,
    scale: ScaleOption = None,
    origin: OriginOption = None,
    position: PositionOption = None,
    max_bytes: LimitOption = _MAX_BYTES,
) -> None:
    """Draw the light curve of a document; of several objects, the first or the one that is named."""
    from vobroker.timeseries import plot as drawing

    suffix = out_file.suffix.lower()
    if suffix not in (".png", ".svg"):
        fail(f"the suffix of {out_file} is neither .png nor .svg", 2)
    series = _chosen(file, _read(file, dialect, max_bytes), object_id, band)
    if len(series) > 1:
        others = ", ".join(one.object_id for one in series[1:6])
        warn(f"{file} has {len(series)} objects; {series[0].object_id} is drawn, not {others}")
    one = _assumed(file, series[0], scale, origin, position)
    _write(out_file, drawing.render(one, "png" if suffix == ".png" else "svg", flux=flux, dark=dark))


def dialects(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the dialects, and what each has no place for."""
    from vobroker.timeseries.aspects import ASPECTS
    from vobroker.timeseries.dialects import DIALECTS, borrows

    if as_json:
        rows = [
            {
                "name": one.NAME,
                "title": one.TITLE,
                "media_type": one.MEDIA_TYPE,
                "suffixes": list(one.SUFFIXES),
                "lacks": dict(one.LACKS),
                "beside_the_annotation": dict(borrows(one)),
            }
            for one in DIALECTS.values()
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    _table(
        ("Dialect", "What it is", "Suffixes", "Holds"),
        [
            (
                one.NAME,
                one.TITLE,
                " ".join(one.SUFFIXES),
                f"{len(ASPECTS) - len(one.LACKS)} of {len(ASPECTS)} aspects",
            )
            for one in DIALECTS.values()
        ],
    )


def _report(folder: Path, page: Path, max_bytes: int) -> None:
    from vobroker.timeseries import folder as folders
    from vobroker.timeseries import page as pages
    from vobroker.timeseries.errors import TimeSeriesError

    try:
        with progress() as bar:
            total = len(folders.files(folder))
            task = bar.add_task("reading", total=total, note="")
            content = folders.read(
                folder, max_bytes=max_bytes, step=lambda name: bar.update(task, advance=1, note=name)
            )
            task = bar.add_task("comparing", total=1 + len(list(folders.same_series(content))), note="")
            found = pages.write(content, step=lambda name: bar.update(task, advance=1, note=name))
            pages.save(page, folder, found)
    except (TimeSeriesError, ValueError) as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot write {page}: {error.strerror or error}")
    out.print(
        f"{page}: {len(content.documents)} documents, {len(found.images)} plots; "
        f"{len(content.unread)} files hold no series",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _read(file: Path, dialect: str | None, max_bytes: int) -> Document:
    from vobroker.timeseries import documents
    from vobroker.timeseries.errors import TimeSeriesError

    try:
        if file.stat().st_size > max_bytes:
            fail(f"{file} has {file.stat().st_size} bytes; the limit is {max_bytes}, see --max-bytes")
        data = file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror or error}")
    try:
        return documents.read(data, dialect, max_bytes=max_bytes)
    except TimeSeriesError as error:
        fail(f"{file}: {error}")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")


def _dialect_of(file: Path | None) -> str:
    """Name the dialect that the suffix of a file means."""
    from vobroker.timeseries.dialects import DEFAULT, DIALECTS

    if file is None:
        return DEFAULT
    for one in DIALECTS.values():
        if file.suffix.lower() in one.SUFFIXES:
            return one.NAME
    known = ", ".join(suffix for one in DIALECTS.values() for suffix in one.SUFFIXES)
    fail(f"the suffix of {file} is not one of {known}; say what to write with --to", 2)


def _chosen(file: Path, document: Document, object_id: str | None, band: str | None) -> list[Series]:
    """Give the series that are asked for."""
    from vobroker.timeseries.dialects.votable_bands import by_band
    from vobroker.timeseries.series import banded

    series = list(document.series)
    if object_id is not None:
        series = [one for one in series if one.object_id == object_id]
        if not series:
            known = ", ".join(one.object_id or "one without a name" for one in document.series[:10])
            fail(f"{file} has no object {object_id}; it has {known}")
    if band is not None:
        parts = [part for one in series for part in by_band(banded(one))]
        series = [part for part in parts if any(known.name == band for known in part.bands)]
        if not series:
            names = {known.name: None for part in parts for known in part.bands}
            fail(f"{file} has no band {band}; it has {', '.join(names) or 'none'}")
    return series


def _assumed(
    file: Path, series: Series, scale: str | None, origin: str | None, position: str | None
) -> Series:
    """Add what the caller knows of the times."""
    from vobroker.timeseries import documents
    from vobroker.timeseries.errors import TimeSeriesError
    from vobroker.timeseries.findings import origin_of

    if not (scale or origin or position):
        return series
    value = (
        origin_of(f"{origin}-origin")
        if origin and origin.upper() in ("MJD", "JD")
        else origin_of(origin or "")
    )
    if origin and value is None:
        fail(f"{origin!r} is no time origin; it is MJD, JD or a Julian date", 2)
    try:
        return documents.assume(
            series, scale=(scale or "").upper(), origin=value, position=(position or "").upper()
        )
    except TimeSeriesError as error:
        fail(f"{file}: {error}", 2)


def _lost(series: list[Series], name: str) -> list[str]:
    """Say what of the series a dialect has left out."""
    from vobroker.timeseries.aspects import ASPECTS
    from vobroker.timeseries.dialects import DIALECTS

    lacks = DIALECTS[name].LACKS
    lost = [
        (aspect.title.lower() if aspect.key != "column.ucd" else "UCDs", lacks[aspect.key])
        for aspect in ASPECTS
        if aspect.key in lacks and any(aspect.values(one) for one in series)
    ]
    reasons: dict[str, list[str]] = {}
    for title, reason in lost:
        reasons.setdefault(reason, []).append(title)
    return [f"{name} leaves out {', '.join(titles)}: {reason}" for reason, titles in reasons.items()]


def _short_names(files: list[Path]) -> list[str]:
    """Give the shortest ends of the paths that tell files apart."""
    for length in range(1, max(len(file.parts) for file in files) + 1):
        names = ["/".join(file.parts[-length:]) for file in files]
        if len(set(names)) == len(files):
            return names
    fail("a file is named twice", 2)


def _content(file: Path, document: Document) -> dict[str, object]:
    from vobroker.timeseries.aspects import ASPECTS

    return {
        "file": str(file),
        "dialect": document.dialect,
        "notes": list(document.notes),
        "series": [
            {
                "object_id": one.object_id,
                "measurements": len(one),
                "roles": dict(one.roles),
                "said": [
                    {
                        "aspect": aspect.key,
                        "key": key,
                        "value": str(value),
                        "places": [
                            {"path": at.path, "line": at.line or None, "value": at.value}
                            for at in one.statements.get(key, ())
                        ],
                    }
                    for aspect in ASPECTS
                    for key, value in aspect.values(one).items()
                ],
                "unsaid": [aspect.key for aspect in ASPECTS if not aspect.values(one)],
                "notes": list(one.notes),
            }
            for one in document.series
        ],
    }


def _print(comparison: Comparison, differences: bool) -> None:
    """Print a comparison for a person."""
    from vobroker.timeseries.report import TOO_LONG, place

    rows = []
    for point in comparison.points:
        if point.aspect.key in TOO_LONG or not any(point.said) or (differences and point.verdict == "same"):
            continue
        cells = [
            "–" if said is None else "\n".join(filter(None, (said.value, *map(place, said.places[:1]))))
            for said in point.said
        ]
        rows.append((point.title, *cells, point.verdict))
    _table(("What", *comparison.names, ""), rows, lines=True)
    for numbers in comparison.numbers:
        ours, theirs, both = numbers.rows
        counts = f"{both} of {ours} and {theirs} measurements, matched by {numbers.matched}"
        head = f"\n{numbers.name} against {comparison.names[0]}: {counts}"
        out.print(head, highlight=False, markup=False, soft_wrap=True)
        for one in numbers.agreements:
            out.print(f"  {one.title}: {one}", highlight=False, markup=False, soft_wrap=True)
    for name, notes in zip(comparison.names, comparison.notes, strict=True):
        for sentence in notes:
            warn(f"{name}: {sentence}")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, lines: bool = False) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 1 if lines else 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    out.print(table, highlight=False)

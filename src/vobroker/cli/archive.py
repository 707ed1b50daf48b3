"""``vobroker archive``: what an archive is, whether it is whole, and a copy of it elsewhere."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out, progress, shown, warn
from vobroker.cli.ledger import JsonOption, opened

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vobroker.archive.check import Checked
    from vobroker.archive.copy import Step


def register(app: typer.Typer) -> None:
    """Add the commands."""
    archives = typer.Typer(help="A whole archive: what it is, is it whole, copy it.", no_args_is_help=True)
    archives.command("info", help="Say what keeps the archive, how large it is and what is in it.")(info)
    archives.command("check", help="Check that everything is there and can be read.")(check)
    archives.command("copy", help="Copy the archive to a folder or a database, and verify the copy.")(copy)
    archives.command(
        "export", help="Write new nights to a folder as HATS: Parquet that Spark and LSDB read."
    )(export)
    archives.command("upgrade", help="Add the tables that an archive of an earlier version lacks.")(upgrade)
    app.add_typer(archives, name="archive")


def info(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    as_json: JsonOption = False,
) -> None:
    """Print the engine, the size, the rows of each table and the nights."""
    from vobroker.archive import ArchiveError
    from vobroker.archive.inventory import inventory

    try:
        with opened(archive) as store:
            told = inventory(store)
    except ArchiveError as error:
        fail(str(error))
    if as_json:
        print(json.dumps(asdict(told), indent=2))
        return
    out.print(f"archive  {shown(archive)}", highlight=False, markup=False, soft_wrap=True)
    out.print(f"engine   {told.engine}, format {told.format}", highlight=False)
    out.print(f"size     {_bytes(told.tables)} tables, {_bytes(told.packets)} packets", highlight=False)
    for survey in told.surveys:
        nights = f"{survey.nights} night{'s' * (survey.nights != 1)}"
        span = f", {survey.first_night} to {survey.last_night}" if survey.nights else ""
        out.print(f"{survey.survey:<8} {survey.alerts:,} alerts in {nights}{span}", highlight=False)
    _grid(told.rows)


def upgrade(archive: ArchiveOption = DEFAULT_ARCHIVE) -> None:
    """Bring the archive up to date; its rows stay as they are."""
    from vobroker.archive import ArchiveError, open_archive

    try:
        with open_archive(archive, create=False):
            out.print(f"{shown(archive)} is up to date", highlight=False, markup=False, soft_wrap=True)
    except ArchiveError as error:
        fail(str(error))


def check(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    packets: Annotated[
        bool, typer.Option("--packets/--no-packets", help="Whether to read each packet.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Look the archive through; exit with status 1 when something is wrong."""
    from vobroker.archive import ArchiveError
    from vobroker.archive.check import check as look_through

    try:
        with opened(archive) as store, progress() as bar:
            clock = _Clock(bar, "checking")

            def show(found: Checked, total: int) -> None:
                clock.show("packets", found.packets, total, found.size)

            found = look_through(store, packets=packets, watch=show)
    except ArchiveError as error:
        fail(str(error))
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        what = f"{found.packets:,} packets ({_bytes(found.size)})" if packets else "no packets"
        out.print(
            f"looked at {found.alerts:,} alerts, {what}, {found.dead_letters:,} dead letters and"
            f" {found.catalogues:,} catalogues, regions, maps and classifiers",
            highlight=False,
        )
    if found.faults:
        fail("the archive is not whole:\n" + "\n".join(found.faults))
    if not as_json:
        out.print("everything is there", highlight=False)


def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="PLACE", help="Folder, or postgresql://user@host/database.", show_default=False
        ),
    ],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    as_json: JsonOption = False,
) -> None:
    """Copy everything that is in the archive, and its catalogues; the other place must be empty."""
    from vobroker.archive import ArchiveError, place
    from vobroker.archive.catalogues import store_of
    from vobroker.archive.copy import copy as copy_whole

    began = time.monotonic()
    try:
        with opened(archive) as store, progress() as bar:
            clocks: dict[str, _Clock] = {}

            def show(step: Step) -> None:
                if step.doing not in clocks:
                    clocks[step.doing] = _Clock(bar, step.doing)
                clocks[step.doing].show(step.table, step.done, step.rows, step.size)

            copied = copy_whole(store, place(to), watch=show)
    except ArchiveError as error:
        fail(str(error))
    seconds = time.monotonic() - began
    if copied.replaced:
        warn(
            f"{copied.replaced} texts had the character NUL, which PostgreSQL does not know;"
            " it is U+FFFD there"
        )
    if as_json:
        print(
            json.dumps(
                {"from": shown(archive), "to": shown(to), "seconds": seconds} | asdict(copied), indent=2
            )
        )
        return
    _grid(copied.rows, copied.sizes)
    size = sum(copied.sizes.values())
    out.print(
        f"{sum(copied.rows.values()):,} rows, {_bytes(size)}, copied and verified in {seconds:.1f} s"
        f" ({_bytes(size / seconds)}/s)",
        highlight=False,
    )
    out.print(
        f"SHA-256 of the {copied.rows['payload']:,} packets on both sides: {copied.digest}",
        highlight=False,
        soft_wrap=True,
    )
    if copied.catalogues:
        out.print(
            f"with {', '.join(copied.catalogues)} ({_bytes(sum(copied.catalogues.values()))}) in"
            f" {store_of(to)}",
            highlight=False,
            soft_wrap=True,
        )
    ledger = copied.ledger
    out.print(
        f"ledger on both sides: {ledger['received']:,} received = {ledger['archived']:,} archived"
        f" + {ledger['duplicate']:,} duplicates + {ledger['dead']:,} dead letters",
        highlight=False,
        soft_wrap=True,
    )


def export(
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Folder; made when it is not there.")],
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    since: Annotated[
        int, typer.Option("--since", metavar="YYYYMMDD", help="First night of alerts; all when not given.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write the nights that the folder does not have, and count what is there."""
    from rich.table import Table

    from vobroker.archive import ArchiveError
    from vobroker.archive.export import export as write_out

    try:
        with opened(archive) as store, progress() as bar:
            clock = _Clock(bar, "exporting")
            parts = write_out(
                store, to, since=since, watch=lambda part, done, total: clock.show(part.table, done, total, 0)
            )
    except ArchiveError as error:
        fail(str(error))
    if as_json:
        print(json.dumps([asdict(part) for part in parts], indent=2))
        return
    grid = Table("table")
    for name in ("parts", "rows", "new parts", "new rows"):
        grid.add_column(name, justify="right")
    for name in dict.fromkeys(part.table for part in parts):
        of_it = [part for part in parts if part.table == name]
        new = [part for part in of_it if part.new]
        numbers = (len(of_it), sum(part.rows for part in of_it), len(new), sum(part.rows for part in new))
        grid.add_row(name, *(f"{number:,}" for number in numbers))
    out.print(grid)
    out.print(
        f"{to} has as many rows of these parts as the archive", highlight=False, markup=False, soft_wrap=True
    )


class _Clock:
    """A line of a progress display that shows rates."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task(title, total=None, note="")
        self._began = time.monotonic()

    def show(self, what: str, done: int, total: int, size: int) -> None:
        """Show how much is done, and how fast."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        rate = f"{done / seconds:,.0f} rows/s · " if done else ""
        note = f"{what} · {rate}{_bytes(size / seconds)}/s" if size else what
        self._bar.update(self._task, completed=done, total=total or None, note=note)


def _grid(rows: dict[str, int], sizes: dict[str, int] | None = None) -> None:
    from rich.table import Table

    table = Table("table")
    table.add_column("rows", justify="right")
    if sizes is not None:
        table.add_column("size", justify="right")
    for name, number in rows.items():
        table.add_row(name, f"{number:,}", *([_bytes(sizes[name])] if sizes is not None else []))
    out.print(table)


def _bytes(size: float) -> str:
    """Write a number of bytes as people read it, in powers of ten."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

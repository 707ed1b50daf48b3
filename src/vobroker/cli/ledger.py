"""``vobroker ledger`` and ``vobroker deadletter``: what became of every alert."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out

if TYPE_CHECKING:
    from vobroker.archive import Archive

COUNTS = ("received", "archived", "duplicate", "dead")

_BY_NIGHT = """
    SELECT night, survey, source, CAST(sum(received) AS BIGINT) AS received,
           CAST(sum(archived) AS BIGINT) AS archived, CAST(sum(duplicate) AS BIGINT) AS duplicate,
           CAST(sum(dead) AS BIGINT) AS dead
    FROM ledger GROUP BY ALL ORDER BY night NULLS LAST, survey NULLS LAST, source
"""
_BY_REASON = "SELECT reason, count(*) AS number FROM dead_letter GROUP BY ALL ORDER BY number DESC, reason"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NumberArgument = Annotated[int, typer.Argument(help="Number of the dead letter.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(help="Say what became of every alert: archived, duplicate or dead letter.")(ledger)
    letters = typer.Typer(help="Inputs that could not be used.", no_args_is_help=True)
    letters.command("list", help="List the last dead letters.")(list_letters)
    letters.command("show", help="Show a dead letter, with the beginning of its bytes.")(show)
    letters.command("save", help="Write the bytes of a dead letter to a file.")(save)
    app.add_typer(letters, name="deadletter")


def ledger(archive: ArchiveOption = DEFAULT_ARCHIVE, as_json: JsonOption = False) -> None:
    """Print the ledger by night, survey and source; fail where the identity does not hold."""
    from vobroker.archive.balance import faults

    with _open(archive) as store:
        lines: list[dict[str, Any]] = store.query(_BY_NIGHT).to_pylist()
        reasons: list[dict[str, Any]] = store.query(_BY_REASON).to_pylist()
        wrong = faults(store)
    totals = {name: sum(line[name] for line in lines) for name in COUNTS}
    if as_json:
        print(
            json.dumps(
                {"ledger": lines, "totals": totals, "dead_letters": reasons, "faults": wrong}, indent=2
            )
        )
    else:
        _print(lines, totals, reasons)
    if wrong:
        fail("the ledger does not balance:\n" + "\n".join(wrong))


def list_letters(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    limit: Annotated[int, typer.Option(help="Most dead letters to list.", min=1)] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the last dead letters, the last first."""
    from vobroker.alerts.columns import DEAD_LETTER
    from vobroker.archive.rows import jsonable

    with _open(archive) as store:
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


def _letter(archive: Path, number: int) -> dict[str, Any]:
    with _open(archive) as store:
        letter = store.dead_letter(number)
    if letter is None:
        fail(f"there is no dead letter {number} in {archive}")
    return letter


def _open(folder: Path) -> Archive:
    from vobroker.archive import ArchiveError, open_archive

    try:
        return open_archive(folder, read_only=True)
    except ArchiveError as error:
        fail(str(error))


def _print(lines: list[dict[str, Any]], totals: dict[str, int], reasons: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("night", "survey", "source", show_footer=bool(lines), footer_style="bold")
    for name in COUNTS:
        table.add_column(name, justify="right", footer=str(totals[name]))
    for line in lines:
        told = [str(line[name]) if line[name] is not None else "–" for name in ("night", "survey", "source")]
        table.add_row(*told, *(str(line[name]) for name in COUNTS))
    out.print(table)
    out.print(
        f"{totals['received']} received = {totals['archived']} archived + {totals['duplicate']} duplicates "
        f"+ {totals['dead']} dead letters",
        highlight=False,
    )
    if reasons:
        told = [f"{line['number']} {line['reason']}" for line in reasons]
        out.print(f"dead letters: {', '.join(told)}", highlight=False)

"""``vobroker ledger``: what became of every alert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out

if TYPE_CHECKING:
    from vobroker.archive import Archive

COUNTS = ("received", "archived", "duplicate", "dead")

_SUMS = """
    SELECT night, survey, {}, CAST(sum(received) AS BIGINT) AS received,
           CAST(sum(archived) AS BIGINT) AS archived, CAST(sum(duplicate) AS BIGINT) AS duplicate,
           CAST(sum(dead) AS BIGINT) AS dead
    FROM ledger GROUP BY 1, 2, 3 HAVING sum(received) <> 0 ORDER BY night NULLS LAST, survey NULLS LAST, 3
"""
_BY_NIGHT = _SUMS.format("source")
_BY_PARTITION = _SUMS.format("source || '[' || partition || ']' AS source")
_BY_REASON = "SELECT reason, count(*) AS number FROM dead_letter GROUP BY reason ORDER BY number DESC, reason"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help="Say what became of every alert: archived, duplicate or dead letter.")(ledger)


def ledger(
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition.")] = False,
    positions: Annotated[
        bool,
        typer.Option(
            "--positions", help="Only how far each source was read; as JSON it is a cursor for run."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the ledger by night, survey and source; fail where the identity does not hold."""
    from vobroker.archive.balance import faults

    if positions:
        _positions(archive, as_json)
        return
    with opened(archive) as store:
        lines: list[dict[str, Any]] = store.query(_BY_PARTITION if partitions else _BY_NIGHT).to_pylist()
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


def opened(archive: str) -> Archive:
    """Open an archive for reading, or leave with an error."""
    from vobroker.archive import ArchiveError, open_archive

    try:
        return open_archive(archive, read_only=True)
    except ArchiveError as error:
        fail(str(error))


def _positions(archive: str, as_json: bool) -> None:
    with opened(archive) as store:
        places = sorted(store.positions().items())
    if as_json:
        rows = [
            {"source": source, "partition": partition, "position": str(position)}
            for (source, partition), position in places
        ]
        print(json.dumps(rows, indent=2))
        return
    for (source, partition), position in places:
        out.print(f"{source}[{partition}] {position}", highlight=False, markup=False)


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

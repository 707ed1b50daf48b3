"""``vobroker adql categorise``: what people ask a TAP service, from its logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.adql.common import Json
from vobroker.cli.common import err, fail, out, progress

if TYPE_CHECKING:
    from vobroker.adql.querylog import Mined, Reading


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(help="Sort the queries of TAP logs by what they ask; nobody is given away.")(categorise)
    app.command("simulate-log", help="Write a made-up access log of known categories.")(simulate_log)


def categorise(
    logs: Annotated[
        list[Path], typer.Argument(metavar="LOGS...", help="Plain text, CSV, VOTable, access logs; .gz too.")
    ],
    threshold: Annotated[
        int, typer.Option("--threshold", "-k", min=1, help="Leave out what fewer people asked.")
    ] = 5,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the structures as CSV.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Write the structures as Parquet.")
    ] = None,
    days: Annotated[Path | None, typer.Option("--days", help="Write counts by day, CSV or Parquet.")] = None,
    candidates: Annotated[
        Path | None, typer.Option("--candidates", help="Write anonymous queries for the corpus, JSON lines.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read logs and say what is in them."""
    from vobroker.adql.querylog import LogError, Reading, mine, read, report

    reading = Reading()
    missing = next((path for path in logs if not path.is_file()), None)
    if missing is not None:
        fail(f"there is no file {missing}", 2)
    total = sum(path.stat().st_size for path in logs)
    try:
        with progress() as bar:
            task = bar.add_task("reading", total=total, note="")
            mined = mine(
                read(logs, reading, lambda done: bar.update(task, completed=done)), threshold=threshold
            )
            bar.update(task, completed=total)
    except LogError as error:
        fail(str(error), 2)
    title = f"Queries of {', '.join(path.name for path in logs[:3])}{' …' if len(logs) > 3 else ''}"
    try:
        if html:
            html.write_text(report.page(mined, title), encoding="utf-8")
        if csv:
            _table(report.table(mined), csv)
        if parquet:
            _table(report.table(mined), parquet, columnar=True)
        if days:
            _table(report.days(mined), days, columnar=days.suffix == ".parquet")
        if candidates:
            lines = (json.dumps(each, ensure_ascii=False) for each in report.candidates(mined))
            candidates.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")
    if as_json:
        print(json.dumps(report.summary(mined) | {"lines without a query": reading.skipped}, indent=1))
        return
    _show(mined, reading)


def simulate_log(
    number: Annotated[int, typer.Argument(min=1, max=10_000_000, help="Queries to write.")],
    file: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    seed: Annotated[int, typer.Option(help="Another seed, another log.")] = 0,
) -> None:
    """Write a log."""
    from vobroker.adql.querylog.simulate import access_log

    try:
        with file.open("w", encoding="utf-8") as log:
            log.writelines(access_log(number, seed=seed))
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")


def _table(rows: object, path: Path, *, columnar: bool = False) -> None:
    if columnar:
        import pyarrow.parquet as pq

        pq.write_table(rows, path, compression="zstd")
    else:
        import pyarrow.csv as text

        text.write_csv(rows, path)


def _show(mined: Mined, reading: Reading) -> None:
    from rich.table import Table

    from vobroker.adql.querylog.report import summary

    found = summary(mined)
    out.print(
        f"{mined.queries} queries, {mined.invalid} of them no ADQL 2.1; {len(mined.clusters)} structures; "
        f"{mined.rare} queries too rare to show (fewer than {mined.threshold})",
        highlight=False,
    )
    for name, count in reading.skipped.items():
        first = reading.first_skipped[name]
        err.print(f"{name}: {count} lines without a query, the first is line {first}", highlight=False)
    grid = Table("category", "queries")
    grid.columns[1].justify = "right"
    for category, count in found["categories"].items():
        grid.add_row(category, str(count))
    out.print(grid)
    grid = Table("queries", "what is asked")
    grid.columns[0].justify = "right"
    for cluster in mined.clusters[:15]:
        grid.add_row(str(cluster.count), cluster.skeleton.sentence)
    out.print(grid)
    if mined.mistakes:
        grid = Table("queries", "mistake", "instead")
        grid.columns[0].justify = "right"
        for mistake in mined.mistakes[:15]:
            grid.add_row(str(mistake.count), mistake.kind, mistake.fix)
        out.print(grid)

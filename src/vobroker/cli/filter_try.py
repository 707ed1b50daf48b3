"""``vobroker filter try``: what filters would have let through, night by night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.common import DEFAULT_ARCHIVE, ArchiveOption, fail, out, progress
from vobroker.cli.filter_load import Json, Name, load, summary
from vobroker.cli.query import wrong
from vobroker.cli.results import show as show_rows

if TYPE_CHECKING:
    from rich.progress import Progress

    from vobroker.archive import Archive
    from vobroker.filters import Comparison, Filter, Nights, Trial
    from vobroker.timeseries.plot import Format


def try_(
    name: Name,
    archive: ArchiveOption = DEFAULT_ARCHIVE,
    rows: Annotated[int, typer.Option(help="Rows to print.", min=0, max=10_000)] = 20,
    seconds: Annotated[
        float, typer.Option(help="Time that each query may take.", min=0.001, max=86_400)
    ] = 600,
    last: Annotated[
        int | None, typer.Option("--nights", help="Look at the last so many nights only.", min=1)
    ] = None,
    since: Annotated[
        int | None, typer.Option(metavar="YYYYMMDD", help="First night to look at, as 20260305.")
    ] = None,
    until: Annotated[int | None, typer.Option(metavar="YYYYMMDD", help="Last night to look at.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the match rate by night: .png or .svg.")
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Draw light curves and cutouts of so many objects that pass.", min=0, max=1000)
    ] = 0,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where samples go.")] = Path("samples"),
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Another version, to say what passes with only one of them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run filters over the archive as if its alerts came now: match rate by night, cost, and the first rows.

    What is known of each alert is what was known when it came; alerts that came later change nothing.
    """
    from vobroker.adql import AdqlError
    from vobroker.archive import ArchiveError, open_archive
    from vobroker.filters import Nights, compare, try_on

    format = _format(plot)
    nights = Nights(_night(since, "--since"), _night(until, "--until"), last)
    filters = load(name, archive)
    old = load(against, archive) if against else []
    if len(old) > 1:
        fail(f"{against} has {len(old)} filters; a trial is compared with one", 2)
    trials: list[tuple[Trial, Comparison | None, list[Path]]] = []
    try:
        with open_archive(archive, create=False, read_only=True) as store, progress() as shown:
            task = shown.add_task("filters", total=len(filters), note="")
            for f in filters:
                shown.update(task, note=f.name)
                trial = try_on(f, store, rows=rows, seconds=seconds, nights=nights)
                differs = compare(old[0], f, store, seconds=seconds, nights=nights) if old else None
                files = _sampled(f, store, folder, samples, seconds, nights, shown)
                trials.append((trial, differs, files))
                shown.advance(task)
    except AdqlError as error:
        wrong(error)
    except ArchiveError as error:
        fail(str(error))
    if plot is not None and format is not None:
        _draw(plot, format, [trial for trial, _, _ in trials])
    if as_json:
        print(json.dumps([_as_json(*one) for one in trials], indent=1))
        return
    for trial, differs, files in trials:
        _show(trial)
        if differs is not None:
            _show_difference(differs)
        if files:
            out.print(f"{len(files)} files of samples: {files[-1]}", highlight=False, soft_wrap=True)


def _night(night: int | None, option: str) -> int | None:
    """Refuse what is no date."""
    from datetime import datetime

    if night is not None:
        try:
            datetime.strptime(f"{night:08}", "%Y%m%d")
        except ValueError:
            fail(f"{option} is a night as yyyymmdd, such as 20260305, not {night}", 2)
    return night


def _format(plot: Path | None) -> Format | None:
    if plot is None:
        return None
    if plot.suffix == ".png":
        return "png"
    if plot.suffix == ".svg":
        return "svg"
    fail(f"a plot is .png or .svg, not {plot}", 2)


def _draw(file: Path, format: Format, trials: list[Trial]) -> None:
    from vobroker.filters.trial_plot import plot

    try:
        file.write_bytes(plot(trials, format))
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror or error}")


def _sampled(
    filter_: Filter, store: Archive, folder: Path, count: int, seconds: float, nights: Nights, shown: Progress
) -> list[Path]:
    from vobroker.cli.filter_samples import write_samples

    if not count:
        return []
    try:
        return write_samples(filter_, store, folder, count, shown, seconds=seconds, nights=nights)
    except OSError as error:
        fail(f"cannot write {error.filename or folder}: {error.strerror or error}")


def _show(trial: Trial) -> None:
    """Print a trial for a person."""
    from rich.table import Table

    from vobroker.filters import Budget
    from vobroker.filters.trial import BATCH
    from vobroker.filters.trial_plot import night_name

    f = trial.filter
    share = f" ({_share(trial.passed, trial.seen)} %)" if trial.seen else ""
    out.print(f"{f.name}: {trial.passed} of {trial.seen} alerts pass{share}", highlight=False)
    if trial.seen:
        table = Table("night", box=None, header_style="bold", pad_edge=False)
        for heading in ("seen", "passed", "%"):
            table.add_column(heading, justify="right")
        for row in trial.nights.to_pylist():
            seen, passed = row["seen"], row["passed"]
            table.add_row(night_name(row["night"]), f"{seen}", f"{passed}", _share(passed, seen))
        out.print(table)
        thousand, part = trial.per_thousand or 0, trial.of_budget() or 0
        out.print(
            f"version {f.version}; cost: {1000 * thousand:.3g} ms for 1,000 alerts,"
            f" {1e6 * thousand / 1000:.3g} µs for one;"
            f" {100 * part:.2g} % of the {Budget().seconds:g} s that a batch of {BATCH} may take",
            highlight=False,
            soft_wrap=True,
        )
    if trial.rows.num_rows:
        show_rows(trial.rows, f.columns)


def _show_difference(differs: Comparison) -> None:
    """Print where two filters differ."""
    from rich.table import Table

    from vobroker.filters.trial_plot import night_name

    old, new = differs.old, differs.new
    both, only_old, only_new = (differs.total(side) for side in ("both", "old", "new"))
    out.print(
        f"against {old.name} {old.version}: both let {both} pass, only the old one {only_old},"
        f" only the new one ({new.version}) {only_new}"
        + ("; the two mean the same" if old.version == new.version else ""),
        highlight=False,
        soft_wrap=True,
    )
    table = Table("night", box=None, header_style="bold", pad_edge=False)
    for heading in ("both", "only old", "only new"):
        table.add_column(heading, justify="right")
    for row in differs.nights.to_pylist():
        table.add_row(night_name(row["night"]), *(str(row[side]) for side in ("both", "old", "new")))
    if differs.nights.num_rows:
        out.print(table)
    for row in differs.examples.to_pylist():
        mag = "" if row["mag"] is None else f", {row['band']} = {row['mag']:.2f}"
        told = (
            f"only {row['passes']}: {row['survey']} alert {row['alert_id']}"
            f" of {row['object_id'] or 'no object'}, {night_name(row['night'])}{mag}"
        )
        out.print(
            "".join(c if c.isprintable() else "\ufffd" for c in told),
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _as_json(trial: Trial, differs: Comparison | None, files: list[Path]) -> dict[str, object]:
    from vobroker.alerts.columns import ALERT
    from vobroker.archive.rows import jsonable
    from vobroker.filters import Budget
    from vobroker.filters.trial import BATCH
    from vobroker.votypes.columns import Table

    done: dict[str, object] = {
        **summary(trial.filter),
        "seen": trial.seen,
        "passed": trial.passed,
        "nights": [row | {"percent": 100 * row["passed"] / row["seen"]} for row in trial.nights.to_pylist()],
        "cost": {
            "seconds": trial.seconds,
            "seconds_per_1000_alerts": trial.per_thousand,
            "budget_seconds": Budget().seconds,
            "budget_alerts": BATCH,
            "part_of_budget": trial.of_budget(),
        },
        "rows": [jsonable(row, Table("result", trial.filter.columns)) for row in trial.rows.to_pylist()],
    }
    if differs is not None:
        done["against"] = {
            "name": differs.old.name,
            "version": differs.old.version,
            **{side: differs.total(side) for side in ("both", "old", "new")},
            "nights": differs.nights.to_pylist(),
            "examples": [
                {"passes": row.pop("passes")} | jsonable(row, ALERT) for row in differs.examples.to_pylist()
            ],
        }
    if files:
        done["samples"] = [str(file) for file in files]
    return done


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g}"

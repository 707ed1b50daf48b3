"""``vobroker adql corpus``: run implementations over a corpus of queries; convert its files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vobroker.cli.adql.common import Json, Version
from vobroker.cli.common import err, fail, out, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vobroker.adql.corpus import Group, Implementation, Run

CHECKOUT = Path(__file__).resolve().parents[4] / "corpus"
_NAMED = re.compile(r"([^\s=/]+)=(.*)", re.DOTALL)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True)
    group.command(help="Ask implementations about a corpus; the exit status is 1 where one is wrong.")(run)
    group.command(help="Write a corpus in lyonetia's XML, or lyonetia's XML as a corpus.")(convert)
    app.add_typer(group, name="corpus", help="Run a corpus of queries through any parser of ADQL.")


Corpora = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[CORPUS]...", help="Folders or files of queries; corpus/ of a checkout if none."),
]


def run(
    corpora: Corpora = None,
    implementation: Annotated[
        list[str] | None,
        typer.Option(
            "--implementation",
            "-i",
            metavar="[NAME=]COMMAND",
            help="A command that reads a query on standard input and ends with status 0 if it is good; "
            "{version} becomes the version of ADQL. Can be given again. Ours if there is none.",
        ),
    ] = None,
    batch: Annotated[
        bool,
        typer.Option("--batch", help="Start a command once: NUL-ended queries in, lines valid/invalid out."),
    ] = False,
    adql: Version = "2.1",
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="An extension that counts as good, such as irsa.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds for a query.")] = 10.0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Commands in parallel.")] = 2,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write it as JUnit XML.")] = None,
    as_json: Json = False,
) -> None:
    """Run a corpus."""
    from datetime import UTC, datetime

    from vobroker.adql import corpus
    from vobroker.adql.corpus import report
    from vobroker.adql.corpus.tally import settled_trouble

    groups = _read(corpora)
    extensions = tuple(accept or ())
    runs = []
    try:
        asked = len(corpus.questions(groups, adql, extensions))
        if not asked:
            fail(f"the corpus says nothing about ADQL {adql}", 2)
        for one in _implementations(implementation, extensions, batch=batch, timeout=timeout):
            with progress() as shown:
                task = shown.add_task(one.name, total=asked, note="")
                runs.append(
                    corpus.run(
                        groups,
                        one,
                        version=adql,
                        accept=extensions,
                        jobs=jobs if implementation else 1,
                        done=lambda outcome, task=task, shown=shown: shown.advance(task),  # type: ignore[misc]
                    )
                )
    except corpus.CorpusError as error:
        fail(str(error), 2)
    made = datetime.now(UTC)
    for path, text in ((html, report.to_html), (junit, lambda runs, _: report.to_junit(runs))):
        if path is not None:
            _write(path, text(runs, made))
    if as_json:
        print(json.dumps(report.to_dict(runs, made), indent=1))
    else:
        _show(runs)
    if any(settled_trouble(one) for one in runs):
        raise typer.Exit(1)


def _read(corpora: Sequence[Path] | None) -> tuple[Group, ...]:
    from vobroker.adql import corpus

    if not corpora and not CHECKOUT.is_dir():
        fail("name a corpus: the project's own is not installed with the package", 2)
    try:
        return tuple(group for path in corpora or [CHECKOUT] for group in corpus.read(path))
    except corpus.CorpusError as error:
        fail(str(error), 2)


def _implementations(
    commands: Sequence[str] | None, extensions: tuple[str, ...], *, batch: bool, timeout: float
) -> list[Implementation]:
    from vobroker.adql import corpus

    if not commands:
        return [corpus.ours(extensions)]
    found = []
    for template in commands:
        named = _NAMED.fullmatch(template)
        name, command = named.groups() if named else ("", template)
        found.append(corpus.command(command, name=name.strip(), batch=batch, timeout=timeout))
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}", 2)


def _show(runs: Sequence[Run]) -> None:
    from rich.table import Table

    from vobroker.adql.corpus.tally import by_kind, settled_trouble

    table = Table("", "queries", *(run.implementation for run in runs))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in by_kind(runs):
        cells = [f"{t.agrees} of {t.asked}" if t.asked else "not asked" for t in row.tallies]
        table.add_row(row.name, str(row.queries), *cells)
    out.print(table)
    for run in runs:
        for outcome in settled_trouble(run)[:20]:
            text = " ".join(outcome.question.query.text.split())
            said = outcome.answer.verdict if outcome.answer else ""
            line = f"{run.implementation} {said} {outcome.question.name}: {text[:100]}"
            err.print(line, markup=False, highlight=False, soft_wrap=True)


def convert(
    source: Annotated[Path, typer.Argument(help="A file of queries, .json or .xml.")],
    target: Annotated[Path, typer.Argument(help="The file to write, .xml or .json.")],
) -> None:
    """Convert a file; features that it does not name are found out."""
    from vobroker.adql import corpus
    from vobroker.adql.corpus.describe import described

    if target.suffix not in (".json", ".xml"):
        fail(f"{target} is neither .json nor .xml", 2)
    if not source.is_file():
        fail(f"there is no file {source}", 2)
    try:
        (group,) = corpus.read(source)
        text = corpus.to_xml(group) if target.suffix == ".xml" else corpus.to_json(described(group))
    except corpus.CorpusError as error:
        fail(str(error), 2)
    _write(target, text)

"""What parsers of ADQL make of the corpus, in one run: ours, DaCHS, VOLLT and queryparser."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from bench import report
from vobroker.adql import corpus
from vobroker.adql.corpus.report import to_html, to_junit
from vobroker.adql.corpus.tally import Row, by_features, by_folder, by_kind

CHECKOUT = Path(__file__).resolve().parents[1]
NAMES = ("vobroker", "DaCHS", "VOLLT", "queryparser")


def runs(installed: Path, timeout: float) -> list[corpus.Run]:
    """Ask every implementation about the whole corpus."""
    groups = corpus.read(CHECKOUT / "corpus")
    found = []
    for name in NAMES:
        command = installed / name.lower() / "run"
        if not command.is_file():
            raise SystemExit(f"{name} is not installed: run corpus/adapters/install.sh first")
        one = corpus.command(f"{shlex.quote(str(command))} --batch", name=name, batch=True, timeout=timeout)
        with Progress() as progress:
            task = progress.add_task(name, total=len(corpus.questions(groups)))
            found.append(corpus.run(groups, one, jobs=2, done=lambda _: progress.advance(task)))  # noqa: B023
    return found


def table(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Give the lines of a table: how many verdicts agree with the standard, of how many."""

    def cell(row: Row, number: int) -> str:
        tally = row.tallies[number]
        if not tally.asked:
            return "not asked"
        return f"{tally.agrees}" if tally.asked == row.queries else f"{tally.agrees} of {tally.asked}"

    return [(row.name, str(row.queries), *(cell(row, n) for n in range(len(row.tallies)))) for row in rows]


def main() -> None:
    """Run, print, and write where asked to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--installed", type=Path, default=CHECKOUT / "build" / "adql", help="implementations"
    )
    options.add_argument("--write", type=Path, help="page between whose marks the tables go")
    options.add_argument("--html", type=Path, help="file for the report as a page")
    options.add_argument("--junit", type=Path, help="file for the report as JUnit XML")
    options.add_argument("--timeout", type=float, default=60, help="seconds for a query")
    chosen = options.parse_args()
    found = runs(chosen.installed, chosen.timeout)
    made = datetime.now(UTC)
    header = ("verdicts as in the standard", "queries", *NAMES)
    written = []
    for title, rows in (
        ("By version and verdict", by_kind(found)),
        ("By what the queries use beyond the core of the language", by_features(found)),
        ("By folder of the corpus", by_folder(found)),
    ):
        report.show(title, header, table(rows))
        written += [f"{title}:", "", *report.markdown(header, table(rows)), ""]
    versions = [(chosen.installed / name.lower() / "version").read_text().strip() for name in NAMES]
    written.append(f"Run of {made:%Y-%m-%d}: {', '.join(versions)}.")
    if chosen.write:
        report.between(chosen.write, "conformance", "\n".join(written))
    if chosen.html:
        chosen.html.write_text(to_html(found, made), encoding="utf-8")
    if chosen.junit:
        chosen.junit.write_text(to_junit(found), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The page about the corpus says what the corpus and our parser say now."""

from __future__ import annotations

import re
from pathlib import Path

from vobroker.adql import corpus
from vobroker.adql.corpus.tally import by_features, by_folder, by_kind

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "corpus.md").read_text()


def _number(cell: str) -> int:
    """Give the first number of a cell; 0 where nothing was asked."""
    return int(cell.split(maxsplit=1)[0]) if cell[0].isdecimal() else 0


def test_the_tables_of_the_page_are_of_this_corpus_and_of_our_parser() -> None:
    written = {
        cells[0]: (int(cells[1]), _number(cells[2]))
        for line in PAGE.partition("<!-- conformance -->")[2]
        .partition("<!-- /conformance -->")[0]
        .splitlines()
        if len(cells := [cell.strip() for cell in line.strip("| ").split("|")]) == 6 and cells[1].isdecimal()
    }
    # Our parser as a command is not told of declared functions, like the others.
    ours = corpus.Implementation("ours", corpus.ours().start)
    runs = [corpus.run(corpus.read(ROOT / "corpus"), ours)]
    found = {
        row.name: (row.queries, row.tallies[0].agrees)
        for rows in (by_kind(runs), by_features(runs), by_folder(runs))
        for row in rows
    }
    assert {name: queries for name, (queries, _) in written.items()} == {
        name: queries for name, (queries, _) in found.items()
    }
    # The page is of a dated run; our parser may have got better since, not worse.
    worse = [name for name, (_, agrees) in written.items() if not agrees <= found[name][1]]
    assert worse == []
    assert f"{len(runs[0].outcomes):,} of them" in PAGE


def test_the_page_names_the_versions_and_the_day_of_the_run() -> None:
    assert re.search(
        r"Run of 20\d\d-\d\d-\d\d: vobroker .*DaCHS .* 2\.7.*, VOLLT .* 1\.5.*, queryparser 0\.8", PAGE
    )
    assert "ms a query" in PAGE

"""The reference of the tables, out of the column table.

``python -m vobroker.archive.describe docs/archive.md`` brings a page up to date between its two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vobroker.alerts.columns import ARCHIVE
from vobroker.votypes.columns import Table

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def updated(page: str) -> str:
    """Give a page with the tables put between its marks.

    Raises
    ------
    ValueError
        If the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the tables, between {BEGIN} and {END}")
    described = "\n\n".join(markdown(table) for table in ARCHIVE)
    return f"{before}{BEGIN}\n{described}\n{END}{after}"


def markdown(table: Table) -> str:
    """Describe a table: a heading, a sentence, its columns with type, unit, UCD and meaning."""
    rows = [
        f"| `{column.name}` | {column.type} | {column.unit} | {column.ucd} | {column.description} |"
        for column in table
    ]
    head = ["| column | type | unit | UCD | |", "|---|---|---|---|---|"]
    return "\n".join([f"### {table.name}", "", f"{table.description}.", "", *head, *rows])


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(updated(path.read_text()))

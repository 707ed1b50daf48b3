"""Query results on the screen."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from vobroker.votypes.columns import Column


class Form(StrEnum):
    """How a result is shown: a table on the screen, or the forms of files."""

    table = "table"
    csv = "csv"
    json = "json"
    votable = "votable"
    parquet = "parquet"


def show(rows: pa.Table, columns: tuple[Column, ...]) -> None:
    """Print a result as a table with units in its head."""
    from rich.table import Table

    from vobroker.cli.common import out

    table = Table()
    for column in columns:
        unit = f"\n[dim]{column.unit}[/]" if column.unit else ""
        right = column.datatype.numeric
        table.add_column(
            f"{_plain(column.name)}{unit}", justify="right" if right else "left", overflow="fold"
        )
    digits = [6 if column.type == "REAL" else 10 for column in columns]
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        table.add_row(*map(_cell, row, digits))
    out.print(table)


def _cell(value: object, digits: int) -> str:
    from vobroker.archive.results import text

    if value is None:
        return "[dim]-[/]"
    return f"{value:.{digits}g}" if isinstance(value, float) else _plain(text(value))


def _plain(text: str) -> str:
    """Keep text of the data from being read as markup, or as commands to the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text).replace("[", "\\[")

"""Query results on the screen and in files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from vobroker.cli.common import fail

if TYPE_CHECKING:
    import pyarrow as pa

    from vobroker.tap.formats import Format
    from vobroker.votypes.columns import Column

SCREEN = "table"
"""The form of a result that is shown on the screen."""

NAMES = "votable, votable/td, votable/b2, votable/b, xml, parquet, fits, csv, tsv, json, arrow"
"""The formats of files, as :mod:`vobroker.tap.formats` has them, whose import takes long."""


def chosen(name: str | None, out: Path | None) -> Format | None:
    """Give the format of a result: by its name, or by the suffix of the file; None is the screen's."""
    from vobroker.tap import formats

    if name is None and out is not None:
        suffix = out.suffix.lower().removeprefix(".")
        found = [form for form in formats.FORMATS if suffix in (form.suffix, *form.names)]
        if not found:
            fail(f"'{out.name}' does not tell its format; name one with --format: {NAMES}", 2)
        return found[0]
    if name in (None, SCREEN):
        return None
    try:
        return formats.find(str(name))
    except ValueError as error:
        fail(f"{error}, and {SCREEN} for the screen", 2)


def put(pieces: Iterable[bytes], out: Path | None) -> None:
    """Write a file, or standard output; a file is there only when it is whole."""
    if out is None:
        _print(pieces)
        return
    try:
        with _whole(out) as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}")


def _print(pieces: Iterable[bytes]) -> None:
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # who reads has seen enough
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _whole(out: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when all is in it; a device or a pipe is written to at once."""
    if out.exists() and not out.is_file():
        with out.open("wb") as file:
            yield file
        return
    out = out.resolve()
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


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
    if value is None:
        return "[dim]-[/]"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return _plain(value.isoformat() if hasattr(value, "isoformat") else str(value))


def _plain(text: str) -> str:
    """Keep text of the data from being read as markup, or as commands to the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text).replace("[", "\\[")

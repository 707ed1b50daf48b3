"""How every benchmark shows what it measured: a table, and a plot where one is asked for."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table


def machine() -> str:
    """One line about what the figures were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    table = Table(title=f"{title} ({machine()})", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Give the lines of a table for a page of the documentation."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def between(page: Path, mark: str, text: str) -> None:
    """Write a text into a page, between ``<!-- mark -->`` and ``<!-- /mark -->``."""
    before, begin, rest = page.read_text().partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    if not begin or not end:
        raise SystemExit(f"{page} has no marks for '{mark}'")
    page.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")


def bars(path: Path, title: str, unit: str, values: dict[str, float]) -> None:
    """Draw one horizontal bar a value, from zero, or on a logarithmic axis if some were invisible there."""
    figure = Figure(figsize=(7, 0.6 + 0.45 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color="#4063a0")
    axes.bar_label(drawn, labels=[f"{values[name]:,.0f}" for name in names], padding=3)
    far = max(values.values()) > 30 * min(values.values())
    axes.set_xscale("log" if far else "linear")
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(right=(5 if far else 1.1) * max(values.values()))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)

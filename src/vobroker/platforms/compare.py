"""Platforms side by side."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vobroker.platforms.descriptor import GROUPS, ROLES, Platform
from vobroker.platforms.write import Line, line, told


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is compared: where it belongs, what it is, and a cell for each platform."""

    section: str
    text: str
    cells: tuple[Line | None, ...]
    """None where the platform has no such role or dataset."""


def compare(platforms: Sequence[Platform], today: datetime.date, *, unknown: bool = False) -> list[Row]:
    """Put platforms side by side, field by field.

    Parameters
    ----------
    platforms
        The platforms, a column each.
    today
        The day, UTC, from which facts are stale.
    unknown
        Whether rows of which nothing is known are there too.
    """
    rows = [*_fields(platforms, today), *_datasets(platforms, today)]
    return [row for row in rows if unknown or any(cell and cell.fact for cell in row.cells)]


def _fields(platforms: Sequence[Platform], today: datetime.date) -> Iterator[Row]:
    for name, field in GROUPS["platform"].items():
        yield Row("", field.text, tuple(line("", field, one.facts[name], today) for one in platforms))
    for role in ROLES:
        if any(role in one.roles for one in platforms):
            columns = [
                list(told(role, "role", one.roles[role], today)) if role in one.roles else None
                for one in platforms
            ]
            for number, field in enumerate(GROUPS["role"].values()):
                cells = tuple(None if column is None else column[number] for column in columns)
                yield Row(f"as {role}", field.text, cells)


def _datasets(platforms: Sequence[Platform], today: datetime.date) -> Iterator[Row]:
    titles = {dataset.id: dataset.title for one in reversed(platforms) for dataset in one.datasets}
    for identifier, title in sorted(titles.items()):
        found = [one.dataset(identifier) for one in platforms]
        for name in ("closeness", "size", "identity"):
            field = GROUPS["dataset"][name]
            cells = tuple(
                None if one is None else line(one.id, field, one.facts[name], today) for one in found
            )
            yield Row(title, field.text, cells)

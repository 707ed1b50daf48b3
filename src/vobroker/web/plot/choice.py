"""Which columns of a result to plot: what the reader says, or what their UCDs suggest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vobroker.votypes.columns import Column

_NAMES = ("meta.id", "meta.code", "meta.version", "meta.ref", "pos.healpix")
"""UCDs of numbers that name something: they are drawn when somebody asks for them, not by themselves."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Columns of a plot by name; without ``y`` it shows how many rows there are of each ``x``."""

    x: str
    y: str = ""
    colour: str = ""


def axes(columns: Iterable[Column]) -> list[Column]:
    """Give the columns that can be an axis: numbers, times, texts, truth values."""
    return [
        column
        for column in columns
        if column.datatype.numeric or column.type in ("TIMESTAMP", "BOOLEAN") or is_text(column)
    ]


def colours(columns: Iterable[Column]) -> list[Column]:
    """Give the columns that points can be coloured by."""
    return [column for column in axes(columns) if column.type != "TIMESTAMP"]


def choose(
    columns: Sequence[Column], x: str | None, y: str | None, colour: str | None, *, one_place: bool = False
) -> Choice | None:
    """Give what to plot; ``None`` where nothing of the result can be.

    Parameters
    ----------
    columns
        Columns of the result.
    x, y, colour
        Names that the reader chose; None leaves the choice to us, the empty name is none.
    one_place
        Whether all rows are at one place on the sky, whose map would be a dot.

    Raises
    ------
    ValueError
        If there is no such column, or it cannot be drawn.
    """
    given = {"x": x, "y": y, "colour": colour}
    for role, name in given.items():
        known = {column.name for column in (colours if role == "colour" else axes)(columns)}
        if name and name not in known:
            raise ValueError(f"the result has no column '{name[:40]}' that can be the {role} of a plot")
    suggested = suggest(columns, one_place=one_place)
    if not x:
        return suggested
    return Choice(x, y or "", colour or "")


def suggest(columns: Sequence[Column], *, one_place: bool = False) -> Choice | None:
    """Choose by UCDs: the sky, else brightness over time, else the first two measures."""
    place = (_first(columns, "pos.eq.ra"), _first(columns, "pos.eq.dec"))
    time = next((column for column in columns if is_time(column)), None)
    bright = _first(columns, "phot.mag") or _first(columns, "phot.flux")
    band = _first(columns, "instr.bandpass")
    measures = [column for column in columns if column.datatype.numeric and not _is_name(column)]
    texts = [column for column in columns if is_text(column)]
    if place[0] and place[1] and not (one_place and time and bright):
        return _of(place[0], place[1], band or bright)
    if time and bright:
        return _of(time, bright, band)
    if len(measures) > 1:
        first, second, *_ = measures
        return _of(*((second, first) if is_time(second) else (first, second)), band)
    if measures and texts:
        return _of(texts[0], measures[0], texts[1] if len(texts) > 1 else None)
    lone = [*measures, *texts[:1]]
    return _of(lone[0], None, None) if lone else None


def is_text(column: Column) -> bool:
    """Whether a column holds words, such as the names of bands."""
    return column.datatype.arrow == "string" and column.datatype.xtype == ""


def is_time(column: Column) -> bool:
    """Whether a column holds moments, which have a scale."""
    return column.type == "TIMESTAMP" or (
        column.datatype.numeric and has_word(column, "time") and _scaled(column)
    )


def has_word(column: Column, word: str) -> bool:
    """Whether the first word of a column's UCD is this one, or a narrower one."""
    first = column.ucd.partition(";")[0].lower()
    return first == word or first.startswith(f"{word}.")


def _scaled(column: Column) -> bool:
    return column.unit == "d" and column.system != ""


def _first(columns: Iterable[Column], word: str) -> Column | None:
    return next((column for column in axes(columns) if has_word(column, word)), None)


def _is_name(column: Column) -> bool:
    return any(has_word(column, word) for word in _NAMES)


def _of(x: Column, y: Column | None, colour: Column | None) -> Choice:
    return Choice(x.name, y.name if y else "", colour.name if colour else "")

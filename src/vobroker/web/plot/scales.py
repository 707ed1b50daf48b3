"""Columns as positions on an axis: numbers, times and words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.font_manager import FontProperties, findfont, get_font
from numpy.typing import NDArray

from vobroker.votypes.columns import Column
from vobroker.votypes.systems import find

MOST_WORDS = 12
"""Words that an axis or a legend has room for; the rarer ones share a place."""

_OTHER = "others"
_DAY = 86_400e6  # microseconds
_MOMENTS = (-354_285.0, 376_200.0)  # days since 1970 of the years 1000 to 3000, which calendars can show
_LARGEST, _SMALLEST = 1e100, 1e-100  # beyond these the arithmetic of axes overflows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """A column of a plot.

    Attributes
    ----------
    column
        The column.
    values
        Positions, shape (n,): numbers, days since 1970, or places in ``words``; NaN where there is none.
    words
        What the places mean; empty for numbers and times.
    label
        Name with its unit, its time scale or its frame.
    """

    column: Column
    values: Floats
    words: tuple[str, ...]
    label: str

    @property
    def is_moment(self) -> bool:
        """Whether the values are days since 1970."""
        return self.column.type == "TIMESTAMP"


def scale(column: Column, values: pa.ChunkedArray) -> Scale:
    """Give a column as positions on an axis."""
    label = _label(column)
    if column.type == "TIMESTAMP":
        days = values.cast(pa.int64()).to_numpy() / _DAY
        known = ~_missing(values) & (days > _MOMENTS[0]) & (days < _MOMENTS[1])
        return Scale(column, np.where(known, days, np.nan), (), label)
    if column.datatype.numeric:
        numbers: Floats = values.cast(pa.float64()).to_numpy()
        numbers = np.where(np.abs(numbers) < _SMALLEST, 0.0, numbers)
        return Scale(column, np.where(np.abs(numbers) < _LARGEST, numbers, np.nan), (), label)
    places, words = _placed(values)
    return Scale(column, places, words, label)


def plain(text: str, most: int = 40) -> str:
    """Give text as a plot can show it: one short line of characters that its font has."""
    font = get_font(findfont(FontProperties()))
    shown = "".join(c if c.isprintable() and font.get_char_index(ord(c)) else "\ufffd" for c in text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _placed(values: pa.ChunkedArray) -> tuple[Floats, tuple[str, ...]]:
    """Give each word a place, the words in order; what is rare shares the last."""
    texts = values.cast(pa.string()).combine_chunks()
    counted = pc.value_counts(texts.drop_null()).to_pylist()
    often = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    rare = len(often) > MOST_WORDS
    kept = sorted(entry["values"] for entry in often[: MOST_WORDS - rare])
    found = pc.index_in(texts, pa.array(kept, pa.string())).cast(pa.float64())
    if rare:
        found = pc.fill_null(found, float(len(kept)))
        kept.append(_OTHER)
    places: Floats = found.to_numpy(zero_copy_only=False)
    return np.where(_missing(values), np.nan, places), tuple(kept)


def _missing(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = pc.is_null(values).to_numpy()
    return missing


@cache
def _label(column: Column) -> str:
    notes = [column.unit] if column.unit else []
    if system := find(column.system):
        origin = system.attributes.get("timeorigin", "").removesuffix("-origin")
        notes = [origin] if origin else notes
        notes.append(system.attributes.get("timescale") or system.attributes.get("system", ""))
    return plain(column.name) + (f" ({plain(', '.join(notes))})" if notes else "")

"""Results with every type, written and given to the readers that people use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from tests.votypes.values import VALUES

from vobroker.tap.formats import Head, Outcome, find, write
from vobroker.votypes.arrow import schema, to_arrow
from vobroker.votypes.columns import Column, Table

CELLS = VALUES | {
    "VARCHAR": st.text(st.characters(exclude_categories=("Cs",)), max_size=12),  # control characters and all
    "BLOB": st.binary(max_size=9),
}
"""Strategy of a value by name of the type: also what no sane survey sends."""

EVERY = tuple(Column(f"c_{number}", name) for number, name in enumerate(CELLS))

Values = dict[str, list[Any]]


@st.composite
def results(draw: st.DrawFn) -> tuple[Values, list[pa.RecordBatch]]:
    """Draw values of every type with nulls between them, in batches that share buffers."""
    rows = draw(st.integers(0, 5))
    cells = {name: st.none() | values for name, values in CELLS.items()}
    values = {
        name: draw(st.lists(cell, min_size=rows, max_size=rows), label=name) for name, cell in cells.items()
    }
    cut = draw(st.integers(0, rows))
    whole = batch(EVERY, values.values())
    return values, [whole.slice(0, cut), whole.slice(cut)]


def batch(columns: Sequence[Column], values: Any) -> pa.RecordBatch:
    """Make a batch of values as :mod:`vobroker.votypes.literals` has them."""
    arrays = [to_arrow(column.type, list(cells)) for column, cells in zip(columns, values, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(Table("result", tuple(columns))))


def written(
    form: str,
    batches: Sequence[pa.RecordBatch] | Iterator[pa.RecordBatch],
    columns: Sequence[Column] = EVERY,
    outcome: Outcome | None = None,
    **head: Any,
) -> bytes:
    """Write a result."""
    ended = outcome or Outcome()
    return b"".join(write(find(form), iter(batches), Head(tuple(columns), **head), lambda: ended))

"""Sets of HEALPix cells of mixed orders, as half-open ranges of cells of order 29."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vobroker.enrich.errors import EnrichError
from vobroker.sky.healpix import ORDER

Cells = NDArray[np.int64]


def from_uniq(uniq: ArrayLike, where: str) -> tuple[Cells, Cells]:
    """Give the order and the cell that each NUNIQ number is (MOC 2.0, section 4.3.1): 4·4^order + cell.

    Raises
    ------
    EnrichError
        If a number is none; the sentence names its row.
    """
    numbers = np.asarray(uniq).astype(np.int64)
    bad = np.flatnonzero((numbers < 4) | (numbers >= 16 * 4**ORDER))
    if bad.size:
        raise EnrichError(f"{where}, row {bad[0] + 1}: {numbers[bad[0]]} is no cell in NUNIQ")
    order = (np.log2(numbers.astype(np.float64)).astype(np.int64) - 2) >> 1
    # The logarithm of a large number just below a power of 4 is rounded up.
    order -= numbers < (np.int64(4) << (2 * order))
    order += (order < ORDER) & (numbers >= (np.int64(4) << (2 * np.minimum(order + 1, ORDER))))
    return order, numbers - (np.int64(4) << (2 * order))


def ranges(order: Cells | int, cell: Cells, last: Cells | None = None) -> Cells:
    """Give cells, or runs of cells up to a last one, as ranges of order 29, shape (n, 2)."""
    shift = 2 * (ORDER - np.asarray(order, np.int64))
    return np.column_stack([cell << shift, ((cell if last is None else last) + 1) << shift]).astype(np.int64)


def merged(pairs: Cells) -> Cells:
    """Give ranges in order, those that touch or overlap as one."""
    if not len(pairs):
        return pairs.reshape(0, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(pairs[:, 1])
    first = np.flatnonzero(np.r_[True, pairs[1:, 0] > reach[:-1]])
    return np.column_stack([pairs[first, 0], reach[np.r_[first[1:] - 1, len(pairs) - 1]]])


def place(starts: Cells, stops: Cells, cells: Cells) -> Cells:
    """Give the range that each cell of order 29 is in, by its number; -1 for none.

    Parameters
    ----------
    starts, stops
        Ranges in order, that do not overlap.
    cells
        Cells of order 29; negative ones are none.
    """
    if not len(starts):
        return np.full(len(cells), -1, np.int64)
    found = np.searchsorted(starts, cells, side="right") - 1
    return np.where((found >= 0) & (cells < stops[np.maximum(found, 0)]), found, -1)

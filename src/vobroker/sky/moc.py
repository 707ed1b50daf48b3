"""Multi-order coverage maps out of ranges of cells, in the JSON of MOC 2.0 (section 4.3.3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vobroker.sky.healpix import ORDER

Cells = NDArray[np.int64]

_AT_ONCE = 1_000_000  # ranges that are looked at together


def coarser(pairs: Cells, order: int) -> Cells:
    """Give the cells of an order that ranges of order 29 touch.

    Parameters
    ----------
    pairs
        Half-open ranges in order, shape (n, 2).
    order
        0 to 29.

    Returns
    -------
    array of int64, shape (m, 2)
        Half-open ranges of cells of that order, disjoint and not touching.
    """
    shift = 2 * (ORDER - order)
    found = np.empty((0, 2), np.int64)
    for first in range(0, len(pairs), _AT_ONCE):
        part = np.asarray(pairs[first : first + _AT_ONCE], np.int64)
        wide = np.column_stack([part[:, 0] >> shift, ((part[:, 1] - 1) >> shift) + 1])
        found = _joined(np.concatenate([found, wide]))
    return found


def cells(pairs: Cells, order: int) -> dict[int, Cells]:
    """Give ranges of cells of an order as the fewest cells of that order and coarser ones.

    Returns
    -------
    dict of int to array of int64
        Cells by order; the order itself is always there, since it says how fine the map is.
    """
    found: dict[int, Cells] = {}
    low, high = pairs[:, 0], pairs[:, 1]
    for level in range(order, -1, -1):
        if level:
            # What does not fill a coarser cell stays: up to three cells at either end of a range.
            begin, end = np.minimum(-(-low // 4) * 4, high), np.maximum(high // 4 * 4, low)
            whole = begin <= end
            begin, end = np.where(whole, begin, high), np.where(whole, end, high)
            here = np.concatenate([_each(low, begin), _each(end, high)])
            low, high = begin // 4, end // 4
            left = low < high
            low, high = low[left], high[left]
        else:
            here = _each(low, high)
        if len(here) or level == order:
            found[level] = np.sort(here)
    return found


def as_json(found: Mapping[int, Cells]) -> dict[str, list[int]]:
    """Write cells by order as MOC 2.0 has it in JSON."""
    return {str(order): found[order].tolist() for order in sorted(found)}


def _joined(pairs: Cells) -> Cells:
    if not len(pairs):
        return pairs
    first = np.flatnonzero(np.r_[True, pairs[1:, 0] > np.maximum.accumulate(pairs[:, 1])[:-1]])
    last = np.r_[first[1:] - 1, len(pairs) - 1]
    return np.column_stack([pairs[first, 0], np.maximum.accumulate(pairs[:, 1])[last]])


def _each(low: Cells, high: Cells) -> Cells:
    """Give all numbers of half-open ranges."""
    size = high - low
    total = int(size.sum())
    before = np.repeat(np.cumsum(size) - size, size)
    each: Cells = np.repeat(low, size) + np.arange(total) - before
    return each

"""HEALPix cells as a preselection: which cells a shape may meet, and how rows are held against them.

A table that has the cell of each of its positions (:attr:`vobroker.votypes.columns.Table.position`) is asked
for a few ranges of cells first, which an index or the minima and maxima of blocks of rows answer; the exact
test decides among the rows that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from vobroker.adql.platforms.sphere import Convex

Range = tuple[int, int]
"""Nested cells of order 29: ``start <= cell < stop``."""

MAX_RANGES = 32
"""Most ranges of a preselection: each is one more comparison for every row."""


class Cells(Protocol):
    """What knows the cells under a shape, as the module :mod:`vobroker.sky` does.

    Ranges may cover more than the shape, never less.
    """

    def cone_ranges(self, ra: float, dec: float, radius: float) -> list[Range]:
        """Give the ranges that cover a cone; all in degrees, 0 <= ra <= 360."""
        ...

    def polygon_ranges(self, parts: Sequence[Convex]) -> list[Range]:
        """Give the ranges that cover a polygon, given as the inward normals of its convex parts."""
        ...


def joined(ranges: Sequence[Range], most: int = MAX_RANGES) -> list[Range]:
    """Make ordered ranges fewer by closing the smallest gaps between them."""
    gaps = sorted(range(1, len(ranges)), key=lambda n: ranges[n - 1][1] - ranges[n][0])[: most - 1]
    edges = [0, *sorted(gaps), len(ranges)]
    return [(ranges[a][0], ranges[b - 1][1]) for a, b in pairwise(edges) if b > a]


def within(cell: str, ranges: Sequence[Range]) -> str:
    """Write that a cell is in one of some ordered ranges; of many, as a search by halves."""
    if len(ranges) > MAX_RANGES:
        half = len(ranges) // 2
        low, high = (within(cell, part) for part in (ranges[:half], ranges[half:]))
        return f"({cell} < {ranges[half][0]:d} AND {low} OR {cell} >= {ranges[half][0]:d} AND {high})"
    tests = [f"{cell} BETWEEN {start:d} AND {stop - 1:d}" for start, stop in ranges]
    return f"({' OR '.join(tests)})" if tests else f"({cell} < 0)"

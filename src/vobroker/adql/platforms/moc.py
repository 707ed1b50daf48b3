"""Coverage maps written as text: ``3/1-3,7 6/512`` (MOC 2.0 section 4.3.2, the ASCII serialisation).

Read word by word in one pass: text of any kind is answered in a time that grows with its length only.
"""

from __future__ import annotations

import re

ORDER = 29
"""Order of the cells that ranges are given in, the finest of a MOC."""

MAX_RANGES = 10_000
"""Most separate ranges of cells."""

_WORD = re.compile(r"(?:s?([0-9]{1,2})/)?(?:([0-9]{1,19})(?:-([0-9]{1,19}))?)?", re.ASCII)


class MocError(Exception):
    """A coverage map that is not read, with the reason as the end of a sentence."""


def read(text: str) -> list[tuple[int, int]]:
    """Read a coverage map of the sky.

    Returns
    -------
    list of (int, int)
        Half-open ranges of nested cells of order 29, in order, disjoint and not touching.

    Raises
    ------
    MocError
        If it is none, is one of time or frequency, or has more than :data:`MAX_RANGES` ranges.
    """
    order = -1
    found = []
    for word in text.replace(",", " ").split():
        parts = _WORD.fullmatch(word)
        if parts is None:
            raise MocError(f"has {word[:30]} where an order or cells belong")
        if parts[1] is not None:
            order = int(parts[1])
            if order > ORDER:
                raise MocError(f"is of order {order}; the finest is {ORDER}")
        if parts[2] is None:
            continue
        if order < 0:
            raise MocError("does not begin with an order")
        first = int(parts[2])
        last = int(parts[3]) if parts[3] else first
        if not first <= last < 12 * 4**order:
            raise MocError(f"has {word[:30]}, which order {order} has not")
        shift = 2 * (ORDER - order)
        found.append((first << shift, last + 1 << shift))
    if order < 0:
        raise MocError("is empty")
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    if len(merged) > MAX_RANGES:
        raise MocError(f"has {len(merged)} separate ranges of cells; the most are {MAX_RANGES}")
    return merged

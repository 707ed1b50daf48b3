"""How long to wait before the next attempt: longer each time, and not all at the same moment."""

from __future__ import annotations

import random


class Backoff:
    """Delays that double, each between half and all of what it may be.

    Parameters
    ----------
    first, most
        Seconds, at first and at most.
    """

    def __init__(self, first: float = 1.0, most: float = 60.0) -> None:
        self._first = first
        self._most = most
        self._next = first

    def delay(self) -> float:
        """Give the seconds to wait now."""
        longest, self._next = self._next, min(2 * self._next, self._most)
        return random.uniform(longest / 2, longest)  # noqa: S311 -- it hides nothing

    def reset(self) -> None:
        """Begin again, after a success."""
        self._next = self._first

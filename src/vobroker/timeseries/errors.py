"""What goes wrong with documents that should hold time series."""

from __future__ import annotations


class TimeSeriesError(Exception):
    """A document that cannot be read or written, with the reason in one sentence.

    Parameters
    ----------
    reason
        What is wrong.
    place
        Where: element and line, keyword, column.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)

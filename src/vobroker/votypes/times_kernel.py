"""The compiled loop that writes times as text: ``2026-11-24T01:02:03.456789``, 26 characters each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from vobroker.votypes.memory import store8

WIDTH = 26
FIRST, LAST = -62_167_219_200_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the years that have four digits, 0000 to 9999."""

_DAY = np.uint64(86_400_000_000)
_CYCLE = np.uint32(146_097)  # days of 400 years, after which the calendar repeats itself
_BEFORE = np.uint64(719_468 + 146_097) * _DAY  # from 400 years before 0000-03-01 to 1970: nothing is negative


@njit(inline="always")
def _two(to: Any, number: Any) -> None:
    """Write two digits to an address."""
    tens = number // np.uint32(10)
    store8(to, np.uint8(np.uint32(48) + tens))
    store8(to + 1, np.uint8(np.uint32(48) + number - tens * np.uint32(10)))


@njit(cache=True, nogil=True)
def write_times(times: Any, to: Any) -> None:
    """Write times (int64, microseconds since 1970) to an address, 26 bytes each.

    A year is counted from March, so that its last day is the one that is not always there: the months before
    then have 153 days every five, whatever the year. Unsigned numbers are divided fastest.
    """
    for row in range(times.shape[0]):
        since = np.uint64(times[row] + np.int64(_BEFORE))
        days = since // _DAY
        rest = since - days * _DAY
        day = np.uint32(days)
        cycle = day // _CYCLE
        day -= cycle * _CYCLE
        year = (
            day - day // np.uint32(1_460) + day // np.uint32(36_524) - day // np.uint32(146_096)
        ) // np.uint32(365)
        day -= np.uint32(365) * year + year // np.uint32(4) - year // np.uint32(100)
        month = (np.uint32(5) * day + np.uint32(2)) // np.uint32(153)
        day -= (np.uint32(153) * month + np.uint32(2)) // np.uint32(5)
        year += np.uint32(400) * cycle - np.uint32(400)
        if month < np.uint32(10):
            month += np.uint32(3)
        else:
            month -= np.uint32(9)
            year += np.uint32(1)
        seconds = np.uint32(rest // np.uint64(1_000_000))
        micros = np.uint32(rest - np.uint64(seconds) * np.uint64(1_000_000))
        minutes = seconds // np.uint32(60)
        hours = minutes // np.uint32(60)
        _two(to, year // np.uint32(100))
        _two(to + 2, year % np.uint32(100))
        store8(to + 4, np.uint8(45))  # -
        _two(to + 5, month)
        store8(to + 7, np.uint8(45))
        _two(to + 8, day + np.uint32(1))
        store8(to + 10, np.uint8(84))  # T
        _two(to + 11, hours)
        store8(to + 13, np.uint8(58))  # :
        _two(to + 14, minutes - np.uint32(60) * hours)
        store8(to + 16, np.uint8(58))
        _two(to + 17, seconds - np.uint32(60) * minutes)
        store8(to + 19, np.uint8(46))  # .
        _two(to + 20, micros // np.uint32(10_000))
        _two(to + 22, micros // np.uint32(100) % np.uint32(100))
        _two(to + 24, micros % np.uint32(100))
        to += WIDTH

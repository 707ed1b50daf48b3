"""The compiled loop that writes the cells of rows one after the other, most significant byte first.

VOTable 1.5 sections 5.3 (BINARY) and 5.4 (BINARY2), FITS 4.0 section 7.3.3 (binary tables). It works on the
addresses of Arrow buffers, so that no value becomes a Python object and none is copied twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from vobroker.votypes.memory import (
    load8,
    load16,
    load32,
    load64,
    store8,
    swapped16,
    swapped32,
    swapped64,
)

FIXED, BOOL, UTF16, COUNTED, PADDED = range(5)
"""What a cell is: a fixed number of elements; a truth value; a count and UTF-16; a count and elements;
printable ASCII, filled up with zeros."""

_TRUE, _FALSE, _REPLACED = 84, 70, 63  # "T", "F", "?"


@njit(inline="always")
def _set(bits: Any, place: Any) -> Any:
    """Whether the bit at a place is set."""
    return (load8(bits + (place >> 3)) >> np.uint8(place & 7)) & np.uint8(1)


@njit(inline="always")
def _element(width: Any, source: Any, to: Any) -> None:
    """Copy one element and turn its bytes round."""
    if width == 8:
        swapped64(to, load64(source))
    elif width == 4:
        swapped32(to, load32(source))
    elif width == 2:
        swapped16(to, load16(source))
    else:
        store8(to, load8(source))


@njit(inline="always")
def _blank(width: Any, fill: Any, to: Any) -> None:
    """Write an element that stands for no value."""
    if width == 8:
        swapped64(to, np.uint64(fill))
    elif width == 4:
        swapped32(to, np.uint32(fill))
    elif width == 2:
        swapped16(to, np.uint16(fill))
    else:
        store8(to, np.uint8(fill))


@njit
def _utf16(start: Any, stop: Any, to: Any) -> Any:
    """Write UTF-8 as UTF-16 and give the address after it; Arrow's strings are valid UTF-8."""
    at = start
    while at < stop:
        byte = np.uint32(load8(at))
        if byte < 0x80:
            swapped16(to, np.uint16(byte))
            at += 1
            to += 2
            continue
        if byte < 0xE0 and at + 2 <= stop:
            code = (byte & np.uint32(0x1F)) << np.uint32(6) | (np.uint32(load8(at + 1)) & np.uint32(0x3F))
            at += 2
        elif byte < 0xF0 and at + 3 <= stop:
            code = (byte & np.uint32(0x0F)) << np.uint32(12)
            code |= (np.uint32(load8(at + 1)) & np.uint32(0x3F)) << np.uint32(6)
            code |= np.uint32(load8(at + 2)) & np.uint32(0x3F)
            at += 3
        elif at + 4 <= stop:
            code = (byte & np.uint32(0x07)) << np.uint32(18)
            code |= (np.uint32(load8(at + 1)) & np.uint32(0x3F)) << np.uint32(12)
            code |= (np.uint32(load8(at + 2)) & np.uint32(0x3F)) << np.uint32(6)
            code |= np.uint32(load8(at + 3)) & np.uint32(0x3F)
            code -= np.uint32(0x10000)
            swapped16(to, np.uint16(np.uint32(0xD800) | (code >> np.uint32(10))))
            to += 2
            code = np.uint32(0xDC00) | (code & np.uint32(0x3FF))
            at += 4
        else:
            code = np.uint32(0xFFFD)
            at = stop
        swapped16(to, np.uint16(code))
        to += 2
    return to


@njit
def _ascii(start: Any, stop: Any, to: Any, width: Any) -> None:
    """Write the printable characters of UTF-8, "?" for each other one, and zeros up to the width."""
    end = to + width
    for at in range(start, stop):
        byte = load8(at)
        if byte & 0xC0 == 0x80:  # goes on with the character before
            continue
        store8(to, byte if 32 <= byte < 127 else np.uint8(_REPLACED))
        to += 1
    for rest in range(to, end):
        store8(rest, np.uint8(0))


@njit(cache=True, nogil=True)
def write_rows(
    cell: Any,
    width: Any,
    count: Any,
    data: Any,
    offsets: Any,
    valid: Any,
    first: Any,
    fill: Any,
    rows: Any,
    flags: Any,
    to: Any,
) -> Any:
    """Write rows to an address and give the address after the last byte.

    Parameters
    ----------
    cell, width, count
        What each column's cells are, bytes of an element, elements of a fixed cell, int64 of shape
        (columns,).
    data, offsets, valid
        Addresses of each column's values, 32-bit offsets and validity bits, int64 of shape (columns,);
        ``valid`` is 0 for a column without nulls.
    first
        Bit of ``valid``, and of the values of truth, that is the first row's, int64 of shape (columns,).
    fill
        Bit pattern of an element that stands for no value, uint64 of shape (columns,).
    rows
        Number of rows.
    flags
        Whether each row begins with a bit for each null, as in BINARY2.
    to
        Address with room for all of it.
    """
    columns = cell.shape[0]
    for row in range(rows):
        if flags:
            byte = np.uint8(0)
            for c in range(columns):
                if valid[c] and not _set(valid[c], first[c] + row):
                    byte |= np.uint8(128 >> (c & 7))
                if c & 7 == 7:
                    store8(to, byte)
                    to += 1
                    byte = np.uint8(0)
            if columns & 7:
                store8(to, byte)
                to += 1
        for c in range(columns):
            what = cell[c]
            size = width[c]
            null = valid[c] != 0 and not _set(valid[c], first[c] + row)
            if what == FIXED:
                number = count[c]
                if null:
                    for i in range(number):
                        _blank(size, fill[c], to + i * size)
                else:
                    source = data[c] + row * number * size
                    for i in range(number):
                        _element(size, source + i * size, to + i * size)
                to += number * size
            elif what == BOOL:
                if null:
                    store8(to, np.uint8(fill[c]))
                else:
                    store8(to, np.uint8(_TRUE if _set(data[c], first[c] + row) else _FALSE))
                to += 1
            else:
                start = np.int64(load32(offsets[c] + 4 * row))
                stop = np.int64(load32(offsets[c] + 4 * row + 4))
                if null:
                    stop = start
                if what == UTF16:
                    end = _utf16(data[c] + start, data[c] + stop, to + 4)
                    swapped32(to, np.uint32((end - to - 4) >> 1))
                    to = end
                elif what == COUNTED:
                    swapped32(to, np.uint32(stop - start))
                    to += 4
                    if size == 1:
                        for i in range(start, stop):
                            store8(to + i - start, load8(data[c] + i))
                        to += stop - start
                        continue
                    for i in range(start, stop):
                        _element(size, data[c] + i * size, to)
                        to += size
                else:
                    _ascii(data[c] + start, data[c] + stop, to, size)
                    to += size
    return to

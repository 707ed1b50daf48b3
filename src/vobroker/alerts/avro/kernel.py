"""The compiled loop that walks Avro datums and writes Arrow buffers.

Avro 1.11 specification, 'Binary Encoding'. The loop is an interpreter of the instruction table made by
:mod:`vobroker.alerts.avro.program`; it knows no schema. It works on addresses so that packets are never
copied; every read is checked against the end of its datum, and every write against the rows that
the datum's bytes can hold at most.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from vobroker.votypes.memory import load8, load32, load64, store8, store32, store64

# fmt: off
(END, STOP, F4, F8, INT, LONG, BOOL, STR, NF4, NF8, NINT, NLONG, NBOOL, NSTR,
 SKIP, SKIPV, SKIPB, NSKIP, NSKIPV, NSKIPB, UNION, SWITCH, ARRAY, LOOP, JUMP) = range(25)
# fmt: on
"""Operations. ``N…`` is the union with null: argument b is the tag byte of its null branch, c the length
of a run of such fields. V is a variable-length integer, B a length and that many bytes."""

OK, TRUNCATED, BAD_VARINT, BAD_BRANCH, BAD_LENGTH, BAD_COUNT, LEFTOVER = range(7)

PROBLEMS = {
    TRUNCATED: ("truncated", "the datum ends inside this field"),
    BAD_VARINT: ("schema-mismatch", "an integer takes more than ten bytes"),
    BAD_BRANCH: ("schema-mismatch", "a union names a branch that it does not have"),
    BAD_LENGTH: ("schema-mismatch", "a length is negative"),
    BAD_COUNT: ("schema-mismatch", "an array claims more items than the datum can hold"),
    LEFTOVER: ("schema-mismatch", "bytes are left over after the last field"),
}
"""Reason and sentence for each status."""

_DEPTH = 32
"""Arrays within arrays; the depth to which a schema is read stays below it."""


@njit(inline="always")
def varint(pos: Any, end: Any) -> Any:
    """Read a zig-zag integer; give it and the next address, or on failure the status and minus the place."""
    # Nearly all lengths and counts take one byte.
    if pos >= end:
        return TRUNCATED, -pos
    b = np.uint64(load8(pos))
    if b < 128:
        return np.int64(b >> np.uint64(1)) ^ -np.int64(b & np.uint64(1)), pos + 1
    return _long(pos, end)


@njit
def _long(pos: Any, end: Any) -> Any:
    value = np.uint64(0)
    shift = np.uint64(0)
    for i in range(10):
        if pos + i >= end:
            return TRUNCATED, -pos
        b = np.uint64(load8(pos + i))
        value |= (b & np.uint64(127)) << shift
        if b < 128:
            return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), pos + i + 1
        shift += np.uint64(7)
    return BAD_VARINT, -pos


@njit(inline="always")
def mark(bits: Any, row: Any) -> None:
    """Set the bit of a row."""
    at = bits + (row >> 3)
    store8(at, np.uint8(load8(at) | np.uint8(1 << (row & 7))))


@njit(cache=True, nogil=True)
def walk(
    code: Any,
    starts: Any,
    ends: Any,
    data: Any,
    valid: Any,
    table: Any,
    width: Any,
    offsets: Any,
    room: Any,
    status: Any,
    where: Any,
) -> None:
    """Walk datums one after the other and write the columns of a program.

    Parameters
    ----------
    code
        Instructions, int64 of shape (instructions, 4).
    starts, ends
        Addresses of the first byte of each datum and of the byte after its last, int64 of shape (n,).
    data, valid
        Addresses of each column's values and validity bits, int64 of shape (columns,); the bits are
        zero at the start, and ``valid`` is 0 for a column without nulls.
    table, width
        Table and bytes per value of each column, int64 of shape (columns,); width 0 is a bit.
    offsets
        Rows of each table up to each datum, int64 of shape (tables, n + 1), zero in column 0; filled here.
    room
        Rows that each table's buffers hold, int64 of shape (tables,).
    status, where
        What became of each datum and how far it was read, int64 of shape (n,); filled here.
    """
    tables = room.shape[0]
    rows = np.zeros(tables, np.int64)
    left = np.zeros(_DEPTH, np.int64)
    inner = np.zeros(_DEPTH, np.int64)
    outer = np.zeros(_DEPTH, np.int64)
    for d in range(starts.shape[0]):
        pos = starts[d]
        end = ends[d]
        row = np.int64(d)
        pc = 0
        sp = -1
        err = 0
        while True:
            op = code[pc, 0]
            a = code[pc, 1]
            b = code[pc, 2]
            c = code[pc, 3]
            pc += 1
            if op == NF4:
                for k in range(c):
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        pass
                    elif x == 2 - b:
                        if pos + 4 > end:
                            err = TRUNCATED
                            break
                        store32(data[a + k] + 4 * row, load32(pos))
                        mark(valid[a + k], row)
                        pos += 4
                    else:
                        err = BAD_BRANCH
                        break
                if err:
                    break
            elif op == NBOOL:
                for k in range(c):
                    if pos + 1 >= end and (pos >= end or load8(pos) != b):
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    if x == b:
                        pos += 1
                    elif x == 2 - b:
                        if load8(pos + 1):
                            mark(data[a + k], row)
                        mark(valid[a + k], row)
                        pos += 2
                    else:
                        err = BAD_BRANCH
                        break
                if err:
                    break
            elif op == NF8:
                for k in range(c):
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        pass
                    elif x == 2 - b:
                        if pos + 8 > end:
                            err = TRUNCATED
                            break
                        store64(data[a + k] + 8 * row, load64(pos))
                        mark(valid[a + k], row)
                        pos += 8
                    else:
                        err = BAD_BRANCH
                        break
                if err:
                    break
            elif op == NLONG or op == NINT:
                for k in range(c):
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        pass
                    elif x == 2 - b:
                        v, pos = varint(pos, end)
                        if pos < 0:
                            err, pos = v, -pos
                            break
                        if op == NLONG:
                            store64(data[a + k] + 8 * row, np.uint64(v))
                        else:
                            store32(data[a + k] + 4 * row, np.uint32(v))
                        mark(valid[a + k], row)
                    else:
                        err = BAD_BRANCH
                        break
                if err:
                    break
            elif op == F8:
                if pos + 8 > end:
                    err = TRUNCATED
                    break
                store64(data[a] + 8 * row, load64(pos))
                if valid[a]:
                    mark(valid[a], row)
                pos += 8
            elif op == F4:
                if pos + 4 > end:
                    err = TRUNCATED
                    break
                store32(data[a] + 4 * row, load32(pos))
                if valid[a]:
                    mark(valid[a], row)
                pos += 4
            elif op == LONG or op == INT:
                v, pos = varint(pos, end)
                if pos < 0:
                    err, pos = v, -pos
                    break
                if op == LONG:
                    store64(data[a] + 8 * row, np.uint64(v))
                else:
                    store32(data[a] + 4 * row, np.uint32(v))
                if valid[a]:
                    mark(valid[a], row)
            elif op == STR or op == NSTR:
                if op == NSTR:
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        continue
                    elif x != 2 - b:
                        err = BAD_BRANCH
                        break
                v, pos = varint(pos, end)
                if pos < 0:
                    err, pos = v, -pos
                    break
                if v < 0:
                    err = BAD_LENGTH
                    break
                if v > end - pos:
                    err = TRUNCATED
                    break
                store64(data[a] + 16 * row, np.uint64(pos))
                store64(data[a] + 16 * row + 8, np.uint64(v))
                if valid[a]:
                    mark(valid[a], row)
                pos += v
            elif op == BOOL:
                if pos >= end:
                    err = TRUNCATED
                    break
                if load8(pos):
                    mark(data[a], row)
                if valid[a]:
                    mark(valid[a], row)
                pos += 1
            elif op == LOOP:
                t = inner[sp]
                if left[sp] > 0:
                    left[sp] -= 1
                    if t >= 0:
                        rows[t] += 1
                if left[sp] == 0:
                    v, pos = varint(pos, end)
                    if pos < 0:
                        err, pos = v, -pos
                        break
                    if v < 0:
                        size, pos = varint(pos, end)
                        if pos < 0:
                            err, pos = size, -pos
                            break
                        if size < 0:
                            err = BAD_LENGTH
                            break
                        if size > end - pos:
                            err = TRUNCATED
                            break
                        # The size is no short cut: what one walk accepts has to hold for all walks.
                        v = -v
                        if v < 0:
                            err = BAD_COUNT
                            break
                    if v == 0:
                        row = outer[sp]
                        sp -= 1
                        continue
                    if v > (end - pos) // c:
                        err = BAD_COUNT
                        break
                    left[sp] = v
                if t >= 0:
                    row = rows[t]
                    if row >= room[t]:
                        err = BAD_COUNT
                        break
                pc = a
            elif op == UNION:
                v, pos = varint(pos, end)
                if pos < 0:
                    err, pos = v, -pos
                    break
                if v == a:
                    pc = b
                elif v != 1 - a:
                    err = BAD_BRANCH
                    break
            elif op == ARRAY:
                sp += 1
                left[sp] = 0
                inner[sp] = a
                outer[sp] = row
                pc = b
            elif op == SKIPB or op == NSKIPB:
                if op == NSKIPB:
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        continue
                    elif x != 2 - b:
                        err = BAD_BRANCH
                        break
                v, pos = varint(pos, end)
                if pos < 0:
                    err, pos = v, -pos
                    break
                if v < 0:
                    err = BAD_LENGTH
                    break
                if v > end - pos:
                    err = TRUNCATED
                    break
                pos += v
            elif op == NSKIP:
                for k in range(c):
                    if pos >= end:
                        err = TRUNCATED
                        break
                    x = load8(pos)
                    pos += 1
                    if x == b:
                        pass
                    elif x == 2 - b:
                        pos += a
                    else:
                        err = BAD_BRANCH
                        break
                if err:
                    break
                if pos > end:
                    err = TRUNCATED
                    break
            elif op == SKIP:
                if a > end - pos:
                    err = TRUNCATED
                    break
                pos += a
            elif op == SKIPV or op == NSKIPV:
                for k in range(c):
                    if op == NSKIPV:
                        if pos >= end:
                            err = TRUNCATED
                            break
                        x = load8(pos)
                        pos += 1
                        if x == b:
                            continue
                        elif x != 2 - b:
                            err = BAD_BRANCH
                            break
                    v, pos = varint(pos, end)
                    if pos < 0:
                        err, pos = v, -pos
                        break
                if err:
                    break
            elif op == SWITCH:
                v, pos = varint(pos, end)
                if pos < 0:
                    err, pos = v, -pos
                    break
                if v < 0 or v >= a:
                    err = BAD_BRANCH
                    break
                pc = code[pc + v, 1]
            elif op == JUMP:
                pc = a
            elif op == END:
                if pos != end:
                    err = LEFTOVER
                break
            else:  # STOP
                break
        if err:
            for t in range(1, tables):
                _forget(t, offsets[t, d], min(rows[t] + 1, room[t]), data, valid, table, width)
                rows[t] = offsets[t, d]
        for t in range(1, tables):
            offsets[t, d + 1] = rows[t]
        status[d] = err
        where[d] = min(pos, end) - starts[d]


@njit(cache=True)
def _forget(t: Any, first: Any, last: Any, data: Any, valid: Any, table: Any, width: Any) -> None:
    """Clear the bits that a failed datum has set, since the next datum writes to the same rows."""
    for column in range(table.shape[0]):
        if table[column] != t:
            continue
        for row in range(first, last):
            keep = np.uint8(~(1 << (row & 7)))
            if valid[column]:
                at = valid[column] + (row >> 3)
                store8(at, np.uint8(load8(at) & keep))
            if width[column] == 0:
                at = data[column] + (row >> 3)
                store8(at, np.uint8(load8(at) & keep))


@njit(cache=True, nogil=True)
def gather(places: Any, offsets: Any, out: Any) -> bool:
    """Copy strings together: ``places`` (address, length) of shape (n, 2) to address ``out``, at ``offsets``.

    Returns
    -------
    bool
        Whether every byte is ASCII.
    """
    seen = np.uint64(0)
    at = 0
    for row in range(places.shape[0]):
        start = places[row, 0]
        size = places[row, 1]
        byte = 0
        while byte + 8 <= size:
            eight = load64(start + byte)
            seen |= eight
            store64(out + at + byte, eight)
            byte += 8
        while byte < size:
            one = load8(start + byte)
            seen |= np.uint64(one)
            store8(out + at + byte, one)
            byte += 1
        at += size
        offsets[row + 1] = at
    return bool(seen & np.uint64(0x8080808080808080) == 0)

"""Runs a program over datums and gives Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.avro import kernel
from vobroker.alerts.avro.program import WIDTH, Output, Path, Program

_ARROW = {
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}
_TIMESTAMP = {
    "timestamp-millis": (pa.timestamp("ms"), 1_000),
    "timestamp-micros": (pa.timestamp("us"), 1_000_000),
}
_CALENDAR = (-62_135_596_800, 253_402_300_800)
"""Seconds from 1970 to the years 1 and 10000, beyond which dates cannot be written."""


@dataclass(slots=True)
class Datums:
    """Places of datums in packets that stay where they are.

    ``starts`` and ``ends`` count bytes within ``packets[n]``.
    """

    packets: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.packets)

    def add(self, packet: bytes, start: int, end: int) -> None:
        """Append one datum."""
        self.packets.append(packet)
        self.starts.append(start)
        self.ends.append(end)

    def datum(self, row: int) -> memoryview:
        """Bytes of one datum, not copied."""
        return memoryview(self.packets[row])[self.starts[row] : self.ends[row]]

    def take(self, rows: npt.NDArray[np.int64]) -> Datums:
        """Give some of the datums."""
        return Datums(
            [self.packets[row] for row in rows],
            [self.starts[row] for row in rows],
            [self.ends[row] for row in rows],
        )


@dataclass(frozen=True, slots=True)
class Items:
    """Items of one array over all datums: ``offsets`` (n + 1,) says whose they are."""

    columns: dict[Path, pa.Array]
    offsets: npt.NDArray[np.int64]

    @property
    def owners(self) -> npt.NDArray[np.int32]:
        """Datum number of each item."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class Columns:
    """What a program read: leaves by path, items of arrays by path, and how each datum fared.

    ``status`` is 0 for a datum that was read, else a key of :data:`kernel.PROBLEMS`; ``where`` is the byte
    reached. Values of a failed datum are arbitrary.
    """

    columns: dict[Path, pa.Array]
    items: dict[Path, Items]
    status: npt.NDArray[np.int64]
    where: npt.NDArray[np.int64]


def read(program: Program, datums: Datums) -> Columns:
    """Run a program over datums.

    Memory is bounded by the input: an item of an array takes at least one byte for each of its
    columns, so columns grow to at most 17 times the packets' size.
    """
    count = len(datums)
    bases = np.fromiter((pa.py_buffer(packet).address for packet in datums.packets), np.int64, count)
    starts = bases + np.array(datums.starts, np.int64)
    ends = bases + np.array(datums.ends, np.int64)
    total = int((ends - starts).sum())
    room = np.array([count, *(total // least + 1 for least in program.smallest[1:])], np.int64)

    table = np.array([output.table for output in program.outputs], np.int64)
    width = np.array([WIDTH[output.kind] for output in program.outputs], np.int64)
    values = [_buffer(output, int(room[output.table])) for output in program.outputs]
    bits = [
        np.zeros(int(room[output.table]) // 8 + 8, np.uint8) if output.nullable else None
        for output in program.outputs
    ]
    offsets = np.zeros((len(program.tables), count + 1), np.int64)
    status = np.zeros(count, np.int64)
    where = np.zeros(count, np.int64)
    kernel.walk(
        program.code,
        starts,
        ends,
        np.array([buffer.ctypes.data for buffer in values], np.int64),
        np.array([0 if bit is None else bit.ctypes.data for bit in bits], np.int64),
        table,
        width,
        offsets,
        room,
        status,
        where,
    )
    columns: dict[Path, pa.Array] = {}
    items = {path: Items({}, offsets[number]) for number, path in enumerate(program.tables) if number}
    failed = np.flatnonzero(status)
    for output, buffer, bit in zip(program.outputs, values, bits, strict=True):
        rows = count if output.table == 0 else int(offsets[output.table, -1])
        if output.table == 0 and len(failed) and output.kind in {"string", "bytes"}:
            buffer.view(np.int64).reshape(-1, 2)[failed] = 0
        target = columns if output.table == 0 else items[program.tables[output.table]].columns
        target[output.path] = _array(output, buffer, bit, rows)
    return Columns(columns, items, status, where)


def _buffer(output: Output, rows: int) -> npt.NDArray[np.uint8]:
    """Space for a column. Pages that are never written take no memory."""
    if output.kind == "boolean":
        return np.zeros(rows // 8 + 8, np.uint8)
    size = rows * WIDTH[output.kind]
    # A null string keeps the length 0 that it starts with.
    return np.zeros(size, np.uint8) if WIDTH[output.kind] == 16 else np.empty(size, np.uint8)


def _array(
    output: Output, buffer: npt.NDArray[np.uint8], bit: npt.NDArray[np.uint8] | None, rows: int
) -> pa.Array:
    validity = None if bit is None else pa.py_buffer(bit)
    if output.kind in {"string", "bytes"}:
        return _strings(output.kind, buffer.view(np.int64).reshape(-1, 2)[:rows], validity)
    if output.kind == "enum":
        numbers = pa.Array.from_buffers(pa.int32(), rows, [validity, pa.py_buffer(buffer)])
        known = pa.array(output.symbols, pa.string())
        return known.take(_within(numbers, len(known)))
    array = pa.Array.from_buffers(_ARROW[output.kind], rows, [validity, pa.py_buffer(buffer)])
    return _dated(array, *_TIMESTAMP[output.logical]) if output.logical in _TIMESTAMP else array


def _dated(counts: pa.Int64Array, kind: pa.DataType, per_second: int) -> pa.Array:
    """Make timestamps; those outside the calendar become null."""
    low, high = (limit * per_second for limit in _CALENDAR)
    inside = pc.and_(pc.greater_equal(counts, low), pc.less(counts, high))
    return pc.if_else(inside, counts, pa.scalar(None, pa.int64())).cast(kind)


def _within(numbers: pa.Int32Array, symbols: int) -> pa.Int32Array:
    """Make the number of an unknown symbol null."""
    values = numbers.to_numpy(zero_copy_only=False)
    return pa.array(values, pa.int32(), mask=~((values >= 0) & (values < symbols)), from_pandas=True)


def _strings(kind: str, places: npt.NDArray[np.int64], validity: pa.Buffer | None) -> pa.Array:
    rows = len(places)
    size = int(places[:, 1].sum())
    large = kind == "bytes"
    offsets = np.zeros(rows + 1, np.int64 if large else np.int32)
    out = np.empty(size, np.uint8)
    ascii_only = kernel.gather(places, offsets, out.ctypes.data)
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(out)]
    if large:
        return pa.Array.from_buffers(pa.large_binary(), rows, buffers)
    array = pa.Array.from_buffers(pa.string(), rows, buffers)
    if not ascii_only:
        array = _readable(array)
    return array


def _readable(array: pa.StringArray) -> pa.StringArray:
    """Replace bytes that are not UTF-8, as Avro strings have to be, by U+FFFD."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.binary()).to_pylist()
        return pa.array(
            [None if text is None else text.decode("utf-8", "replace") for text in raw], pa.string()
        )
    return array

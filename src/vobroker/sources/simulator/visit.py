"""What the simulator yields: a visit, its packets made when they are asked for, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, overload

import pyarrow as pa

BLOCK = 128
"""Alerts made together; noise is seeded by block, so that any packet can be made alone."""


class Packets(Sequence[bytes]):
    """Packets of a visit, made block by block: ten thousand of real size would fill 2.5 GB.

    Iterating makes each block once; indexing makes the block of that packet and keeps the last one.
    ``wrap`` turns a datum into a packet.
    """

    def __init__(
        self, count: int, make: Callable[[int, int], list[bytes]], wrap: Callable[[bytes], bytes]
    ) -> None:
        self._count = count
        self._make = make
        self._wrap = wrap
        self._last: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return map(self._wrap, self.datums())

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(f"visit has {self._count} packets, not {index}")
        block, row = divmod(index % self._count, BLOCK)
        return self._wrap(self._block(block)[row])

    def datums(self) -> Iterator[bytes]:
        """Yield the alerts as bare Avro datums, without the wire form."""
        for block in range(-(-self._count // BLOCK)):
            yield from self._make(block * BLOCK, min((block + 1) * BLOCK, self._count))

    def _block(self, block: int) -> list[bytes]:
        if self._last[0] != block:
            begin = block * BLOCK
            self._last = (block, self._make(begin, min(begin + BLOCK, self._count)))
        return self._last[1]


@dataclass(frozen=True, slots=True)
class Visit:
    """The alerts of one exposure.

    Attributes
    ----------
    survey, visit, night, band
        ``lsst`` or ``ztf``; the survey's identifier of the exposure; local evening; filter band.
    mjd
        Midpoint of the exposure, MJD in TAI.
    interval
        Seconds from the start of this visit to the start of the next of the night.
    ra, dec
        Field centre in degrees.
    packets
        Packets in the survey's own form: Confluent wire format for LSST, object containers for ZTF.
    schema
        Avro schema of the packets.
    truth
        One row per alert, in order of the packets: ``alert_id``, ``object_id`` (as in the broker's alert
        table), ``name`` (designation of an asteroid), ``kind``, ``ra``, ``dec``
        (true, deg), ``mag`` (true AB magnitude of the difference flux), ``peak_mag`` (brightest the object
        gets, r band), ``visit``, ``mjd``.
    """

    survey: str
    visit: int
    night: date
    band: str
    mjd: float
    interval: float
    ra: float
    dec: float
    packets: Packets
    schema: dict[str, Any] = field(repr=False)
    truth: pa.Table = field(repr=False)

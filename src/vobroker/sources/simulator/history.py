"""History of the objects of one field: where in the spool the record of each exposure and object lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator.encode import Rows, varint
from vobroker.sources.simulator.spool import Spool

Integers = NDArray[np.int64]


class History:
    """Encoded records by exposure and object. An array of an alert is a concatenation of them."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._times: list[float] = []
        self._starts: list[Integers] = []
        self._ends: list[Integers] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, mjd: float, rows: Rows, row_of: Integers) -> None:
        """Keep the records of an exposure; ``row_of`` gives each object's row in ``rows``, or -1."""
        base = self._spool.append(rows.data)
        none = row_of < 0
        self._times.append(mjd)
        if len(rows.ends) == 0:
            self._starts.append(np.full(len(row_of), -1))
            self._ends.append(np.full(len(row_of), -1))
            return
        self._starts.append(np.where(none, -1, base + rows.starts[row_of]))
        self._ends.append(np.where(none, -1, base + rows.ends[row_of]))

    def arrays(self, objects: Integers, upto: int, since: float) -> list[list[bytes]]:
        """Return the records of each object in the first ``upto`` exposures, from ``since`` (MJD) on."""
        first = int(np.searchsorted(self._times[:upto], since))
        if first >= upto:
            return [[] for _ in objects]
        view = self._spool.view()
        starts = np.stack([row[objects] for row in self._starts[first:upto]], axis=1)
        ends = np.stack([row[objects] for row in self._ends[first:upto]], axis=1)
        return [
            [view[a:b] for a, b in zip(begin[begin >= 0].tolist(), end[end >= 0].tolist(), strict=True)]
            for begin, end in zip(starts, ends, strict=True)
        ]


def avro_array(items: Sequence[bytes]) -> bytes:
    """Avro array of encoded items in a union with null at branch 0; no items are null."""
    if not items:
        return b"\x00"
    return b"".join((b"\x02", varint(len(items)), *items, b"\x00"))

"""Packets of real size, made before anything is measured and held in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Pool:
    """Distinct packets in one file; a burst goes through them in turn, and again where it is larger."""

    path: Path
    ends: tuple[int, ...]

    def load(self) -> list[bytes]:
        """Read all packets into memory."""
        data = self.path.read_bytes()
        return [data[a:b] for a, b in zip((0, *self.ends[:-1]), self.ends, strict=True)]

    def total(self, alerts: int) -> int:
        """Bytes of a burst."""
        sizes = np.diff(self.ends, prepend=0)
        return int(sizes.sum() * (alerts // len(sizes)) + sizes[: alerts % len(sizes)].sum())


def make(folder: Path, *, stamps: bool, packets: int, each: Callable[[int], object] = lambda _: None) -> Pool:
    """Simulate Rubin packets with history and forced photometry, in Confluent wire format."""
    from vobroker.sources.simulator import simulate  # not for producers, which only load

    path = folder / ("stamps.bin" if stamps else "plain.bin")
    ends: list[int] = []
    with path.open("wb") as file:
        for visit in simulate("lsst", seed=28, visits=1, alerts_per_visit=packets, cutouts=stamps):
            for packet in visit.packets:
                file.write(packet)
                ends.append(file.tell())
                each(len(ends))
    return Pool(path, tuple(ends))

"""Focal planes: which detector an offset from the field centre falls on, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator.schedule import Exposure

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Place:
    """Positions on the detectors: number, pixel coordinates, and whether there is a detector at all."""

    detector: Integers
    x: Array
    y: Array
    covered: NDArray[np.bool_]


def rubin(exposure: Exposure, east: Array, north: Array) -> Place:
    """21 rafts of 3×3 detectors of 4072×4000 pixels of 0.2″, turned by the rotator (LCA-381)."""
    turn = np.radians(exposure.rotation)
    u = -east * np.cos(turn) + north * np.sin(turn)
    v = east * np.sin(turn) + north * np.cos(turn)
    pitch, width, height = 0.2347, 4072, 4000
    column, row = np.floor(u / pitch + 7.5), np.floor(v / pitch + 7.5)
    x = (u / pitch + 7.5 - column - 0.5) * pitch * 18000 + width / 2
    y = (v / pitch + 7.5 - row - 0.5) * pitch * 18000 + height / 2
    inside = (column >= 0) & (column < 15) & (row >= 0) & (row < 15)
    raft_x, raft_y = np.clip(column // 3, 0, 4).astype(int), np.clip(row // 3, 0, 4).astype(int)
    raft = _RAFTS[raft_y, raft_x]
    sensor = 3 * (row.astype(int) % 3) + column.astype(int) % 3
    on_chip = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    return Place(raft * 9 + sensor, x, y, inside & (raft >= 0) & on_chip)


def _number_rafts() -> Integers:
    """Raft numbers row by row; the four corners hold wavefront sensors and are left out."""
    rafts = np.full((5, 5), -1)
    corners = {(0, 0), (0, 4), (4, 0), (4, 4)}
    places = [(row, column) for row in range(5) for column in range(5) if (row, column) not in corners]
    for number, place in enumerate(places):
        rafts[place] = number
    return rafts


_RAFTS = _number_rafts()


def ztf(exposure: Exposure, east: Array, north: Array) -> Place:
    """64 readout channels of 3072×3080 pixels of 1.012″ in 8×8, with gaps between the CCDs (Dekany 2020)."""
    quadrant, gap, width, height = 0.8636, 0.16, 3072, 3080
    pitch = 2 * quadrant + gap
    u, v = -east / pitch + 2.0, north / pitch + 2.0
    column, row = np.floor(u), np.floor(v)
    inside = (column >= 0) & (column < 4) & (row >= 0) & (row < 4)
    # Degrees from the left and lower edge of the CCD.
    du, dv = (u - column) * pitch - gap / 2, (v - row) * pitch - gap / 2
    right, upper = (du > quadrant).astype(int), (dv > quadrant).astype(int)
    x, y = (du - right * quadrant) / quadrant * width, (dv - upper * quadrant) / quadrant * height
    ccd = np.clip(row, 0, 3).astype(int) * 4 + np.clip(column, 0, 3).astype(int)
    on_chip = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    return Place(ccd * 4 + 2 * upper + right, x, y, inside & on_chip)


CAMERAS = {"lsst": rubin, "ztf": ztf}
SHAPES = {"lsst": (4072, 4000), "ztf": (3072, 3080)}

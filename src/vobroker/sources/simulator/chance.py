"""Chance without memory: numbers that depend only on what they are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hashed(first: Floats, second: Floats) -> Floats:
    """Numbers in [0, 1), the same whenever the two values are the same (the mixer of SplitMix64)."""
    bits = np.ascontiguousarray(first, np.float64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = bits ^ np.ascontiguousarray(second, np.float64).view(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((bits ^ (bits >> np.uint64(31))) >> np.uint64(11), np.float64) / 2.0**53

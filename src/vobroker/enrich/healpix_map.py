"""Maps with a value in each HEALPix cell of one order, from FITS as healpy writes it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cdshealpix
import numpy as np
from numpy.typing import NDArray

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.fits import BinaryTable

MAX_CELLS = 50_331_648
"""Most cells: as many as order 11 has."""


def nested(table: BinaryTable, values: NDArray[Any], path: Path) -> tuple[int, NDArray[Any]]:
    """Give the order of a map of the whole sky, and its values in the nested order of cells.

    Raises
    ------
    EnrichError
        If the number of values is none of HEALPix, or their order is not told.
    """
    side = math.isqrt(len(values) // 12)
    if 12 * side * side != len(values) or side & (side - 1) or not side or len(values) > MAX_CELLS:
        raise EnrichError(f"{path} has {len(values):,} cells, which is no sky of HEALPix cells, or too fine")
    order = side.bit_length() - 1
    ordering = str(table.header.get("ORDERING", "")).strip().upper()
    if ordering.startswith("NEST"):
        return order, values
    if ordering != "RING":
        raise EnrichError(f"{path} is no map: its ordering is {ordering or 'not given'}, not NESTED or RING")
    numbers = np.arange(len(values), dtype=np.uint64)
    return order, values[np.asarray(cdshealpix.to_ring(numbers, order, num_threads=1))]


def system(table: BinaryTable, path: Path) -> str:
    """Give the coordinates of a map: ``C`` for equatorial ones, ``G`` for Galactic ones.

    Raises
    ------
    EnrichError
        If it is in others.
    """
    said = str(table.header.get("COORDSYS", "C")).strip().upper()
    found = {"C": "C", "ICRS": "C", "EQUATORIAL": "C", "": "C", "G": "G", "GALACTIC": "G"}.get(said)
    if found is None:
        raise EnrichError(f"{path} is in the system {said}, neither equatorial (C) nor Galactic (G)")
    return found

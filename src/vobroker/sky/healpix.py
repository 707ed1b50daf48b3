"""HEALPix cells of order 29, the finest that a signed 64-bit integer holds, in the nested scheme.

Nested numbering (Górski et al. 2005, ApJ 622, 759, section 4.1) makes the cells of any coarser order
whole ranges of order-29 cells: a region of the sky is a few ranges of one sorted column.
"""

from __future__ import annotations

import math
from functools import cache

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from numpy.typing import ArrayLike, NDArray

from vobroker.sky.sphere import separation

ORDER = 29
CELLS = 12 * 4**ORDER
"""Number of cells: indices are 0 <= index < CELLS."""

_BASE_CELL = math.degrees(math.sqrt(math.pi / 3))  # side of a square as large as an order-0 cell, degrees
_ROUNDING = 1e-11  # degrees; an angle computed twice in different ways differs by less


def healpix29(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
    """Give the cell of each position.

    Parameters
    ----------
    ra, dec
        Degrees, 0 <= ra <= 360 (360 is 0) and -90 <= dec <= 90; numbers or arrays that broadcast
        together. Positions that may be missing are masked by the caller.

    Returns
    -------
    array of int64
        Nested indices of order 29, in the broadcast shape.

    Raises
    ------
    ValueError
        If a coordinate is out of range or not a number; the sentence names it and its place.
    """
    lon, lat = np.broadcast_arrays(np.asarray(ra, np.float64), np.asarray(dec, np.float64))
    _check("ra", lon, 0.0, 360.0)
    _check("dec", lat, -90.0, 90.0)
    cells: NDArray[np.uint64] = cdshealpix.nested.lonlat_to_healpix(
        Longitude(lon, u.deg), Latitude(lat, u.deg), ORDER, num_threads=1
    )
    return cells.astype(np.int64).reshape(lon.shape)


def healpix29_centre(cell: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the centre of each cell, the inverse of :func:`healpix29`.

    Parameters
    ----------
    cell
        Nested indices of order 29.

    Returns
    -------
    ra, dec : array of float64
        Degrees, in the shape of ``cell``; within 0.42 mas of every position in the cell.

    Raises
    ------
    ValueError
        If an index is negative or too large.
    """
    cells = np.asarray(cell, np.int64)
    _check("HEALPix index", cells, 0, CELLS - 1)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), ORDER, num_threads=1)
    return lon.deg.reshape(cells.shape), lat.deg.reshape(cells.shape)


def cone_ranges(ra: float, dec: float, radius: float) -> list[tuple[int, int]]:
    """Give ranges of order-29 cells that cover a cone.

    They cover a little more than the cone, and never less: a cell and its children are dropped only when
    the centre of the cell is farther from the cone than any cell of its order reaches. The ranges
    preselect; a test on the distance decides.

    Parameters
    ----------
    ra, dec
        Axis, degrees.
    radius
        Half opening angle, degrees, 0 to 180.

    Returns
    -------
    list of (int, int)
        Half-open ranges ``start <= cell < stop``, in order, disjoint and not touching.

    Raises
    ------
    ValueError
        If an argument is out of range or not a number.
    """
    for name, value, low, high in (("ra", ra, 0, 360), ("dec", dec, -90, 90), ("radius", radius, 0, 180)):
        _check(name, np.asarray(value, np.float64), low, high)
    # Cells of a quarter of the radius: some hundred of them, with little sky besides the cone.
    finest = min(max(math.ceil(math.log2(4 * _BASE_CELL / (radius + _ROUNDING))), 0), ORDER)
    cells = np.arange(12, dtype=np.int64)
    for order in range(finest + 1):
        if order:
            cells = (4 * cells[:, None] + np.arange(4)).ravel()
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), order, num_threads=1)
        cells = cells[separation(ra, dec, lon.deg, lat.deg) <= radius + _reach(order) + _ROUNDING]
    gap = np.flatnonzero(np.diff(cells) > 1)
    first, last = cells[np.r_[0, gap + 1]], cells[np.r_[gap, len(cells) - 1]]
    shift = 2 * (ORDER - finest)
    return list(zip((first << shift).tolist(), (last + 1 << shift).tolist(), strict=True))


@cache
def _reach(order: int) -> float:
    """Give the largest distance from the centre of a cell to its border, degrees.

    The farthest corner is that of the cells where the polar caps meet the equatorial belt.
    """
    step = 1 / 2**order
    centre = 45 * step, math.degrees(math.asin(2 / 3))
    corner = 0, math.degrees(math.asin(1 - (1 - step) ** 2 / 3))
    return 1.01 * float(separation(*centre, *corner))


def _check(name: str, values: NDArray[np.generic], low: float, high: float) -> None:
    """Refuse values outside [low, high], and NaN, by name and place."""
    bad = np.flatnonzero(~((values >= low) & (values <= high)))  # type: ignore[operator]
    if bad.size:
        place = f" (position {bad[0]} of {values.size})" if values.ndim else ""
        raise ValueError(f"{name} {values.flat[bad[0]]} is not between {low} and {high}{place}")

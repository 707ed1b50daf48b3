"""HEALPix cells of order 29, the finest that a signed 64-bit integer holds, in the nested scheme.

Nested numbering (Górski et al. 2005, ApJ 622, 759, section 4.1) makes the cells of any coarser order
whole ranges of order-29 cells: a region of the sky is a few ranges of one sorted column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
_ENOUGH = 200  # cells; more would follow the rim of a shape closer than a preselection needs
_STEP = 2  # orders at once
_CHILDREN = {
    step: tuple(
        np.array([sum((child >> 2 * bit + up & 1) << bit for bit in range(step)) for child in range(4**step)])
        for up in (0, 1)
    )
    for step in range(1, _STEP + 1)
}
"""Column and row of each child in a cell, by how many orders it is finer: every other bit of its number."""

Cells = NDArray[np.int64]
Centres = NDArray[np.float64]


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
    lon, lat = math.radians(ra), math.radians(dec)
    axis = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])

    def may_meet(centres: Centres, reach: float) -> NDArray[np.bool_]:
        # The angle by its tangent: neither small nor large ones lose digits.
        away = np.arctan2(np.linalg.norm(_cross(axis, centres), axis=0), axis @ centres)
        return np.asarray(away <= math.radians(radius + reach + _ROUNDING))

    # Cells of a quarter of the radius: some hundred of them, with little sky besides the cone.
    finest = min(max(math.ceil(math.log2(4 * _BASE_CELL / (radius + _ROUNDING))), 0), ORDER)
    return _ranges(may_meet, finest)


def polygon_ranges(parts: Sequence[Sequence[tuple[float, float, float]]]) -> list[tuple[int, int]]:
    """Give ranges of order-29 cells that cover a polygon; a little more, and never less.

    Parameters
    ----------
    parts
        Convex parts of the polygon, each as the inward normals of its edges, which are great circles: a
        direction is inside when its product with none of them is negative. Their lengths do not matter.

    Returns
    -------
    list of (int, int)
        Half-open ranges ``start <= cell < stop``, in order, disjoint and not touching.
    """
    planes = [np.array([n for n in part if any(n)], np.float64).reshape(-1, 3) for part in parts]
    planes = [normals / np.linalg.norm(normals, axis=1, keepdims=True) for normals in planes]

    def may_meet(centres: Centres, reach: float) -> NDArray[np.bool_]:
        beyond = -math.sin(math.radians(min(reach + _ROUNDING, 90)))
        met = [(normals @ centres >= beyond).all(axis=0) for normals in planes]
        return np.asarray(np.any(met, axis=0), np.bool_)

    return _ranges(may_meet, ORDER)


def _ranges(may_meet: Callable[[Centres, float], NDArray[np.bool_]], finest: int) -> list[tuple[int, int]]:
    """Give the ranges of cells that a shape may meet, down to an order or until they are some hundred."""
    face, x, y = np.arange(12), np.zeros(12, np.int64), np.zeros(12, np.int64)
    cells, order = np.arange(12), 0
    kept = may_meet(_centres(0, face, x, y), _reach(0))
    while order < finest and np.count_nonzero(kept) <= _ENOUGH:
        step = min(_STEP, finest - order)
        order += step
        children = np.arange(4**step)
        right, up = _CHILDREN[step]
        face = np.repeat(face[kept], 4**step)
        x = ((x[kept] << step)[:, None] + right).ravel()
        y = ((y[kept] << step)[:, None] + up).ravel()
        cells = ((cells[kept] << 2 * step)[:, None] + children).ravel()
        kept = may_meet(_centres(order, face, x, y), _reach(order))
    cells = cells[kept]
    if not cells.size:
        return []
    gap = np.flatnonzero(np.diff(cells) > 1)
    first, last = cells[np.r_[0, gap + 1]], cells[np.r_[gap, len(cells) - 1]]
    shift = 2 * (ORDER - order)
    return list(zip((first << shift).tolist(), (last + 1 << shift).tolist(), strict=True))


def _centres(order: int, face: Cells, x: Cells, y: Cells) -> Centres:
    """Give the unit vectors, shape (3, n), of cells by base cell, column and row (Górski et al. 2005)."""
    side = 1 << order
    ring = (face // 4 + 2) * side - x - y - 1  # counted from the north pole; of the cell's centre
    polar = np.minimum(np.minimum(ring, 4 * side - ring), side)
    turns = np.where(face // 4 == 1, 2 * (face % 4), 2 * (face % 4) + 1)
    lon = (turns * polar + x - y) / polar * (np.pi / 4)
    below = (polar / side) ** 2 / 3  # 1 - |z| in the caps
    in_belt = (2 * side - ring) / side * (2 / 3)
    belt = (ring >= side) & (ring <= 3 * side)
    z = np.where(belt, in_belt, np.where(ring < side, 1 - below, below - 1))
    shrunk = np.sqrt(np.where(belt, 1 - in_belt**2, below * (2 - below)))
    return np.array([shrunk * np.cos(lon), shrunk * np.sin(lon), z])


def _cross(axis: NDArray[np.float64], others: Centres) -> Centres:
    (a, b, c), (x, y, z) = axis, others
    return np.array([b * z - c * y, c * x - a * z, a * y - b * x])


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

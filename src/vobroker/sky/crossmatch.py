"""Match positions with a catalogue: the nearest entry, or all entries, within a radius.

The catalogue is sorted by zones of declination and, in each, by right ascension (Gray, Nieto-Santisteban &
Szalay 2006, MSR-TR-2006-52). A circle meets few zones, and in each a short run of entries that is found
by bisection; the great-circle distance decides, by the formula of :func:`vobroker.sky.sphere.separation`.
Poles and RA 0 are no special places: a run may be the whole zone, or go on at its other end.

A position that is none (NaN, infinite, beyond a pole) is matched with nothing, on either side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Angles = NDArray[np.float64]
Rows = NDArray[np.int64]

ZONES = 32_400
"""Zones from pole to pole, each 20 arcsec high: a usual radius meets one or two."""

LIMIT = 100_000_000
"""Pairs that :meth:`Catalogue.within` gives at most, unless told otherwise: 2.4 GB."""

_FILES = ("key", "row", "ra", "dec", "start")
_SIDES = 3
_TURN = 2**48  # units of right ascension in a sort key, 4.6 nanoarcsec each
_PAD = 1e-11  # degrees; an angle computed twice in different ways differs by less


@dataclass(frozen=True, slots=True)
class Pairs:
    """Matches, by position and then by separation; all three arrays are of shape (n,).

    Attributes
    ----------
    position
        Row of the position asked for.
    entry
        Row of the catalogue.
    separation
        Degrees.
    """

    position: Rows
    entry: Rows
    separation: Angles


class Catalogue:
    """Positions sorted for matching: 32 bytes an entry; never changed once made, so threads may share it.

    Parameters
    ----------
    ra, dec
        Degrees, arrays of shape (n,). Right ascensions beyond a turn are turned back.
    numbers
        Rows to give for the entries, int64 of shape (n,); their places when not given.

    Raises
    ------
    ValueError
        If the shapes differ.
    """

    def __init__(self, ra: ArrayLike, dec: ArrayLike, numbers: Rows | None = None) -> None:
        lon, lat, real = _positions(ra, dec)
        rows = np.flatnonzero(real)
        lon, lat = lon[rows], lat[rows]
        rows = rows if numbers is None else numbers[rows]
        key = _keys(lon, lat)
        order = np.argsort(key)
        key = key[order]
        start = np.searchsorted(key, np.arange(ZONES + 1) * _TURN)
        self._columns = key, rows[order], lon[order], lat[order], start

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Give a catalogue that was saved; its columns are read when they are needed, and shared.

        Raises
        ------
        OSError, ValueError
            If a file is not there or damaged.
        """
        made = cls.__new__(cls)
        # Pages that could be written to, and never are, have the type that the loops are compiled for.
        mapped = (np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in _FILES)
        made._columns = tuple(mapped)  # type: ignore[assignment]
        return made

    def save(self, folder: Path) -> None:
        """Write the columns as files, which many processes may then use as one."""
        for name, column in zip(_FILES, self._columns, strict=True):
            np.save(folder / f"{name}.npy", column, allow_pickle=False)

    def __len__(self) -> int:
        """Give the number of entries that have a position."""
        return len(self._columns[0])

    def nearest(self, ra: ArrayLike, dec: ArrayLike, radius: float) -> tuple[Rows, Angles]:
        """Find the nearest entry to each position.

        Parameters
        ----------
        ra, dec
            Degrees, arrays of shape (n,).
        radius
            The largest separation that is a match, degrees, 0 to 180.

        Returns
        -------
        entry : array of int64, shape (n,)
            Row of the catalogue, the smallest of those equally near; -1 without a match.
        separation : array of float64, shape (n,)
            Degrees; NaN without a match.

        Raises
        ------
        ValueError
            If the shapes differ, or the radius is out of range or not a number.
        """
        lon, lat, real = _positions(ra, dec)
        entry = np.full(len(lon), -1, np.int64)
        apart = np.full(len(lon), np.nan)
        _nearest(lon, lat, real, _radius(radius), self._columns, entry, apart)
        return entry, apart

    def within(self, ra: ArrayLike, dec: ArrayLike, radius: float, *, limit: int = LIMIT) -> Pairs:
        """Find all entries around each position.

        Parameters
        ----------
        ra, dec
            Degrees, arrays of shape (n,).
        radius
            The largest separation that is a match, degrees, 0 to 180.
        limit
            The most pairs to give; they are counted before memory is taken.

        Raises
        ------
        ValueError
            If the shapes differ, the radius is out of range or not a number, or there are more pairs.
        """
        lon, lat, real = _positions(ra, dec)
        reach = _radius(radius)
        place = np.zeros(len(lon) + 1, np.int64)
        _within(lon, lat, real, reach, self._columns, place, _room(0), False)
        np.cumsum(place, out=place)
        number = int(place[-1])
        if number > limit:
            raise ValueError(
                f"{number:,} pairs are within {radius} degrees, more than the limit of {limit:,}"
            )
        position, entry, apart = _room(number)
        _within(lon, lat, real, reach, self._columns, place, (position, entry, apart), True)
        order = np.lexsort((entry, apart, position))
        return Pairs(position, entry[order], apart[order])


def _room(number: int) -> tuple[Rows, Rows, Angles]:
    return np.empty(number, np.int64), np.empty(number, np.int64), np.empty(number)


def _positions(ra: ArrayLike, dec: ArrayLike) -> tuple[Angles, Angles, NDArray[np.bool_]]:
    """Give positions with right ascensions in [0, 360), and whether each is one."""
    lon, lat = np.asarray(ra, np.float64), np.asarray(dec, np.float64)
    if lon.ndim != 1 or lon.shape != lat.shape:
        raise ValueError(
            f"ra and dec are to be columns of one length, not of shapes {lon.shape} and {lat.shape}"
        )
    real = np.isfinite(lon) & (np.abs(lat) <= 90)
    if ((lon < 0) | (lon >= 360)).any():
        with np.errstate(invalid="ignore"):
            lon = np.mod(lon, 360.0)
        lon[lon >= 360.0] = 0.0  # the remainder of a tiny negative number rounds up to 360 itself
    return np.ascontiguousarray(lon), np.ascontiguousarray(lat), real


def _keys(ra: Angles, dec: Angles) -> Rows:
    """Give the sort key of positions: zone, then right ascension."""
    zone = np.minimum((dec + 90) * (ZONES / 180), ZONES - 1).astype(np.int64)
    # The product of the last right ascension below 360 may round up to the turn itself.
    return zone * _TURN + np.minimum((ra * (_TURN / 360)).astype(np.int64), _TURN - 1)


def _radius(radius: float) -> float:
    if not 0 <= radius <= 180:
        raise ValueError(f"a radius of {radius} degrees is not between 0 and 180")
    return float(radius)


@njit(inline="always")
def _zone(dec: Any) -> Any:
    """Give the zone of a declination, the first or the last one for those beyond."""
    return np.int64(min(max((dec + 90.0) * (ZONES / 180.0), 0.0), ZONES - 1.0))


@njit(inline="always")
def _half_width(dec: Any, radius: Any) -> Any:
    """Give how far in right ascension a circle reaches to either side; 180 where it holds a pole."""
    reach = radius + _PAD
    if abs(dec) + reach >= 90.0:
        return 180.0
    ratio = math.sin(math.radians(reach)) / math.cos(math.radians(dec))
    return 180.0 if ratio >= 1.0 else math.degrees(math.asin(ratio)) + _PAD


@njit(inline="always")
def _apart(ra1: Any, dec1: Any, ra2: Any, dec2: Any) -> Any:
    """Give the separation of two positions, as :func:`vobroker.sky.sphere.separation` does."""
    lat1, lat2 = math.radians(dec1), math.radians(dec2)
    turned, raised = math.radians(ra2 - ra1), math.radians(dec2 - dec1)
    sin1, cos1, cos2 = math.sin(lat1), math.cos(lat1), math.cos(lat2)
    across = cos2 * math.sin(turned)
    along = math.sin(raised) + 2.0 * sin1 * cos2 * math.sin(turned / 2.0) ** 2
    dot = sin1 * math.sin(lat2) + cos1 * cos2 * math.cos(turned)
    return math.degrees(math.atan2(math.hypot(across, along), dot))


@njit
def _bisect(key: Any, wanted: Any, low: Any, high: Any) -> Any:
    """Give the first place from ``low`` up to ``high`` whose key is not smaller."""
    while low < high:
        middle = (low + high) // 2
        if key[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def _run(columns: Any, zone: Any, west: Any, east: Any) -> Any:
    """Give the places in a zone from one right ascension to another, within [0, 360]."""
    key, start = columns[0], columns[4]
    base, unit = zone * _TURN, _TURN / 360.0
    # One unit more on either side: a bound is rounded as the keys are.
    low = _bisect(key, base + np.int64(max(west, 0.0) * unit) - 1, start[zone], start[zone + 1])
    high = _bisect(key, base + np.int64(min(east, 360.0) * unit) + 2, low, start[zone + 1])
    return low, high


@njit
def _side(side: Any, ra: Any, half: Any, zone: Any, columns: Any) -> Any:
    """Give one of three runs: the one around a position, and what lies beyond RA 0 on either side."""
    if half >= 180.0:
        start = columns[4]
        return (start[zone], start[zone + 1]) if side == 0 else (np.int64(0), np.int64(0))
    if side == 0:
        return _run(columns, zone, ra - half, ra + half)
    if side == 1 and ra - half < 0.0:
        return _run(columns, zone, ra - half + 360.0, 360.0)
    if side == 2 and ra + half > 360.0:
        return _run(columns, zone, 0.0, ra + half - 360.0)
    return np.int64(0), np.int64(0)


@njit
def _best_of_run(ra: Any, dec: Any, low: Any, high: Any, columns: Any, best: Any, entry: Any) -> Any:
    _, row, ras, decs, _ = columns
    for place in range(low, high):
        # The difference in declination alone is a lower bound, and costs nothing.
        if abs(decs[place] - dec) > best + _PAD:
            continue
        apart = _apart(ra, dec, ras[place], decs[place])
        if apart < best or (apart == best and (entry < 0 or row[place] < entry)):
            best, entry = apart, row[place]
    return best, entry


@njit
def _best_of_zone(ra: Any, dec: Any, zone: Any, columns: Any, best: Any, entry: Any) -> Any:
    start = columns[4]
    if start[zone] == start[zone + 1]:
        return best, entry
    # A small circle first, which may hold an entry that is near enough to make the large one small.
    reach = min(best, 180.0 / ZONES)
    while True:
        half = _half_width(dec, reach)
        before = best
        for side in range(_SIDES):
            low, high = _side(side, ra, half, zone, columns)
            best, entry = _best_of_run(ra, dec, low, high, columns, best, entry)
        if half >= 180.0 or reach >= before or best <= reach:
            return best, entry
        reach = min(best, 8.0 * reach)


@njit(cache=True, nogil=True)
def _nearest(ra: Any, dec: Any, real: Any, radius: Any, columns: Any, entries: Any, separations: Any) -> None:
    """Search zone after zone away from the position's own, until they are farther than the best so far."""
    height = 180.0 / ZONES
    for number in range(len(ra)):
        if not real[number]:
            continue
        lon, lat = ra[number], dec[number]
        own = _zone(lat)
        best, entry = _best_of_zone(lon, lat, own, columns, radius, np.int64(-1))
        south, north = own - 1, own + 1
        while True:
            below = lat - ((south + 1) * height - 90.0) if south >= 0 else 360.0
            above = (north * height - 90.0) - lat if north < ZONES else 360.0
            if min(below, above) > best + _PAD:
                break
            if below < above:
                best, entry = _best_of_zone(lon, lat, south, columns, best, entry)
                south -= 1
            else:
                best, entry = _best_of_zone(lon, lat, north, columns, best, entry)
                north += 1
        if entry >= 0:
            entries[number] = entry
            separations[number] = best


@njit(cache=True, nogil=True)
def _within(
    ra: Any, dec: Any, real: Any, radius: Any, columns: Any, places: Any, pairs: Any, fill: Any
) -> None:
    """Count the entries around position n into ``places[n + 1]``, or write them from ``places[n]`` on."""
    _, row, ras, decs, start = columns
    positions, entries, separations = pairs
    for number in range(len(ra)):
        at = places[number] if fill else np.int64(0)
        if real[number]:
            lon, lat = ra[number], dec[number]
            half = _half_width(lat, radius)
            for zone in range(_zone(lat - radius - _PAD), _zone(lat + radius + _PAD) + 1):
                if start[zone] == start[zone + 1]:
                    continue
                for side in range(_SIDES):
                    low, high = _side(side, lon, half, zone, columns)
                    for place in range(low, high):
                        if abs(decs[place] - lat) > radius + _PAD:
                            continue
                        apart = _apart(lon, lat, ras[place], decs[place])
                        if apart <= radius:
                            if fill:
                                positions[at] = number
                                entries[at] = row[place]
                                separations[at] = apart
                            at += 1
        if not fill:
            places[number + 1] = at

"""The density of alerts as a HiPS (IVOA HiPS 1.0): the ground of a sky view that asks nobody elsewhere.

A tile of order k has 64 by 64 pixels, which are the cells of order k + 6.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from vobroker.archive import Archive, heavens
from vobroker.web import images

ORDER = 3
"""Highest order of a tile."""

WIDTH = 64
"""Pixels across a tile."""

KEPT = 60.0
"""Seconds that counts are good for."""

INSIDE = 6
"""Orders from a tile to its pixels."""

_MAPS = 8  # selections that are remembered
_FAINT, _BRIGHT = np.array([38.0, 84.0, 140.0]), np.array([255.0, 206.0, 120.0])

Cells = NDArray[np.integer]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Counts:
    """Alerts by cell.

    Attributes
    ----------
    cell, number
        Nested cells of the order of the finest pixels, ascending, and their alerts.
    until
        When they are asked for again, on the monotonic clock.
    """

    cell: Cells
    number: Cells
    until: float

    def tile(self, order: int, pixel: int) -> Cells | None:
        """Give the alerts in each pixel of a tile, in nested order; None where there is none."""
        inside = 2 * (ORDER - order)  # the tile's pixels are so much coarser than the cells
        first = pixel << 2 * (ORDER - order + INSIDE)
        low, high = np.searchsorted(self.cell, [first, first + (1 << 2 * (ORDER - order + INSIDE))])
        if low == high:
            return None
        within = (self.cell[low:high] - first) >> inside
        return np.bincount(within, self.number[low:high], WIDTH * WIDTH).astype(np.int64)

    def most(self, order: int) -> int:
        """Give the most alerts that a pixel of an order's tiles has."""
        if not len(self.cell):
            return 0
        coarse = self.cell >> 2 * (ORDER - order)
        first = np.flatnonzero(np.diff(coarse, prepend=-1))
        return int(np.add.reduceat(self.number, first).max())


class Density:
    """Counts of an archive by selection; any number of threads may ask."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: OrderedDict[heavens.Chosen, Counts] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, chosen: heavens.Chosen) -> Counts:
        """Give the counts of a selection; the archive is asked at most once a minute for each."""
        with self._lock:
            known = self._known.get(chosen)
            if known is None or time.monotonic() >= known.until:
                cell, number = heavens.counts(self._archive, chosen, ORDER + INSIDE)
                known = self._known[chosen] = Counts(
                    cell.astype(np.int32), number.astype(np.int32), time.monotonic() + KEPT
                )
                while len(self._known) > _MAPS:
                    self._known.popitem(last=False)
            self._known.move_to_end(chosen)
            return known


def png(counts: Counts, order: int, pixel: int) -> bytes:
    """Draw a tile: few alerts blue, many amber on a logarithmic scale, and nothing where there is none."""
    drawn = _drawn(counts, order, pixel)
    return _nothing() if drawn is None else images.encode(drawn)


def allsky(counts: Counts) -> bytes:
    """Draw all tiles of the highest order in one picture, 27 in a row (HiPS 1.0, section 4.3.2)."""
    tiles = 12 * 4**ORDER
    across = math.isqrt(tiles)
    whole = np.zeros((-(-tiles // across), WIDTH, across, WIDTH, 4), np.uint8)
    for pixel in range(tiles):
        drawn = _drawn(counts, ORDER, pixel)
        if drawn is not None:
            whole[pixel // across, :, pixel % across] = drawn
    return images.encode(whole.reshape(-1, across * WIDTH, 4))


def coverage(counts: Counts) -> bytes:
    """Write which tiles of the highest order have alerts, as MOC in FITS (MOC 2.0, section 4.3.1)."""
    tiles = np.unique(counts.cell >> 2 * INSIDE).astype(np.int64)
    table = fits.BinTableHDU.from_columns([fits.Column("UNIQ", "K", array=tiles + 4 * 4**ORDER)])
    told = {"MOCVERS": "2.0", "MOCDIM": "SPACE", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORD_S": ORDER}
    table.header.update(told)
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()


def _drawn(counts: Counts, order: int, pixel: int) -> Pixels | None:
    number = counts.tile(order, pixel)
    if number is None:
        return None
    level = np.log1p(number) / np.log1p(max(counts.most(order), 1))
    colour = _FAINT + level[:, None] * (_BRIGHT - _FAINT)
    opaque = np.where(number > 0, 150 + 105 * level, 0)
    pixels = np.empty((WIDTH, WIDTH, 4), np.uint8)
    # Along a row the second coordinate of the nested scheme grows (HiPS 1.0, section 4.1).
    down, right = _places()
    pixels[down, right] = np.column_stack([colour, opaque]).round().astype(np.uint8)
    return pixels


@cache
def _nothing() -> bytes:
    return images.encode(np.zeros((WIDTH, WIDTH, 4), np.uint8))


def properties(title: str, address: str, identifier: str) -> str:
    """Write what a HiPS says of itself (HiPS 1.0, section 4.4.1)."""
    told = {
        "creator_did": identifier,
        "obs_title": title,
        "obs_description": "Number of alerts by HEALPix cell, on a logarithmic scale",
        "dataproduct_type": "image",
        "hips_version": "1.4",
        "hips_release_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "hips_status": "public master unclonable",
        "hips_service_url": address,
        "hips_tile_format": "png",
        "hips_frame": "equatorial",
        "hips_order": ORDER,
        "hips_order_min": 0,
        "hips_tile_width": WIDTH,
        "hips_initial_fov": 180,
    }
    return "".join(f"{key:<20} = {value}\n" for key, value in told.items())


def _places() -> tuple[Cells, Cells]:
    """Give row and column of each pixel of a tile: the even bits of its number, and the odd ones."""
    number = np.arange(WIDTH * WIDTH)
    down, right = (sum(((number >> (2 * bit + odd)) & 1) << bit for bit in range(INSIDE)) for odd in (0, 1))
    return np.asarray(down), np.asarray(right)

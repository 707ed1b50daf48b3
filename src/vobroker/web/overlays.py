"""What is drawn over the sky as MOCs: regions, credible regions of sky maps, where a night's alerts are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vobroker.archive import Archive, files_of
from vobroker.enrich import EnrichError, catalogue, region, skymap, store
from vobroker.sky import moc
from vobroker.sky.healpix import ORDER

FINEST = 10
"""Highest order of a MOC that is given."""

MAX_CELLS = 20_000
"""Most cells of one; a finer one is made coarser until it has no more."""

FOOTPRINT = 6
"""Order of the cells that show where a night's alerts are: a degree wide."""

LEVEL = 0.9
"""Probability of the region of a sky map unless another is asked for."""

Ranges = moc.Cells


def store_of(archive: Archive) -> Path:
    """Give the folder of what an archive's alerts are compared with."""
    return files_of(archive.place) / store.FOLDER


def listed(folder: Path) -> list[dict[str, Any]]:
    """Give regions and sky maps with what is known of them, by name; one that is damaged is left out."""
    found = []
    for name in store.names(folder):
        kind = catalogue.kind_of(folder / name)
        if kind not in _INFO:
            continue
        made, columns = _INFO[kind]
        try:
            info, _ = region.load(folder / name, made, columns)
        except EnrichError:
            continue
        one = {"name": name, "kind": kind, "description": info.description, "table": info.table}
        if kind == skymap.KIND:
            one |= {"area": info.area, "event_mjd": info.event_mjd, "level": LEVEL}
        else:
            one |= {"area": info.sky * 41252.96125}
        found.append(one)
    return found


def of_layer(folder: Path, kind: str, name: str, order: int, level: float) -> dict[str, list[int]]:
    """Give a region, or the credible region of a sky map, as MOC in JSON.

    Parameters
    ----------
    folder
        The store.
    kind, name
        ``region`` or ``skymap``, and its name.
    order
        Highest order of a cell; less where there would be more than :data:`MAX_CELLS`.
    level
        Probability of a sky map's region, 0 to 1.

    Raises
    ------
    KeyError
        If there is none.
    EnrichError
        If it is damaged.
    """
    if name not in store.names(folder) or catalogue.kind_of(folder / name) != kind or kind not in _INFO:
        raise KeyError(name)
    when = (folder / name / catalogue.INFO).stat().st_mtime_ns
    return moc.as_json(_layer(folder / name, when, kind, order, level))


def of_cells(cell: Ranges, order: int) -> dict[str, list[int]]:
    """Give cells of an order as MOC in JSON."""
    shift = 2 * (ORDER - order)
    cell = cell.astype(np.int64)
    return moc.as_json(_bounded(np.column_stack([cell << shift, (cell + 1) << shift]), order))


_INFO = {
    region.KIND: (region.Info, ("ranges",)),
    skymap.KIND: (skymap.Info, ("start", "stop", "level")),
}


@lru_cache(64)
def _layer(folder: Path, when: int, kind: str, order: int, level: float) -> dict[int, Ranges]:
    made, columns = _INFO[kind]
    _, found = region.load(folder, made, columns)
    if kind == skymap.KIND:
        start, stop, levels = found
        inside = levels <= max(level, levels.min())  # one cell may have more than is asked for
        pairs = np.column_stack([start[inside], stop[inside]])
    else:
        (pairs,) = found
    return _bounded(pairs, order)


def _bounded(pairs: Ranges, order: int) -> dict[int, Ranges]:
    """Give the cells of ranges in the highest order up to one that has few enough."""
    ranges = moc.coarser(pairs, order)
    while sum(map(len, (found := moc.cells(ranges, order)).values())) > MAX_CELLS:
        ranges = moc.coarser(ranges << 2 * (ORDER - order), order - 1)
        order -= 1
    return found

"""Sky maps of where an event may have been: alerts in a credible region have a row in the map's table.

A map is a FITS table: of cells of many orders, as gravitational-wave alerts have it (columns UNIQ and
PROBDENSITY, per steradian), or of all cells of one order (column PROB). The level of a cell is the
probability of all cells that are as dense or denser: the smallest credible region that holds it has this
probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.time import Time
from numpy.typing import NDArray

from vobroker.enrich import cells, healpix_map
from vobroker.enrich.catalogue import free_place
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.fits import BinaryTable, binary_table
from vobroker.enrich.known import Known
from vobroker.enrich.layer import KEYS, Found, keys
from vobroker.enrich.region import cells_of, load, save
from vobroker.sky.healpix import CELLS
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

KIND = "skymap"
LEVEL = 0.99
"""Level up to which alerts have a row unless another is given."""

_SKY = 4 * math.pi
_DISTANCES = {"DISTMU": "distance_mu", "DISTSIGMA": "distance_sigma"}

_LEVEL = Column(
    "credible_level",
    "DOUBLE",
    "",
    "stat.probability",
    "Probability of the smallest credible region with the alert in it",
)
_DENSITY = Column(
    "density", "DOUBLE", "sr**-1", "stat.probability;phys.angArea", "Probability per steradian there"
)
_EVENT = Column(
    "event_mjd", "DOUBLE", "d", "time.epoch", "When the event was, MJD in TAI; null if the map does not tell",
    system="TAI_MJD",
)  # fmt: skip
_MU = Column(
    "distance_mu", "DOUBLE", "Mpc", "pos.distance", "Location parameter of the distance there (DISTMU)"
)
_SIGMA = Column(
    "distance_sigma",
    "DOUBLE",
    "Mpc",
    "stat.stdev;pos.distance",
    "Scale parameter of the distance there (DISTSIGMA)",
)
TABLE = Table(KIND, (*KEYS, _LEVEL, _DENSITY, _EVENT, _MU, _SIGMA), "The alerts in a sky map")
"""What the table of a map with distances has."""

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Known):
    """What is known of a sky map.

    Attributes
    ----------
    cells
        Number of cells.
    total
        Probability of all of them.
    level
        Highest level that has rows.
    area
        Square degrees of the credible region of 90 %.
    event_mjd
        When the event was, MJD in TAI; None if the map does not tell.
    distances
        Whether the map has distances.
    """

    cells: int
    total: float
    level: float
    area: float
    event_mjd: float | None
    distances: bool
    kind: str = KIND


def add(store: Path, name: str, path: Path, *, level: float = LEVEL, description: str = "") -> Info:
    """Make a sky map of a file.

    Parameters
    ----------
    store, name, path, description
        As for a catalogue.
    level
        Alerts beyond this level have no row.

    Raises
    ------
    EnrichError
        If the name is taken or cannot be used, the file is no sky map, or its probabilities make no sense.
    """
    final = free_place(store, name, KIND)
    if not 0 < level <= 1:
        raise EnrichError(f"a level of {level:g} is not between 0 and 1")
    unit = binary_table(path)
    names = {column.name.upper(): column.name for column in unit.columns}
    if "UNIQ" in names and "PROBDENSITY" in names:
        pairs, density = _multiorder(unit, names, path)
    elif "PROB" in names or "PROBABILITY" in names:
        pairs, density = _flat(unit, names.get("PROB") or names["PROBABILITY"], path)
    else:
        raise EnrichError(f"{path} is no sky map: it has neither UNIQ and PROBDENSITY nor PROB")
    _check(density, path)
    area = (pairs[:, 1] - pairs[:, 0]) * (_SKY / CELLS)
    total = float(np.sum(density * area))
    if not 0.9 <= total <= 1.1:
        raise EnrichError(f"{path} is no sky map: its probabilities have the sum {total:g}, not 1")
    levels = _levels(density, area, total)
    order = np.argsort(pairs[:, 0], kind="stable")
    overlap = np.flatnonzero(pairs[order][1:, 0] < pairs[order][:-1, 1])
    if overlap.size:
        raise EnrichError(f"{path}, row {order[overlap[0] + 1] + 1}: the cell lies in another one")
    columns = {
        "start": pairs[order, 0],
        "stop": pairs[order, 1],
        "density": density[order],
        "level": levels[order],
    }
    told = [key for key in _DISTANCES if key in names and "UNIQ" in names]
    for key in told:
        columns[_DISTANCES[key]] = unit.numbers(names[key]).astype(np.float64)[order]
    info = Info(
        name=name,
        description=description or f"The sky map {name}",
        source=path.name,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        cells=len(density),
        total=total,
        level=level,
        area=float(area[levels <= 0.9].sum() * math.degrees(1) ** 2),
        event_mjd=_event(unit.header, path),
        distances=len(told) == len(_DISTANCES),
    )
    save(final, info, columns)
    return info


def _multiorder(unit: BinaryTable, names: dict[str, str], path: Path) -> tuple[cells.Cells, Reals]:
    if len(unit.rows) > healpix_map.MAX_CELLS:
        raise EnrichError(f"{path} has {len(unit.rows):,} cells, more than {healpix_map.MAX_CELLS:,}")
    _refuse_galactic(unit, path)
    order, cell = cells.from_uniq(unit.numbers(names["UNIQ"]), str(path))
    return cells.ranges(order, cell), unit.numbers(names["PROBDENSITY"]).astype(np.float64)


def _flat(unit: BinaryTable, name: str, path: Path) -> tuple[cells.Cells, Reals]:
    _refuse_galactic(unit, path)
    values = unit.numbers(name).ravel().astype(np.float64)
    _check(values, path)  # while rows are those of the file
    order, found = healpix_map.nested(unit, values, path)
    return cells.ranges(order, np.arange(len(found))), found * (len(found) / _SKY)


def _check(values: Reals, path: Path) -> None:
    bad = np.flatnonzero(~((values >= 0) & np.isfinite(values)))
    if bad.size:
        raise EnrichError(f"{path}, row {bad[0] + 1}: {values[bad[0]]:g} is no probability")


def _refuse_galactic(unit: BinaryTable, path: Path) -> None:
    if healpix_map.system(unit, path) != "C":
        raise EnrichError(f"{path} is in Galactic coordinates; equatorial ones (C) are needed")


def _levels(density: Reals, area: Reals, total: float) -> Reals:
    """Give the probability of all cells as dense as each or denser, as a part of the whole."""
    order = np.argsort(-density, kind="stable")
    summed = np.cumsum((density * area)[order]) / total
    # Cells of one density have one level: that of the last of them.
    last = np.searchsorted(-density[order], -density[order], side="right") - 1
    levels = np.empty_like(summed)
    levels[order] = np.minimum(summed[last], 1.0)
    return levels


def _event(header: Any, path: Path) -> float | None:
    """Give the time of the event, MJD in TAI; the header has it in UTC."""
    given = header.get("MJD-OBS")
    if given is None:
        return None
    if not isinstance(given, (int, float)) or not 0 < given < 200_000:
        raise EnrichError(f"{path}: MJD-OBS is {str(given)[:40]}, which is no time")
    return float(Time(float(given), format="mjd", scale="utc").tai.mjd)


class SkyMap:
    """A sky map that alerts are compared with.

    Raises
    ------
    EnrichError
        If it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        info, (self._starts, self._stops, self._density, self._level) = load(
            folder, Info, ("start", "stop", "density", "level")
        )
        self.info: Info = info
        self._distances: dict[str, Reals] = {}
        if info.distances:
            names = tuple(_DISTANCES.values())
            self._distances = dict(zip(names, load(folder, Info, names)[1], strict=True))
        self.table = Table(
            info.table,
            TABLE.columns if info.distances else TABLE.columns[: -len(_DISTANCES)],
            f"The alerts in the credible region of {100 * info.level:g} % of the sky map {info.name}",
        )

    def of(self, alert: pa.RecordBatch) -> Found:
        """Give the probabilities where alerts are; see :class:`vobroker.enrich.layer.Layer`."""
        there = cells.place(self._starts, self._stops, cells_of(alert))
        inside = there >= 0
        inside[inside] = self._level[there[inside]] <= self.info.level
        rows = np.flatnonzero(inside)
        cell = there[rows]
        values = keys(alert, rows) | {
            "credible_level": pa.array(self._level[cell]),
            "density": pa.array(self._density[cell]),
            "event_mjd": pa.repeat(pa.scalar(self.info.event_mjd, pa.float64()), len(rows)),
        }
        for name, column in self._distances.items():
            found = column[cell]
            values[name] = pa.array(found, mask=~np.isfinite(found))
        target = pa.schema([(f.name, f.type) for f in schema(self.table)])
        return Found(self.table, rows, pa.table([values[f.name] for f in target], schema=target))

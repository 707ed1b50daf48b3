"""Where alerts are in the Galaxy and to the ecliptic, and how much dust is in front of what is behind.

The table ``context`` has a row for every alert with a position. Reddening comes out of a HEALPix map, which
``vobroker dustmap add`` puts into the store; without one it is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import erfa
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vobroker.enrich import healpix_map
from vobroker.enrich.catalogue import free_place
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.formats.fits import binary_table
from vobroker.enrich.known import Known
from vobroker.enrich.layer import CONTEXT, J2000, KEYS, Found, keys, positions
from vobroker.enrich.region import load, save
from vobroker.sky.healpix import ORDER, healpix29
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

KIND = "dustmap"

TABLE = Table(
    CONTEXT,
    (
        *KEYS,
        Column("galactic_longitude", "DOUBLE", "deg", "pos.galactic.lon", "Galactic longitude of the alert"),
        Column("galactic_latitude", "DOUBLE", "deg", "pos.galactic.lat", "Galactic latitude of the alert"),
        Column("ecliptic_longitude", "DOUBLE", "deg", "pos.ecliptic.lon", "Ecliptic longitude, mean J2000"),
        Column("ecliptic_latitude", "DOUBLE", "deg", "pos.ecliptic.lat", "Ecliptic latitude, mean J2000"),
        Column("ebv", "REAL", "mag", "phot.color.excess", "Reddening E(B-V); null without a dust map"),
    ),
    "Where each alert is on the sky, besides its position",
)  # fmt: skip

_UNSEEN = -1.6e30  # healpy's mark of a cell without a value is less

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Known):
    """What is known of a dust map.

    Attributes
    ----------
    order
        Order of its cells.
    system
        ``C`` or ``G``.
    """

    order: int
    system: str
    kind: str = KIND

    @property
    def table(self) -> str:
        """Name of the table that it has a column of."""
        return CONTEXT


def add(store: Path, name: str, path: Path, *, column: str = "", description: str = "") -> Info:
    """Take a dust map out of a FITS file.

    Parameters
    ----------
    store, name, path, description
        As for a catalogue.
    column
        Column with E(B-V) in magnitudes; the first one when not given.

    Raises
    ------
    EnrichError
        If the name is taken or cannot be used, or the file is no HEALPix map of the whole sky.
    """
    final = free_place(store, name, KIND)
    table = binary_table(path)
    names = {field.name.lower(): field.name for field in table.columns}
    if column and column.lower() not in names:
        raise EnrichError(f"{path} has no column {column}; it has {', '.join(names.values())}")
    values = table.numbers(names[column.lower()] if column else table.columns[0].name).ravel()
    if values.dtype.kind not in "fiu":
        raise EnrichError(f"{path}: its column has no numbers")
    order, cells = healpix_map.nested(table, values.astype(np.float32), path)
    cells = np.where(cells > _UNSEEN, cells, np.nan)
    known = cells[np.isfinite(cells)]
    if not len(known) or known.min() < -1 or known.max() > 1000:
        raise EnrichError(f"{path} is no map of E(B-V) in magnitudes: its values reach from"
                          f" {known.min(initial=0):g} to {known.max(initial=0):g}")  # fmt: skip
    info = Info(
        name=name,
        description=description or f"The dust map {name}",
        source=path.name,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        order=order,
        system=healpix_map.system(table, path),
    )
    save(final, info, {"ebv": cells.astype(np.float32)})
    return info


class Context:
    """The place of alerts in the Galaxy.

    Parameters
    ----------
    folder
        Of a dust map; None for none.

    Raises
    ------
    EnrichError
        If the dust map is damaged.
    """

    table = TABLE

    def __init__(self, folder: Path | None = None) -> None:
        self.info: Info | None = None
        if folder is not None:
            self.info, (self._ebv,) = load(folder, Info, ("ebv",))

    def of(self, alert: pa.RecordBatch) -> Found:
        """Place alerts; see :class:`vobroker.enrich.layer.Layer`."""
        ra, dec = positions(alert)
        rows = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        ra, dec = np.radians(ra[rows]), np.radians(dec[rows])
        galactic = [np.degrees(angle) for angle in erfa.icrs2g(ra, dec)]
        ecliptic = [np.degrees(angle) for angle in erfa.eqec06(J2000, 0.0, ra, dec)]
        values = keys(alert, rows) | {
            "galactic_longitude": pa.array(_turned(galactic[0])),
            "galactic_latitude": pa.array(galactic[1]),
            "ecliptic_longitude": pa.array(_turned(ecliptic[0])),
            "ecliptic_latitude": pa.array(ecliptic[1]),
            "ebv": self._reddening(np.degrees(ra), np.degrees(dec), galactic),
        }
        target = pa.schema([(f.name, f.type) for f in schema(TABLE)])
        return Found(TABLE, rows, pa.table([values[f.name] for f in target], schema=target))

    def _reddening(self, ra: Reals, dec: Reals, galactic: list[Reals]) -> pa.Array:
        if self.info is None:
            return pa.nulls(len(ra), pa.float32())
        lon, lat = (_turned(galactic[0]), galactic[1]) if self.info.system == "G" else (_turned(ra), dec)
        found = self._ebv[healpix29(lon, lat) >> 2 * (ORDER - self.info.order)]
        return pa.array(found, mask=np.isnan(found))


def _turned(angle: Reals) -> Reals:
    turned = np.mod(angle, 360.0)
    return np.where(turned >= 360.0, 0.0, turned)

"""Galactic and ecliptic places are those of astropy, and reddening is that of the map's cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cdshealpix
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, Galactic, SkyCoord
from astropy.io import fits
from tests.enrich.conftest import Alerts

from vobroker.enrich import EnrichError, context
from vobroker.sky import healpix29
from vobroker.sky.healpix import ORDER

SKY = np.random.default_rng(4).uniform(size=(2, 500))
RA, DEC = (
    np.r_[360 * SKY[0], 0, 0, 192.859508],
    np.r_[np.degrees(np.arcsin(2 * SKY[1] - 1)), 90, -90, 27.128336],
)


def test_places_are_those_of_astropy(alerts: Alerts) -> None:
    found = context.Context().of(alerts(np.r_[RA, np.nan], np.r_[DEC, np.nan]))
    assert found.rows.tolist() == list(range(len(RA)))
    rows = {name: np.array(found.values[name]) for name in found.values.column_names}
    places = SkyCoord(RA * u.deg, DEC * u.deg)
    for frame, name in ((Galactic(), "galactic"), (BarycentricMeanEcliptic(equinox="J2000"), "ecliptic")):
        ours = SkyCoord(rows[f"{name}_longitude"] * u.deg, rows[f"{name}_latitude"] * u.deg, frame=frame)
        assert ours.separation(places.transform_to(frame)).arcsec.max() < 0.05  # the bias of ICRS
    assert rows["galactic_latitude"][-1] == pytest.approx(90, abs=1e-4)
    assert (rows["galactic_longitude"] >= 0).all()
    assert found.values["ebv"].null_count == len(RA)


def dust(path: Path, ordering: str, **header: Any) -> np.ndarray:
    values = np.random.default_rng(1).exponential(size=12 * 4**5).astype(np.float32)
    values[7] = -1.6375e30
    stored = (
        values
        if ordering == "NESTED"
        else values[cdshealpix.from_ring(np.arange(len(values), dtype=np.uint64), 5)]
    )
    unit = fits.BinTableHDU.from_columns([fits.Column("EBV", "1024E", array=stored.reshape(-1, 1024))])
    unit.header.update({"ORDERING": ordering, **header})
    unit.writeto(path)
    return values


@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
@pytest.mark.parametrize("system", ["C", "G"])
def test_reddening_is_that_of_the_cell(ordering: str, system: str, tmp_path: Path, alerts: Alerts) -> None:
    values = dust(tmp_path / "m.fits", ordering, COORDSYS=system)
    context.add(tmp_path / "store", "sfd", tmp_path / "m.fits", column="ebv")
    places = SkyCoord(RA * u.deg, DEC * u.deg)
    lon, lat = (places.galactic.l.deg, places.galactic.b.deg) if system == "G" else (RA, DEC)
    cells = healpix29(lon, lat) >> 2 * (ORDER - 5)
    found = context.Context(tmp_path / "store" / "sfd").of(alerts(RA, DEC)).values["ebv"].to_pylist()
    assert found == [None if cell == 7 else values[cell] for cell in cells.tolist()]


def test_what_is_no_dust_map_is_told(tmp_path: Path) -> None:
    dust(tmp_path / "m.fits", "NESTED", COORDSYS="E")
    with pytest.raises(EnrichError, match="has no column tau; it has EBV"):
        context.add(tmp_path / "store", "sfd", tmp_path / "m.fits", column="tau")
    with pytest.raises(EnrichError, match="in the system E, neither"):
        context.add(tmp_path / "store", "sfd", tmp_path / "m.fits")

"""Low-precision formulae against astropy."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord, get_body_barycentric
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from vobroker.sources.simulator import ephemeris

MJD = np.linspace(60676.0, 62500.0, 40)


def test_the_earth_is_where_astropy_has_it():
    time = Time(MJD, format="mjd", scale="tdb")
    real = get_body_barycentric("earth", time, "builtin") - get_body_barycentric("sun", time, "builtin")
    real = real.xyz.to_value(u.au).T
    ours = ephemeris.earth(MJD)
    cosine = (real * ours).sum(axis=1) / np.linalg.norm(real, axis=1) / np.linalg.norm(ours, axis=1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.02
    assert np.abs(np.linalg.norm(ours, axis=1) - np.linalg.norm(real, axis=1)).max() < 2e-4


def test_sidereal_time():
    time = Time(MJD, format="mjd", scale="ut1")
    real = time.sidereal_time("mean", longitude=-70.75 * u.deg, model="IAU1982").deg
    apart = (ephemeris.sidereal(MJD, -70.75) - real + 180) % 360 - 180
    assert np.abs(apart).max() < 0.02


def test_ecliptic_and_galactic_axes():
    ra, dec = np.array([10.0, 200.0, 300.0]), np.array([-60.0, 5.0, 40.0])
    sky = SkyCoord(ra * u.deg, dec * u.deg)
    lon, lat = ephemeris.direction(ephemeris.galactic(ephemeris.unit(ra, dec)))
    assert lon == pytest.approx(sky.galactic.l.deg, abs=1e-4)
    assert lat == pytest.approx(sky.galactic.b.deg, abs=1e-4)
    lon, lat = ephemeris.direction(ephemeris.ecliptic(ephemeris.unit(ra, dec)))
    ecliptic = sky.barycentricmeanecliptic
    assert lon == pytest.approx(ecliptic.lon.deg, abs=1e-3)
    assert lat == pytest.approx(ecliptic.lat.deg, abs=1e-3)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 359.99), st.floats(-85, 85))
def test_the_projection_has_its_inverse(east, north, ra0, dec0):
    ra, dec = ephemeris.from_plane(east, north, ra0, dec0)
    assert ephemeris.to_plane(ra, dec, ra0, dec0) == pytest.approx((east, north), abs=1e-9)


def test_airmass():
    assert ephemeris.airmass(90.0) == pytest.approx(1.0, abs=1e-3)
    assert ephemeris.airmass(30.0) == pytest.approx(1.99, abs=0.01)

"""Sun, Earth and sidereal time to an arcminute, which pointing and asteroids of a simulation need.

The formulae are the low-precision ones of the Astronomical Almanac, section C (sun) and B (sidereal time).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAI_MINUS_UTC = 37.0 / 86400  # d; no leap second has been added since 2017
TT_MINUS_TAI = 32.184 / 86400
OBLIQUITY = np.radians(23.43928)
_J2000 = 51544.5


def earth(mjd_tai: Any) -> Array:
    """Heliocentric equatorial position of the Earth in au, shape (..., 3)."""
    days = np.asarray(mjd_tai, np.float64) + TT_MINUS_TAI - _J2000
    anomaly = np.radians(357.528 + 0.9856003 * days)
    mean_longitude = 280.460 + 0.9856474 * days
    longitude = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    # Of date to J2000: the equinox moves by 50.29″ a year.
    longitude -= np.radians(50.29 / 3600 * days / 365.25)
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    sun = np.stack(
        [
            np.cos(longitude),
            np.sin(longitude) * np.cos(OBLIQUITY),
            np.sin(longitude) * np.sin(OBLIQUITY),
        ],
        axis=-1,
    )
    return np.asarray(-distance[..., None] * sun)


def earth_velocity(mjd_tai: Any) -> Array:
    """Heliocentric equatorial velocity of the Earth in au/d, shape (..., 3)."""
    half = 0.05
    at = np.asarray(mjd_tai, np.float64)
    return (earth(at + half) - earth(at - half)) / (2 * half)


def sidereal(mjd_utc: Any, longitude: float) -> Array:
    """Local mean sidereal time in degrees."""
    days = np.asarray(mjd_utc, np.float64) - _J2000
    return np.asarray((280.46061837 + 360.98564736629 * days + longitude) % 360.0)


def altitude(ra: Any, dec: Any, mjd_utc: Any, longitude: float, latitude: float) -> Array:
    """Altitude above the horizon in degrees, without refraction."""
    hour = np.radians(sidereal(mjd_utc, longitude) - ra)
    dec, lat = np.radians(dec), np.radians(latitude)
    return np.asarray(
        np.degrees(np.arcsin(np.sin(dec) * np.sin(lat) + np.cos(dec) * np.cos(lat) * np.cos(hour)))
    )


def airmass(height: Any) -> Array:
    """Airmass at an altitude in degrees (Pickering 2002)."""
    height = np.maximum(height, 3.0)
    return np.asarray(1.0 / np.sin(np.radians(height + 244.0 / (165.0 + 47.0 * height**1.1))))


def direction(vector: Array) -> tuple[Array, Array]:
    """Right ascension and declination in degrees of vectors, shape (..., 3)."""
    ra = np.degrees(np.arctan2(vector[..., 1], vector[..., 0])) % 360.0
    dec = np.degrees(np.arctan2(vector[..., 2], np.hypot(vector[..., 0], vector[..., 1])))
    return ra, dec


def unit(ra: Any, dec: Any) -> Array:
    """Give unit vectors of directions in degrees, shape (..., 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def ecliptic(vector: Array) -> Array:
    """Equatorial vectors, shape (..., 3), in ecliptic axes of J2000."""
    c, s = np.cos(OBLIQUITY), np.sin(OBLIQUITY)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    return np.stack([x, c * y + s * z, c * z - s * y], axis=-1)


_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)


def galactic(vector: Array) -> Array:
    """Equatorial vectors, shape (..., 3), in galactic axes (ESA 1997, The Hipparcos Catalogue, 1.5.3)."""
    return np.asarray(vector @ _GALACTIC.T)


def to_plane(ra: Any, dec: Any, ra0: float, dec0: float) -> tuple[Array, Array]:
    """Gnomonic projection: offsets east and north of the field centre in degrees."""
    dra, dec_r, dec0_r = np.radians(np.asarray(ra) - ra0), np.radians(dec), np.radians(dec0)
    depth = np.sin(dec0_r) * np.sin(dec_r) + np.cos(dec0_r) * np.cos(dec_r) * np.cos(dra)
    east = np.cos(dec_r) * np.sin(dra) / depth
    north = (np.cos(dec0_r) * np.sin(dec_r) - np.sin(dec0_r) * np.cos(dec_r) * np.cos(dra)) / depth
    return np.degrees(east), np.degrees(north)


def from_plane(east: Any, north: Any, ra0: float, dec0: float) -> tuple[Array, Array]:
    """Inverse of :func:`to_plane`."""
    x, y, dec0_r = np.radians(east), np.radians(north), np.radians(dec0)
    depth = np.cos(dec0_r) - y * np.sin(dec0_r)
    ra = ra0 + np.degrees(np.arctan2(x, depth))
    dec = np.degrees(np.arctan2(np.sin(dec0_r) + y * np.cos(dec0_r), np.hypot(x, depth)))
    return ra % 360.0, dec

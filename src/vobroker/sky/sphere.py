"""Distances and directions on the sphere, accurate at every scale.

All angles are degrees. Arguments are numbers or arrays that broadcast together; the results have the
broadcast shape, and a NaN in gives a NaN out. Both positions of a pair are in the same frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Angles = NDArray[np.float64]


def separation(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> Angles:
    """Give the great-circle distance between two positions.

    The arc tangent of the cross and dot products (Vincenty 1975, Survey Review 23, 88, for a sphere)
    loses no digits at any distance, unlike the arc cosine (small ones) and the haversine (antipodes).

    Returns
    -------
    array of float64
        Degrees, from 0 to 180.
    """
    across, along, dot = _other_seen_from_first(ra1, dec1, ra2, dec2)
    return np.degrees(np.arctan2(np.hypot(across, along), dot))


def position_angle(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> Angles:
    """Give the direction from the first position to the second.

    Returns
    -------
    array of float64
        Degrees from north through east, 0 <= angle < 360; 0 where the positions coincide. At a pole,
        north is the direction that it has in the limit along the meridian of ``ra1``.
    """
    across, along, _ = _other_seen_from_first(ra1, dec1, ra2, dec2)
    return _turn(np.degrees(np.arctan2(across, along)))


def offset(ra: ArrayLike, dec: ArrayLike, angle: ArrayLike, distance: ArrayLike) -> tuple[Angles, Angles]:
    """Give the position at a distance from another, along the great circle that leaves at an angle.

    Parameters
    ----------
    ra, dec
        Start, degrees.
    angle
        Position angle at the start, degrees from north through east.
    distance
        Length of the arc, degrees.

    Returns
    -------
    ra, dec : array of float64
        Degrees, 0 <= ra < 360.
    """
    dec_, angle_, distance_ = (np.radians(np.asarray(x, np.float64)) for x in (dec, angle, distance))
    x = np.cos(dec_) * np.cos(distance_) - np.sin(dec_) * np.sin(distance_) * np.cos(angle_)
    y = np.sin(distance_) * np.sin(angle_)
    z = np.sin(dec_) * np.cos(distance_) + np.cos(dec_) * np.sin(distance_) * np.cos(angle_)
    # The arc tangent keeps near the poles the digits that an arc sine of z would lose.
    return _turn(ra + np.degrees(np.arctan2(y, x))), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _other_seen_from_first(
    ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike
) -> tuple[Angles, Angles, Angles]:
    """East, north and outward components of the second unit vector at the first position."""
    lat1, lat2 = np.radians(np.asarray(dec1, np.float64)), np.radians(np.asarray(dec2, np.float64))
    # Differences before radians: subtracting near-equal degrees is exact.
    d_lon = np.radians(np.subtract(ra2, ra1, dtype=np.float64))
    d_lat = np.radians(np.subtract(dec2, dec1, dtype=np.float64))
    across = np.cos(lat2) * np.sin(d_lon)
    # cos d1 sin d2 - sin d1 cos d2 cos Δ, arranged so that nothing cancels for neighbours.
    along = np.sin(d_lat) + 2 * np.sin(lat1) * np.cos(lat2) * np.sin(d_lon / 2) ** 2
    dot = np.sin(lat1) * np.sin(lat2) + np.cos(lat1) * np.cos(lat2) * np.cos(d_lon)
    return across, along, dot


def _turn(angle: ArrayLike) -> Angles:
    """Angles brought into [0, 360); the remainder of a tiny negative number rounds up to 360 itself."""
    turned = np.mod(angle, 360.0, dtype=np.float64)
    return np.where(turned >= 360.0, 0.0, turned)

"""Geometry on the sphere: HEALPix cells, cones, separations."""

from vobroker.sky.healpix import cone_ranges, healpix29, healpix29_centre, polygon_ranges
from vobroker.sky.sphere import offset, position_angle, separation

__all__ = [
    "cone_ranges",
    "healpix29",
    "healpix29_centre",
    "offset",
    "polygon_ranges",
    "position_angle",
    "separation",
]

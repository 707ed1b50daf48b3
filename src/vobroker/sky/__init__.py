"""Geometry on the sphere: HEALPix cells, cones, separations."""

from vobroker.sky.healpix import cone_ranges, healpix29, healpix29_centre
from vobroker.sky.sphere import offset, position_angle, separation

__all__ = ["cone_ranges", "healpix29", "healpix29_centre", "offset", "position_angle", "separation"]

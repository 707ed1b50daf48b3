"""Geometry on the sphere: HEALPix cells, cones, separations."""

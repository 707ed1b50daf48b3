"""Where the surveys observe from, and where they describe what they do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observatory:
    """A telescope as an event names it.

    ``longitude`` (positive to the east) and ``latitude`` are geodetic, in degrees, ``height`` in metres above
    the ellipsoid. ``radius`` is the error of a position in arcsec where the survey gives none with the alert.
    """

    name: str
    longitude: float
    latitude: float
    height: float
    radius: float
    instrument: str
    reference: str


OBSERVATORIES: dict[str, Observatory] = {
    "lsst": Observatory(
        name="Rubin Observatory",
        longitude=-70.749417,
        latitude=-30.244639,
        height=2663.0,
        radius=0.2,
        instrument="Simonyi Survey Telescope with LSSTCam; alert of the Legacy Survey of Space and Time",
        reference="https://rubinobservatory.org/for-scientists/data-products/alerts-and-brokers",
    ),
    "ztf": Observatory(
        name="Palomar Observatory",
        longitude=-116.863190,
        latitude=33.356270,
        height=1712.0,
        radius=1.0,
        instrument="Samuel Oschin Telescope with the ZTF camera; alert of the Zwicky Transient Facility",
        reference="https://www.ztf.caltech.edu/ztf-alert-stream.html",
    ),
}
"""By survey. One pixel of the camera is the position error of a survey that does not give it."""

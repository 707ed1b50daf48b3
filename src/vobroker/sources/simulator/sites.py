"""The two surveys: where they stand, what their cameras see and how deep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Survey:
    """A telescope and camera as the simulator needs them.

    ``depth`` is the 5σ point-source AB magnitude of one exposure at the zenith in median seeing,
    ``electrons`` the AB magnitude that gives one detected electron per second, ``seeing`` the median
    FWHM in arcsec; ``bright`` is where the detectors saturate.
    """

    name: str
    longitude: float  # deg, east
    latitude: float  # deg
    bands: str
    depth: Mapping[str, float]
    electrons: Mapping[str, float]
    seeing: float
    pixel: float  # arcsec
    radius: float  # deg, half width of the field of view
    exposure: float  # s
    interval: float  # s, median time from visit to visit
    bright: float
    sequence: tuple[tuple[str, str], ...]  # bands of the two passes of a night
    history_visits: int  # visits of a field in one night of the past
    history_step: int  # nights between them
    history_nights: int  # nights of the past by default
    horizon: float  # deg of sun altitude where the night begins


RUBIN = Survey(
    name="lsst",
    longitude=-70.74942,
    latitude=-30.24463,
    bands="ugrizy",
    depth={"u": 23.7, "g": 24.7, "r": 24.3, "i": 23.8, "z": 23.2, "y": 22.4},
    electrons={"u": 26.52, "g": 28.51, "r": 28.36, "i": 28.17, "z": 27.78, "y": 26.82},
    seeing=0.8,
    pixel=0.2,
    radius=1.75,
    exposure=30.0,
    interval=38.0,
    bright=16.5,
    sequence=(("g", "r"), ("r", "i"), ("i", "z"), ("g", "i"), ("r", "z"), ("u", "g"), ("i", "y")),
    history_visits=15,
    history_step=3,
    history_nights=75,
    horizon=-12.0,
)

ZTF = Survey(
    name="ztf",
    longitude=-116.86319,
    latitude=33.35627,
    bands="gri",
    depth={"g": 20.8, "r": 20.6, "i": 19.9},
    electrons={"g": 26.3, "r": 26.25, "i": 25.6},
    seeing=2.0,
    pixel=1.012,
    radius=3.6,
    exposure=30.0,
    interval=40.0,
    bright=13.5,
    sequence=(("g", "r"), ("r", "g"), ("g", "r"), ("r", "i")),
    history_visits=2,
    history_step=3,
    history_nights=30,
    horizon=-12.0,
)

SURVEYS: dict[str, Survey] = {"lsst": RUBIN, "ztf": ZTF}

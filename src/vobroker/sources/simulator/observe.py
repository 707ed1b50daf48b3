"""One exposure of one field: true fluxes, noise, the detections and their measured places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import ephemeris, orbits
from vobroker.sources.simulator.camera import CAMERAS, SHAPES, Place
from vobroker.sources.simulator.population import KINDS, Population, nanojansky
from vobroker.sources.simulator.schedule import Exposure

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

THRESHOLD = 5.0
ASTEROID = len(KINDS)
FAST = ASTEROID + 1
DIPOLE, COSMIC_RAY, EDGE = FAST + 1, FAST + 2, FAST + 3
KIND_NAMES = (
    *(kind.name for kind in KINDS),
    "asteroid",
    "fast asteroid",
    "bogus dipole",
    "bogus cosmic ray",
    "bogus edge",
)


@dataclass(frozen=True, slots=True)
class Photometry:
    """Forced photometry of all fixed objects: true flux, flux and error in nJy, and where they fell."""

    true: Array
    flux: Array
    error: Array
    place: Place

    @property
    def detected(self) -> NDArray[np.bool_]:
        """Objects above the threshold on a detector."""
        return self.place.covered & (np.abs(self.flux) >= THRESHOLD * self.error)


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of an exposure, one row each.

    ``member`` is the object's row in the population or -1, ``asteroid`` the row in the asteroids of the
    night or -1. Fluxes in nJy, angles in deg, errors of the position in arcsec; motion at ``rate`` deg/d
    towards the position angle ``angle``.
    """

    kind: Integers
    member: Integers
    asteroid: Integers
    true: Array
    flux: Array
    error: Array
    static: Array
    true_ra: Array
    true_dec: Array
    ra: Array
    dec: Array
    position_error: Array
    detector: Integers
    x: Array
    y: Array
    rate: Array
    angle: Array

    def __len__(self) -> int:
        return len(self.kind)

    def part(self, begin: int, end: int) -> Detections:
        """Return some of the rows."""
        return Detections(*(getattr(self, name)[begin:end] for name in self.__slots__))

    @property
    def snr(self) -> Array:
        """Absolute flux over its error."""
        return np.abs(self.flux) / self.error


def noise(exposure: Exposure, flux: Array) -> Array:
    """Compute the standard error of a PSF flux: sky and readout from the depth, and the source's photons."""
    sky = nanojansky(exposure.depth) / THRESHOLD
    survey = exposure.survey
    per_electron = nanojansky(survey.electrons[exposure.band]) / survey.exposure
    return np.asarray(np.sqrt(sky**2 + per_electron * np.maximum(flux, 0.0)))


def photometry(exposure: Exposure, population: Population, seed: int) -> Photometry:
    """Measure all fixed objects of the field."""
    rng = np.random.default_rng([seed, 21, exposure.visit, exposure.field])
    true = population.flux(exposure.mjd, exposure.band)
    error = noise(exposure, true + population.static[exposure.band])
    place = CAMERAS[exposure.survey.name](exposure, population.east, population.north)
    return Photometry(true, true + error * rng.standard_normal(len(true)), error, place)


def detect(
    exposure: Exposure,
    population: Population,
    measured: Photometry,
    seed: int,
    *,
    movers: orbits.Orbits | None = None,
    wanted: int | None = None,
) -> Detections:
    """Find the detections of an exposure, in order of detector.

    With ``wanted``, bogus detections fill up to that number of alerts, or a random part of the fixed
    objects is lost to masks when there are more.
    """
    rng = np.random.default_rng([seed, 22, exposure.visit, exposure.field])
    member = np.flatnonzero(measured.detected)
    moving = _moving(exposure, movers, rng)
    if wanted is not None:
        keep = max(0, wanted - len(moving[0]))
        if len(member) > keep:
            member = np.sort(rng.permutation(member)[:keep])
        moving = tuple(part[:wanted] for part in moving)
    fixed = len(member)
    ghosts = _bogus(exposure, max(0, (wanted or 0) - fixed - len(moving[0])), rng)

    kind, asteroid, true, flux, error, true_ra, true_dec, detector, x, y, rate, angle = (
        np.concatenate([first, second, third])
        for first, second, third in zip(
            (
                population.kind[member],
                np.full(fixed, -1),
                measured.true[member],
                measured.flux[member],
                measured.error[member],
                population.ra[member],
                population.dec[member],
                measured.place.detector[member],
                measured.place.x[member],
                measured.place.y[member],
                np.zeros(fixed),
                np.zeros(fixed),
            ),
            moving,
            ghosts,
            strict=True,
        )
    )
    extra = len(kind) - fixed
    static = np.concatenate([population.static[exposure.band][member], np.zeros(extra)])
    # A star under each dipole, a little noise under the rest.
    static[kind == DIPOLE] = 12.0 * np.abs(flux[kind == DIPOLE])
    position_error = np.hypot(0.7 * exposure.seeing / (np.abs(flux) / error), 0.012)
    east, north = position_error * rng.standard_normal((2, len(kind))) / 3600
    east, north = np.where(kind >= DIPOLE, 0.0, east), np.where(kind >= DIPOLE, 0.0, north)
    turn = np.radians(exposure.rotation)
    scale = 3600 / exposure.survey.pixel
    order = np.lexsort((y, detector))
    columns = (
        kind,
        np.concatenate([member, np.full(extra, -1)]),
        asteroid,
        true,
        flux,
        error,
        static,
        true_ra,
        true_dec,
        (true_ra + east / np.cos(np.radians(true_dec))) % 360,
        true_dec + north,
        position_error,
        detector,
        x + (-east * np.cos(turn) + north * np.sin(turn)) * scale,
        y + (east * np.sin(turn) + north * np.cos(turn)) * scale,
        rate,
        angle,
    )
    return Detections(*(column[order] for column in columns))


def _moving(
    exposure: Exposure, movers: orbits.Orbits | None, rng: np.random.Generator
) -> tuple[NDArray[np.float64] | Integers, ...]:
    if movers is None or len(movers) == 0:
        none = np.zeros(0)
        whole = np.zeros(0, np.int64)
        return (whole, whole, none, none, none, none, none, whole, none, none, none, none)
    seen = orbits.apparent(movers, exposure.mjd)
    east, north = ephemeris.to_plane(seen["ra"], seen["dec"], exposure.ra, exposure.dec)
    place = CAMERAS[exposure.survey.name](exposure, east, north)
    colour = {"u": 1.8, "g": 0.35, "r": -0.2, "i": -0.35, "z": -0.35, "y": -0.35}[exposure.band]
    true = nanojansky(seen["mag"] + colour)
    error = noise(exposure, true)
    # The light of a trail is spread over more sky than that of a point.
    rate = np.hypot(seen["rate_ra"], seen["rate_dec"])
    length = rate * 3600 * exposure.survey.exposure / 86400
    ratio = length / exposure.seeing
    loss = (1 + 0.67 * ratio**2 / (1 + 1.16 * ratio)) ** -0.5  # Jones et al. (2018), SNR trailing loss
    flux = true * loss + error * rng.standard_normal(len(true))
    near = (np.abs(east) < 2 * exposure.survey.radius) & (np.abs(north) < 2 * exposure.survey.radius)
    rows = np.flatnonzero(near & place.covered & (flux > THRESHOLD * error))
    angle = np.degrees(np.arctan2(seen["rate_ra"], seen["rate_dec"]))
    return (
        np.where(movers.fast, FAST, ASTEROID)[rows],
        rows,
        true[rows],
        flux[rows],
        error[rows],
        seen["ra"][rows],
        seen["dec"][rows],
        place.detector[rows],
        place.x[rows],
        place.y[rows],
        rate[rows],
        angle[rows],
    )


def _bogus(
    exposure: Exposure, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64] | Integers, ...]:
    """Make false detections: badly subtracted stars, cosmic rays, and rows at the edge of a detector."""
    survey = exposure.survey
    found = np.zeros(0, np.int64)
    east, north = np.zeros(0), np.zeros(0)
    while len(found) < count:
        more_east, more_north = rng.uniform(-survey.radius, survey.radius, (2, 4 * count + 16))
        covered = CAMERAS[survey.name](exposure, more_east, more_north).covered
        east, north = np.concatenate([east, more_east[covered]]), np.concatenate([north, more_north[covered]])
        found = np.arange(len(east))
    east, north = east[:count], north[:count]
    place = CAMERAS[survey.name](exposure, east, north)
    kind = rng.choice([DIPOLE, COSMIC_RAY, EDGE], count, p=[0.55, 0.3, 0.15])
    y = np.where(kind == EDGE, rng.uniform(1.0, 6.0, count), place.y)
    # An edge detection is a shift of the place on the sky by as much as on the detector.
    shift = (y - place.y) * survey.pixel / 3600
    turn = np.radians(exposure.rotation)
    ra, dec = ephemeris.from_plane(
        east + shift * np.sin(turn), north + shift * np.cos(turn), exposure.ra, exposure.dec
    )
    sky = noise(exposure, np.zeros(count))
    snr = THRESHOLD * (1.02 + rng.exponential(0.8, count))
    flux = snr * sky * np.where(rng.uniform(size=count) < 0.35, -1, 1)
    flux = np.where(kind == DIPOLE, flux, np.abs(flux))  # without a star there is nothing to be fainter than
    return (
        kind,
        np.full(count, -1),
        np.zeros(count),
        flux,
        sky,
        ra,
        dec,
        place.detector,
        place.x,
        np.clip(y, 0, SHAPES[survey.name][1]),
        np.zeros(count),
        np.zeros(count),
    )

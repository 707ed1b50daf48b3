"""Asteroids: two-body orbits, elements, ephemerides and brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import ephemeris

Array = NDArray[np.float64]

_K = 0.01720209895  # Gaussian gravitational constant
_SLOPE = 0.15


@dataclass(frozen=True, slots=True)
class Orbits:
    """Heliocentric equatorial states of asteroids at ``epoch`` (MJD, TAI), in au and au/d, shape (n, 3).

    ``h`` is the absolute V magnitude; ``serial`` numbers them within the simulation.
    """

    epoch: float
    position: Array
    velocity: Array
    h: Array
    serial: NDArray[np.int64]
    fast: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.h)

    def at(self, mjd: float) -> tuple[Array, Array]:
        """Heliocentric position and velocity at a time near the epoch, by a series in time.

        Over the ten days in which a simulation follows an orbit the fourth order is good to a milliarcsecond
        for the main belt.
        """
        dt = mjd - self.epoch
        r0, v0 = self.position, self.velocity
        distance2 = (r0 * r0).sum(axis=1)
        mu = _K**2 / distance2**1.5
        p = (r0 * v0).sum(axis=1) / distance2
        q = (v0 * v0).sum(axis=1) / distance2 - mu
        f = 1 - mu * dt**2 / 2 + mu * p * dt**3 / 2 + mu * (3 * q - 15 * p**2 + mu) * dt**4 / 24
        g = dt - mu * dt**3 / 6 + mu * p * dt**4 / 4
        fdot = -mu * dt + 1.5 * mu * p * dt**2 + mu * (3 * q - 15 * p**2 + mu) * dt**3 / 6
        gdot = 1 - mu * dt**2 / 2 + mu * p * dt**3
        return f[:, None] * r0 + g[:, None] * v0, fdot[:, None] * r0 + gdot[:, None] * v0


def draw(
    ra: Array,
    dec: Array,
    mjd: float,
    *,
    fast: NDArray[np.bool_],
    limit: float,
    serial: NDArray[np.int64],
    rng: np.random.Generator,
) -> Orbits:
    """Asteroids that stand at the given places at ``mjd``: main belt, or near the Earth where ``fast``.

    Heliocentric distances follow the belt; the velocity is that of an orbit of moderate eccentricity and
    of about the smallest inclination that reaches the ecliptic latitude.
    """
    n = len(ra)
    sight = ephemeris.unit(ra, dec)
    home = ephemeris.earth(mjd)
    far = rng.normal(2.6, 0.3, n).clip(2.0, 3.4)
    along = sight @ home
    belt = -along + np.sqrt(along**2 + far**2 - home @ home)
    topocentric = np.where(fast, 10 ** rng.uniform(-1.9, -1.0, n), belt)
    position = home + topocentric[:, None] * sight

    distance = np.linalg.norm(position, axis=1)
    radial = position / distance[:, None]
    pole = ephemeris_pole()
    # Direction of motion: along the ecliptic, tilted by a few degrees, with some radial part.
    ahead = np.cross(pole, radial)
    ahead /= np.linalg.norm(ahead, axis=1)[:, None]
    side = np.cross(radial, ahead)
    tilt = np.where(fast, rng.normal(0, 0.25, n), rng.normal(0, 0.1, n))
    axis = distance * np.where(fast, rng.uniform(0.9, 1.8, n), rng.normal(1.0, 0.06, n).clip(0.85, 1.2))
    speed = _K * np.sqrt(2.0 / distance - 1.0 / axis)
    outward = np.where(fast, rng.normal(0, 0.2, n), rng.normal(0, 0.06, n)).clip(-0.6, 0.6)
    transverse = np.sqrt(1 - outward**2)
    velocity = speed[:, None] * (
        outward[:, None] * radial
        + (transverse * np.cos(tilt))[:, None] * ahead
        + (transverse * np.sin(tilt))[:, None] * side
    )
    # Counts double in 0.6 mag; from six magnitudes above the limit down to it.
    mag = limit - 6.0 + np.log10(1 + rng.uniform(size=n) * (10 ** (0.35 * 5.6) - 1)) / 0.35
    orbits = Orbits(mjd, position, velocity, np.zeros(n), serial, fast)
    dimming = apparent(orbits, mjd)["mag"]
    return Orbits(mjd, position, velocity, mag - dimming, serial, fast)


def ephemeris_pole() -> Array:
    """Pole of the ecliptic in equatorial axes."""
    return np.array([0.0, -np.sin(ephemeris.OBLIQUITY), np.cos(ephemeris.OBLIQUITY)])


def apparent(orbits: Orbits, mjd: float) -> dict[str, Array]:
    """Place, motion and brightness as seen from the Earth.

    Returns
    -------
    dict
        ``ra``, ``dec`` (deg), ``rate_ra`` (times cos dec), ``rate_dec`` (deg/d), ``helio``, ``helio_v``,
        ``topo``, ``topo_v`` (au, au/d, shape (n, 3)), ``phase`` and ``elongation`` (deg), ``mag`` (V, by
        the H, G system of Bowell et al. 1989).
    """
    helio, helio_v = orbits.at(mjd)
    topo, topo_v = helio - ephemeris.earth(mjd), helio_v - ephemeris.earth_velocity(mjd)
    ra, dec = ephemeris.direction(topo)
    r, delta = np.linalg.norm(helio, axis=1), np.linalg.norm(topo, axis=1)
    sight = topo / delta[:, None]
    east = np.stack([-np.sin(np.radians(ra)), np.cos(np.radians(ra)), np.zeros_like(ra)], axis=1)
    north = np.cross(sight, east)
    home = -ephemeris.earth(mjd)
    phase = np.arccos(np.clip((helio * topo).sum(axis=1) / (r * delta), -1, 1))
    elongation = np.arccos(np.clip(sight @ home / np.linalg.norm(home), -1, 1))
    half = np.tan(phase / 2)
    dim = (1 - _SLOPE) * np.exp(-3.33 * half**0.63) + _SLOPE * np.exp(-1.87 * half**1.22)
    return {
        "ra": ra,
        "dec": dec,
        "rate_ra": np.degrees((topo_v * east).sum(axis=1) / delta),
        "rate_dec": np.degrees((topo_v * north).sum(axis=1) / delta),
        "helio": helio,
        "helio_v": helio_v,
        "topo": topo,
        "topo_v": topo_v,
        "phase": np.degrees(phase),
        "elongation": np.degrees(elongation),
        "mag": orbits.h + 5 * np.log10(r * delta) - 2.5 * np.log10(dim),
    }


def elements(orbits: Orbits) -> dict[str, Array]:
    """Keplerian elements at the epoch: a, q (au), e, i, node, argperi, mean_anomaly (deg), and more.

    ``peri_time`` (MJD), ``period`` (d) and ``mean_motion`` (deg/d) follow from them.
    """
    r, v = ephemeris.ecliptic(orbits.position), ephemeris.ecliptic(orbits.velocity)
    mu = _K**2
    distance = np.linalg.norm(r, axis=1)
    momentum = np.cross(r, v)
    h = np.linalg.norm(momentum, axis=1)
    a = 1 / (2 / distance - (v * v).sum(axis=1) / mu)
    vector = np.cross(v, momentum) / mu - r / distance[:, None]
    e = np.linalg.norm(vector, axis=1)
    inclination = np.arccos(np.clip(momentum[:, 2] / h, -1, 1))
    node = np.arctan2(momentum[:, 0], -momentum[:, 1])
    towards = np.stack([np.cos(node), np.sin(node), np.zeros_like(node)], axis=1)
    beside = np.cross(momentum / h[:, None], towards)
    argperi = np.arctan2((vector * beside).sum(axis=1), (vector * towards).sum(axis=1))
    eccentric = np.arctan2((r * v).sum(axis=1) / np.sqrt(mu * a), 1 - distance / a)
    mean = (eccentric - e * np.sin(eccentric)) % (2 * np.pi)
    motion = np.sqrt(mu / a**3)
    return {
        "a": a,
        "q": a * (1 - e),
        "e": e,
        "i": np.degrees(inclination),
        "node": np.degrees(node) % 360,
        "argperi": np.degrees(argperi) % 360,
        "mean_anomaly": np.degrees(mean),
        "peri_time": orbits.epoch - mean / motion,
        "period": 2 * np.pi / motion,
        "mean_motion": np.degrees(motion),
    }


_HALF_MONTHS = "ABCDEFGHJKLMNOPQRSTUVWXY"
_SECOND = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def designation(serial: int) -> tuple[str, str]:
    """Provisional designation and its packed form, of years after 2030 that no real asteroid has.

    Minor Planet Center, "Packed Provisional and Permanent Designations". A serial has 24 half months of 25
    letters and cycles up to 619.
    """
    letter, cycle = serial % 25, serial // 25
    month, year = (cycle // 620) % 24, 31 + cycle // (620 * 24) % 60
    count = cycle % 620
    text = f"20{year:02d} {_HALF_MONTHS[month]}{_SECOND[letter]}{count or ''}"
    packed = f"K{year:02d}{_HALF_MONTHS[month]}{_BASE62[count // 10]}{count % 10}{_SECOND[letter]}"
    return text, packed


def merge(first: Orbits, second: Orbits) -> Orbits:
    """Both sets at the epoch of the second; the first is carried there."""
    position, velocity = first.at(second.epoch)
    return Orbits(
        second.epoch,
        np.concatenate([position, second.position]),
        np.concatenate([velocity, second.velocity]),
        np.concatenate([first.h, second.h]),
        np.concatenate([first.serial, second.serial]),
        np.concatenate([first.fast, second.fast]),
    )

"""The fixed objects of a field and their light curves.

Every light curve is a pure function of time, so that any visit can be measured in any order: supernovae
have an explosion time, damped random walks are sums of waves with the spectrum of the walk, outbursts
recur. Fluxes are in nJy (AB), differences from the template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import ephemeris
from vobroker.sources.simulator.chance import hashed
from vobroker.sources.simulator.schedule import Field
from vobroker.sources.simulator.sites import Survey

Array = NDArray[np.float64]
Parameters = dict[str, Array]

_WAVES = 40
_NUCLEUS = 0.7  # part of an active galaxy's light that varies, a point in the middle
_COVERED = 0.85  # part of a field that falls on detectors

# AB colours (band - r): an old galaxy, an F star, an M dwarf and a quasar.
_GALAXY = {"u": 2.0, "g": 0.75, "r": 0.0, "i": -0.35, "z": -0.55, "y": -0.7}
_F_STAR = {"u": 1.2, "g": 0.25, "r": 0.0, "i": -0.07, "z": -0.08, "y": -0.08}
_M_DWARF = {"u": 4.0, "g": 1.5, "r": 0.0, "i": -1.3, "z": -1.9, "y": -2.2}
_QUASAR = {"u": 0.3, "g": 0.15, "r": 0.0, "i": -0.1, "z": -0.15, "y": -0.2}
_WHITE_DWARF = {"u": 0.1, "g": -0.05, "r": 0.0, "i": 0.05, "z": 0.1, "y": 0.15}


def nanojansky(mag: Array | float) -> Array:
    """Flux density in nJy of AB magnitudes."""
    return np.asarray(10.0 ** (-0.4 * (np.asarray(mag) - 31.4)))


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a population must fill and the magnitudes that its survey reaches in r.

    ``first`` is when the field is first observed after its past, MJD like ``begin`` and ``end``.
    """

    begin: float
    first: float
    end: float
    bright: float
    faint: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of objects.

    ``share`` is its part of the alerts of a visit, ``duty`` the expected fraction of its objects that are
    detected in a visit; ``draw`` gives parameters, among them ``mag`` (r, of what is in the template);
    ``curve`` gives the difference flux at one time in one band.
    """

    name: str
    share: float
    duty: Callable[[Window], float]
    colours: Mapping[str, float]
    draw: Callable[[np.random.Generator, int, Window], Parameters]
    curve: Callable[[Parameters, float, str, Array], Array]


def _stars(rng: np.random.Generator, n: int, brightest: float, faintest: float) -> Array:
    """Magnitudes with counts that rise as 10**(0.25 m), as star counts away from the plane do."""
    u = rng.uniform(size=n)
    low, high = 10 ** (0.25 * brightest), 10 ** (0.25 * faintest)
    return np.log10(low + u * (high - low)) / 0.25


# Supernovae ------------------------------------------------------------------------------------


def _draw_supernovae(rng: np.random.Generator, n: int, window: Window, absolute: float = -19.2) -> Parameters:
    # Euclidean counts, 10**(0.6 m), cut a little above the limit so that a rise and a fall are seen.
    u = rng.uniform(size=n)
    faint = window.faint - 0.7
    low, high = 10 ** (0.6 * (window.bright + 0.5)), 10 ** (0.6 * faint)
    peak = np.log10(low + u * (high - low)) / 0.6
    distance_modulus = peak - rng.normal(absolute, 0.2, n)
    redshift = 10 ** (0.2 * (distance_modulus - 43.16))  # Hubble's law at 70 km/s/Mpc
    return {
        "peak": peak,
        "z": redshift,
        "stretch": np.clip(rng.normal(1.0, 0.1, n), 0.7, 1.3),
        "time": rng.uniform(window.begin - 40.0, window.end + 8.0, n),
        "colour": rng.normal(0.0, 0.1, n),
        "mag": np.minimum(peak + rng.normal(-0.5, 1.0, n), window.faint + 2.0),
        "separation": np.abs(rng.normal(0.0, 0.6, n)) + 0.1,
        "radius": np.clip(rng.lognormal(np.log(0.7), 0.4, n), 0.3, 2.5),
    }


def _draw_ii(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    """As the others, but the first is near and exploded in the day before the first visit."""
    drawn = _draw_supernovae(rng, n, window, absolute=-17.2)
    drawn["peak"][0], drawn["z"][0] = window.bright + 0.2, 0.01
    drawn["time"][0] = window.first - 0.9 + 6.0 * 1.01
    return drawn


_IA_FALL = {"u": 9.0, "g": 13.0, "r": 19.0, "i": 21.0, "z": 24.0, "y": 26.0}
_IA_PEAK = {"u": 0.9, "g": 0.0, "r": 0.0, "i": 0.35, "z": 0.5, "y": 0.6}


def _ia(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Type Ia: Bazin et al. (2009) rise and fall, and in i, z, y the second maximum."""
    phase = (mjd - p["time"]) / ((1.0 + p["z"]) * p["stretch"])  # days from maximum, rest frame
    flux = _bazin(phase, 4.5, _IA_FALL[band])
    if band in "izy":
        flux = flux + 0.35 * np.exp(-0.5 * ((phase - 25.0) / 8.0) ** 2)
    flux = np.where(phase < -17.0, 0.0, flux)
    return nanojansky(p["peak"] + _IA_PEAK[band] + p["colour"] * (band in "ug")) * flux


def _bazin(phase: Array, rise: float, fall: float) -> Array:
    """Bazin curve normalised to 1 at its maximum, which is at phase 0."""
    peak = rise * np.log(fall / rise - 1.0)
    t = np.clip(phase + peak, -200.0, 600.0)
    height = np.exp(-peak / fall) / (1.0 + np.exp(-peak / rise))
    return np.asarray(np.exp(-t / fall) / (1.0 + np.exp(-t / rise)) / height)


_II_SLOPE = {"u": 0.06, "g": 0.022, "r": 0.006, "i": 0.004, "z": 0.003, "y": 0.003}  # mag/d on the plateau


def _ii(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Type II-P: a fast rise, a plateau of about 90 d, a drop and the cobalt tail."""
    age = (mjd - p["time"]) / (1.0 + p["z"]) + 6.0  # days from explosion, rest frame
    rise = 1.0 - np.exp(-np.maximum(age, 0.0) / 2.0)
    plateau = 90.0 * p["stretch"]
    fade = _II_SLOPE[band] * np.maximum(age, 0.0) + 2.0 / (1.0 + np.exp(-(age - plateau) / 5.0))
    return np.where(age > 0.0, nanojansky(p["peak"] + 0.1 + p["colour"] + fade) * rise, 0.0)


# Variable stars --------------------------------------------------------------------------------

_RR_AMPLITUDE = {"u": 0.95, "g": 1.0, "r": 0.72, "i": 0.58, "z": 0.52, "y": 0.5}


def _draw_rr_lyrae(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    period = rng.normal(0.56, 0.06, n).clip(0.38, 0.85)
    return {
        "mag": _stars(rng, n, window.bright + 0.3, min(20.5, window.faint - 1.2)),
        "period": period,
        "phase": rng.uniform(size=n),
        "amplitude": np.clip(2.6 - 2.8 * period + rng.normal(0, 0.1, n), 0.3, 1.4),
    }


def _rr_lyrae_shape(phase: Array) -> Array:
    """Magnitude offsets of type ab at a phase from mid-rise, mean 0 and range 1: up fast, down slowly."""
    saw = np.zeros_like(phase)
    for order in range(1, 9):
        # A sawtooth with its corner rounded by 0.035 of the period.
        weight = np.exp(-0.5 * (2 * np.pi * 0.035 * order) ** 2) / (0.836 * np.pi * order)
        saw -= weight * np.sin(2 * np.pi * order * phase)
    return saw


def _rr_lyrae(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Type ab as a Fourier sum (Simon & Lee 1981), smaller in redder bands."""
    swing = p["amplitude"] * _RR_AMPLITUDE[band] * _rr_lyrae_shape(mjd / p["period"] + p["phase"])
    return np.asarray(static * (10 ** (-0.4 * swing) - 1.0))


def _draw_binaries(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    contact = rng.uniform(size=n) < 0.6
    return {
        "mag": _stars(rng, n, window.bright + 0.3, window.faint - 2.5),
        "period": np.where(contact, rng.uniform(0.25, 0.6, n), 10 ** rng.uniform(-0.1, 0.9, n)),
        "phase": rng.uniform(size=n),
        "contact": contact.astype(float),
        "depth": rng.uniform(0.25, 0.75, n),
        "ratio": rng.uniform(0.4, 0.95, n),
        "width": rng.uniform(0.02, 0.05, n),
    }


def _binary(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Contact binaries vary all the time, detached ones only in eclipse; the template is near maximum."""
    phase = (mjd / p["period"] + p["phase"]) % 1.0
    primary = np.exp(-0.5 * (((phase + 0.5) % 1.0 - 0.5) / p["width"]) ** 2)
    secondary = np.exp(-0.5 * ((phase - 0.5) / p["width"]) ** 2)
    eclipse = p["depth"] * (primary + 0.6 * p["ratio"] * secondary)
    contact = 0.5 * p["depth"] * (0.5 + 0.5 * np.cos(4 * np.pi * phase) + 0.15 * np.cos(2 * np.pi * phase))
    return -static * np.where(p["contact"] > 0, contact, eclipse)


# Active galaxies -------------------------------------------------------------------------------


def _draw_agn(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    # Waves at logarithmic steps of frequency times damping time, with the Lorentzian power of the walk.
    steps = np.linspace(-2.0, 2.7, _WAVES)
    angular = 10 ** (steps + rng.uniform(-0.06, 0.06, (n, _WAVES)))
    power = angular / (1.0 + angular**2)
    return {
        "mag": _stars(rng, n, max(window.bright + 1.0, 16.5), window.faint - 2.2),
        "rate": angular / 10 ** rng.normal(2.2, 0.3, (n, 1)),
        "height": np.sqrt(2.0 * power / power.sum(axis=1)[:, None]),
        "wave": rng.uniform(0, 2 * np.pi, (n, _WAVES)),
        "sigma": 10 ** rng.normal(-0.7, 0.15, n),
        "offset": rng.normal(0.0, 0.7, n),
        "radius": np.clip(rng.lognormal(np.log(0.5), 0.4, n), 0.2, 1.5),
    }


_AGN_AMPLITUDE = {"u": 1.3, "g": 1.15, "r": 1.0, "i": 0.9, "z": 0.8, "y": 0.75}


def _agn(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Damped random walk in magnitude (Kelly et al. 2009; MacLeod et al. 2010), bluer when brighter.

    The template was taken at another moment of the walk: ``offset``.
    """
    walk = (p["height"] * np.cos(p["rate"] * mjd + p["wave"])).sum(axis=1)
    change = _AGN_AMPLITUDE[band] * p["sigma"] * (walk - p["offset"])
    return np.asarray(_NUCLEUS * static * (10 ** (-0.4 * np.clip(change, -1.5, 1.5)) - 1.0))


# Outbursts -------------------------------------------------------------------------------------


def _since_outburst(p: Parameters, mjd: float) -> tuple[Array, Array]:
    """Days since the last outburst, and a number in [0, 1) that is its own.

    Outbursts come once in each recurrence time, at a moment of it that cannot be foreseen.
    """
    cycle = np.floor(mjd / p["period"])
    begin = cycle * p["period"] + hashed(cycle, p["phase"]) * 0.5 * p["period"]
    late = mjd < begin
    cycle = cycle - late
    begin = cycle * p["period"] + hashed(cycle, p["phase"]) * 0.5 * p["period"]
    return mjd - begin, hashed(cycle + 0.5, p["phase"])


def _draw_cataclysmic(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    return {
        "mag": _stars(rng, n, window.bright + 3.5, window.faint),
        "period": rng.uniform(20.0, 80.0, n),
        "phase": rng.uniform(size=n),
        "amplitude": rng.uniform(2.0, 3.5, n),
        "plateau": rng.uniform(2.5, 7.0, n),
    }


def _cataclysmic(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """Dwarf nova: up within a day, a few days bright, down at half a magnitude a day."""
    age, own = _since_outburst(p, mjd)
    height = p["amplitude"] - 0.8 * own
    brighter = height * np.clip(age / 0.8, 0.0, 1.0) - 0.6 * np.maximum(age - p["plateau"], 0.0)
    return static * (10 ** (0.4 * np.maximum(brighter, 0.0)) - 1.0)


def _draw_flares(rng: np.random.Generator, n: int, window: Window) -> Parameters:
    return {
        "mag": _stars(rng, n, window.bright + 2.0, window.faint - 1.5),
        "period": rng.uniform(0.3, 1.2, n),
        "phase": rng.uniform(size=n),
        "amplitude": 10 ** rng.normal(0.3, 0.3, n),
        "decay": 10 ** rng.uniform(-2.2, -1.5, n),
    }


_FLARE_COLOUR = {"u": 30.0, "g": 4.0, "r": 1.0, "i": 0.35, "z": 0.2, "y": 0.15}


def _flare(p: Parameters, mjd: float, band: str, static: Array) -> Array:
    """M dwarf flare: a jump and a decay within an hour or so, blue (Davenport et al. 2014).

    Energies of flares follow a power law, so most are small.
    """
    age, own = _since_outburst(p, mjd)
    shape = 0.7 * np.exp(-age / p["decay"]) + 0.3 * np.exp(-age / (4 * p["decay"]))
    height = p["amplitude"] * 0.05 / (0.05 + own)
    return 0.5 * static * height * _FLARE_COLOUR[band] * shape


def _supernova_duty(window: Window) -> float:
    return 38.0 / (window.end - window.begin + 48.0)


KINDS: tuple[Kind, ...] = (
    Kind("SN Ia", 0.05, _supernova_duty, _GALAXY, _draw_supernovae, _ia),
    Kind("SN II", 0.03, lambda w: 1.5 * _supernova_duty(w), _GALAXY, _draw_ii, _ii),
    Kind("RR Lyrae", 0.24, lambda _: 0.85, _F_STAR, _draw_rr_lyrae, _rr_lyrae),
    Kind("eclipsing binary", 0.14, lambda _: 0.55, _F_STAR, _draw_binaries, _binary),
    Kind("AGN", 0.24, lambda _: 0.75, _QUASAR, _draw_agn, _agn),
    Kind("cataclysmic", 0.01, lambda _: 0.25, _WHITE_DWARF, _draw_cataclysmic, _cataclysmic),
    Kind("flare", 0.01, lambda _: 0.06, _M_DWARF, _draw_flares, _flare),
)
"""Kinds of fixed objects; asteroids and bogus detections come on top."""


@dataclass(frozen=True, slots=True)
class Population:
    """The fixed objects of one field, ordered by kind.

    ``east``, ``north`` are offsets from the field centre (gnomonic, deg); ``host_east``, ``host_north``
    (arcsec), ``host_radius`` (arcsec), ``host_axis`` (ratio) and ``host_angle`` (rad, north through east)
    describe the galaxy of a supernova or an active nucleus, radius 0 for a star; ``point`` is the part of
    the template's flux ``static`` that is a point source; and ``peak`` the brightest r magnitude of the
    difference.
    """

    kind: NDArray[np.int64]
    ra: Array
    dec: Array
    east: Array
    north: Array
    host_east: Array
    host_north: Array
    host_radius: Array
    host_axis: Array
    host_angle: Array
    point: Array
    static: dict[str, Array]
    peak: Array
    parameters: tuple[Parameters, ...]
    slices: tuple[slice, ...]

    def __len__(self) -> int:
        return len(self.ra)

    def flux(self, mjd: float, band: str) -> Array:
        """Difference flux of all objects in nJy."""
        static = self.static[band]
        parts = [
            kind.curve(parameters, mjd, band, static[part])
            for kind, parameters, part in zip(KINDS, self.parameters, self.slices, strict=True)
        ]
        return np.concatenate(parts)


def populate(
    survey: Survey, field: Field, alerts: int, span: tuple[float, float, float], rng: np.random.Generator
) -> Population:
    """Draw the objects of a field, enough for about ``alerts`` alerts in a visit with the kinds' shares.

    ``span`` is the begin of the past, the first visit after it, and the end, MJD.
    """
    begin, first, end = span
    window = Window(begin, first, end, survey.bright, survey.depth["r"])
    counts = [max(1, round(kind.share * alerts / kind.duty(window) / _COVERED)) for kind in KINDS]
    total = sum(counts)
    side = survey.radius * (0.92 if survey.name == "lsst" else 1.0)
    if survey.name == "lsst":  # a round camera
        radius, angle = side * np.sqrt(rng.uniform(size=total)), rng.uniform(0, 2 * np.pi, total)
        east, north = radius * np.cos(angle), radius * np.sin(angle)
    else:
        east, north = rng.uniform(-side, side, total), rng.uniform(-side, side, total)
    ra, dec = ephemeris.from_plane(east, north, field.ra, field.dec)

    parameters, slices, at = [], [], 0
    host_east, host_north, host_radius = np.zeros(total), np.zeros(total), np.zeros(total)
    point = np.ones(total)
    static = {band: np.empty(total) for band in survey.bands}
    for kind, count in zip(KINDS, counts, strict=True):
        part = slice(at, at + count)
        drawn = kind.draw(rng, count, window)
        scatter = rng.normal(0, 0.08, count)
        for band in survey.bands:
            static[band][part] = nanojansky(drawn["mag"] + kind.colours[band] * (1 + scatter))
        if "radius" in drawn:
            # The shallower survey sees the nearer galaxies.
            drawn["radius"] *= 10 ** (0.15 * (24.3 - window.faint))
            host_radius[part] = drawn["radius"]
            point[part] = 0.0 if "separation" in drawn else _NUCLEUS
        if "separation" in drawn:
            angle = rng.uniform(0, 2 * np.pi, count)
            distance = drawn["separation"] * drawn["radius"]
            host_east[part], host_north[part] = distance * np.cos(angle), distance * np.sin(angle)
        parameters.append(drawn)
        slices.append(part)
        at += count
    population = Population(
        np.repeat(np.arange(len(KINDS)), counts),
        ra,
        dec,
        east,
        north,
        host_east,
        host_north,
        host_radius,
        rng.uniform(0.35, 1.0, total),
        rng.uniform(0.0, np.pi, total),
        point,
        static,
        np.zeros(total),
        tuple(parameters),
        tuple(slices),
    )
    _find_peaks(population, begin, end)
    return population


def _find_peaks(population: Population, begin: float, end: float) -> None:
    """Fill in the brightest r magnitude of the difference (supernovae: their maximum) for the truth table."""
    flux = np.full(len(population), 1e-3)
    for mjd in np.linspace(begin, end, 60):
        np.maximum(flux, np.abs(population.flux(float(mjd), "r")), out=flux)
    population.peak[:] = 31.4 - 2.5 * np.log10(flux)
    for parameters, part in zip(population.parameters, population.slices, strict=True):
        if "peak" in parameters:
            population.peak[part] = parameters["peak"]

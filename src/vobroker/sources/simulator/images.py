"""Images of detections: science, template and difference that agree with the fluxes of the alert.

The noise of a stamp is drawn first and its PSF flux taken off the source that is put in, so that PSF
photometry at the alert's position on the difference gives the alert's flux.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import ephemeris, observe
from vobroker.sources.simulator.chance import hashed
from vobroker.sources.simulator.observe import Detections
from vobroker.sources.simulator.population import Population, nanojansky
from vobroker.sources.simulator.schedule import Exposure

Image = NDArray[np.float32]
Floats = NDArray[np.float64]

DIPOLE_SHIFT = 0.35  # half the distance of the lobes, in units of the seeing
TEMPLATE_SEEING = 0.9  # FWHM of the template in units of the median

_CORE, _WING, _WING_WEIGHT = 0.96 / 2.355, 1.9 * 0.96 / 2.355, 0.2  # σ in units of the FWHM
_TEMPLATE_DEPTH = 0.12  # pixel noise of the template in units of that of the exposure
_DISC = ((0.18, 0.3), (0.47, 0.72), (0.35, 1.35))  # an exponential disc as Gaussians: weight, σ/radius
_CELL = 25.0  # arcsec; at most one star of the background in each cell of the sky
_CROWDING = 0.35  # part of the cells that have one


@dataclass(frozen=True, slots=True)
class Frame:
    """Some detections of an exposure and where they stand on stamps of ``size`` pixels squared.

    ``x``, ``y`` are the measured positions in pixels from the centre of the first.
    """

    exposure: Exposure
    population: Population
    found: Detections
    size: int
    x: Floats
    y: Floats

    @property
    def fwhm(self) -> float:
        """Seeing in pixels."""
        return self.exposure.seeing / self.exposure.survey.pixel


@dataclass(frozen=True, slots=True)
class Triplet:
    """Images of detections, shape (n, size, size): nJy per pixel, and variances in nJy²."""

    science: Image
    template: Image
    difference: Image
    science_variance: Image
    template_variance: Image


def triplet(frame: Frame, rng: np.random.Generator) -> Triplet:
    """Render science, template and difference."""
    exposure, found = frame.exposure, frame.found
    survey = exposure.survey
    point = psf(frame.size, frame.x, frame.y, frame.fwhm)
    power = np.einsum("nij,nij->n", point, point)
    still = _static(frame, frame.fwhm)
    sharp = _static(frame, TEMPLATE_SEEING * survey.seeing / survey.pixel)
    shape = _shapes(frame, point)
    weight = np.einsum("nij,nij->n", shape, point) / power
    flux = found.flux.astype(np.float32)

    sky = (nanojansky(exposure.depth) / observe.THRESHOLD) ** 2 * power[:, None, None]
    per_electron = nanojansky(survey.electrons[exposure.band]) / survey.exposure
    model = still + (flux / weight)[:, None, None] * shape
    variance = (sky + per_electron * np.maximum(model, 0)).astype(np.float32)
    template_variance = (_TEMPLATE_DEPTH**2 * (sky + per_electron * sharp)).astype(np.float32)
    grain = rng.standard_normal((2, *shape.shape), dtype=np.float32)
    noise = np.sqrt(variance) * grain[0]
    amplitude = (flux - np.einsum("nij,nij->n", noise, point) / power) / weight
    difference = amplitude[:, None, None] * shape + noise
    template = sharp + np.sqrt(template_variance) * grain[1]
    return Triplet(still + difference, template, difference, variance, template_variance)


def psf(size: int, x: Floats, y: Floats, fwhm: float) -> Image:
    """Render point sources of unit flux at pixel positions: a core and a wing, shape (n, size, size)."""
    out = np.zeros((len(x), size, size), np.float32)
    for sigma, weight in ((_CORE, 1 - _WING_WEIGHT), (_WING, _WING_WEIGHT)):
        rows, columns = _gauss(size, y, sigma * fwhm), _gauss(size, x, sigma * fwhm)
        out += np.float32(weight) * rows[:, :, None] * columns[:, None, :]
    return out


def _gauss(size: int, centre: Floats, sigma: float) -> Image:
    """Normalised Gaussian profiles on pixels, shape (n, size); the pixel's own width is added."""
    width = np.float32(np.sqrt(sigma**2 + 1 / 12))
    offset = (np.arange(size, dtype=np.float32) - centre[:, None].astype(np.float32)) / width
    return np.asarray(np.exp(-0.5 * offset * offset) / (np.float32(np.sqrt(2 * np.pi)) * width))


def _galaxies(frame: Frame, rows: NDArray[np.int64], x: Floats, y: Floats, fwhm: float) -> Image:
    """Inclined exponential discs of unit flux, blurred by the seeing: the hosts of some detections."""
    population, pixel = frame.population, frame.exposure.survey.pixel
    which = frame.found.member[rows]
    dx, dy = _on_detector(frame.exposure, population.host_east[which], population.host_north[which])
    pixels = np.arange(frame.size, dtype=np.float32)
    across = pixels[None, None, :] - (x + dx / pixel)[:, None, None].astype(np.float32)
    up = pixels[None, :, None] - (y + dy / pixel)[:, None, None].astype(np.float32)
    radius, axis = population.host_radius[which] / pixel, population.host_axis[which]
    turn = population.host_angle[which] + np.radians(frame.exposure.rotation)
    c, s = np.cos(turn), np.sin(turn)
    out = np.zeros((len(x), frame.size, frame.size), np.float32)
    blur = (1.15 * _CORE * fwhm) ** 2 + 1 / 12
    for weight, scale in _DISC:
        major, minor = (scale * radius) ** 2, (scale * radius * axis) ** 2
        xx, yy = major * c**2 + minor * s**2 + blur, major * s**2 + minor * c**2 + blur
        xy = (major - minor) * s * c
        det = xx * yy - xy**2
        a, b, d = ((v / det).astype(np.float32)[:, None, None] for v in (yy, xy, xx))
        norm = (weight / (2 * np.pi * np.sqrt(det))).astype(np.float32)[:, None, None]
        out += norm * np.exp(-0.5 * (a * across * across - 2 * b * across * up + d * up * up))
    return out


def _shapes(frame: Frame, point: Image) -> Image:
    """Shape of each detection in the difference: a point, a trail, a dipole or a spike."""
    found, fwhm, size = frame.found, frame.fwhm, frame.size
    shape = point.copy()
    turns = np.radians(orientation(found))
    for i in np.flatnonzero(found.kind == observe.DIPOLE):
        step = 2 * DIPOLE_SHIFT * fwhm * np.array([np.cos(turns[i]), np.sin(turns[i])])
        shape[i] -= 0.97 * psf(size, frame.x[i : i + 1] + step[0], frame.y[i : i + 1] + step[1], fwhm)[0]
    for i in np.flatnonzero(found.kind == observe.COSMIC_RAY):
        shape[i] = _line(size, (frame.x[i], frame.y[i]), 4.0, turns[i], 0.25)
    streak = found.rate * 3600 * frame.exposure.survey.exposure / 86400 / frame.exposure.survey.pixel
    for i in np.flatnonzero(streak > 0.3 * fwhm):
        sky = np.radians(found.angle[i])
        dx, dy = _on_detector(frame.exposure, np.sin(sky), np.cos(sky))
        turn = float(np.arctan2(dy, dx))
        shape[i] = _line(size, (frame.x[i], frame.y[i]), float(streak[i]), turn, 1.1 * _CORE * fwhm)
    return shape


def orientation(found: Detections) -> Floats:
    """Angle of dipoles and spikes on the detector, from x to y, in degrees."""
    return 360.0 * hashed(found.x, found.y) - 180.0


def _line(size: int, centre: tuple[float, float], length: float, angle: float, sigma: float) -> Image:
    """Draw a blurred line of unit flux."""
    along = np.linspace(-length / 2, length / 2, max(2, int(2 * length) + 1))
    rows = _gauss(size, centre[1] + along * np.sin(angle), sigma)
    columns = _gauss(size, centre[0] + along * np.cos(angle), sigma)
    return np.asarray(rows.T @ columns / len(along), np.float32)


def _on_detector(exposure: Exposure, east: Any, north: Any) -> tuple[Any, Any]:
    """Offsets on the sky as offsets along x and y of the detector."""
    c, s = np.cos(np.radians(exposure.rotation)), np.sin(np.radians(exposure.rotation))
    return -east * c + north * s, east * s + north * c


def _static(frame: Frame, fwhm: float) -> Image:
    """Constant sky under the detections: the star or galaxy in the template, and field stars."""
    found, pixel = frame.found, frame.exposure.survey.pixel
    flux = found.static.astype(np.float32)[:, None, None]
    # Where the object truly is, not where it was measured.
    east = ((found.true_ra - found.ra + 180) % 360 - 180) * np.cos(np.radians(found.dec)) * 3600
    dx, dy = _on_detector(frame.exposure, east, (found.true_dec - found.dec) * 3600)
    x, y = frame.x + dx / pixel, frame.y + dy / pixel
    # Row -1 of the population stands for what is not of it, and is covered up by the mask.
    known = found.member >= 0
    point = np.where(known, frame.population.point[found.member], 1.0).astype(np.float32)[:, None, None]
    image = point * flux * psf(frame.size, x, y, fwhm)
    hosted = np.flatnonzero(known & (frame.population.host_radius[found.member] > 0))
    if len(hosted):
        disc = _galaxies(frame, hosted, x[hosted], y[hosted], fwhm)
        image[hosted] += (1 - point[hosted]) * flux[hosted] * disc
    _add_stars(image, frame, fwhm)
    return image


def _add_stars(image: Image, frame: Frame, fwhm: float) -> None:
    """Add the stars of the background: each cell of the sky has one or none, always the same."""
    exposure, found = frame.exposure, frame.found
    survey = exposure.survey
    east, north = ephemeris.to_plane(found.ra, found.dec, exposure.ra, exposure.dec)
    east, north = east * 3600 / _CELL, north * 3600 / _CELL
    reach = frame.size * survey.pixel * 0.75 / _CELL
    for step in np.ndindex(2 * int(reach + 1) + 1, 2 * int(reach + 1) + 1):
        column = np.floor(east) + step[0] - int(reach + 1)
        row = np.floor(north) + step[1] - int(reach + 1)
        place = column + hashed(column, row + 0.1), row + hashed(column, row + 0.2)
        de, dn = (place[0] - east) * _CELL, (place[1] - north) * _CELL
        apart = np.hypot(de, dn)
        # A star on top of the detection would be part of its template flux.
        there = (
            (hashed(column, row + 0.3) < _CROWDING) & (apart < reach * _CELL) & (apart > 2 * survey.seeing)
        )
        chosen = np.flatnonzero(there)
        if len(chosen) == 0:
            continue
        mag = survey.depth["r"] + 0.5 - 5.5 * hashed(column, row + 0.4)[chosen] ** 2
        dx, dy = _on_detector(exposure, de[chosen] / survey.pixel, dn[chosen] / survey.pixel)
        stars = psf(frame.size, frame.x[chosen] + dx, frame.y[chosen] + dy, fwhm)
        image[chosen] += nanojansky(mag).astype(np.float32)[:, None, None] * stars

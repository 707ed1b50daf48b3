"""Image stamps: science, template and difference that agree with the fluxes of the alert.

The noise of a stamp is drawn first and its PSF flux taken off the source that is put in, so that PSF
photometry at the alert's position on the difference gives the alert's flux.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import observe
from vobroker.sources.simulator.camera import SHAPES
from vobroker.sources.simulator.encode import text, varint
from vobroker.sources.simulator.observe import Detections
from vobroker.sources.simulator.population import Population, nanojansky
from vobroker.sources.simulator.schedule import Exposure
from vobroker.sources.simulator.sites import Survey
from vobroker.sources.simulator.visit import BLOCK

Array = NDArray[np.float32]
Integers = NDArray[np.int64]
Stamps = Callable[[int, int], list[bytes]]

DIPOLE_SHIFT = 0.35  # half the distance of the lobes, in units of the seeing

_CORE, _WING, _WING_WEIGHT = 0.96 / 2.355, 1.9 * 0.96 / 2.355, 0.2  # σ in units of the FWHM
_TEMPLATE_DEPTH = 0.12  # pixel noise of the template in units of that of the exposure
_DISC = ((0.18, 0.3), (0.47, 0.72), (0.35, 1.35))  # an exponential disc as Gaussians: weight, σ/radius


@dataclass(frozen=True, slots=True)
class Triplet:
    """Images of a block of alerts, shape (n, size, size): fluxes per pixel, and their variances in nJy²."""

    science: Array
    template: Array
    difference: Array
    science_variance: Array
    template_variance: Array


def dipole_angle(ids: Integers) -> NDArray[np.float64]:
    """Orientation of dipoles on the detector in degrees, from the alert id."""
    return np.asarray(ids % 360, np.float64)


def _gauss(size: int, centre: NDArray[Any], sigma: NDArray[Any] | float) -> Array:
    """Normalised Gaussian profiles on pixel centres, shape (n, size); the pixel's width is added."""
    pixels = np.arange(size, dtype=np.float32)
    width = np.sqrt(np.asarray(sigma, np.float32) ** 2 + np.float32(1 / 12))
    offset = (pixels - centre[:, None].astype(np.float32)) / np.reshape(width, (-1, 1))
    return np.asarray(
        np.exp(-0.5 * offset * offset) / (np.sqrt(2 * np.pi) * np.reshape(width, (-1, 1))), np.float32
    )


def psf(size: int, x: NDArray[Any], y: NDArray[Any], fwhm: float) -> Array:
    """Point sources of unit flux at pixel positions: a core and a wing, shape (n, size, size)."""
    out = np.zeros((len(x), size, size), np.float32)
    for sigma, weight in ((_CORE, 1 - _WING_WEIGHT), (_WING, _WING_WEIGHT)):
        rows, columns = _gauss(size, y, sigma * fwhm), _gauss(size, x, sigma * fwhm)
        out += np.float32(weight) * rows[:, :, None] * columns[:, None, :]
    return out


def galaxy(
    size: int, x: NDArray[Any], y: NDArray[Any], fwhm: float, radius: Array, axis: Array, angle: Array
) -> Array:
    """Inclined exponential discs of unit flux convolved with the PSF; ``radius`` in pixels."""
    pixels = np.arange(size, dtype=np.float32)
    dx = pixels[None, None, :] - x[:, None, None].astype(np.float32)
    dy = pixels[None, :, None] - y[:, None, None].astype(np.float32)
    c, s = np.cos(angle), np.sin(angle)
    out = np.zeros((len(x), size, size), np.float32)
    blur = (_CORE * 1.15 * fwhm) ** 2 + 1 / 12
    for weight, scale in _DISC:
        major, minor = (scale * radius) ** 2, (scale * radius * axis) ** 2
        xx, yy = major * c**2 + minor * s**2 + blur, major * s**2 + minor * c**2 + blur
        xy = (major - minor) * s * c
        det = xx * yy - xy**2
        a, b, d = ((v / det).astype(np.float32)[:, None, None] for v in (yy, xy, xx))
        norm = (weight / (2 * np.pi * np.sqrt(det))).astype(np.float32)[:, None, None]
        out += norm * np.exp(-0.5 * (a * dx * dx - 2 * b * dx * dy + d * dy * dy))
    return out


def triplet(
    exposure: Exposure,
    population: Population,
    d: Detections,
    rows: slice,
    size: int,
    x: NDArray[Any],
    y: NDArray[Any],
    seed: int,
) -> Triplet:
    """Images of some detections, which stand at ``x``, ``y`` (pixels from 0) on their stamps."""
    rng = np.random.default_rng([seed, 41, exposure.key, exposure.field, rows.start // BLOCK])
    survey = exposure.survey
    fwhm = exposure.seeing / survey.pixel
    template_fwhm = 0.9 * survey.seeing / survey.pixel
    point = psf(size, x, y, fwhm)
    power = np.einsum("nij,nij->n", point, point)

    still, sharp = _static(exposure, population, d, rows, size, x, y, (fwhm, template_fwhm))
    shape = _shapes(exposure, d, rows, size, x, y, point, fwhm)
    weight = np.einsum("nij,nij->n", shape, point) / power
    flux = d.flux[rows].astype(np.float32)

    sky = nanojansky(exposure.depth) / observe.THRESHOLD * np.sqrt(power)
    per_electron = nanojansky(survey.electrons[exposure.band]) / survey.exposure
    model = still + (flux / weight)[:, None, None] * shape
    variance = (sky**2)[:, None, None] + per_electron * np.maximum(model, 0)
    variance = variance.astype(np.float32)
    template_variance = (_TEMPLATE_DEPTH**2 * ((sky**2)[:, None, None] + per_electron * sharp)).astype(
        np.float32
    )
    grain = rng.standard_normal((2, *shape.shape), dtype=np.float32)
    noise = np.sqrt(variance) * grain[0]
    amplitude = (flux - np.einsum("nij,nij->n", noise, point) / power) / weight
    difference = amplitude[:, None, None] * shape + noise
    template = sharp + np.sqrt(template_variance) * grain[1]
    return Triplet(still + difference, template, difference, variance, template_variance)


def _shapes(
    exposure: Exposure,
    d: Detections,
    rows: slice,
    size: int,
    x: NDArray[Any],
    y: NDArray[Any],
    point: Array,
    fwhm: float,
) -> Array:
    """What each detection looks like in the difference: a point, a trail, a dipole or a spike."""
    shape = point.copy()
    kind = d.kind[rows]
    for i in np.flatnonzero(kind == observe.DIPOLE):
        turn = 2 * np.pi * _hashed(d.x[rows][i : i + 1], 1)
        dx, dy = DIPOLE_SHIFT * fwhm * np.cos(turn), DIPOLE_SHIFT * fwhm * np.sin(turn)
        lobes = psf(size, np.append(x[i], x[i] + 2 * dx), np.append(y[i], y[i] + 2 * dy), fwhm)
        shape[i] = lobes[0] - 0.97 * lobes[1]
    for i in np.flatnonzero(kind == observe.COSMIC_RAY):
        turn = 2 * np.pi * _hashed(d.x[rows][i : i + 1], 2)
        shape[i] = _line(size, x[i], y[i], 4.0, float(turn[0]), 0.25)
    streak = d.rate[rows] * 3600 * exposure.survey.exposure / 86400 / exposure.survey.pixel
    for i in np.flatnonzero(streak > 0.3 * fwhm):
        # Position angle on the sky to a direction on the detector.
        sky = np.radians(d.angle[rows][i])
        turn = np.arctan2(
            *_on_detector(exposure, np.sin(sky), np.cos(sky))[::-1],
        )
        shape[i] = _line(size, x[i], y[i], float(streak[i]), float(turn), _CORE * 1.1 * fwhm)
    return shape


def _line(size: int, x: float, y: float, length: float, angle: float, sigma: float) -> Array:
    """A line of unit flux, blurred."""
    steps = max(2, int(2 * length) + 1)
    along = np.linspace(-length / 2, length / 2, steps)
    rows = _gauss(size, y + along * np.sin(angle), sigma)
    columns = _gauss(size, x + along * np.cos(angle), sigma)
    return np.asarray(rows.T @ columns / steps, np.float32)


def _on_detector(exposure: Exposure, east: Any, north: Any) -> tuple[Any, Any]:
    """Offsets on the sky as offsets along x and y of the detector."""
    c, s = np.cos(np.radians(exposure.rotation)), np.sin(np.radians(exposure.rotation))
    return -east * c + north * s, east * s + north * c


def _hashed(values: NDArray[Any], salt: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) that depend only on the values: what stays the same from visit to visit."""
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64) + np.uint64(
        salt * 0x9E3779B97F4A7C15 % (1 << 64)
    )
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((bits ^ (bits >> np.uint64(31))) >> np.uint64(11), np.float64) / 2.0**53


def _static(
    exposure: Exposure,
    population: Population,
    d: Detections,
    rows: slice,
    size: int,
    x: NDArray[Any],
    y: NDArray[Any],
    widths: tuple[float, float],
) -> tuple[Array, Array]:
    """The constant sky under the detections in the two seeings: star or galaxy, and neighbours."""
    pixel = exposure.survey.pixel
    static = d.static[rows].astype(np.float32)
    member = d.member[rows]
    host = np.zeros(len(member))
    host[member >= 0] = population.host_radius[member[member >= 0]]
    hosted = np.flatnonzero(host > 0)
    # Where the object truly is, not where it was measured.
    c = np.cos(np.radians(d.dec[rows]))
    east = ((d.true_ra[rows] - d.ra[rows] + 180) % 360 - 180) * c * 3600 / pixel
    north = (d.true_dec[rows] - d.dec[rows]) * 3600 / pixel
    dx, dy = _on_detector(exposure, east, north)
    out = []
    for fwhm in widths:
        image = static[:, None, None] * psf(size, x + dx, y + dy, fwhm)
        if len(hosted):
            which = member[hosted]
            ox, oy = _on_detector(exposure, population.host_east[which], population.host_north[which])
            image[hosted] = static[hosted, None, None] * galaxy(
                size,
                x[hosted] + dx[hosted] + ox / pixel,
                y[hosted] + dy[hosted] + oy / pixel,
                fwhm,
                population.host_radius[which] / pixel,
                population.host_axis[which],
                population.host_angle[which] + np.radians(exposure.rotation),
            )
        _add_neighbours(image, exposure, d, rows, size, x, y, fwhm)
        out.append(image)
    return out[0], out[1]


def _add_neighbours(
    image: Array,
    exposure: Exposure,
    d: Detections,
    rows: slice,
    size: int,
    x: NDArray[Any],
    y: NDArray[Any],
    fwhm: float,
) -> None:
    """Stars near the detection that stay where they are; more of them where the stamp is wide."""
    survey = exposure.survey
    half = size * survey.pixel / 2 * 1.2  # arcsec
    tries = 1 if half < 10 else 6
    ra, dec = np.round(d.true_ra[rows], 9), np.round(d.true_dec[rows], 9)
    for i in range(tries):
        east, north = ((2 * _hashed(ra, 10 + i) - 1) * half, (2 * _hashed(dec, 20 + i) - 1) * half)
        there = (_hashed(ra, 30 + i) < 0.35) & (np.hypot(east, north) > 0.25 * half) & (d.asteroid[rows] < 0)
        chosen = np.flatnonzero(there)
        if len(chosen) == 0:
            continue
        mag = survey.depth["r"] + 0.5 - 5.5 * _hashed(dec, 40 + i) ** 2
        dx, dy = _on_detector(exposure, east, north)
        stars = psf(size, (x + dx / survey.pixel)[chosen], (y + dy / survey.pixel)[chosen], fwhm)
        image[chosen] += nanojansky(mag[chosen]).astype(np.float32)[:, None, None] * stars


def _beyond_edge(survey: Survey, size: int, left: Integers, low: Integers) -> NDArray[np.bool_]:
    """Pixels of the stamps that are not on the detector."""
    width, height = SHAPES[survey.name]
    columns, rows = left[:, None] + np.arange(size), low[:, None] + np.arange(size)
    off_x, off_y = (columns < 0) | (columns >= width), (rows < 0) | (rows >= height)
    return np.asarray(off_y[:, :, None] | off_x[:, None, :])


# Rubin: FITS of three units ----------------------------------------------------------------------

_RUBIN_SIZE = 30


def _header(*cards: str) -> str:
    lines = "".join(f"{card:<80}" for card in (*cards, "END"))
    return lines.ljust(-(-len(lines) // 2880) * 2880)


def _padded(raw: bytes) -> bytes:
    return raw.ljust(-(-len(raw) // 2880) * 2880, b"\x00")


_PRIMARY = (
    "SIMPLE  =                    T / conforms to FITS standard",
    "BITPIX  =                  -32 / array data type",
    "NAXIS   =                    2 / number of array dimensions",
    "NAXIS1  =                   30",
    "NAXIS2  =                   30",
    "EXTEND  =                    T",
)
_UNCERT = _header(
    "XTENSION= 'IMAGE   '           / Image extension",
    "BITPIX  =                  -32 / array data type",
    "NAXIS   =                    2 / number of array dimensions",
    "NAXIS1  =                   30",
    "NAXIS2  =                   30",
    "PCOUNT  =                    0 / number of parameters",
    "GCOUNT  =                    1 / number of groups",
    "UTYPE   = 'VarianceUncertainty'",
    "EXTNAME = 'UNCERT  '           / extension name",
).encode()


def _rubin_psf(fwhm: float, size: int) -> bytes:
    """PSFIMAGE extension: the PSF at the centre of ``size`` pixels squared."""
    centre = np.array([size // 2])
    image = psf(size, centre, centre, fwhm)[0].astype(np.float64)
    header = _header(
        "XTENSION= 'IMAGE   '           / Image extension",
        "BITPIX  =                  -64 / array data type",
        "NAXIS   =                    2 / number of array dimensions",
        f"NAXIS1  = {size:20d}",
        f"NAXIS2  = {size:20d}",
        "PCOUNT  =                    0 / number of parameters",
        "GCOUNT  =                    1 / number of groups",
        "EXTNAME = 'PSFIMAGE'           / extension name",
    )
    return header.encode() + _padded((image / image.sum()).astype(">f8").tobytes())


def _rubin_header(exposure: Exposure) -> str:
    """Primary header of a visit, with places for what differs from alert to alert."""
    c, s = np.cos(np.radians(exposure.rotation)), np.sin(np.radians(exposure.rotation))
    scale = exposure.survey.pixel / 3600
    return _header(
        *_PRIMARY,
        "CUTMINX = {:20d}",
        "CUTMINY = {:20d}",
        f"ROTPA   = {exposure.rotation:20.12f} / Pos angle in deg of focal plane +Y wrt North",
        "BUNIT   = 'nJy     '",
        "WCSAXES =                    2 / Number of coordinate axes",
        "CRPIX1  = {:20.12f} / Pixel coordinate of reference point",
        "CRPIX2  = {:20.12f} / Pixel coordinate of reference point",
        f"PC1_1   = {-c * scale:20.13E} / Coordinate transformation matrix element",
        f"PC1_2   = {s * scale:20.13E} / Coordinate transformation matrix element",
        f"PC2_1   = {s * scale:20.13E} / Coordinate transformation matrix element",
        f"PC2_2   = {c * scale:20.13E} / Coordinate transformation matrix element",
        "CDELT1  =                  1.0 / Coordinate increment at reference point",
        "CDELT2  =                  1.0 / Coordinate increment at reference point",
        "CUNIT1  = 'deg'                / Units of coordinate increment and value",
        "CUNIT2  = 'deg'                / Units of coordinate increment and value",
        "CTYPE1  = 'RA---TAN'           / Right ascension, gnomonic projection",
        "CTYPE2  = 'DEC--TAN'           / Declination, gnomonic projection",
        "CRVAL1  = {:20.12f} / Coordinate value at reference point",
        "CRVAL2  = {:20.12f} / Coordinate value at reference point",
        "LONPOLE =                180.0 / [deg] Native longitude of celestial pole",
        "LATPOLE =                 90.0 / [deg] Native latitude of celestial pole",
        "MJDREF  =                  0.0 / [d] MJD of fiducial time",
        "RADESYS = 'ICRS'               / Equatorial coordinate system",
    )


def rubin(exposure: Exposure, population: Population, d: Detections, seed: int) -> Stamps:
    """Maker of the three cutout fields of Rubin alerts: 30×30 pixels in nJy, variance, PSF."""
    size = _RUBIN_SIZE
    header = _widen(_rubin_header(exposure))
    left, low = np.floor(d.x).astype(np.int64) - 14, np.floor(d.y).astype(np.int64) - 14
    psf_science = _rubin_psf(exposure.seeing / 0.2, 41)
    psf_template = _rubin_psf(0.9 * exposure.survey.seeing / 0.2, 51)
    padding = b"\x00" * (5760 - 4 * size * size)

    def make(begin: int, end: int) -> list[bytes]:
        rows = slice(begin, end)
        images = triplet(exposure, population, d, rows, size, (d.x - left)[rows], (d.y - low)[rows], seed)
        outside = _beyond_edge(exposure.survey, size, left[rows], low[rows])
        if outside.any():
            for image in (images.science, images.template, images.difference):
                image[outside] = np.nan
        raw = [
            np.ascontiguousarray(image, ">f4")
            for image in (
                images.difference,
                images.science_variance + images.template_variance,
                images.science,
                images.science_variance,
                images.template,
                images.template_variance,
            )
        ]
        return [
            _rubin_fields(
                header.format(
                    left[row],
                    low[row],
                    d.x[row] - left[row] + 1,
                    d.y[row] - low[row] + 1,
                    d.ra[row],
                    d.dec[row],
                ).encode(),
                [image[row - begin].tobytes() for image in raw],
                padding,
                psf_science,
                psf_template,
            )
            for row in range(begin, end)
        ]

    return make


def _widen(template: str) -> str:
    """Make room after each place so that cards are 80 characters once the places are filled."""
    cards = [template[i : i + 80] for i in range(0, len(template), 80)]
    return "".join(
        card if "{" not in card else card.rstrip().ljust(80 - 20 + card.index("}") - card.index("{") + 1)
        for card in cards
    )


def _rubin_fields(header: bytes, images: list[bytes], padding: bytes, sharp: bytes, blunt: bytes) -> bytes:
    parts = []
    for (image, variance), tail in zip(
        ((images[0], images[1]), (images[2], images[3]), (images[4], images[5])),
        (sharp, sharp, blunt),
        strict=True,
    ):
        fits = b"".join((header, image, padding, _UNCERT, variance, padding, tail))
        parts += [b"\x02", varint(len(fits)), fits]
    return b"".join(parts)


# ZTF: gzipped FITS of one unit -------------------------------------------------------------------

_ZTF_SIZE = 63
_ZTF_HEADER = _header(
    "SIMPLE  =                    T / conforms to FITS standard",
    "BITPIX  =                  -32 / array data type",
    "NAXIS   =                    2 / number of array dimensions",
    "NAXIS1  =                   63",
    "NAXIS2  =                   63",
    "BUNIT   = 'DN      '",
).encode()


def ztf(
    exposure: Exposure,
    population: Population,
    d: Detections,
    seed: int,
    names: Callable[[int], tuple[str, str, str]],
    zero_point: float,
    background: float,
) -> Stamps:
    """Maker of the three cutout fields of ZTF alerts: science, template, difference, 63×63 in DN."""
    size = _ZTF_SIZE
    left, low = np.round(d.x).astype(np.int64) - 31, np.round(d.y).astype(np.int64) - 31
    scale = np.float32(10 ** (0.4 * (zero_point - 31.4)))

    def make(begin: int, end: int) -> list[bytes]:
        rows = slice(begin, end)
        images = triplet(exposure, population, d, rows, size, (d.x - left)[rows], (d.y - low)[rows], seed)
        outside = _beyond_edge(exposure.survey, size, left[rows], low[rows])
        planes = []
        for image, level in (
            (images.science, background),
            (images.template, background),
            (images.difference, 0.0),
        ):
            counts = image * scale + np.float32(level)
            # The detector counts in whole electrons; a 32nd of a DN is finer than that.
            counts = np.round(counts * 32) / 32
            counts[outside] = np.nan
            planes.append(np.ascontiguousarray(counts, ">f4"))
        return [
            b"".join(
                union + _ztf_cutout(name, plane[row - begin].tobytes())
                for union, name, plane in zip((b"\x02",) * 3, names(row), planes, strict=True)
            )
            for row in range(begin, end)
        ]

    return make


def _ztf_cutout(name: str, image: bytes) -> bytes:
    stamp = gzip.compress(_ZTF_HEADER + _padded(image), compresslevel=1, mtime=0)
    return text(name) + varint(len(stamp)) + stamp

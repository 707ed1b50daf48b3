"""Image stamps as the surveys send them: FITS of three units for Rubin, gzipped FITS for ZTF."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator.camera import SHAPES
from vobroker.sources.simulator.encode import text, varint
from vobroker.sources.simulator.images import TEMPLATE_SEEING, Frame, Triplet, psf, triplet
from vobroker.sources.simulator.observe import Detections
from vobroker.sources.simulator.population import Population
from vobroker.sources.simulator.schedule import Exposure
from vobroker.sources.simulator.sites import Survey
from vobroker.sources.simulator.visit import BLOCK

Integers = NDArray[np.int64]
Stamps = Callable[[int, int], list[bytes]]
"""Makes the three cutout fields of the alerts of some rows."""


def _images(
    exposure: Exposure, population: Population, found: Detections, size: int, seed: int
) -> tuple[Integers, Integers, Callable[[int, int], Triplet]]:
    """Lower left pixel of every stamp, and the function that renders some of them."""
    # The middle of an even stamp is between two pixels.
    left, low = (np.floor(p + (size % 2) / 2).astype(np.int64) - (size - 1) // 2 for p in (found.x, found.y))

    def render(begin: int, end: int) -> Triplet:
        part = found.part(begin, end)
        place = part.x - left[begin:end], part.y - low[begin:end]
        rng = np.random.default_rng([seed, 41, exposure.visit, exposure.field, begin // BLOCK])
        images = triplet(Frame(exposure, population, part, size, *place), rng)
        outside = _beyond_edge(exposure.survey, size, left[begin:end], low[begin:end])
        for image in (images.science, images.template, images.difference):
            image[outside] = np.nan
        return images

    return left, low, render


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


def rubin(exposure: Exposure, population: Population, found: Detections, seed: int) -> Stamps:
    """Stamps of Rubin alerts: difference, science, template; each 30×30 pixels in nJy, variance, PSF."""
    left, low, render = _images(exposure, population, found, _RUBIN_SIZE, seed)
    header = _widen(_rubin_header(exposure))
    sharp = _rubin_psf(exposure.seeing / exposure.survey.pixel, 41)
    blunt = _rubin_psf(TEMPLATE_SEEING * exposure.survey.seeing / exposure.survey.pixel, 51)
    places = zip(
        left.tolist(),
        low.tolist(),
        (found.x - left + 1).tolist(),
        (found.y - low + 1).tolist(),
        found.ra.tolist(),
        found.dec.tolist(),
        strict=True,
    )
    headers = [header.format(*place).encode() for place in places]

    def make(begin: int, end: int) -> list[bytes]:
        images = render(begin, end)
        units = (
            (images.difference, images.science_variance + images.template_variance, sharp),
            (images.science, images.science_variance, sharp),
            (images.template, images.template_variance, blunt),
        )
        raw = [
            (np.ascontiguousarray(image, ">f4"), np.ascontiguousarray(variance, ">f4"), tail)
            for image, variance, tail in units
        ]
        return [
            b"".join(
                _rubin_field(headers[begin + i], image[i].tobytes(), variance[i].tobytes(), tail)
                for image, variance, tail in raw
            )
            for i in range(end - begin)
        ]

    return make


def _widen(template: str) -> str:
    """Make room after each place so that cards are 80 characters once the places are filled."""
    cards = [template[i : i + 80] for i in range(0, len(template), 80)]
    return "".join(
        card if "{" not in card else card.rstrip().ljust(80 - 20 + card.index("}") - card.index("{") + 1)
        for card in cards
    )


_IMAGE_PADDING = b"\x00" * (-4 * _RUBIN_SIZE**2 % 2880)


def _rubin_field(header: bytes, image: bytes, variance: bytes, tail: bytes) -> bytes:
    """One cutout as Avro ``bytes`` in a union with null at branch 0."""
    fits = b"".join((header, image, _IMAGE_PADDING, _UNCERT, variance, _IMAGE_PADDING, tail))
    return b"".join((b"\x02", varint(len(fits)), fits))


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
    found: Detections,
    seed: int,
    *,
    names: Callable[[int], tuple[str, str, str]],
    zero_point: float,
    background: float,
) -> Stamps:
    """Stamps of ZTF alerts: science, template, difference; 63×63 pixels in DN."""
    _, _, render = _images(exposure, population, found, _ZTF_SIZE, seed)
    scale = np.float32(10 ** (0.4 * (zero_point - 31.4)))

    def counts(image: NDArray[np.float32], level: float) -> NDArray[Any]:
        return np.ascontiguousarray(image * scale + np.float32(level), ">f4")

    def make(begin: int, end: int) -> list[bytes]:
        images = render(begin, end)
        planes = (
            counts(images.science, background),
            counts(images.template, background),
            counts(images.difference, 0.0),
        )
        return [
            b"".join(
                b"\x02" + _ztf_cutout(name, plane[row - begin].tobytes())
                for name, plane in zip(names(row), planes, strict=True)
            )
            for row in range(begin, end)
        ]

    return make


def _ztf_cutout(name: str, image: bytes) -> bytes:
    stamp = gzip.compress(_ZTF_HEADER + _padded(image), compresslevel=1, mtime=0)
    return text(name) + varint(len(stamp)) + stamp

"""Image stamps as PNG pictures."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 1024
"""Largest side of a stamp that is drawn, pixels; those of Rubin and ZTF have 30 to 110."""

MAX_HEADER = 100 * 2880
"""Most bytes of a header that are read."""

_BLOCK, _CARD = 2880, 80
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_SOFTENING = 0.1  # where the stretch turns from linear to logarithmic, as a part of the range
_SIGMA_OF_MAD = 1.4826  # of a normal distribution

Pixels = NDArray[np.float64]


def png(stamp: bytes) -> bytes | None:
    """Draw the primary image of a FITS file.

    The grey scale goes from a little below the sky to the brightest pixels on an asinh stretch (Lupton et
    al. 1999, AJ 118, 1406), row 1 at the bottom; pixels without a value are transparent.

    Parameters
    ----------
    stamp
        FITS bytes, of any origin.

    Returns
    -------
    bytes or None
        PNG; None where there is no image of two dimensions, at most :data:`MAX_SIDE` wide and high, with
        at least one finite pixel.
    """
    pixels = _image(stamp)
    if pixels is None:
        return None
    valid = np.isfinite(pixels)
    grey = np.zeros(pixels.shape)
    grey[valid] = _stretch(pixels[valid])
    levels = np.stack([np.round(255 * grey), np.where(valid, 255, 0)], axis=-1).astype(np.uint8)
    return encode(levels[::-1])


def placeholder() -> bytes:
    """Give the picture that stands for a stamp that cannot be shown: a faint cross."""
    side = 63
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    cross = np.minimum(distance, distance[::-1]) == 0
    levels = np.stack([np.full((side, side), 128), np.where(cross, 110, 30)], axis=-1).astype(np.uint8)
    return encode(levels)


def _image(stamp: bytes) -> Pixels | None:
    """Read the primary array (FITS 4.0, sections 3.3 and 4.4.1); None where there is no such image.

    A stamp needs seven keywords. astropy.io.fits reports faults as warnings, through a filter that all
    threads of the server share, and raises what its parts raise.
    """
    header, data = _header(stamp)
    try:
        bits, axes = int(header["BITPIX"]), int(header["NAXIS"])
        width, height = int(header["NAXIS1"]), int(header["NAXIS2"])
        scale, zero = (float(header.get(name, default)) for name, default in (("BSCALE", 1), ("BZERO", 0)))
        blank = int(header["BLANK"]) if "BLANK" in header and bits > 0 else None
    except (KeyError, ValueError):
        return None
    size = abs(bits) // 8 * width * height
    if (
        axes != 2
        or bits not in _TYPES
        or not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE)
        or len(data) < size
    ):
        return None
    stored = np.frombuffer(data[:size], _TYPES[bits]).reshape(height, width)
    with np.errstate(all="ignore"):
        pixels: Pixels = stored.astype(np.float64) * scale + zero
    if blank is not None:
        pixels[stored == blank] = np.nan
    return pixels if np.isfinite(pixels).any() else None


def _header(stamp: bytes) -> tuple[dict[str, str], bytes]:
    """Split a FITS file into the values of its first header, as text, and what comes behind it."""
    header: dict[str, str] = {}
    for start in range(0, min(len(stamp), MAX_HEADER), _CARD):
        card = stamp[start : start + _CARD].decode("ascii", "replace")
        keyword = card[:8].rstrip()
        if keyword == "END":
            return header, stamp[(start // _BLOCK + 1) * _BLOCK :]
        if card[8:10] == "= ":
            header.setdefault(keyword, card[10:].partition("/")[0].strip())
    return {}, b""


def _stretch(values: Pixels) -> Pixels:
    """Map values to 0 to 1."""
    sky = np.median(values)
    noise = _SIGMA_OF_MAD * np.median(np.abs(values - sky))
    low, high = sky - 2 * noise, max(np.percentile(values, 99.8), sky + 6 * noise)
    if not (np.isfinite(high - low) and high > low):
        return np.full(values.shape, 0.5)
    scaled = np.clip((values - low) / (high - low), 0, 1)
    stretched: Pixels = np.arcsinh(scaled / _SOFTENING) / np.arcsinh(1 / _SOFTENING)
    return stretched


def encode(levels: NDArray[np.uint8]) -> bytes:
    """Write a picture as PNG (ISO/IEC 15948).

    Parameters
    ----------
    levels
        Grey and opacity, shape (height, width, 2), or red, green, blue and opacity, shape (height, width, 4).
    """
    height, width, depth = levels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), levels.reshape(height, -1)], axis=1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2 + depth, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

"""Reading simulated packets with fastavro, which knows nothing of the simulator."""

from __future__ import annotations

import gzip
import io
from typing import Any

import fastavro
import numpy as np
from astropy.io import fits


def read(visit: Any, packet: bytes) -> dict[str, Any]:
    """One packet in the survey's own form, read to its last byte."""
    if visit.survey == "ztf":
        (alert,) = fastavro.reader(io.BytesIO(packet))
        return alert
    stream = io.BytesIO(packet[5:])
    alert = fastavro.schemaless_reader(stream, visit.schema)
    assert stream.read() == b""
    return alert


def alerts(visit: Any) -> list[dict[str, Any]]:
    """All alerts of a visit."""
    return [read(visit, packet) for packet in visit.packets]


def stamp(data: Any) -> fits.HDUList:
    """A cutout field as FITS."""
    raw = gzip.decompress(data["stampData"]) if isinstance(data, dict) else data
    return fits.open(io.BytesIO(raw))


def aperture(image: np.ndarray, x: float, y: float, radius: float) -> float:
    """Sum of the pixels within a circle, each counted by about the part of it that is inside."""
    fine = np.repeat(np.repeat(image, 5, axis=0), 5, axis=1) / 25
    rows, columns = np.indices(fine.shape) / 5 - 0.4
    return float(fine[np.hypot(columns - x, rows - y) < radius].sum())

"""What the bands of the surveys are: the filters behind the letters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passband:
    """A filter as the SVO Filter Profile Service (Rodrigo & Solano 2020) knows it.

    ``identifier`` is its name there, ``wavelength`` its effective wavelength in nm.
    """

    identifier: str
    wavelength: float


AB_ZERO_POINT = 3631.0
"""Flux density of magnitude 0 in the AB system, Jy (Oke & Gunn 1983, ApJ 266, 713)."""

PASSBANDS: dict[tuple[str, str], Passband] = {
    ("lsst", "u"): Passband("LSST/LSST.u", 375.12),
    ("lsst", "g"): Passband("LSST/LSST.g", 474.066),
    ("lsst", "r"): Passband("LSST/LSST.r", 617.234),
    ("lsst", "i"): Passband("LSST/LSST.i", 750.097),
    ("lsst", "z"): Passband("LSST/LSST.z", 867.89),
    ("lsst", "y"): Passband("LSST/LSST.y", 971.182),
    ("ztf", "g"): Passband("Palomar/ZTF.g", 474.648),
    ("ztf", "r"): Passband("Palomar/ZTF.r", 636.638),
    ("ztf", "i"): Passband("Palomar/ZTF.i", 782.903),
}
"""Passband of a survey and band."""

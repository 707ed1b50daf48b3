"""What a survey file says, and the few Arrow functions it says it with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vobroker.alerts.avro.program import Path

Values = Mapping[str, pa.Array]
"""Fields under the survey file's own short names; absent ones are columns of nulls."""

AB_ZERO_NJY = 31.4
"""AB magnitude of 1 nJy."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One array of earlier measurements: where it is, what its fields are, what they mean."""

    array: str
    kind: str
    fields: Mapping[str, tuple[str, ...]]
    measurements: Callable[[Values], dict[str, pa.Array]]

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """Spellings of each field as paths from the top of the packet."""
        return {
            name: tuple(f"{self.array}.{field}" for field in fields) for name, fields in self.fields.items()
        }


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A survey's mapping to the common columns.

    Parameters
    ----------
    name
        Short name, also of its native table.
    title
        Name for a person.
    longitude
        Of the telescope, degrees, positive to the east.
    record
        Pattern that the full name of the packet's record matches.
    candidate
        Name of the record with the triggering detection.
    fields
        Short name → spellings over the schema versions, the first that a schema has is taken.
    required
        Short names without which an alert cannot be used.
    alert
        Common columns of ``ALERT`` from ``fields``; what it leaves out is null.
    histories
        Arrays of measurements; ``trigger`` maps the candidate itself to one.
    native
        Pattern of a field's name → (unit, UCD), for the native table; the first match counts.
    systems
        Pattern of a native column's name → its coordinate or time system; the first match counts.
    """

    name: str
    title: str
    longitude: float
    record: re.Pattern[str]
    candidate: str
    fields: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    alert: Callable[[Values], dict[str, pa.Array]]
    histories: tuple[History, ...]
    trigger: History
    native: tuple[tuple[re.Pattern[str], str, str], ...] = ()
    systems: tuple[tuple[re.Pattern[str], str], ...] = ()


_TEXT = frozenset({"band", "designation", "object", "sign", "ss_name"})
_WHOLE = frozenset(
    {
        "id",
        "pid",
        "fid",
        "visit",
        "detector",
        "dia_object",
        "ss_object",
        "dia_record",
        "ss_record",
        "n_detections",
    }
)


def kind_of(name: str) -> str:
    """Tell what the values of a short name are: ``text``, ``whole`` numbers, or any ``number``."""
    return "text" if name in _TEXT else "whole" if name in _WHOLE else "number"


def path(text: str) -> Path:
    """``diaSource.ra`` as a path."""
    return tuple(text.split("."))


def number(array: pa.Array) -> npt.NDArray[np.float64]:
    """Float64 values with NaN for null, shape (n,)."""
    return np.asarray(pc.cast(array, pa.float64()).fill_null(float("nan")))


def real(values: npt.NDArray[np.float64]) -> pa.Array:
    """Float32 column; what is not finite becomes null."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = np.asarray(values, np.float32)
    return pa.array(narrow, pa.float32(), mask=~np.isfinite(narrow))


def without(array: pa.Array, *sentinels: float | str) -> pa.Array:
    """Make a survey's stand-ins for 'no value' null."""
    for sentinel in sentinels:
        array = pc.if_else(
            pc.equal(array, pa.scalar(sentinel, array.type)), pa.scalar(None, array.type), array
        )
    return array


def ab_magnitude(flux: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """AB magnitude of the absolute flux density in nJy, shape (n,); NaN for zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mag = AB_ZERO_NJY - 2.5 * np.log10(np.abs(flux))
    return np.where(np.isfinite(mag), mag, np.nan)


def ab_flux(mag: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Flux density in nJy of an AB magnitude, shape (n,)."""
    with np.errstate(over="ignore"):
        flux: npt.NDArray[np.float64] = np.power(10.0, (AB_ZERO_NJY - mag) / 2.5)
    return flux


def magnitude_error(flux: npt.NDArray[np.float64], error: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Error in magnitudes of a flux and its error, first order, shape (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mag: npt.NDArray[np.float64] = 2.5 / np.log(10.0) * np.abs(error / flux)
    return mag

"""What there is to know of a time series beside its numbers: for comparing, and for what dialects hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vobroker.timeseries.series import ROLES, Series

Values = dict[str, Any]
"""What a series says of an aspect: the value by the key of its statement."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing to know of a series.

    Parameters
    ----------
    key
        Its name.
    title
        The same for people.
    values
        Gives what a series says of it, by the key that its statements have. Nothing unsaid is among them.
    """

    key: str
    title: str
    values: Callable[[Series], Values]


def _of_time(attribute: str) -> Callable[[Series], Values]:
    return lambda series: _keyed({f"time.{attribute}": getattr(series.time, attribute)})


def _of_space(attribute: str) -> Callable[[Series], Values]:
    return lambda series: _keyed({f"space.{attribute}": getattr(series.space, attribute)})


def _of_bands(attribute: str) -> Callable[[Series], Values]:
    return lambda series: _keyed(
        {f"band.{band.name}.{attribute}": getattr(band, attribute) for band in series.bands}
    )


def _of_columns(*roles: str, key: str = "unit") -> Callable[[Series], Values]:
    return lambda series: _keyed({f"column.{role}.{key}": series.note(role, key) for role in roles})


def _there(*roles: str) -> Callable[[Series], Values]:
    return lambda series: _keyed({f"column.{role}": series.roles.get(role, "") for role in roles})


def _keyed(values: Values) -> Values:
    return {key: value for key, value in values.items() if value not in ("", None)}


def _other_times(series: Series) -> Values:
    own = series.roles.get("time")
    return {
        f"times.{name}": str(frame)
        for name, frame in series.times.items()
        if name != own and (frame.scale or frame.position or frame.origin is not None)
    }


def _further(series: Series) -> Values:
    return {"columns": ", ".join(series.further)} if series.further else {}


def _position(series: Series) -> Values:
    return _keyed({"object.ra": series.ra, "object.dec": series.dec})


ASPECTS: tuple[Aspect, ...] = (
    Aspect("time.scale", "Time scale", _of_time("scale")),
    Aspect("time.origin", "Time origin (JD)", _of_time("origin")),
    Aspect("time.position", "Reference position", _of_time("position")),
    Aspect("time.column", "Column of times", _there("time")),
    Aspect("time.unit", "Unit of times", _of_columns("time")),
    Aspect("times", "Frames of further times", _other_times),
    Aspect("band.name", "Bands", _of_bands("name")),
    Aspect("band.filter", "Filter", _of_bands("filter")),
    Aspect("band.wavelength", "Effective wavelength", _of_bands("wavelength")),
    Aspect("band.zero_point", "Zero point", _of_bands("zero_point")),
    Aspect("band.zero_point_type", "Zero point type", _of_bands("zero_point_type")),
    Aspect("band.magnitude_system", "Magnitude system", _of_bands("magnitude_system")),
    Aspect("column.values", "Fluxes and magnitudes", _there("flux", "mag")),
    Aspect("column.errors", "Errors", _there("flux_error", "mag_error")),
    Aspect("column.units", "Units", _of_columns("flux", "flux_error", "mag", "mag_error", "limiting_mag")),
    Aspect("column.limits", "Limits", _there("limiting_mag")),
    Aspect("column.kind", "Detection, forced or limit", _there("kind")),
    Aspect("column.position", "Position of each measurement", _there("ra", "dec")),
    Aspect("column.identifier", "Identifier of each measurement", _there("measurement_id")),
    Aspect("object.id", "Identifier of the object", lambda s: _keyed({"object.id": s.object_id})),
    Aspect("object.survey", "Survey", lambda s: _keyed({"object.survey": s.survey})),
    Aspect("object.position", "Position of the object", _position),
    Aspect("object.title", "Title", lambda s: _keyed({"object.title": s.title})),
    Aspect("space.system", "Frame of coordinates", _of_space("system")),
    Aspect("space.equinox", "Equinox", _of_space("equinox")),
    Aspect("space.epoch", "Epoch of coordinates", _of_space("epoch")),
    Aspect("space.position", "Reference position of coordinates", _of_space("position")),
    Aspect("column.ucd", "UCD", _of_columns(*ROLES, key="ucd")),
    Aspect("column.description", "Description", _of_columns(*ROLES, key="description")),
    Aspect("columns", "Further columns", _further),
)
"""All aspects, in the order of reports."""

"""Orbits of solar-system objects in packets: elements as a Group, an ephemeris as a Reference.

The convention stays within the schema of version 2.0. The Group is named ``orbit`` and typed
``orbital-elements``; each Param has the name, unit and UCD of :data:`ELEMENTS`; the Params of text say frame
and centre. Where the object is at each time is a Reference with the meaning :data:`EPHEMERIS`, such as a
query to a service or a VOTable; fetching it is the caller's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import Group, Param, Reference, VOEvent, What

GROUP = "orbit"
GROUP_TYPE = "orbital-elements"

EPHEMERIS = "urn:x-voevent:meaning:ephemeris"
"""Meaning of a Reference to positions of the object over time."""

ELEMENTS: dict[str, tuple[str, str, str]] = {
    "epoch": ("d", "time.epoch;src.orbital", "Epoch of the elements, MJD in TDB"),
    "semi_major_axis": ("au", "phys.size.smajAxis;src.orbital", "Semi-major axis"),
    "perihelion_distance": ("au", "pos.distance;src.orbital.periastron", "Distance of the perihelion"),
    "eccentricity": ("", "src.orbital.eccentricity", "Eccentricity"),
    "inclination": ("deg", "src.orbital.inclination", "Inclination to the plane of the frame"),
    "ascending_node": ("deg", "src.orbital.node", "Longitude of the ascending node"),
    "perihelion_argument": ("deg", "src.orbital.periastron", "Argument of the perihelion"),
    "mean_anomaly": ("deg", "src.orbital.meanAnomaly", "Mean anomaly at the epoch"),
    "perihelion_time": ("d", "time.epoch;src.orbital.periastron", "Time of the perihelion, MJD in TDB"),
    "absolute_magnitude": ("mag", "phys.magAbs", "Absolute magnitude H"),
    "slope": ("", "stat.fit.param;phys.magAbs", "Slope parameter G of H"),
}
"""Unit, UCD and description of each element."""

_TEXTS = {
    "frame": ("pos.frame", "Frame of the angles, of http://www.ivoa.net/rdf/refframe, with its equinox"),
    "center": ("pos.frame", "Centre of the orbit, of http://www.ivoa.net/rdf/refposition"),
    "designation": ("meta.id;src", "Designation by the Minor Planet Center"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit:
    """Elements of an orbit; None where one is not given.

    Angles are in degrees, distances in au, times MJD in TDB. A closed orbit has ``semi_major_axis`` and
    ``mean_anomaly``, one that may be open ``perihelion_distance`` and ``perihelion_time``.
    """

    epoch: float
    eccentricity: float
    inclination: float
    ascending_node: float
    perihelion_argument: float
    semi_major_axis: float | None = None
    mean_anomaly: float | None = None
    perihelion_distance: float | None = None
    perihelion_time: float | None = None
    absolute_magnitude: float | None = None
    slope: float | None = None
    frame: str = "ECLIPTIC J2000"
    center: str = "HELIOCENTER"
    designation: str | None = None


def with_orbit(event: VOEvent, orbit: Orbit, ephemeris: str | None = None) -> VOEvent:
    """Give an event with the orbit of its object.

    Parameters
    ----------
    event
        Any packet.
    orbit
        The elements.
    ephemeris
        Where positions over time are, a URI.
    """
    params = []
    for field in fields(orbit):
        value = getattr(orbit, field.name)
        if value is None:
            continue
        if field.name in ELEMENTS:
            unit, ucd, description = ELEMENTS[field.name]
            if not math.isfinite(value):
                raise VOEventError(f"{event.ivorn}: the {field.name} of the orbit is {value}")
            params.append(
                Param(field.name, repr(float(value)), unit or None, ucd, "float", descriptions=(description,))
            )
        else:
            ucd, description = _TEXTS[field.name]
            params.append(Param(field.name, value, None, ucd, descriptions=(description,)))
    told = (
        (Reference(ephemeris, mimetype="application/x-votable+xml", meaning=EPHEMERIS),) if ephemeris else ()
    )
    what = event.what or What()
    group = Group(GROUP, GROUP_TYPE, tuple(params), references=told)
    return replace(event, what=replace(what, groups=(*what.groups, group)))


def orbit_of(event: VOEvent) -> Orbit | None:
    """Give the orbit that a packet holds; None where it holds none.

    Raises
    ------
    VOEventError
        If an element is missing, no number, or in another unit than the convention has.
    """
    group = _group(event)
    if group is None:
        return None
    values: dict[str, Any] = {}
    for param in group.params:
        name, value = param.name or "", param.value or "".join(param.text)
        if name in _TEXTS:
            values[name] = value
        elif name in ELEMENTS:
            if (param.unit or "") != ELEMENTS[name][0]:
                raise VOEventError(
                    f"{event.ivorn}: the {name} of the orbit is in {param.unit!r}, not {ELEMENTS[name][0]!r}"
                )
            try:
                values[name] = float(value)
            except ValueError:
                values[name] = math.nan
            if not math.isfinite(values[name]):
                raise VOEventError(f"{event.ivorn}: the {name} of the orbit is {value!r}")
    try:
        return Orbit(**values)
    except TypeError as error:
        raise VOEventError(f"{event.ivorn}: the orbit is not whole: {error}") from error


def ephemerides(event: VOEvent) -> tuple[Reference, ...]:
    """Give the References to positions of the object over time."""
    what = event.what or What()
    groups = [reference for group in what.groups for reference in group.references]
    return tuple(one for one in (*what.references, *groups) if one.meaning == EPHEMERIS)


def _group(event: VOEvent) -> Group | None:
    groups = event.what.groups if event.what else ()
    return next((group for group in groups if group.type == GROUP_TYPE), None)

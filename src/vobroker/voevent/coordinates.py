"""Times, positions and observatories of packets as astropy objects.

Needs astropy; positions on the Sun need sunpy as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import (
    GENERIC_LOCATIONS,
    AstroCoords,
    AstroCoordSystem,
    ObservationLocation,
    VOEvent,
)

if TYPE_CHECKING:
    from astropy.coordinates import EarthLocation, SkyCoord
    from astropy.time import Time

SCALES = ("UTC", "TT", "TDB", "TCB", "TCG", "TAI", "UT1", "GPS")
"""Time scales that can be read; those of http://www.ivoa.net/rdf/timescale that are realised."""

FRAMES = {
    "ICRS": "icrs",
    "FK5": "fk5",
    "FK4": "fk4",
    "GALACTIC": "galactic",
    "ECLIPTIC": "barycentricmeanecliptic",
}
"""Frames of the sky (http://www.ivoa.net/rdf/refframe), and astropy's names of them."""

SOLAR_FRAMES = {
    "HPC": "helioprojective",
    "HPR": "helioprojectiveradial",
    "HGS": "heliographic_stonyhurst",
    "HGC": "heliographic_carrington",
}
"""Frames of the Sun (section 3.4.4), and sunpy's names of them."""

CENTERS = {"TOPO": "TOPOCENTER", "GEO": "GEOCENTER", "BARY": "BARYCENTER", "HELIO": "HELIOCENTER"}
"""Ends of the names of systems, and what http://www.ivoa.net/rdf/refposition calls them."""


class System(NamedTuple):
    """A coordinate system in its parts: ``scale`` of times, ``frame`` and ``center``; None where not said.

    ``center`` is a word of the IVOA's vocabulary of reference positions, or the name of a body.
    """

    scale: str | None
    frame: str | None
    center: str | None


def system(event: VOEvent) -> System:
    """Give the coordinate system of the observation.

    The name has three parts, as ``UTC-ICRS-TOPO`` (section 3.4.1); the frames that version 2.1 describes
    and a ``TimeScale`` go before it.

    Raises
    ------
    VOEventError
        If the packet names a scale that is none, or two systems.
    """
    observation = event.observation
    if observation is None:
        return System(None, None, None)
    return _system(event, observation)


def time(event: VOEvent) -> Time:
    """Give the time of the event, in the scale that the packet names; leap seconds are kept.

    A time at GPS is given in TAI, which is 19 s ahead of it.

    Raises
    ------
    VOEventError
        If the packet has no time, the time has no scale, or cannot be read.
    """
    coords = _coords(event)
    instant = coords.time.instant if coords.time else None
    if instant is None or instant.iso_time is None:
        refuse(event, "has no ISOTime")
    return _time(event, instant.iso_time, _scale(event))


def interval(event: VOEvent) -> tuple[Time, Time]:
    """Give beginning and end of an event that lasts (version 2.1).

    Raises
    ------
    VOEventError
        If the packet has no such times, they have no scale, or cannot be read.
    """
    coords = _coords(event)
    found = coords.time.interval if coords.time else None
    if found is None or found.start is None or found.stop is None:
        refuse(event, "has no TimeInterval with a beginning and an end")
    scale = _scale(event)
    return _time(event, found.start, scale), _time(event, found.stop, scale)


def position(event: VOEvent) -> SkyCoord:
    """Give the position of the event, in the frame that the packet names.

    A position on the Sun has the observer on the Earth and the time of the packet.

    Raises
    ------
    VOEventError
        If the packet has no position or names no frame, or one that is not known.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    coords = _coords(event)
    place = coords.position2d
    if place is None:
        refuse(event, "has no Position2D")
    unit = u.deg if place.unit in (None, "", "degrees") else _unit(event, place.unit)
    frame = system(event).frame
    c1, c2 = place.value.c1 * unit, place.value.c2 * unit
    try:
        if frame in SOLAR_FRAMES:
            return _solar(event, frame, c1, c2)
        if frame not in FRAMES:
            refuse(
                event,
                f"has a position in {frame or 'no frame that it names'}; {', '.join(FRAMES)} can be read",
            )
        return SkyCoord(c1, c2, frame=FRAMES[frame])
    except (ValueError, TypeError) as error:
        raise VOEventError(f"{event.ivorn}: the position cannot be read: {error}") from error


def radius(event: VOEvent) -> Any:
    """Give the error of the position as an astropy Angle; None where the packet has none."""
    from astropy import units as u
    from astropy.coordinates import Angle

    place = _coords(event).position2d
    if place is None or place.radius is None:
        return None
    return Angle(place.radius, u.deg if place.unit in (None, "", "degrees") else _unit(event, place.unit))


def location(event: VOEvent) -> EarthLocation | None:
    """Give where on the Earth the event was seen from; None where only a name is given.

    Names that stand for a region, such as those of spacecraft, are in
    :data:`vobroker.voevent.model.GENERIC_LOCATIONS`; see :func:`region`.

    Raises
    ------
    VOEventError
        If the place is in a system other than geodetic longitude, latitude and height.
    """
    from astropy import units as u
    from astropy.coordinates import EarthLocation

    observatory = event.observatory
    place = observatory.coords.position3d if observatory and observatory.coords else None
    if observatory is None or place is None:
        return None
    named = (observatory.coords and observatory.coords.coord_system_id) or (
        observatory.system.id if observatory.system else None
    )
    if named and named.split("-")[1:2] != ["GEOD"]:
        refuse(event, f"has its observatory in {named}; UTC-GEOD-TOPO can be read")
    longitude, latitude, height = (_unit(event, text) for text in (place.unit or "deg-deg-m").split("-"))
    c1, c2, c3 = place.value.c1, place.value.c2, place.value.c3
    return EarthLocation.from_geodetic(c1 * longitude, c2 * latitude, (c3 * height).to(u.m))


def region(event: VOEvent) -> str | None:
    """Give the region that a generic name of the observatory stands for, such as ``GEOLEO``; else None."""
    return GENERIC_LOCATIONS.get(event.observatory.id or "") if event.observatory else None


def refuse(event: VOEvent, reason: str) -> NoReturn:
    """Say what a packet lacks."""
    raise VOEventError(f"{event.ivorn} {reason}")


def _coords(event: VOEvent) -> AstroCoords:
    if event.coords is None:
        refuse(event, "has no coordinates")
    return event.coords


def _system(event: VOEvent, observation: ObservationLocation) -> System:
    described = observation.system or AstroCoordSystem()
    coords = observation.coords or AstroCoords()
    name = coords.coord_system_id or described.id or ""
    if described.id and described.id != name:
        refuse(event, f"has the coordinate system {described.id}, but its coordinates are in {name}")
    parts = name.split("-")
    scale, frame, center = parts if len(parts) == 3 else (None, None, None)
    times, space = described.time_frame, described.space_frame
    instant = coords.time.instant if coords.time else None
    return System(
        (times and times.time_scale) or (instant and instant.time_scale) or scale,
        (space and space.reference_frame) or frame,
        (times and times.reference_position)
        or (space and space.reference_position)
        or (CENTERS.get(center, center) if center else None),
    )


def _scale(event: VOEvent) -> str:
    scale = system(event).scale
    if scale is None:
        refuse(event, "has a time without a scale: no coordinate system names one")
    if scale not in SCALES:
        refuse(event, f"has a time in the scale {scale!r}; {', '.join(SCALES)} can be read")
    return scale


def _time(event: VOEvent, text: str, scale: str) -> Time:
    from astropy.time import Time, TimeDelta

    zone = text.rpartition("+")[1] or "-" in text[11:]
    if zone:
        refuse(event, f"has the time {text!r} with a zone")
    try:
        found = Time(text.removesuffix("Z"), format="isot", scale="tai" if scale == "GPS" else scale.lower())
    except ValueError as error:
        raise VOEventError(f"{event.ivorn}: the time {text!r} cannot be read: {error}") from error
    return found + TimeDelta(19, format="sec") if scale == "GPS" else found


def _unit(event: VOEvent, text: str | None) -> Any:
    from astropy import units as u

    try:
        return u.Unit(text or "deg")
    except ValueError as error:
        raise VOEventError(f"{event.ivorn}: {error}") from error


def _solar(event: VOEvent, frame: str, c1: Any, c2: Any) -> SkyCoord:
    """Give a position on the Sun; its frames move with the Earth and the Sun, and so need a time."""
    from astropy.coordinates import SkyCoord

    try:
        import sunpy.coordinates  # noqa: F401 -- adds its frames to astropy
    except ImportError as error:
        raise VOEventError(
            f"{event.ivorn}: positions in {frame} need sunpy, which is not installed"
        ) from error
    when = time(event)
    if frame == "HGS":
        return SkyCoord(c1, c2, frame=SOLAR_FRAMES[frame], obstime=when)
    return SkyCoord(c1, c2, frame=SOLAR_FRAMES[frame], obstime=when, observer="earth")

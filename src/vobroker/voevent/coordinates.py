"""Times, positions and observatories of packets: as astropy objects, and as plain numbers.

Positions on the Sun need sunpy.
"""

from __future__ import annotations

import math
import re
import warnings
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import erfa

from vobroker.voevent.errors import VOEventError
from vobroker.voevent.model import (
    GENERIC_LOCATIONS,
    AstroCoords,
    AstroCoordSystem,
    ObservationLocation,
    Position2D,
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

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d*)?))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_DEGREES = {"deg": 1.0, "degrees": 1.0, "degree": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_MJD = 2_400_000.5
_J2000 = 2_451_545.0
_GPS_TAI = 19 / 86_400  # days

CENTERS = {"TOPO": "TOPOCENTER", "GEO": "GEOCENTER", "BARY": "BARYCENTER", "HELIO": "HELIOCENTER"}
"""Ends of the names of systems, and what http://www.ivoa.net/rdf/refposition calls them."""


class Moment(NamedTuple):
    """A time as a Julian date in two parts (for UTC the quasi-date of SOFA, which keeps leap seconds)."""

    first: float
    rest: float
    scale: str


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

    A time at GPS is given in TAI, which is 19 s ahead of it. A time with a zone is UTC (ISO 8601), whatever
    the system is.

    Raises
    ------
    VOEventError
        If the packet has no time, the time has no scale, or cannot be read.
    """
    return _time(_moment(event, _iso_time(event)))


def tai_mjd(event: VOEvent) -> float:
    """Give the time of the event as MJD in TAI; of an interval its beginning.

    Raises
    ------
    VOEventError
        As :func:`time`, and where UT1 is not known.
    """
    coords = _coords(event)
    lasting = coords.time.interval if coords.time else None
    moment = _moment(event, lasting.start if lasting and lasting.start else _iso_time(event))
    first, rest, scale = moment
    match scale:
        case "UTC":
            first, rest, _ = erfa.ufunc.utctai(first, rest)
        case "TT":
            first, rest, _ = erfa.ufunc.tttai(first, rest)
        case "TDB":
            ahead = erfa.ufunc.dtdb(first, rest, 0.0, 0.0, 0.0, 0.0)
            first, rest, _ = erfa.ufunc.tttai(*erfa.ufunc.tdbtt(first, rest, ahead)[:2])
        case "TAI" | "GPS":
            rest += _GPS_TAI if scale == "GPS" else 0.0
        case _:
            found = _in_tai(event, moment)
            first, rest = found.jd1, found.jd2
    return float((first - _MJD) + rest)


def time_error(event: VOEvent) -> float | None:
    """Give the error of the time in days; None where the packet has none, or in a unit that is no time's."""
    coords = event.coords
    told = coords.time if coords else None
    unit = _SECONDS.get(told.unit or "") if told else None
    return None if told is None or told.error is None or unit is None else told.error * unit / 86_400


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
    return _time(_moment(event, found.start)), _time(_moment(event, found.stop))


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

    place = _place(event)
    unit = _degrees(event, place.unit) * u.deg
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


def icrs(event: VOEvent) -> tuple[float, float]:
    """Give right ascension and declination of the event in degrees, ICRS.

    Raises
    ------
    VOEventError
        As :func:`position`, and where the position is on the Sun.
    """
    place, frame = _place(event), system(event).frame
    unit = _degrees(event, place.unit)
    first, second = place.value.c1 * unit, place.value.c2 * unit
    if frame not in ("ICRS", "FK5"):
        if frame in SOLAR_FRAMES:
            refuse(event, f"has a position in {frame}, which is on the Sun")
        found = position(event).icrs
        return float(found.ra.deg), float(found.dec.deg)
    if abs(second) > 90:
        refuse(event, f"has the declination {second}°")
    if frame == "FK5":
        turned = erfa.fk5hz(math.radians(first), math.radians(second), _J2000, 0.0)
        first, second = (math.degrees(angle) for angle in turned)
    return first % 360, second


def radius(event: VOEvent) -> Any:
    """Give the error of the position as an astropy Angle; None where the packet has none."""
    from astropy import units as u
    from astropy.coordinates import Angle

    found = radius_degrees(event)
    return None if found is None else Angle(found, u.deg)


def radius_degrees(event: VOEvent) -> float | None:
    """Give the error of the position in degrees; None where the packet has none."""
    place = _coords(event).position2d
    return None if place is None or place.radius is None else place.radius * _degrees(event, place.unit)


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
    scale, frame, center = _named(name.split("-"))
    times, space = described.time_frame, described.space_frame
    instant = coords.time.instant if coords.time else None
    return System(
        (times and times.time_scale) or (instant and instant.time_scale) or scale,
        (space and space.reference_frame) or frame,
        (times and times.reference_position)
        or (space and space.reference_position)
        or (CENTERS.get(center, center) if center else None),
    )


def _named(parts: list[str]) -> tuple[str | None, str | None, str | None]:
    """Give what the name of a system says; one without all of its parts may still begin with a scale."""
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    if len(parts) > 3 or parts[0] not in SCALES:
        return None, None, None
    return parts[0], parts[1] if len(parts) == 2 else None, None


def _iso_time(event: VOEvent) -> str:
    coords = _coords(event)
    instant = coords.time.instant if coords.time else None
    if instant is None or instant.iso_time is None:
        refuse(event, "has no ISOTime")
    return instant.iso_time


def _scale(event: VOEvent) -> str:
    scale = system(event).scale
    if scale is None:
        refuse(event, "has a time without a scale: no coordinate system names one")
    if scale not in SCALES:
        refuse(event, f"has a time in the scale {scale!r}; {', '.join(SCALES)} can be read")
    return scale


def _moment(event: VOEvent, text: str) -> Moment:
    """Read a time; one with a zone is UTC, all others are in the scale of the packet."""
    parts = _ISO.fullmatch(text.strip())
    if parts is None:
        refuse(event, f"has the time {text!r}, which cannot be read as ISO 8601")
    year, month, day, hour, minute, second, zone = parts.groups()
    scale = "UTC" if zone else _scale(event)
    when = int(year), int(month), int(day), int(hour or 0), int(minute or 0)
    try:
        when = _without_zone(*when, zone) if zone not in (None, "Z") else when
    except (ValueError, OverflowError):
        refuse(event, f"has the time {text!r}, which cannot be read: there is no such day")
    # The functions without checks: years before UTC are no reason to warn.
    first, rest, status = erfa.ufunc.dtf2d(b"UTC" if scale == "UTC" else b"TAI", *when, float(second or 0))
    if status < 0:
        refuse(event, f"has the time {text!r}, which cannot be read: there is no such day or hour")
    return Moment(float(first), float(rest), scale)


def _without_zone(
    year: int, month: int, day: int, hour: int, minute: int, zone: str
) -> tuple[int, int, int, int, int]:
    """Give a date and time of day in UTC; days that end with a leap second have no other hours."""
    ahead = int(zone[1:3]) * 60 + int(zone[-2:])
    days, minutes = divmod(hour * 60 + minute - (-ahead if zone[0] == "-" else ahead), 1440)
    there = date(year, month, day) + timedelta(days)
    return there.year, there.month, there.day, *divmod(minutes, 60)


def _time(moment: Moment) -> Time:
    from astropy.time import Time

    first, rest, scale = moment
    if scale == "GPS":
        rest, scale = rest + _GPS_TAI, "TAI"
    found = Time(first, rest, format="jd", scale=scale.lower())
    found.format = "isot"
    return found


def _in_tai(event: VOEvent, moment: Moment) -> Time:
    """Convert a time of a rare scale."""
    from astropy.utils import iers

    iers.conf.auto_download = False  # no packet makes a broker fetch tables
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*dubious year", erfa.ErfaWarning)
            return _time(moment).tai
    except (ValueError, IndexError) as error:  # UT1 beyond the tables of the Earth's rotation
        told = str(error).splitlines()[0]
        raise VOEventError(f"{event.ivorn}: the time cannot be converted to TAI: {told}") from error


def _place(event: VOEvent) -> Position2D:
    place = _coords(event).position2d
    if place is None:
        refuse(event, "has no Position2D")
    if not (math.isfinite(place.value.c1) and math.isfinite(place.value.c2)):
        refuse(event, f"has the position {place.value.c1}, {place.value.c2}")
    return place


def _degrees(event: VOEvent, text: str | None) -> float:
    """Give the degrees of a unit of angle; ``deg-deg`` names that of each coordinate."""
    from astropy import units as u

    name = (text or "").partition("-")[0].strip() or "deg"
    known = _DEGREES.get(name)
    if known is not None:
        return known
    unit = _unit(event, name)
    if not unit.is_equivalent(u.deg):
        refuse(event, f"has a position in {name}")
    return float(unit.to(u.deg))


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

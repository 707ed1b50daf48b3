"""Received VOEvents as rows: what a packet says, in columns that can be asked without reading XML."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import erfa
import numpy as np
import pyarrow as pa

from vobroker import sky
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.voevent import VOEvent, VOEventError, read
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.voevent.event_types import event_types
from vobroker.voevent.model import AstroCoords, Time
from vobroker.votypes.arrow import schema

_DAY = 86_400.0
_MJD = 2_400_000.5
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d*)?))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_DEGREES = {"": 1.0, "deg": 1.0, "degrees": 1.0, "degree": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}
_DEGREES["rad"] = 180 / math.pi
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": _DAY}


@dataclass(frozen=True, slots=True)
class ReceivedPacket:
    """A packet as it arrived: its bytes, whence, and when (UTC)."""

    content: bytes
    origin: Origin
    received: datetime


@dataclass(frozen=True, slots=True)
class Tabulated:
    """Packets as rows of the three tables, and what is no VOEvent.

    Attributes
    ----------
    events
        Columns of ``VOEVENT`` but ``number``; ``row`` counts the packets that were given, ``partition`` and
        ``position`` say where each was in its source.
    params, citations
        Columns of ``VOEVENT_PARAM`` and ``VOEVENT_CITATION``, and the ``row`` of the packet.
    dead
        Packets that could not be read.
    """

    events: pa.Table
    params: pa.Table
    citations: pa.Table
    dead: tuple[DeadLetter, ...]


def tabulate(packets: Sequence[ReceivedPacket]) -> Tabulated:
    """Give what packets say as rows.

    A time without a scale, a place without numbers or in a frame that is not of the sky is null: nothing is
    guessed. The packet itself has all that it says.
    """
    events: list[dict[str, Any]] = []
    params: list[dict[str, Any]] = []
    citations: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for row, packet in enumerate(packets):
        try:
            event = read(packet.content)
        except VOEventError as error:
            dead.append(
                DeadLetter(
                    packet.origin,
                    "not-voevent",
                    f"{packet.origin}: {error}",
                    packet.content,
                    survey="voevent",
                )
            )
            continue
        told = {"row": row, "partition": packet.origin.partition, "position": packet.origin.position}
        events.append(told | _event(event, packet))
        params += ({"row": row, "ivorn": event.ivorn} | one for one in _params(event))
        citations += ({"row": row, "ivorn": event.ivorn} | one for one in _citations(event))
    return Tabulated(
        _table(
            events,
            schema(VOEVENT).remove(0),
            {"row": pa.int64(), "partition": pa.int32(), "position": pa.int64()},
        ),
        _table(params, schema(VOEVENT_PARAM), {"row": pa.int64()}),
        _table(citations, schema(VOEVENT_CITATION), {"row": pa.int64()}),
        tuple(dead),
    )


def tai_mjd(iso: str, scale: str) -> float | None:
    """Give a time as MJD in TAI; None where the text is no time, or its scale none of UTC, TT, GPS and TDB.

    Parameters
    ----------
    iso
        ISO 8601, with or without a zone. A zone makes the time UTC.
    scale
        Time scale, where the text has no zone.
    """
    parts = _ISO.fullmatch(iso.strip())
    if parts is None:
        return None
    year, month, day, hour, minute, second, zone = parts.groups()
    scale = "UTC" if zone else scale
    try:
        with np.errstate(all="ignore"):
            first, rest = erfa.dtf2d(
                "UTC" if scale == "UTC" else "TAI",
                *(int(year), int(month), int(day), int(hour or 0), int(minute or 0), float(second or 0)),
            )
            if zone not in (None, "Z"):
                offset = int(zone[1:3]) * 60 + int(zone[-2:])
                rest -= math.copysign(offset / 1440, -1 if zone[0] == "-" else 1)
            return float(_to_tai(first, rest, scale))
    except (erfa.ErfaError, KeyError):
        return None


def _to_tai(first: float, rest: float, scale: str) -> float:
    match scale:
        case "UTC":
            first, rest = erfa.utctai(first, rest)
        case "GPS":
            rest += 19 / _DAY
        case "TDB":
            first, rest = erfa.tttai(*erfa.tdbtt(first, rest, erfa.dtdb(first, rest, 0, 0, 0, 0)))
        case "TT":
            first, rest = erfa.tttai(first, rest)
        case "TAI":
            pass
        case _:
            raise KeyError(scale)
    return (first - _MJD) + rest


def _event(event: VOEvent, packet: ReceivedPacket) -> dict[str, Any]:
    who, why = event.who, event.why
    author = who.author if who else None
    location = event.where_when.location if event.where_when else None
    observatory = location.observatory if location else None
    observation = location.observation if location else None
    system = observation.system.id if observation and observation.system else None
    coords = event.coords
    system = system or (coords.coord_system_id if coords else None)
    scale, _, rest = (system or "").partition("-")
    ra, dec, radius = _place(coords, rest.partition("-")[0])
    mjd, error = _time(coords.time if coords else None, scale)
    names = (author.title + author.short_name + author.contact_name) if author else ()
    return {
        "ivorn": event.ivorn,
        "version": event.version,
        "role": event.role or "observation",
        "stream": event.ivorn.partition("#")[0],
        "author_ivorn": who.author_ivorn if who else None,
        "author": next(filter(None, names), None),
        "authored": _utc(who.date if who else None),
        "received": packet.received.astimezone(UTC).replace(tzinfo=None),
        "mjd": mjd,
        "mjd_error": error,
        "ra": ra,
        "dec": dec,
        "error_radius": radius,
        "healpix": None if ra is None else int(sky.healpix29(np.array([ra]), np.array([dec]))[0]),
        "coordinate_system": system or None,
        "observatory": observatory.id if observatory else None,
        "type": next((kind.name for kind in event_types(event)), None),
        "concept": _first(why.concepts, *(i.concepts for i in why.inferences)) if why else None,
        "name": _first(why.names, *(i.names for i in why.inferences)) if why else None,
        "importance": float(why.importance) if why and why.importance is not None else None,
        "expires": _utc(why.expires if why else None),
        "description": event.description,
        "n_citations": len(event.citations.events) if event.citations else 0,
        "source": packet.origin.source,
        "size": len(packet.content),
        "digest": hashlib.sha256(packet.content).digest(),
        "packet": packet.content,
    }


def _params(event: VOEvent) -> Iterable[dict[str, Any]]:
    for place, (group, param) in enumerate(event.params(), 1):
        value = param.value if param.value is not None else next(iter(param.text), None)
        yield {
            "place": place,
            "group_name": group,
            "name": param.name,
            "value": value,
            "number": _number(value),
            "unit": param.unit,
            "ucd": param.ucd,
        }


def _citations(event: VOEvent) -> Iterable[dict[str, Any]]:
    for cited in event.citations.events if event.citations else ():
        yield {"cite": cited.cite, "cited": cited.ivorn}


def _time(time: Time | None, scale: str) -> tuple[float | None, float | None]:
    if time is None or time.instant is None or not time.instant.iso_time:
        return None, None
    mjd = tai_mjd(time.instant.iso_time, scale)
    unit = _SECONDS.get(time.unit or "")
    error = None if mjd is None or time.error is None or unit is None else time.error * unit / _DAY
    return mjd, error


def _place(coords: AstroCoords | None, frame: str) -> tuple[float | None, float | None, float | None]:
    """Give ra, dec and error radius in degrees, ICRS."""
    nowhere = None, None, None
    place = coords.position2d if coords else None
    unit = _DEGREES.get((place.unit or "").partition("-")[0].strip()) if place else None
    if place is None or unit is None or frame not in ("ICRS", "FK5"):
        return nowhere
    ra, dec = place.value.c1 * unit, place.value.c2 * unit
    if not (math.isfinite(ra) and abs(dec) <= 90):
        return nowhere
    if frame == "FK5":
        turned = erfa.fk5hz(math.radians(ra), math.radians(dec), 2_451_545.0, 0.0)
        ra, dec = (math.degrees(angle) for angle in turned)
    return ra % 360, dec, None if place.radius is None else place.radius * unit


def _utc(iso: str | None) -> datetime | None:
    """Give a time that is UTC, as dates of packets are; None for what is no time."""
    try:
        time = datetime.fromisoformat(iso.strip()) if iso else None
    except ValueError:
        return None
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _first(*texts: Sequence[str]) -> str | None:
    return next((text for some in texts for text in some if text), None)


def _table(rows: list[dict[str, Any]], columns: pa.Schema, more: Mapping[str, pa.DataType]) -> pa.Table:
    fields = [*columns, *(pa.field(name, kind) for name, kind in more.items())]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))

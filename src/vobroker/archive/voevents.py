"""Received VOEvents as rows: what a packet says, in columns that can be asked without reading XML."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from vobroker import sky
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.voevent import VOEvent, VOEventError, coordinates, read
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.voevent.event_types import event_types
from vobroker.votypes.arrow import schema


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
    guessed, see :mod:`vobroker.voevent.coordinates`. The packet itself has all that it says.
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


def _event(event: VOEvent, packet: ReceivedPacket) -> dict[str, Any]:
    who, why = event.who, event.why
    author = who.author if who else None
    location = event.where_when.location if event.where_when else None
    observatory = location.observatory if location else None
    observation = location.observation if location else None
    system = observation.system.id if observation and observation.system else None
    system = system or (event.coords.coord_system_id if event.coords else None)
    ra, dec, radius = _place(event)
    mjd, error = _time(event)
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


def _time(event: VOEvent) -> tuple[float | None, float | None]:
    """Give time and error, in days; none where the packet does not say them in full."""
    try:
        return coordinates.tai_mjd(event), coordinates.time_error(event)
    except VOEventError:
        return None, None


def _place(event: VOEvent) -> tuple[float | None, float | None, float | None]:
    """Give ra, dec and error radius in degrees, ICRS; none where the packet does not say them in full."""
    try:
        return *coordinates.icrs(event), coordinates.radius_degrees(event)
    except VOEventError:
        return None, None, None


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

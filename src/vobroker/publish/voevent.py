"""An alert that passed a filter becomes a VOEvent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np

from vobroker.alerts.columns import ALERT
from vobroker.publish.observatories import OBSERVATORIES, Observatory
from vobroker.publish.times import iso_utc
from vobroker.voevent.model import (
    AstroCoords,
    AstroCoordSystem,
    Author,
    Citations,
    EventIVORN,
    Group,
    How,
    ObsDataLocation,
    ObservationLocation,
    ObservatoryLocation,
    Param,
    Position2D,
    Position3D,
    Reference,
    Time,
    TimeInstant,
    Value2,
    Value3,
    VOEvent,
    What,
    WhereWhen,
    Who,
    Why,
)
from vobroker.votypes.columns import Column

GROUPS: dict[str, tuple[str, ...]] = {
    "identity": (
        "survey",
        "alert_id",
        "object_id",
        "visit",
        "detector",
        "night",
        "schema_version",
        "received",
    ),
    "photometry": ("band", "flux", "flux_error", "mag", "mag_error", "snr", "positive"),
    "astrometry": ("mjd", "ra", "dec", "ra_error", "dec_error", "healpix", "trail_length"),
    "classification": (
        "real_bogus",
        "extendedness",
        "solar_system",
        "solar_system_name",
        "n_detections",
        "first_mjd",
    ),
}
"""Group of Params for every column of ``ALERT``."""

SYSTEM = "UTC-ICRS-TOPO"
"""Coordinate system of every event."""

_UNKNOWN_RADIUS = 1.0
"""Position error in arcsec of a survey of which nothing is known."""

_GROUPED = {name: tuple(ALERT[column] for column in columns) for name, columns in GROUPS.items()}
_DATA_TYPES = {"SMALLINT": "int", "INTEGER": "int", "REAL": "float", "DOUBLE": "float"}


def alert_event(
    alert: Mapping[str, Any],
    *,
    ivorn: str,
    stream: str,
    version: str,
    created: datetime,
    cites: str | None = None,
    description: str = "",
    role: str = "observation",
) -> VOEvent:
    """Make the event of an alert that passed a filter.

    Parameters
    ----------
    alert
        Columns of ``ALERT``; nulls are left out of the event.
    ivorn
        Identifier of the event, ``ivo://<authority>/<stream>#<survey>-<alert id>``.
    stream, version
        Name and version of the filter.
    created
        When the alert passed, UTC.
    cites
        Identifier of the object's previous event in the stream.
    description
        What the filter looks for.
    role
        ``test`` for what was not observed.

    Returns
    -------
    VOEvent
        Version 2.0. The same alert and the same creation time give the same event.
    """
    survey = str(alert["survey"])
    telescope = OBSERVATORIES.get(survey)
    authority = ivorn.removeprefix("ivo://").partition("/")[0]
    groups = [Group(name, params=_params(alert, columns)) for name, columns in _GROUPED.items()]
    judged_by = Group("filter", params=(Param("stream", stream), Param("filter_version", version)))
    assessment = (f"Passed the filter {stream}, version {version}.", description)
    return VOEvent(
        ivorn=ivorn,
        role=role,
        who=Who(
            author_ivorn=f"ivo://{authority}/vobroker",
            date=created.replace(tzinfo=None).isoformat(timespec="seconds"),
            author=Author(title=("vobroker",)),
        ),
        what=What(groups=(*groups, judged_by)),
        where_when=WhereWhen(
            location=ObsDataLocation(_observatory(survey, telescope), _observation(alert, telescope))
        ),
        how=_how(survey, telescope),
        why=Why(
            names=tuple(map(_characters, filter(None, (alert["object_id"],)))),
            descriptions=tuple(filter(None, assessment)),
        ),
        citations=Citations((EventIVORN(cites, "followup"),)) if cites else None,
    )


def _params(alert: Mapping[str, Any], columns: tuple[Column, ...]) -> tuple[Param, ...]:
    return tuple(
        Param(
            column.name,
            text,
            column.unit or None,
            column.ucd or None,
            _DATA_TYPES.get(column.type, "string"),
            descriptions=(column.description,),
        )
        for column in columns
        if (text := _text(alert[column.name], column.type)) is not None
    )


def _text(value: Any, kind: str) -> str | None:
    """Write a value so that it reads back the same; None for a null and for what is not a number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if kind == "REAL":
        return str(np.float32(value))
    if kind == "BOOLEAN":
        return str(value).lower()
    if kind == "TIMESTAMP":
        return f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    return _characters(str(value))


def _characters(text: str) -> str:
    """Replace what XML has no character for (XML 1.0, 2.2) by U+FFFD."""
    return _NO_CHARACTER.sub("\ufffd", text)


_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def _observatory(survey: str, telescope: Observatory | None) -> ObservatoryLocation:
    if telescope is None:
        return ObservatoryLocation(id=survey)
    place = Value3(telescope.longitude, telescope.latitude, telescope.height)
    return ObservatoryLocation(
        id=telescope.name,
        system=AstroCoordSystem("UTC-GEOD-TOPO"),
        coords=AstroCoords(
            "UTC-GEOD-TOPO",
            position3d=Position3D(
                unit="deg-deg-m", name1="Longitude", name2="Latitude", name3="Elevation", value=place
            ),
        ),
    )


def _observation(alert: Mapping[str, Any], telescope: Observatory | None) -> ObservationLocation:
    position = Position2D(
        unit="deg",
        name1="RA",
        name2="Dec",
        value=Value2(alert["ra"], alert["dec"]),
        radius=_radius(alert, telescope),
    )
    # A time outside the calendar has no night; the packet then carries it as a Param only.
    time = Time("s", TimeInstant(iso_utc(alert["mjd"]))) if alert["night"] is not None else None
    return ObservationLocation(AstroCoordSystem(SYSTEM), AstroCoords(SYSTEM, time, position2d=position))


def _radius(alert: Mapping[str, Any], telescope: Observatory | None) -> float:
    """Give the position error in degrees: the larger standard error, or else a pixel."""
    errors = [error for name in ("ra_error", "dec_error") if (error := alert[name]) and math.isfinite(error)]
    pixel = telescope.radius if telescope else _UNKNOWN_RADIUS
    return round(max(errors, default=pixel) / 3600, 10)


def _how(survey: str, telescope: Observatory | None) -> How:
    if telescope is None:
        return How((f"Alert of the survey {survey}",))
    return How((telescope.instrument,), (Reference(telescope.reference),))

"""An alert that passed a filter becomes a VOEvent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa

from vobroker.alerts.columns import ALERT
from vobroker.publish.observatories import OBSERVATORIES, Observatory
from vobroker.publish.times import iso_utc
from vobroker.publish.values import DATA_TYPES, characters, decoded, encoded, text_of, value_of
from vobroker.voevent.citations import superseding
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.event_types import inference
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
from vobroker.votypes.arrow import schema
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
    supersedes: str | None = None,
) -> VOEvent:
    """Make the event of an alert that passed a filter.

    Parameters
    ----------
    alert
        Columns of ``ALERT``; nulls are left out of the event, NaN is not.
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
    supersedes
        Identifier of the event that this one takes the place of: that of the same alert by another version of
        the filter, or of the alert before the survey corrected it. The event's identifier is then that one's
        and the version.

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
    event = VOEvent(
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
            names=tuple(map(characters, filter(None, (alert["object_id"],)))),
            inferences=(inference("solar-system"),) if alert["solar_system"] else (),
            descriptions=tuple(filter(None, assessment)),
        ),
        citations=Citations((EventIVORN(cites, "followup"),)) if cites else None,
    )
    if supersedes is None:
        return event
    reason = f"The same alert by version {version} of the filter."
    return superseding(event, supersedes, reason, revision=version)


def from_voevent(event: VOEvent) -> dict[str, Any]:
    """Give the columns of the alert that an event was made from, as :func:`alert_event` took them.

    A column without a Param is null. Params of other groups, and with names of no column, are passed over.

    Returns
    -------
    dict
        A value for each column of ``ALERT``.

    Raises
    ------
    VOEventError
        If a Param is not what its column is, or the event is no alert of a survey.
    """
    row: dict[str, Any] = dict.fromkeys(ALERT.names)
    for group, param in event.params():
        name = param.name or ""
        if group not in GROUPS or name not in GROUPS[group]:
            continue
        text = "".join(param.text) if param.value is None else param.value
        try:
            row[name] = value_of(decoded(text, param.utype), ALERT[name])
        except ValueError as error:
            raise VOEventError(f"{event.ivorn}: the Param {name} is {text[:40]!r}: {error}") from error
    missing = [name for name in ("survey", "alert_id", "mjd", "ra", "dec") if row[name] is None]
    if missing:
        raise VOEventError(f"{event.ivorn} is not the event of an alert: it has no {', '.join(missing)}")
    return row


def alerts_of(events: Iterable[VOEvent]) -> pa.Table:
    """Give the alerts of events as a table in the columns and types of ``ALERT``.

    Raises
    ------
    VOEventError
        If one is not the event of an alert, see :func:`from_voevent`.
    """
    return pa.Table.from_pylist([from_voevent(event) for event in events], schema=schema(ALERT))


def _params(alert: Mapping[str, Any], columns: tuple[Column, ...]) -> tuple[Param, ...]:
    params = []
    for column in columns:
        text = text_of(alert[column.name], column)
        if text is None:
            continue
        text, utype = encoded(text)
        params.append(
            Param(
                column.name,
                text,
                column.unit or None,
                column.ucd or None,
                DATA_TYPES.get(column.type, "string"),
                utype,
                descriptions=(column.description,),
            )
        )
    return tuple(params)


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

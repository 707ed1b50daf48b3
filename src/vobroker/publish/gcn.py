"""Events as JSON notices with the field names of the General Coordinates Network.

The names are those of the core schemas of NASA's GCN, version 7.2.3 (https://github.com/nasa-gcn/gcn-schema):
Alert, Reporter, DateTime, Event, Localization, Statistics, FollowUp, Photometry and AdditionalInfo. What an
event does not say is left out. An alert of a survey has its columns besides, under ``alert``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from vobroker.alerts.columns import ALERT
from vobroker.archive.rows import jsonable
from vobroker.publish.times import iso_utc
from vobroker.publish.voevent import from_voevent
from vobroker.voevent import coordinates
from vobroker.voevent.errors import VOEventError
from vobroker.voevent.event_types import event_types
from vobroker.voevent.model import VOEvent

Json = dict[str, Any]
_T = TypeVar("_T")

MEDIA_TYPE = "application/json"

CORE = "https://gcn.nasa.gov/schema/v7.2.3/gcn/notices/core"
"""Where the core schemas are."""

SCHEMA = f"{CORE}/Alert.schema.json"
"""``$schema`` of notices where no other address is known."""

_TENSES = {"observation": "current", "prediction": "planned", "test": "test"}
_SEQUENCE = {"retraction": "retraction", "supersedes": "update", "followup": "subsequent"}
_MESSENGERS = {"gw": "GW", "neutrino": "Neutrino"}
_WITHIN = round(1 - math.exp(-0.5), 4)
_FIRST_MJD = 41_317.0  # 1972, since when UTC is what it is

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_NUMBERS: Json = {"type": "object", "additionalProperties": _NUMBER}
_FIELDS: dict[str, tuple[Json, str]] = {
    "$schema": (_TEXT, "Address of a schema that the notice follows"),
    "alert_datetime": (_TEXT, "When the event was written, UTC"),
    "alert_tense": ({"enum": [*_TENSES.values()]}, "Role of the event"),
    "alert_type": ({"enum": ["initial", *reversed(_SEQUENCE.values())]}, "What it is to those before"),
    "mission": (_TEXT, "Observatory, or else the author"),
    "instrument": (_TEXT, "Instrument"),
    "messenger": ({"enum": ["EM", *_MESSENGERS.values()]}, "What was seen"),
    "trigger_time": (_TEXT, "Time of the observation, UTC"),
    "trigger_time_error": (_NUMBER, "Its error in seconds"),
    "event_name": ({"type": "array", "items": _TEXT}, "Names of the object"),
    "id": ({"type": "array", "items": _TEXT}, "Identifier of the event, and the alert's in its survey"),
    "ra": (_NUMBER, "Right ascension, ICRS, in degrees"),
    "dec": (_NUMBER, "Declination, ICRS, in degrees"),
    "ra_dec_error": (_NUMBER, "Radius of the position's error in degrees"),
    "containment_probability": (_NUMBER, "Probability that it is within"),
    "properties": (_NUMBERS, "Scores and probabilities, 0 to 1"),
    "image_snr": (_NUMBER, "Signal to noise of the detection"),
    "filter": (_TEXT, "Band"),
    "mag": (_NUMBER, "Apparent magnitude"),
    "mag_error": (_NUMBER, "Its standard error"),
    "mag_system": (_TEXT, "Its system"),
    "reference": ({"type": "object", "additionalProperties": _TEXT}, "Events that are cited, by the kind"),
    "data_archive_page": (_TEXT, "Page of the event"),
    "additional_info": (_TEXT, "For people"),
    "alert": ({"type": "object"}, "Columns of the survey's alert that are not null"),
}


def notice(event: VOEvent, *, schema: str = SCHEMA, site: str | None = None) -> Json:
    """Give an event as a notice.

    Parameters
    ----------
    event
        Any packet.
    schema
        Address for ``$schema``.
    site
        Address of the web pages that show the event, without a slash at its end.

    Returns
    -------
    dict
        Ready for JSON: 64-bit identifiers are texts, what is null or no finite number is left out.
    """
    who, why, how = event.who, event.why, event.how
    author = who.author if who else None
    names = (author.short_name + author.title) if author else ()
    row, types = _alert(event), event_types(event)
    ra, dec = _known(coordinates.icrs, event) or (None, None)
    radius = _known(coordinates.radius_degrees, event)
    mjd, error = _known(coordinates.tai_mjd, event), _known(coordinates.time_error, event)
    descriptions = (event.description, *(why.descriptions if why else ()))
    told: Json = {
        "$schema": schema,
        "alert_datetime": _utc(who.date if who else None),
        "alert_tense": _TENSES.get(event.role or "observation"),
        "alert_type": _sequence(event),
        "mission": next(filter(None, (_observatory(event), *names)), None),
        "instrument": how.descriptions[0].partition(";")[0] if row and how and how.descriptions else None,
        "messenger": next((_MESSENGERS[one.name] for one in types if one.name in _MESSENGERS), None)
        or ("EM" if row else None),
        "trigger_time": _time(event, mjd),
        "trigger_time_error": error * 86_400 if mjd and error else None,
        "event_name": list(why.names) if why else None,
        "id": [event.ivorn, *([str(row["alert_id"])] if row else ())],
        "ra": ra,
        "dec": dec,
        "ra_dec_error": radius if ra is not None and radius else None,
        # The radius is the larger standard error then; a circle of it has so much of a normal distribution.
        "containment_probability": _WITHIN if row.get("ra_error") or row.get("dec_error") else None,
        "properties": {
            **{one.name or one.label: one.probability for one in types if one.probability is not None},
            **({"real_bogus": row["real_bogus"]} if row.get("real_bogus") is not None else {}),
        },
        "image_snr": row.get("snr"),
        "filter": row.get("band"),
        "mag": row.get("mag"),
        "mag_error": row.get("mag_error"),
        "mag_system": "AB" if row.get("mag") is not None else None,
        "reference": _references(event),
        "data_archive_page": _page(site, event, row) if site else None,
        "additional_info": "\n".join(filter(None, descriptions)),
        "alert": {name: value for name, value in row.items() if value is not None},
    }
    return {name: value for name, value in told.items() if _said(value)}


def encode(event: VOEvent, *, schema: str = SCHEMA, site: str | None = None) -> bytes:
    """Give an event as the bytes of a notice, in UTF-8 and on one line; see :func:`notice`."""
    told = notice(event, schema=schema, site=site)
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def json_schema(address: str) -> Json:
    """Give the JSON Schema of notices.

    Parameters
    ----------
    address
        Where it is served.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "title": "Event notice",
        "description": f"Names and types are those of the core schemas at {CORE}/.",
        "type": "object",
        "required": ["$schema", "alert_type", "id"],
        "properties": {
            name: {**kind, "description": description} for name, (kind, description) in _FIELDS.items()
        },
    }


def _said(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and value not in ("", [], {})


def _alert(event: VOEvent) -> Json:
    """Give the columns of a survey's alert; none where the event is of something else."""
    try:
        return jsonable(from_voevent(event), ALERT)
    except VOEventError:
        return {}


def _observatory(event: VOEvent) -> str | None:
    """Give the observatory's name; generic ones, of regions in space, tell nobody who it was."""
    observatory = event.observatory
    return None if observatory is None or coordinates.region(event) else observatory.id


def _page(site: str, event: VOEvent, row: Json) -> str:
    if row:
        return f"{site}/alerts/{row['survey']}/{row['alert_id']}"
    return f"{site}/voevents/one?ivorn={quote(event.ivorn, safe='')}"


def _sequence(event: VOEvent) -> str:
    kinds = {cited.cite for cited in event.citations.events} if event.citations else set()
    return next((name for kind, name in _SEQUENCE.items() if kind in kinds), "initial")


def _references(event: VOEvent) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for cited in event.citations.events if event.citations else ():
        found.setdefault(f"ivoa.voevent.{cited.cite or 'cited'}", []).append(cited.ivorn)
    return {kind: " ".join(ivorns) for kind, ivorns in found.items()}


def _time(event: VOEvent, mjd: float | None) -> str | None:
    """Give the time in UTC; as the packet writes it, where it is UTC there."""
    if mjd is None or mjd < _FIRST_MJD:
        return None
    time = event.coords.time if event.coords else None
    text = time.instant.iso_time if time and time.instant else None
    return (_utc(text) if coordinates.system(event).scale == "UTC" else None) or f"{iso_utc(mjd)}Z"


def _known(function: Callable[[VOEvent], _T], event: VOEvent) -> _T | None:
    """Give what the packet says in full; None where it does not."""
    try:
        return function(event)
    except VOEventError:
        return None


def _utc(text: str | None) -> str | None:
    """Write a time that is UTC with the Z; None for what is no time."""
    try:
        time = datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None
    if time is None or text is None or "T" not in text:
        return None
    return f"{(time.astimezone(UTC) if time.tzinfo else time).replace(tzinfo=None).isoformat()}Z"

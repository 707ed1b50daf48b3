"""DataLink 1.1: from an alert, an object or an event to packet, images, light curve, events and page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import pyarrow as pa

from vobroker.alerts.cutouts import KINDS
from vobroker.archive import Archive
from vobroker.publish.lightcurve import series_of
from vobroker.tap.query import Prepared
from vobroker.timeseries.formats import FORMATS
from vobroker.voevent import VOEventError, read
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table
from vobroker.votypes.votable import element

MAX_IDS = 500
"""Most identifiers of a request."""

MAX_PACKETS = 200
"""Most packets that an object has links to; the newest."""

MAX_CITATIONS = 50
"""Most events that an event has links to in each direction."""

MEDIA_TYPE = "application/x-votable+xml;content=datalink"
VOEVENT_TYPE = "application/x-voevent+xml"

LINKS = Table(
    "links",
    (
        Column("ID", "VARCHAR", "", "meta.id;meta.main", "Identifier that was asked for"),
        Column("access_url", "VARCHAR", "", "meta.ref.url", "Where to get it"),
        Column("service_def", "VARCHAR", "", "meta.ref", "Description of a service that gives it"),
        Column("error_message", "VARCHAR", "", "meta.code.error", "Why there is nothing"),
        Column("description", "VARCHAR", "", "meta.note", "What it is"),
        Column("semantics", "VARCHAR", "", "meta.code", "What it is to the thing asked for"),
        Column("content_type", "VARCHAR", "", "meta.code.mime", "Media type"),
        Column("content_length", "BIGINT", "byte", "phys.size;meta.file", "Size"),
        Column("local_semantics", "VARCHAR", "", "meta.code", "Short name, the same for all surveys"),
    ),
    "DataLink 1.1 section 3.2: what there is about an alert, an object or an event",
)

_IDENTIFIER = re.compile(
    r"(?:(?:ivo://[^?#\s]+/)?(?P<kind>alert|object)[?/])?(?:(?P<survey>[a-z][a-z0-9_-]{0,63})/)?(?P<name>[^\s/?#]{1,128})"
)

Link = tuple[
    str, str | None, str | None, str | None, str | None, str | None, str | None, int | None, str | None
]


def links(archive: Archive, identifiers: Sequence[str], site: str) -> pa.RecordBatch:
    """Give the links of alerts, objects and events.

    Parameters
    ----------
    archive
        The archive.
    identifiers
        ``alert/lsst/123``, ``object/ztf/ZTF18abc``, such an IVOA identifier as ObsCore has, what the
        survey calls an alert or an object, or the ivorn of an event, received or our own.
    site
        Address of the web pages, without a slash at its end.

    Returns
    -------
    record batch
        In the columns of :data:`LINKS`; an identifier that means nothing has a row which says so.
    """
    rows = [row for identifier in identifiers for row in _links(archive, identifier, site)]
    fields = schema(LINKS)
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    return pa.record_batch(
        [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)], schema=fields
    )


def descriptors(prepared: Prepared, base: str) -> tuple[str, ...]:
    """Describe the service that gives the links of a result's rows (DataLink 1.1, section 4.1).

    A result has one where it has a column that names alerts, events or objects by a text: clients look for
    the identifier in the answer as it stands in the result.
    """
    for kind in ("alert_did", "ivorn", "object_id"):
        for column, origin in zip(prepared.columns, prepared.origins, strict=True):
            if origin.partition(".")[2] == kind and not origin.startswith("ivoa."):
                return (_descriptor(base, column.name),)
    return ()


def _descriptor(base: str, column: str) -> str:
    text = {"datatype": "char", "arraysize": "*"}
    return element(
        "RESOURCE",
        {"type": "meta", "utype": "adhoc:service", "name": "links"},
        element("DESCRIPTION", {}, "Packet, images, light curve, events and page of a row"),
        element("PARAM", {"name": "standardID", "value": "ivo://ivoa.net/std/DataLink#links-1.1", **text}),
        element("PARAM", {"name": "accessURL", "value": f"{base}/datalink", **text}),
        element(
            "GROUP",
            {"name": "inputParams"},
            element("PARAM", {"name": "ID", "ref": column, "value": "", **text}),
        ),
    )


def _links(archive: Archive, identifier: str, site: str) -> Iterator[Link]:
    parts = _IDENTIFIER.fullmatch(identifier.strip())
    if identifier.strip().startswith("ivo://") and (parts is None or parts["kind"] is None):
        yield from _of_event(archive, identifier, identifier.strip(), site)
        return
    if parts is None:
        yield _fault(identifier, "NotFoundFault: this is no identifier of an alert, an object or an event")
        return
    kind, survey, name = parts["kind"], parts["survey"], parts["name"]
    found = _alerts(archive, survey, name) if kind != "object" else []
    if found:
        for row in found:
            yield from _of_alert(archive, identifier, *row, site)
        return
    objects = _objects(archive, survey, name) if kind != "alert" else []
    if not objects:
        yield _fault(identifier, f"NotFoundFault: there is no {kind or 'alert or object'} {name}")
    for known in objects:
        yield from _of_object(archive, identifier, known, name, site)


def _alerts(archive: Archive, survey: str | None, name: str) -> list[tuple[str, int, str | None]]:
    if not re.fullmatch(r"-?[0-9]{1,19}", name) or abs(int(name)) >= 2**63:
        return []
    rows = archive.query(
        "SELECT survey, object_id FROM alert WHERE alert_id = ? ORDER BY survey", [int(name)]
    )
    return [
        (row["survey"], int(name), row["object_id"])
        for row in rows.to_pylist()
        if survey in (None, row["survey"])
    ]


def _objects(archive: Archive, survey: str | None, name: str) -> list[str]:
    rows = archive.query("SELECT survey FROM object WHERE object_id = ? ORDER BY survey", [name])
    return [known for known in rows["survey"].to_pylist() if survey in (None, known)]


def _of_alert(
    archive: Archive, identifier: str, survey: str, alert_id: int, object_id: str | None, site: str
) -> Iterator[Link]:
    at = f"{site}/alerts/{quote(survey)}/{alert_id}"
    sizes = archive.query("SELECT size FROM payload WHERE survey = ? AND alert_id = ?", [survey, alert_id])
    size = sizes["size"].to_pylist()[0] if len(sizes) else None
    yield _link(
        identifier,
        f"{at}/packet.avro",
        "The packet as it arrived",
        "#this",
        "application/avro",
        "packet",
        size,
    )
    for kind in KINDS:
        for suffix, media_type, semantics in (
            ("fits", "application/fits", "#auxiliary"),
            ("png", "image/png", "#preview-image"),
        ):
            yield _link(
                identifier,
                f"{at}/cutouts/{kind}.{suffix}",
                f"The {kind} image around the alert",
                semantics,
                media_type,
                kind,
            )
    if object_id is not None:
        yield from _light_curves(identifier, survey, object_id, site, "#coderived")
    streams = archive.query(
        "SELECT stream FROM event WHERE survey = ? AND alert_id = ? ORDER BY sequence", [survey, alert_id]
    )
    for stream in streams["stream"].to_pylist():
        address = f"{site}/events/{quote(stream)}/{quote(survey)}-{alert_id}.xml"
        yield _link(
            identifier,
            address,
            f"The VOEvent of the stream {stream}",
            "#derivation",
            VOEVENT_TYPE,
            "voevent",
        )
    yield _link(identifier, at, "The page of the alert", "#documentation", "text/html", "page")


def _of_object(archive: Archive, identifier: str, survey: str, object_id: str, site: str) -> Iterator[Link]:
    yield from _light_curves(identifier, survey, object_id, site, "#this")
    rows = archive.query(
        "SELECT alert_id, mjd FROM alert WHERE survey = ? AND object_id = ? ORDER BY mjd DESC",
        [survey, object_id],
        rows=MAX_PACKETS,
    )
    for row in rows.to_pylist():
        address = f"{site}/alerts/{quote(survey)}/{row['alert_id']}/packet.avro"
        yield _link(
            identifier,
            address,
            f"Packet of the alert at MJD {row['mjd']:.5f} TAI",
            "#progenitor",
            "application/avro",
            "packet",
        )
    page = f"{site}/objects/{quote(survey)}/{quote(object_id, safe='')}"
    yield _link(identifier, page, "The page of the object", "#documentation", "text/html", "page")


def _of_event(archive: Archive, identifier: str, ivorn: str, site: str) -> Iterator[Link]:
    """Give the links of a received event, or of one of our own."""
    rows = archive.query("SELECT size, packet FROM voevent WHERE ivorn = ?", [ivorn]).to_pylist()
    if not rows:
        yield from _of_own_event(archive, identifier, ivorn, site)
        return
    at, asked = f"{site}/voevents", f"?ivorn={quote(ivorn, safe='')}"
    packet = f"{at}/packet.xml{asked}"
    yield _link(
        identifier, packet, "The event as it arrived", "#this", VOEVENT_TYPE, "voevent", rows[0]["size"]
    )
    if _has_light_curve(rows[0]["packet"]):
        for suffix, media_type, semantics in (
            ("vot", "application/x-votable+xml", "#auxiliary"),
            ("svg", "image/svg+xml", "#preview-plot"),
            ("png", "image/png", "#preview-plot"),
        ):
            what = f"The light curve in the event as {suffix.upper() if suffix != 'vot' else 'VOTable'}"
            yield _link(
                identifier, f"{at}/lightcurve.{suffix}{asked}", what, semantics, media_type, "lightcurve"
            )
    for ours, theirs, semantics, what in (
        ("ivorn", "cited", "#progenitor", "An event that it cites"),
        ("cited", "ivorn", "#derivation", "An event that cites it"),
    ):
        found = archive.query(
            f"SELECT DISTINCT voevent.ivorn FROM voevent_citation AS citation"  # noqa: S608 -- our own names
            f" JOIN voevent ON voevent.ivorn = citation.{theirs} WHERE citation.{ours} = ? ORDER BY 1",
            [ivorn],
            rows=MAX_CITATIONS,
        )
        for other in found["ivorn"].to_pylist():
            address = f"{at}/packet.xml?ivorn={quote(other, safe='')}"
            yield _link(identifier, address, f"{what}: {other}", semantics, VOEVENT_TYPE, theirs)
    yield _link(
        identifier, f"{at}/one{asked}", "The page of the event", "#documentation", "text/html", "page"
    )


def _of_own_event(archive: Archive, identifier: str, ivorn: str, site: str) -> Iterator[Link]:
    event = archive.event(ivorn)
    if event is None:
        yield _fault(identifier, f"NotFoundFault: there is no event {ivorn}")
        return
    survey, alert_id = event["survey"], event["alert_id"]
    address = f"{site}/events/{quote(event['stream'])}/{quote(survey)}-{alert_id}.xml"
    yield _link(identifier, address, "The event", "#this", VOEVENT_TYPE, "voevent")
    at = f"{site}/alerts/{quote(survey)}/{alert_id}"
    packet = f"{at}/packet.avro"
    yield _link(identifier, packet, "The packet of the alert", "#progenitor", "application/avro", "packet")
    if event["object_id"] is not None:
        yield from _light_curves(identifier, survey, event["object_id"], site, "#coderived")
    yield _link(identifier, at, "The page of the alert", "#documentation", "text/html", "page")


def _has_light_curve(packet: bytes) -> bool:
    try:
        return series_of(read(packet)) is not None
    except VOEventError:
        return False


def _light_curves(identifier: str, survey: str, object_id: str, site: str, semantics: str) -> Iterator[Link]:
    at = f"{site}/objects/{quote(survey)}/{quote(object_id, safe='')}/lightcurve"
    for name, form in FORMATS.items():
        picture = form.media_type.startswith("image/")
        yield _link(
            identifier,
            f"{at}{form.suffixes[0]}",
            f"The light curve of the object as {'a picture' if picture else name}",
            "#preview-plot" if picture else semantics,
            form.media_type,
            "lightcurve",
        )


def _link(
    identifier: str,
    url: str,
    description: str,
    semantics: str,
    media_type: str,
    local: str,
    size: int | None = None,
) -> Link:
    return (identifier, url, None, None, description, semantics, media_type, size, local)


def _fault(identifier: str, message: str) -> Link:
    return (identifier, None, None, message, None, None, None, None, None)

"""What is followed, and what it carries: alerts that passed a filter, and VOEvents that came from others.

A place is a number. A listener names it by a cursor, by the ivorn of the event there, or by a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.archive import Archive, files_of, replay
from vobroker.archive.rows import jsonable
from vobroker.gateway.cursor import CursorError
from vobroker.gateway.received import received
from vobroker.gateway.since import Since
from vobroker.publish import gcn
from vobroker.publish.folder import embedding
from vobroker.publish.render import packets
from vobroker.voevent import VOEvent, write

JSON, VOEVENT, GCN = "json", "voevent", "gcn"
TEXTS = (JSON, VOEVENT, GCN)
"""Formats of text, which an endless stream can carry."""

_ROWS = """
    SELECT event.sequence, event.ivorn, event.stream, event.version, event.created, alert.*
    FROM event JOIN alert USING (survey, alert_id)
    WHERE event.sequence IN (
        SELECT sequence FROM event WHERE sequence > $1 AND stream = $2 ORDER BY sequence LIMIT $3
    ) ORDER BY event.sequence
"""

ALL, RECEIVED = "/events", "/voevents"
"""What can be followed beside the stream of a filter: those of all filters, and what came from others."""


class Kind(NamedTuple):
    """Statements that number what is followed: its newest place, that of an ivorn, the last before a time."""

    newest: str
    named: str
    before: str


PASSED = Kind(
    "SELECT coalesce(max(sequence), 0) AS place FROM event",
    "SELECT sequence AS place FROM event WHERE ivorn = $1",
    "SELECT coalesce(max(sequence), 0) AS place FROM event WHERE created < $1",
)
FOREIGN = Kind(
    "SELECT coalesce(max(number), 0) AS place FROM voevent",
    "SELECT number AS place FROM voevent WHERE ivorn = $1",
    "SELECT coalesce(max(number), 0) AS place FROM voevent WHERE received < $1",
)


class UnknownEventError(CursorError):
    """An ivorn that names no place."""


class Message(NamedTuple):
    """One alert or event, as it is sent."""

    place: int
    ivorn: str
    content: bytes


def kind_of(stream: str) -> Kind:
    """Give how the places of a stream are numbered."""
    return FOREIGN if stream == RECEIVED else PASSED


def messages(
    archive: Archive, stream: str, after: int, limit: int, form: str, site: str = ""
) -> list[Message]:
    """Give what is next in a stream behind a place, in a format of text.

    Parameters
    ----------
    archive
        Archive of the alerts.
    stream
        Name of the stream, that of its filter; :data:`ALL` or :data:`RECEIVED`.
    after
        Place of the last one that is known.
    limit
        Most of them.
    form
        One of :data:`TEXTS`; what came from others is no alert, and never in JSON.
    site
        Public address, which notices refer to.
    """
    if stream == RECEIVED:
        encode = None if form == VOEVENT else encoder(form, site)
        return [Message(*one) for one in received(archive, after, limit, encode)]
    if form == JSON:
        found = rows(archive, stream, after, limit).to_pylist()
        return [Message(row["sequence"], row["ivorn"], _as_json(row)) for row in found]
    named = None if stream == ALL else stream
    embed = "none" if form == GCN else embedding(files_of(archive.place) / "voevents")
    encode = encoder(form, site)
    events = packets(archive, after=after, stream=named, batch=limit, form=embed, encode=encode)
    return [Message(one.sequence, one.ivorn, one.content) for one in next(events, [])]


def rows(archive: Archive, stream: str, after: int, limit: int) -> pa.Table:
    """Give the next alerts of a stream behind a place, each with its event; ``sequence`` is its place."""
    return archive.query(_ROWS, [after, stream, limit])


def encoder(form: str, site: str = "") -> Callable[[VOEvent], bytes]:
    """Give what makes an event bytes: a VOEvent packet, or a notice with addresses of the site."""
    if form == VOEVENT:
        return write
    return partial(gcn.encode, schema=f"{site}/events/notice.schema.json", site=site)


def begin(archive: Archive, stream: str, since: Since) -> int:
    """Give the place behind which a listener begins.

    Raises
    ------
    UnknownEventError
        If it is behind an event that is not there.
    """
    if since.place is not None:
        return since.place
    kind = kind_of(stream)
    statement: str = kind.newest
    values: list[object] = []
    if since.ivorn:
        statement, values = kind.named, [since.ivorn]
    elif since.time is not None:
        statement, values = kind.before, [since.time]
    found = archive.query(statement, values)["place"].to_pylist()
    if not found:
        raise UnknownEventError(f"there is no event {(since.ivorn or '')[:200]} to go on from")
    return int(found[0])


def stored(
    archive: Archive, stream: str, after: int, limit: int
) -> Iterator[tuple[int, replay.StoredPacket | None]]:
    """Give the next alerts of a stream behind a place as the packets that came, with their places.

    None stands for a packet that is not kept.
    """
    for row in archive.query(
        "SELECT sequence, survey, alert_id FROM event WHERE sequence > $1 AND stream = $2"
        " ORDER BY sequence LIMIT $3",
        [after, stream, limit],
    ).to_pylist():
        pages = archive.stored("survey = ? AND alert_id = ?", [row["survey"], row["alert_id"]])
        yield row["sequence"], next((one for page in pages for one in page), None)


def _as_json(row: Mapping[str, Any]) -> bytes:
    told = jsonable(row, EVENT)
    alert = jsonable({column.name: row[column.name] for column in ALERT.columns}, ALERT)
    about = {name: told[name] for name in ("stream", "version", "ivorn", "created")}
    return json.dumps(about | {"alert": alert}, ensure_ascii=False, separators=(",", ":")).encode()

"""What a stream carries, in each format: an alert that passed a filter as JSON, VOEvent, notice or packet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.archive import Archive, files_of, replay
from vobroker.archive.rows import jsonable
from vobroker.gateway.cursor import Since
from vobroker.publish import gcn
from vobroker.publish.folder import embedding
from vobroker.publish.render import Packet, packets
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

NEWEST = "SELECT coalesce(max(sequence), 0) AS place FROM event"
BEFORE = f"{NEWEST} WHERE created < $1"


class Message(NamedTuple):
    """One alert of a stream, as it is sent."""

    place: int
    content: bytes


def messages(
    archive: Archive, stream: str, after: int, limit: int, form: str, site: str = ""
) -> list[Message]:
    """Give the next alerts of a stream behind a place, in a format of text.

    Parameters
    ----------
    archive
        Archive of the alerts.
    stream
        Name of the stream, that of its filter.
    after
        Place of the last alert that is known.
    limit
        Most alerts.
    form
        One of :data:`TEXTS`.
    site
        Public address, which notices refer to.
    """
    if form == JSON:
        found = rows(archive, stream, after, limit).to_pylist()
        return [Message(row["sequence"], _as_json(row)) for row in found]
    return [Message(one.sequence, one.content) for one in events(archive, stream, after, limit, form, site)]


def rows(archive: Archive, stream: str, after: int, limit: int) -> pa.Table:
    """Give the next alerts of a stream behind a place, each with its event; ``sequence`` is its place."""
    return archive.query(_ROWS, [after, stream, limit])


def events(
    archive: Archive, stream: str | None, after: int, limit: int, form: str, site: str = ""
) -> list[Packet]:
    """Give the next alerts of a stream, or of all, behind a place, as VOEvents or notices."""
    embed = "none" if form == GCN else embedding(files_of(archive.place) / "voevents")
    encode = encoder(form, site)
    return next(packets(archive, after=after, stream=stream, batch=limit, form=embed, encode=encode), [])


def encoder(form: str, site: str = "") -> Callable[[VOEvent], bytes]:
    """Give what makes an event bytes: a VOEvent packet, or a notice with addresses of the site."""
    if form == VOEVENT:
        return write
    return partial(gcn.encode, schema=f"{site}/events/notice.schema.json", site=site)


def begin(archive: Archive, since: Since) -> int:
    """Give the place behind which a listener begins."""
    if since.place is not None:
        return since.place
    asked, values = (BEFORE, [since.time]) if since.time is not None else (NEWEST, [])
    return int(archive.query(asked, values)["place"][0].as_py())


def stored(archive: Archive, stream: str, after: int, limit: int) -> list[tuple[int, replay.StoredPacket]]:
    """Give the next alerts of a stream behind a place as the packets that came, with their places."""
    rows = archive.query(
        "SELECT sequence, survey, alert_id FROM event WHERE sequence > $1 AND stream = $2"
        " ORDER BY sequence LIMIT $3",
        [after, stream, limit],
    ).to_pylist()
    found = []
    for row in rows:
        for page in archive.stored("survey = ? AND alert_id = ?", [row["survey"], row["alert_id"]]):
            found += [(row["sequence"], one) for one in page]
    return found


def _as_json(row: Mapping[str, Any]) -> bytes:
    told = jsonable(row, EVENT)
    alert = jsonable({column.name: row[column.name] for column in ALERT.columns}, ALERT)
    about = {name: told[name] for name in ("stream", "version", "ivorn", "created")}
    return json.dumps(about | {"alert": alert}, ensure_ascii=False, separators=(",", ":")).encode()

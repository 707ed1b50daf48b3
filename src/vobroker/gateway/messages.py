"""What a stream carries, in each format: an alert that passed a filter as JSON, VOEvent, notice or packet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from vobroker.alerts.columns import ALERT, EVENT
from vobroker.archive import Archive, files_of, replay
from vobroker.archive.rows import jsonable
from vobroker.publish import gcn
from vobroker.publish.folder import embedding
from vobroker.publish.render import packets
from vobroker.voevent import write

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
        rows = archive.query(_ROWS, [after, stream, limit]).to_pylist()
        return [Message(row["sequence"], _as_json(row)) for row in rows]
    encode: Callable[..., bytes] = write
    embed: str | Mapping[str, str] = "none"
    if form == GCN:
        encode = partial(gcn.encode, schema=f"{site}/events/notice.schema.json", site=site)
    else:
        embed = embedding(files_of(archive.place) / "voevents")
    found = packets(archive, after=after, stream=stream, batch=limit, form=embed, encode=encode)
    return [Message(one.sequence, one.content) for one in next(found, ())]


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

"""Events of an archive as packets, the same bytes whenever they are asked for."""

# ruff: noqa: S608 -- the statements are put together from their own parts
from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from vobroker.archive import Archive, ArchiveError
from vobroker.filters import starter_filters
from vobroker.publish.voevent import alert_event
from vobroker.voevent import write

_EVENTS = """
    SELECT event.sequence, event.ivorn, event.stream, event.version, event.cites, event.created,
           payload.source, alert.*
    FROM event JOIN alert USING (survey, alert_id) JOIN payload USING (survey, alert_id)
"""
_NEXT = f"""{_EVENTS}
    WHERE event.sequence IN (
        SELECT sequence FROM event WHERE sequence > $1 AND stream = coalesce($2, stream)
        ORDER BY sequence LIMIT $3
    ) ORDER BY event.sequence
"""
_ONE = f"{_EVENTS} WHERE event.ivorn = $1"


class Packet(NamedTuple):
    """A rendered event, and what tells where it belongs."""

    sequence: int
    ivorn: str
    stream: str
    night: int
    survey: str
    alert_id: int
    content: bytes


def packets(
    archive: Archive, *, after: int = 0, stream: str | None = None, role: str | None = None, batch: int = 1000
) -> Iterator[list[Packet]]:
    """Render the events behind a place in the archive, in order of appearance and in batches.

    Parameters
    ----------
    archive
        Archive of the events.
    after
        Sequence number of the last event that is not wanted any more.
    stream
        Only events of this stream.
    role
        Role of the packets; where none is given, ``test`` for simulated alerts, else ``observation``.
    batch
        Most events in a batch; each batch is one look-up.
    """
    while rows := archive.query(_NEXT, [after, stream, batch]).to_pylist():
        yield [_packet(row, role) for row in rows]
        after = rows[-1]["sequence"]


def render(archive: Archive, ivorn: str, *, role: str | None = None) -> bytes:
    """Give the packet of one event, byte for byte as :func:`packets` does.

    Raises
    ------
    ArchiveError
        If there is no such event.
    """
    for row in archive.query(_ONE, [ivorn]).to_pylist():
        return _packet(row, role).content
    raise ArchiveError(f"there is no event {ivorn} in {archive.folder}")


def _packet(row: dict[str, Any], role: str | None) -> Packet:
    event = alert_event(
        row,
        ivorn=row["ivorn"],
        stream=row["stream"],
        version=row["version"],
        created=row["created"],
        cites=row["cites"],
        description=_descriptions().get(row["version"], ""),
        role=role or ("test" if row["source"].startswith("simulator:") else "observation"),
    )
    return Packet(
        row["sequence"],
        row["ivorn"],
        row["stream"],
        row["night"],
        row["survey"],
        row["alert_id"],
        write(event),
    )


@cache
def _descriptions() -> dict[str, str]:
    """Give what the starter filters look for, by version."""
    return {each.version: f"{each.title}. {each.description}".strip() for each in starter_filters()}

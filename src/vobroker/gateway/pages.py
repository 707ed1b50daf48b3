"""Pages of a stream: some alerts at a time as one file, and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vobroker.alerts.columns import ALERT
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch, unwrap
from vobroker.archive import Archive, replay
from vobroker.gateway.messages import rows, stored
from vobroker.sources.simulator.wire import Container
from vobroker.tap.formats import Head, Outcome, find
from vobroker.tap.formats import write as write_table
from vobroker.votypes.arrow import schema as schema_of

MAX_PACKETS = 500
"""Most packets of a page: they can be 300 kB each."""


class File(NamedTuple):
    """A page as a file, and the place behind it."""

    content: bytes
    media_type: str
    end: int
    alerts: int


Seal = Callable[[int], str]
"""Gives the cursor of a place."""

CURSORS = b"vobroker.cursors"
"""Entry in the header of a container with the cursors of its alerts, in their order."""


def avro(archive: Archive, stream: str, after: int, limit: int, seal: Seal | None = None) -> File:
    """Give the packets of a page in one Avro object container, each datum as it arrived.

    A container has one schema, so a page ends where the schema changes. Each alert is a block of its own, so
    that a reader can take the container apart; with ``seal`` the header says their cursors.
    """
    datums: list[bytes] = []
    places: list[int] = []
    schema, end = b"", after
    for place, packet in stored(archive, stream, after, min(limit, MAX_PACKETS)):
        if packet is not None:
            if datums and packet.schema != schema:
                break
            schema = packet.schema
            datums.append(_datum(packet))
            places.append(place)
        end = place
    more = {CURSORS: " ".join(map(seal, places)).encode()} if seal else {}
    content = Container(schema.decode(), more).file(datums) if datums else b""
    return File(content, "application/avro", end, len(datums))


def votable(archive: Archive, stream: str, after: int, limit: int, _: Seal | None = None) -> File:
    """Give the alerts of a page as a VOTable, in the columns of ``alert``."""
    found = rows(archive, stream, after, limit)
    places = found["sequence"].to_pylist()
    table = found.select([column.name for column in ALERT.columns]).cast(schema_of(ALERT))
    head = Head(ALERT.columns, f"Alerts of the stream {stream}")
    form = find("votable")
    content = b"".join(write_table(form, iter(table.to_batches()), head, Outcome))
    return File(content, "application/x-votable+xml", places[-1] if places else after, len(places))


FILES: dict[str, Callable[..., File]] = {"avro": avro, "votable": votable}
"""What makes a page, by format."""


def _datum(packet: replay.StoredPacket) -> bytes:
    groups, _ = unwrap(RawBatch([packet.packet], [Origin("archive")]), replay.stored_schema(packet.schema))
    (group,) = groups.values()
    return bytes(group.datums.datum(0))

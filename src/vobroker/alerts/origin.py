"""Where a packet came from, and the packets that could not be used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Place of a packet in its source.

    Parameters
    ----------
    source
        What the ledger counts by: a file, a folder, a tar archive, or ``kafka:topic``.
    partition
        Partition of a topic; 0 elsewhere.
    position
        Offset in a partition; number of the packet in a file, a folder or an archive.
    member
        Rest of the packet's name within the source: ``/sub/packet.avro`` or ``!member.avro``.
    """

    source: str
    partition: int = 0
    position: int = 0
    member: str = ""

    def __str__(self) -> str:
        return self.source + (self.member or f"[{self.partition}:{self.position}]")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An input that could not be used, kept with its bytes and the reason.

    ``reason`` is a short code from :data:`REASONS`; ``message`` is one plain sentence which names the
    thing and the place; ``at`` is the byte in ``data`` where the trouble was met, -1 where unknown.
    """

    origin: Origin
    reason: str
    message: str
    data: bytes
    at: int = -1
    survey: str = ""


REASONS: dict[str, str] = {
    "truncated": "the input ends before its content does",
    "not-avro": "the bytes are in none of the packet forms",
    "bad-container": "an Avro object container is damaged",
    "unknown-schema-id": "no schema is known for the id in the message",
    "bad-schema": "the schema cannot be read",
    "unknown-survey": "no survey file maps this schema to the common columns",
    "schema-mismatch": "the bytes do not follow the schema",
    "missing-field": "a field that the survey mapping needs is absent or null",
    "bad-value": "a value is outside what it can be (position, time)",
    "too-large": "a limit on size was passed",
    "not-voevent": "the bytes are no VOEvent",
    "conflict": "an alert with the same id and other bytes is already archived",
    "unreadable": "the source could not be read",
}

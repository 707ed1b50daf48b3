"""Where the header of a packet ends, which it shares with others.

An Avro object container (Avro 1.12, "Object Container Files") begins with a magic number and metadata,
the schema among them; a sync marker and the blocks with the alerts follow.
"""

from __future__ import annotations

_MAGIC = b"Obj\x01"


def split(packet: memoryview) -> tuple[memoryview, memoryview]:
    """Cut a packet into the header that others share and the rest, which begins with the sync marker.

    A packet that is no container has an empty header.
    """
    end = _header_end(packet) if bytes(packet[: len(_MAGIC)]) == _MAGIC else 0
    return packet[:end], packet[end:]


def _header_end(packet: memoryview) -> int:
    """Walk over the metadata, an Avro map of bytes."""
    count, at = _long(packet, len(_MAGIC))
    while count:
        if count < 0:  # then the size of the block in bytes comes next
            _, at = _long(packet, at)
        for _ in range(2 * abs(count)):
            size, at = _long(packet, at)
            at += size
        count, at = _long(packet, at)
    return at


def _long(packet: memoryview, at: int) -> tuple[int, int]:
    """Read an Avro long: give it and the place after it."""
    value = shift = 0
    while True:
        byte = packet[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7

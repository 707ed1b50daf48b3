"""What of a packet is the alert, and what is wrapping.

An Avro object container (Avro 1.12, "Object Container Files") repeats its schema in every file; a
Confluent message carries five bytes of its own. The same alert may arrive in either, so its identity is
the digest of the datum, and a container's header is stored once for all packets that begin with it.
"""

from __future__ import annotations

import hashlib
import zlib

_CONTAINER = b"Obj\x01"
_SYNC = 16
_CONFLUENT = 5
_SINGLE_OBJECT = b"\xc3\x01"
_SINGLE_OBJECT_HEAD = 10


def digest(packet: memoryview) -> bytes:
    """Give the SHA-256 of the alert in a packet, the same however it is wrapped."""
    content = hashlib.sha256()
    if bytes(packet[:4]) == _CONTAINER:
        end, deflated = _header(packet)
        at = end + _SYNC
        while at < len(packet):
            _, at = _long(packet, at)
            size, at = _long(packet, at)
            block = packet[at : at + size]
            content.update(zlib.decompress(block, -zlib.MAX_WBITS) if deflated else block)
            at += size + _SYNC
    elif bytes(packet[:1]) == b"\0":
        content.update(packet[_CONFLUENT:])
    elif bytes(packet[:2]) == _SINGLE_OBJECT:
        content.update(packet[_SINGLE_OBJECT_HEAD:])
    else:
        content.update(packet)
    return content.digest()


def split(packet: memoryview) -> tuple[memoryview, memoryview]:
    """Cut a packet into the header that others share and the rest, which begins with the sync marker.

    A packet that is no container has an empty header.
    """
    end = _header(packet)[0] if bytes(packet[:4]) == _CONTAINER else 0
    return packet[:end], packet[end:]


def _header(packet: memoryview) -> tuple[int, bool]:
    """Give where a container's metadata end, and whether its blocks are deflated."""
    at, deflated = len(_CONTAINER), False
    count, at = _long(packet, at)
    while count:
        if count < 0:
            _, at = _long(packet, at)
        for _ in range(abs(count)):
            size, at = _long(packet, at)
            key = bytes(packet[at : at + size])
            size, at = _long(packet, at + size)
            deflated |= key == b"avro.codec" and bytes(packet[at : at + size]) == b"deflate"
            at += size
        count, at = _long(packet, at)
    return at, deflated


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

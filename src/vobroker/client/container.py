"""Avro object containers (Avro 1.11, "Object Container Files") taken apart without reading what is inside."""

from __future__ import annotations

from vobroker.client.errors import StreamError

_MAGIC = b"Obj\x01"
CURSORS = b"vobroker.cursors"
"""Entry of the header with the cursors of the alerts, in their order."""


def split(content: bytes) -> dict[str, bytes]:
    """Make a container of each alert in a page of a stream, by the cursor of the alert.

    Raises
    ------
    StreamError
        If it is no page of a stream.
    """
    try:
        return dict(_split(content))
    except (IndexError, ValueError) as error:
        raise StreamError(f"the broker sent a page that cannot be read: {error}") from None


def _split(content: bytes) -> list[tuple[str, bytes]]:
    if content[:4] != _MAGIC:
        raise ValueError("it is no Avro container")
    entries, at = {}, 4
    while True:
        number, at = _long(content, at)
        if number == 0:
            break
        if number < 0:  # the size of these entries follows
            number, (_, at) = -number, _long(content, at)
        for _ in range(number):
            key, at = _bytes(content, at)
            entries[key], at = _bytes(content, at)
    sync, at = content[at : at + 16], at + 16
    cursors = entries.pop(CURSORS, b"").decode().split()
    written = b"".join(_write(key) + _write(value) for key, value in entries.items())
    header = _MAGIC + _zigzag(len(entries)) + written + b"\0" + sync
    found = []
    for cursor in cursors:
        begun = at
        number, at = _long(content, at)
        _, at = _bytes(content, at)
        if number != 1 or content[at : at + 16] != sync:
            raise ValueError("its blocks are not of one alert each")
        at += 16
        found.append((cursor, header + content[begun:at]))
    if at != len(content):
        raise ValueError("it has more alerts than cursors")
    return found


def _long(content: bytes, at: int) -> tuple[int, int]:
    """Read a number in zigzag and seven bits a byte; give where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        if shift > 63:
            raise ValueError("a number is too long")


def _bytes(content: bytes, at: int) -> tuple[bytes, int]:
    size, at = _long(content, at)
    if not 0 <= size <= len(content) - at:
        raise ValueError("it is cut off")
    return content[at : at + size], at + size


def _write(value: bytes) -> bytes:
    return _zigzag(len(value)) + value


def _zigzag(value: int) -> bytes:
    value <<= 1
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])

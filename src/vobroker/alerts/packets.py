"""The forms a packet can have, and the datums inside.

Object containers (Avro 1.11, 'Object Container Files') with one alert or many, in every codec; and the
Confluent wire format: a zero byte, the schema's number as four bytes big-endian, the datum.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cramjam
import zstandard

from vobroker.alerts.avro import kernel
from vobroker.alerts.avro.program import Program, compile_program
from vobroker.alerts.avro.read import Datums, read
from vobroker.alerts.avro.schema import SchemaError
from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.alerts.schemas import PacketSchema, SchemaSource, UnknownSchemaError, read_schema

MAX_PACKET_BYTES = 64 * 2**20
"""Largest packet, and largest content of a compressed block; real packets have some 300 kB."""

MAX_UNFOLDED_BYTES = 2**30
"""Most bytes that the containers of a batch may unfold to, in unpacked blocks and in packets cut out of them.

Half is divided among its packets, so that none can take the place of another; half is shared.
"""

_MAGIC = b"Obj\x01"
_SYNC = 16
_ONE_ALERT = b"\x02"  # the count 1 of a block, zig-zag
_CONFLUENT = 5
_HEADER_ENTRIES = 1000  # real headers have two
_CUT_COST = 4096  # of a packet cut out, beside its bytes: objects, and a walk to find its end


@dataclass(slots=True)
class RawBatch:
    """What a source yields: packets as they arrived, and what could not even be read.

    ``progress`` maps (source, partition) to the next position and is committed with the rows. In a ``shared``
    source several may read the same: what the archive has read already is then passed over.
    """

    data: list[bytes] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    progress: dict[tuple[str, int], int] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    shared: bool = False


@dataclass(slots=True)
class Group:
    """Datums of one schema, with the packet and origin of each.

    ``packets`` are as they arrived; one out of a container of several alerts is a container of its own.
    """

    datums: Datums = field(default_factory=Datums)
    packets: list[bytes] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)

    def add(self, data: bytes, start: int, end: int, packet: bytes, origin: Origin) -> None:
        """Append one datum, which lies in ``data``."""
        self.datums.add(data, start, end)
        self.packets.append(packet)
        self.origins.append(origin)


@dataclass(slots=True)
class _Room:
    """What a container may still unfold to: its own part of the room, then of what all share."""

    own: int
    shared: int

    def take(self, size: int) -> None:
        """Take some bytes of the room.

        Raises
        ------
        PacketError
            If there are not as many left.
        """
        beyond = max(size - self.own, 0)
        if beyond > self.shared:
            raise PacketError(
                "too-large", f"the containers of its batch unfold to more than {MAX_UNFOLDED_BYTES} bytes"
            )
        self.own -= size - beyond
        self.shared -= beyond


class PacketError(ValueError):
    """A packet is in none of the forms, or damaged in its form."""

    def __init__(self, reason: str, message: str, at: int = -1) -> None:
        super().__init__(message)
        self.reason = reason
        self.at = at


def unwrap(raw: RawBatch, schemas: SchemaSource) -> tuple[dict[PacketSchema, Group], list[DeadLetter]]:
    """Find the datums of all packets, by schema, in order of arrival.

    Nothing is copied, except out of compressed blocks and for packets cut from a container of several.
    """
    groups: dict[PacketSchema, Group] = {}
    dead: list[DeadLetter] = []
    part = MAX_UNFOLDED_BYTES // 2 // max(len(raw.data), 1)
    room = _Room(part, MAX_UNFOLDED_BYTES // 2)
    schemas.look_again()
    for data, origin in zip(raw.data, raw.origins, strict=True):
        try:
            if len(data) > MAX_PACKET_BYTES:
                raise PacketError(
                    "too-large", f"the packet has {len(data)} bytes; {MAX_PACKET_BYTES} is the limit"
                )
            if data[:1] == b"\0" and len(data) > _CONFLUENT:
                schema = schemas.by_id(int.from_bytes(data[1:_CONFLUENT], "big"))
                groups.setdefault(schema, Group()).add(data, _CONFLUENT, len(data), data, origin)
            elif data.startswith(_MAGIC):
                room.own = part
                _container(data, origin, groups, room)
            else:
                raise PacketError(
                    "not-avro", f"not an Avro packet: it begins with {data[:4].hex(' ') or 'nothing'}", 0
                )
        except PacketError as error:
            dead.append(DeadLetter(origin, error.reason, f"{origin}: {error}", data, error.at))
        except UnknownSchemaError as error:
            dead.append(DeadLetter(origin, "unknown-schema-id", f"{origin}: {error}", data, 1))
        except SchemaError as error:
            dead.append(DeadLetter(origin, "bad-schema", f"{origin}: {error}", data))
    return groups, dead


# --- object containers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Header:
    """Header of a container up to its sync marker."""

    content: bytes
    schema: PacketSchema
    codec: str


_seen: list[_Header] = []
"""Headers met lately: packets of a survey repeat theirs (23 kB in ZTF), so it is known by its bytes."""
_SEEN_LIMIT = 32
_SEEN_BYTES = 2**20


def _header(data: bytes) -> _Header:
    for known in _seen:
        if data.startswith(known.content):
            return known
    meta: dict[bytes, bytes] = {}
    entries = 0
    at = len(_MAGIC)
    while True:
        count, at = _long(data, at)
        if count == 0:
            break
        if count < 0:
            _, at = _long(data, at)
        entries += abs(count)
        if entries > _HEADER_ENTRIES:
            raise PacketError("bad-container", f"the container's header claims {entries} entries", at)
        for _ in range(abs(count)):
            key, at = _bytes(data, at)
            meta[key], at = _bytes(data, at)
    if b"avro.schema" not in meta:
        raise PacketError("bad-container", "the container's header has no schema", at)
    header = _Header(
        data[:at], read_schema(meta[b"avro.schema"]), meta.get(b"avro.codec", b"null").decode("latin-1")
    )
    if at <= _SEEN_BYTES:
        _seen.insert(0, header)
        del _seen[_SEEN_LIMIT:]
    return header


def _container(data: bytes, origin: Origin, groups: dict[PacketSchema, Group], room: _Room) -> None:
    """Add every alert of a container; those before a damaged block are good alerts all the same."""
    header = _header(data)
    start = len(header.content) + _SYNC
    sync = data[len(header.content) : start]
    if len(sync) < _SYNC:
        raise PacketError("truncated", "the container ends inside its header", len(data))
    if header.codec == "null" and data.startswith(_ONE_ALERT, start) and data.endswith(sync):
        size, first = _long(data, start + 1)
        if first + size + _SYNC == len(data):
            # One plain block of one alert, as ZTF sends them: nothing is left to look for.
            groups.setdefault(header.schema, Group()).add(data, first, first + size, data, origin)
            return
    found: list[tuple[bytes, int, int]] = []
    intact = False
    try:
        # Not extend(): what was found before an exception has to stay.
        for alert in _alerts(header, data, start, sync, room):
            found.append(alert)  # noqa: PERF402
        intact = True
    finally:
        group = groups.setdefault(header.schema, Group()) if found else Group()
        for number, (content, first, last) in enumerate(found):
            whole = intact and len(found) == 1
            packet = data if whole else _alone(header, sync, content[first:last])
            place = Origin(origin.source, origin.partition, origin.position + number, origin.member)
            group.add(content, first, last, packet, place)
    if not found:
        raise PacketError("bad-container", "the container holds no alert", start)


def _alerts(
    header: _Header, data: bytes, at: int, sync: bytes, room: _Room
) -> Iterator[tuple[bytes, int, int]]:
    """Give each datum of a container: the bytes it is in, where it begins and where it ends."""
    blocks = at
    while at < len(data):
        start = at
        count, at = _long(data, at)
        size, at = _long(data, at)
        if count < 0 or size < 0:
            raise PacketError("bad-container", "a block of the container has a negative size", start)
        if size > len(data) - at - _SYNC:
            raise PacketError("truncated", f"the container ends inside a block of {size} bytes", len(data))
        if data[at + size : at + size + _SYNC] != sync:
            raise PacketError(
                "bad-container", "a block does not end with the container's sync marker", at + size
            )
        content, first, last = _content(header.codec, data, at, at + size)
        if content is not data:
            room.take(last)
        places = [(first, last)] if count == 1 else _cut(header.schema, content, first, last, count, at)
        for begin, end in places:
            # The one alert of a container stays in it and is not cut out.
            if count != 1 or start != blocks:
                room.take(len(header.content) + end - begin + _CUT_COST)
            yield content, begin, end
        at += size + _SYNC


def _cut(
    schema: PacketSchema, content: bytes, first: int, last: int, count: int, at: int
) -> Iterator[tuple[int, int]]:
    """Find where each datum of a block begins and ends, by walking them."""
    if count > last - first:
        raise PacketError("bad-container", f"a block claims {count} alerts in {last - first} bytes", at)
    walker = _walker(schema)
    for number in range(count):
        walked = read(walker, Datums([content], [first], [last]))
        status = int(walked.status[0])
        end = first + int(walked.where[0])
        if status not in {kernel.OK, kernel.LEFTOVER}:
            reason, sentence = kernel.PROBLEMS[status]
            raise PacketError(reason, f"alert {number + 1} of {count} in a block: {sentence}", at + end)
        yield first, end
        first = end
    if first != last:
        raise PacketError("bad-container", f"{last - first} bytes are left over in a block", at + first)


@lru_cache(maxsize=16)
def _walker(schema: PacketSchema) -> Program:
    return compile_program(schema.root, lambda _: False)


def _alone(header: _Header, sync: bytes, datum: bytes) -> bytes:
    """Write the container of one alert, uncompressed."""
    content = header.content if header.codec == "null" else _plain_header(header.schema)
    return b"".join((content, sync, _varint(1), _varint(len(datum)), datum, sync))


def _plain_header(schema: PacketSchema) -> bytes:
    text = schema.text.encode()
    key = b"avro.schema"
    return b"".join((_MAGIC, _varint(1), _varint(len(key)), key, _varint(len(text)), text, b"\0"))


def _content(codec: str, data: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """Give a block's content uncompressed, as bytes and the place in them."""
    if codec == "null":
        return data, start, end
    if codec not in _CODECS:
        raise PacketError(
            "bad-container", f"the container's codec '{codec[:40]}' is not one of Avro's", start
        )
    try:
        content = _CODECS[codec](data[start:end])
    except (
        zlib.error,
        OSError,
        EOFError,
        lzma.LZMAError,
        zstandard.ZstdError,
        cramjam.DecompressionError,
    ) as error:
        raise PacketError("bad-container", f"a block is not {codec} data: {error}", start) from error
    if len(content) > MAX_PACKET_BYTES:
        raise PacketError("too-large", f"a block unpacks to more than {MAX_PACKET_BYTES} bytes", start)
    return content, 0, len(content)


def _snappy(block: bytes) -> bytes:
    size, _ = _plain_varint(block)
    if size > MAX_PACKET_BYTES:
        return b"\0" * (MAX_PACKET_BYTES + 1)
    # Four bytes of CRC-32 of the content follow it (Avro 1.11, 'snappy').
    content = bytes(cramjam.snappy.decompress_raw(block[:-4]))
    if zlib.crc32(content).to_bytes(4, "big") != block[-4:]:
        raise PacketError("bad-container", "a snappy block has a wrong checksum")
    return content


_LIMIT = MAX_PACKET_BYTES + 1


def _whole(unpacker: Any, block: bytes) -> bytes:
    content: bytes = unpacker.decompress(block, _LIMIT)
    if not unpacker.eof and len(content) < _LIMIT:
        raise EOFError("it ends too early")
    return content


_CODECS = {
    "deflate": lambda block: _whole(zlib.decompressobj(-15), block),
    "bzip2": lambda block: _whole(bz2.BZ2Decompressor(), block),
    "xz": lambda block: _whole(lzma.LZMADecompressor(memlimit=4 * _LIMIT), block),
    "zstandard": lambda block: (
        zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(block).read(_LIMIT)
    ),
    "snappy": _snappy,
}
"""Each reads at most one byte more than the limit, so that a bomb never unfolds."""


# --- numbers in headers -----------------------------------------------------------------------------


def _plain_varint(data: bytes, at: int = 0) -> tuple[int, int]:
    value = 0
    for number in range(10):
        if at + number >= len(data):
            raise PacketError("truncated", "the packet ends inside a number", len(data))
        byte = data[at + number]
        value |= (byte & 127) << (7 * number)
        if byte < 128:
            return value, at + number + 1
    raise PacketError("bad-container", "a number takes more than ten bytes", at)


def _long(data: bytes, at: int) -> tuple[int, int]:
    value, at = _plain_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _long(data, at)
    if size < 0:
        raise PacketError("bad-container", "a length is negative", at)
    if size > len(data) - at:
        raise PacketError("truncated", f"the packet ends inside {size} bytes of its header", len(data))
    return data[at : at + size], at + size


def _varint(value: int) -> bytes:
    value <<= 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)

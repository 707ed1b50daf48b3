"""The forms a packet travels in: Confluent wire format and Avro object containers."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence

from vobroker.sources.simulator.encode import varint

_MAGIC = b"Obj\x01"


def confluent_prefix(schema_id: int) -> bytes:
    """Five bytes before a datum: magic 0 and the schema id (Confluent wire format)."""
    return struct.pack(">bI", 0, schema_id)


class Container:
    """Avro object container files of one schema, without compression, as ZTF sends them.

    The 16 bytes of the sync marker come from the schema, so that equal alerts give equal files. ``more`` are
    further entries of the header.
    """

    def __init__(self, schema: str, more: Mapping[bytes, bytes] | None = None) -> None:
        raw = schema.encode()
        meta = {b"avro.codec": b"null", b"avro.schema": raw, **(more or {})}
        entries = b"".join(varint(len(k)) + k + varint(len(v)) + v for k, v in meta.items())
        self.sync = hashlib.md5(raw, usedforsecurity=False).digest()
        self.header = _MAGIC + varint(len(meta)) + entries + b"\x00" + self.sync

    def block(self, datums: Sequence[bytes]) -> bytes:
        """One block of alerts."""
        size = sum(map(len, datums))
        return b"".join((varint(len(datums)), varint(size), *datums, self.sync))

    def file(self, datums: Iterable[bytes]) -> bytes:
        """Make a whole file with one alert per block."""
        return b"".join((self.header, *(self.block([datum]) for datum in datums)))

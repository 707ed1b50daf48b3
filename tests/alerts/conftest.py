"""Packets to decode, and the usual reader to hold the result against."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource, default_schemas


@pytest.fixture(scope="session")
def schemas() -> SchemaSource:
    return default_schemas()


@pytest.fixture(scope="session")
def decoded(schemas: SchemaSource) -> Callable[..., Decoded]:
    """Decode packets given as bytes."""

    def run(*packets: bytes, whole: bool = True) -> Decoded:
        origins = [Origin("test", 0, number) for number in range(len(packets))]
        return decode(RawBatch(list(packets), origins), schemas, whole=whole)

    return run


@pytest.fixture(scope="session")
def usual(schemas: SchemaSource) -> Callable[[bytes], list[dict[str, Any]]]:
    """Alerts of a packet as fastavro gives them."""

    def read(packet: bytes) -> list[dict[str, Any]]:
        if packet[:1] == b"\0":
            schema = fastavro.parse_schema(json.loads(schemas.by_id(int.from_bytes(packet[1:5], "big")).text))
            return [fastavro.schemaless_reader(io.BytesIO(packet[5:]), schema)]
        return list(fastavro.reader(io.BytesIO(packet)))

    return read


@pytest.fixture(scope="session")
def asteroid(data: Path) -> bytes:
    return (data / "alerts" / "lsst-10.0-asteroid.avro").read_bytes()


@pytest.fixture(scope="session")
def ztf(data: Path) -> bytes:
    return (data / "alerts" / "ztf-4.01.avro").read_bytes()

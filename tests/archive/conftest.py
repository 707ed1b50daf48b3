"""Archives fed with real packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import Archive, open_archive

Ingest = Callable[..., Decoded]
SCHEMAS = default_schemas()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive."""
    with open_archive(tmp_path / "archive") as opened:
        yield opened


@pytest.fixture(scope="session")
def rubin(shared: Path) -> list[bytes]:
    """Real Rubin packets, 119 to 300 kB, as Confluent messages."""
    return [path.read_bytes() for path in sorted((shared / "alerts/lsst/real").rglob("*.avro"))]


@pytest.fixture(scope="session")
def ztf(shared: Path) -> list[bytes]:
    """Real ZTF packets: 34 successive ones of one object, each with the schema."""
    return [path.read_bytes() for path in sorted((shared / "alerts/ztf/ZTF21abiuvdk_series").glob("*.avro"))]


def raw(packets: Sequence[bytes], source: str = "night.tar", start: int = 0) -> RawBatch:
    """Packets as a source gives them."""
    origins = [Origin(source, 0, start + number) for number in range(len(packets))]
    return RawBatch(list(packets), origins, {(source, 0): start + len(packets)}, [])


def decoded(batch: RawBatch) -> Decoded:
    """The alerts of a batch, with the schemas that are at hand everywhere."""
    return decode(batch, SCHEMAS)


@pytest.fixture(scope="session")
def ingest() -> Ingest:
    """Decode packets and put them into an archive, in one transaction."""

    def run(archive: Archive, packets: Sequence[bytes], source: str = "night.tar", start: int = 0) -> Decoded:
        batch = raw(packets, source, start)
        found = decoded(batch)
        with archive.transaction() as transaction:
            conflicts = [letter for alerts in found.batches for letter in transaction.add(alerts)[1]]
            transaction.add_dead_letters([*found.dead, *conflicts])
            transaction.set_positions(batch.progress)
        return found

    return run

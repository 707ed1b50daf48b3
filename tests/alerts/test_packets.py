"""Packets in every form, whole and damaged."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import fastavro
import pytest
import zstandard

from vobroker.alerts import packets
from vobroker.alerts.decode import Decoded
from vobroker.alerts.origin import Origin
from vobroker.alerts.packets import MAX_PACKET_BYTES, RawBatch, unwrap
from vobroker.alerts.schemas import SchemaSource

CODECS = ("null", "deflate", "bzip2", "xz", "zstandard", "snappy")
SYNC = b"0123456789abcdef"
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "a",
        "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": "bytes"}],
    }
)


def container(rows: list[dict[str, Any]], codec: str = "null", block: int = 16_000) -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, SCHEMA, rows, codec=codec, sync_interval=block, sync_marker=SYNC)
    return out.getvalue()


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "note": bytes([number % 256]) * 50} for number in range(count)]


def datums(*data: bytes) -> tuple[list[bytes], list[bytes], list[Any]]:
    """Datums, packets and dead letters of some inputs."""
    origins = [Origin("test", 0, number) for number in range(len(data))]
    groups, dead = unwrap(RawBatch(list(data), origins), SchemaSource())
    found = [bytes(group.datums.datum(n)) for group in groups.values() for n in range(len(group.datums))]
    return found, [packet for group in groups.values() for packet in group.packets], dead


def plain(row: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, row)
    return out.getvalue()


def header(codec: bytes) -> bytes:
    """Header of a container with the schema above and any codec."""
    whole = container(rows(1))
    return whole[: whole.index(SYNC) + 16].replace(b"\x08null", bytes([2 * len(codec)]) + codec)


def block(content: bytes, count: int = 1) -> bytes:
    return packets._varint(count) + packets._varint(len(content)) + content + SYNC


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [1, 200, 16_000])
def test_containers_in_every_codec_and_cut_into_blocks(codec: str, size: int) -> None:
    found, _, dead = datums(container(rows(20), codec, size))
    assert not dead
    assert found == [plain(row) for row in rows(20)]


@pytest.mark.parametrize("codec", CODECS)
def test_an_alert_among_several_becomes_a_container_of_its_own(codec: str) -> None:
    found, cut, _ = datums(container(rows(3), codec))
    for datum, packet, row in zip(found, cut, rows(3), strict=True):
        assert list(fastavro.reader(io.BytesIO(packet))) == [row]
        assert datum in packet


def test_a_container_of_one_alert_stays_as_it_came() -> None:
    whole = container(rows(1), "deflate")
    assert datums(whole)[1] == [whole]


def test_packets_of_one_header_are_known_by_it(ztf: bytes, data: Path) -> None:
    found, _, dead = datums(ztf, ztf, (data / "alerts" / "ztf-3.3-three.avro").read_bytes())
    assert len(found) == 5
    assert not dead


def test_confluent_messages_name_their_schema(asteroid: bytes, schemas: SchemaSource) -> None:
    groups, dead = unwrap(RawBatch([asteroid], [Origin("kafka:lsst", 2, 77)]), schemas)
    assert not dead
    ((schema, group),) = groups.items()
    assert (schema.name, schema.version) == ("lsst.v10_0.alert", "10.0")
    assert bytes(group.datums.datum(0)) == asteroid[5:]


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "reason", "message"),
        [
            (b"", "not-avro", "begins with nothing"),
            (b"%PDF-1.7", "not-avro", "begins with 25 50 44 46"),
            (b"Obj\x02" + bytes(40), "not-avro", "begins with 4f 62 6a 02"),
            (b"Obj\x01", "truncated", "ends inside a number"),
            (b"Obj\x01\x00" + bytes(16), "bad-container", "no schema"),
            (
                b"Obj\x01" + packets._varint(1) + packets._varint(2**31),
                "truncated",
                "ends inside 2147483648 bytes",
            ),
            (b"Obj\x01\x02\x01", "bad-container", "a length is negative"),
            (b"Obj\x01" + b"\xff" * 12, "bad-container", "more than ten bytes"),
            (b"\0\0\0\0", "not-avro", "begins with 00 00 00 00"),
            (
                b"\0" + struct.pack(">I", 4_000_000_000) + b"x",
                "unknown-schema-id",
                "no schema with id 4000000000",
            ),
        ],
    )
    def test_what_is_no_packet_is_said(self, data: bytes, reason: str, message: str) -> None:
        found, _, (letter,) = datums(data)
        assert not found
        assert letter.reason == reason
        assert message in letter.message
        assert letter.message.startswith("test[0:0]")
        assert letter.data == data

    def test_the_header_may_end_anywhere(self) -> None:
        whole = container(rows(1))
        for cut in range(len(whole)):
            found, _, dead = datums(whole[:cut])
            assert len(found) + len(dead) == 1, cut
            assert not found, cut

    def test_alerts_before_the_damage_are_good(self) -> None:
        whole = bytearray(container(rows(9), block=1))
        third = [n for n in range(len(whole)) if whole.startswith(SYNC, n)][3]
        whole[third] ^= 1
        found, cut, (letter,) = datums(bytes(whole))
        assert found == [plain(row) for row in rows(2)]
        assert [list(fastavro.reader(io.BytesIO(packet))) for packet in cut] == [[row] for row in rows(2)]
        assert letter.reason == "bad-container"
        assert "sync marker" in letter.message

    @pytest.mark.parametrize("codec", CODECS[1:])
    def test_a_block_that_is_not_in_its_codec(self, codec: str) -> None:
        found, _, (letter,) = datums(header(codec.encode()) + block(b"\x93" * 40))
        assert not found
        assert letter.reason in {"bad-container", "too-large"}

    def test_a_codec_that_nobody_has(self) -> None:
        (letter,) = datums(header(b"lzwx") + block(b"abc"))[2]
        assert "codec 'lzwx'" in letter.message

    @pytest.mark.parametrize(
        ("codec", "pack"),
        [
            ("deflate", lambda bomb: zlib.compress(bomb, 9, -15)),
            ("bzip2", bz2.compress),
            ("xz", lzma.compress),
            ("zstandard", lambda bomb: zstandard.compress(bomb, 19)),
            (
                "snappy",
                lambda bomb: bytes(cramjam.snappy.compress_raw(bomb)) + zlib.crc32(bomb).to_bytes(4, "big"),
            ),
        ],
    )
    def test_a_bomb_does_not_unfold(self, codec: str, pack: Callable[[bytes], bytes]) -> None:
        packed = pack(bytes(MAX_PACKET_BYTES + 1000))
        (letter,) = datums(header(codec.encode()) + block(packed))[2]
        assert letter.reason == "too-large"
        assert "unpacks to more than" in letter.message

    def test_a_block_may_not_claim_more_alerts_than_bytes(self) -> None:
        (letter,) = datums(header(b"null") + block(b"abc", count=2**40))[2]
        assert "claims 1099511627776 alerts in 3 bytes" in letter.message

    @pytest.mark.parametrize("bomb", ["alerts", "blocks", "headers"])
    def test_what_unfolds_without_end_is_refused_and_harms_no_other(
        self, bomb: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packets, "MAX_UNFOLDED_BYTES", 2**24)
        zeros = zlib.compress(bytes(2**22), 9, -15)
        damage = {
            # A few kilobytes of zeros, in which every two bytes are an alert.
            "alerts": header(b"deflate") + block(zeros, count=2**21),
            # One alert each, none of them over the limit.
            "blocks": header(b"deflate") + block(zlib.compress(plain(rows(1)[0]) * 1, 9, -15)) * 5000,
            # Every alert cut out would carry this header.
            "headers": header(b"null") + block(plain(rows(1)[0])) * 5000,
        }[bomb]
        good = container(rows(1), "deflate")
        found, cut, (letter,) = datums(good, damage, good)
        assert letter.reason == "too-large"
        assert f"unfold to more than {2**24} bytes" in letter.message
        assert found.count(plain(rows(1)[0])) >= 2
        assert cut.count(good) == 2
        assert sum(map(len, cut)) < 2**24

    def test_a_header_of_ever_more_entries(self) -> None:
        (letter,) = datums(b"Obj\x01" + packets._varint(10_000_000) + bytes(20_000_000))[2]
        assert letter.reason == "bad-container"
        assert "claims 10000000 entries" in letter.message

    def test_bytes_after_the_last_alert_of_a_block(self) -> None:
        found, _, (letter,) = datums(header(b"null") + block(plain(rows(1)[0]) * 2 + b"\0\0", count=2))
        assert len(found) == 2
        assert letter.reason in {"bad-container", "truncated"}

    def test_a_field_of_100_megabytes(self, decoded: Callable[..., Decoded], asteroid: bytes) -> None:
        huge = asteroid[:-43205] + packets._varint(100_000_000) + asteroid[-43200:]
        result = decoded(huge, asteroid)
        assert [len(batch) for batch in result.batches] == [1]
        assert result.dead[0].reason in {"truncated", "schema-mismatch"}

    def test_a_packet_over_the_limit(self) -> None:
        (letter,) = datums(bytes(MAX_PACKET_BYTES + 1))[2]
        assert letter.reason == "too-large"

from __future__ import annotations

from pathlib import Path

from vobroker.archive.heads import split


def test_ztf_packets_share_their_header(ztf: list[bytes]) -> None:
    heads = {bytes(split(memoryview(packet))[0]) for packet in ztf}
    assert len(heads) == 1
    assert 20_000 < len(heads.pop()) < 25_000


def test_the_parts_make_the_packet(shared: Path) -> None:
    for path in (shared / "alerts").rglob("*.avro"):
        packet = path.read_bytes()
        head, body = split(memoryview(packet))
        assert bytes(head) + bytes(body) == packet


def test_a_confluent_message_has_no_header(rubin: list[bytes]) -> None:
    assert {len(split(memoryview(packet))[0]) for packet in rubin} == {0}

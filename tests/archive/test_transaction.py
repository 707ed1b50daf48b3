from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fastavro
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from vobroker.alerts.origin import DeadLetter, Origin
from vobroker.archive import Archive, ArchiveError, open_archive
from vobroker.archive.balance import faults

from .conftest import Ingest, decoded, raw


def counts(archive: Archive) -> dict[str, int]:
    """Totals of the ledger."""
    names = ("received", "archived", "duplicate", "dead")
    ledger = archive.ledger()
    return {name: sum(ledger[name].to_pylist()) for name in names}


def rewrap(packet: bytes, codec: str = "null", sync: bytes = b"s" * 16) -> bytes:
    """The alert of a container in another container."""
    reader = fastavro.reader(io.BytesIO(packet))
    out = io.BytesIO()
    fastavro.writer(out, reader.writer_schema, list(reader), codec=codec, sync_marker=sync)
    return out.getvalue()


def datum(packet: bytes, brighter: float = 0.0) -> bytes:
    """The bare alert of a container, at another magnitude if wanted."""
    reader = fastavro.reader(io.BytesIO(packet))
    alert = next(reader)
    if brighter:
        alert["candidate"]["magpsf"] -= brighter
    out = io.BytesIO()
    fastavro.schemaless_writer(out, reader.writer_schema, alert)
    return out.getvalue()


def altered(packet: bytes) -> bytes:
    """The packet with another magnitude: the same identifier, other content."""
    other = packet.replace(datum(packet), datum(packet, brighter=0.5))
    assert len(other) == len(packet)
    assert other != packet
    return other


# --- what is stored ---------------------------------------------------------------------------------


def test_everything_of_an_alert_is_stored(archive: Archive, ingest: Ingest, rubin: list[bytes]) -> None:
    (batch,) = ingest(archive, rubin).batches
    assert (
        archive.query("SELECT * FROM alert").to_pylist() == pa.Table.from_batches([batch.alert]).to_pylist()
    )
    native = archive.query("SELECT * FROM lsst").to_pylist()
    assert native == pa.Table.from_batches([batch.native()]).to_pylist()
    assert archive.query("SELECT count(*) AS n FROM object WHERE n_alerts = 1").to_pylist() == [
        {"n": len({*batch.alert["object_id"].to_pylist()})}
    ]
    assert [archive.packet("lsst", row["alert_id"]) for row in native] == rubin


def test_every_real_packet_comes_back_byte_by_byte(archive: Archive, ingest: Ingest, shared: Path) -> None:
    files = sorted((shared / "alerts").rglob("*.avro"))
    batches = ingest(archive, [path.read_bytes() for path in files]).batches
    assert sum(map(len, batches)) >= 120
    kept: dict[tuple[str, int], bytes] = {}
    for batch in batches:
        for alert_id, packet in zip(batch.alert["alert_id"].to_pylist(), batch.packets, strict=True):
            kept.setdefault((batch.survey, alert_id), packet)
    assert len(kept) > 90
    assert all(archive.packet(*key) == packet for key, packet in kept.items())
    assert faults(archive) == []


def test_a_schema_is_stored_once_for_all_packets_that_carry_it(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    ingest(archive, ztf[:20])
    ingest(archive, ztf[20:], start=20)
    assert archive.query("SELECT count(*) AS n FROM packet_head").to_pylist() == [{"n": 1}]
    stored = archive.query("SELECT sum(length) AS n FROM payload").to_pylist()[0]["n"]
    assert stored < sum(map(len, ztf)) - 33 * 23_000


def test_overlapping_histories_give_each_measurement_once(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    batches = ingest(archive, ztf[:10]).batches + ingest(archive, ztf[10:], start=10).batches
    everything = [
        row for batch in batches for row in pa.Table.from_batches([batch.measurements()]).to_pylist()
    ]
    distinct = {(row["kind"], row["measurement_id"]) for row in everything}
    assert len(everything) > 2 * len(distinct)
    assert len(archive.light_curve("ZTF21abiuvdk")) == len(distinct)


def test_the_order_of_arrival_does_not_change_the_light_curve(
    tmp_path: Path, ingest: Ingest, ztf: list[bytes]
) -> None:
    curves = []
    for name, packets in (("forward", ztf), ("backward", ztf[::-1])):
        with open_archive(tmp_path / name) as archive:
            for start in range(0, len(packets), 7):
                ingest(archive, packets[start : start + 7], start=start)
            curves.append(
                archive.light_curve("ZTF21abiuvdk").points.select(["kind", "measurement_id", "mjd"])
            )
    assert curves[0].equals(curves[1])


def test_an_object_is_where_its_latest_alert_was(archive: Archive, ingest: Ingest, ztf: list[bytes]) -> None:
    ingest(archive, ztf[20:])
    ingest(archive, ztf[:20], start=20)
    alerts = archive.alerts_of("ztf", "ZTF21abiuvdk")
    found = archive.object("ztf", "ZTF21abiuvdk")
    assert found is not None
    last = alerts[-1]
    assert (found["n_alerts"], found["last_alert_id"]) == (34, last["alert_id"])
    assert (found["ra"], found["dec"], found["healpix"]) == (last["ra"], last["dec"], last["healpix"])
    assert found["last_mjd"] == last["mjd"] == max(row["mjd"] for row in alerts)
    assert found["first_mjd"] == min(min(row["first_mjd"], row["mjd"]) for row in alerts)


def test_packets_of_several_schema_versions_share_the_native_table(
    archive: Archive, ingest: Ingest, shared: Path
) -> None:
    files = sorted((shared / "alerts/ztf").rglob("*.avro"))
    batches = ingest(archive, [path.read_bytes() for path in files]).batches
    assert len({batch.schema_version for batch in batches}) >= 4
    table = archive.tables()["ztf"]
    assert all(name in table for batch in batches for name in batch.native().schema.names)
    for name, there in (("drb", "schema_version >= '3.2'"), ("rb", "schema_version < '3'")):
        found = archive.query(
            f"SELECT count(ztf.{name}) AS n FROM ztf JOIN alert USING (alert_id) WHERE {there}"
        )
        assert found.to_pylist()[0]["n"] > 10


# --- duplicates and conflicts -----------------------------------------------------------------------


def test_a_replay_changes_nothing_but_the_count_of_duplicates(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    packets = [*ztf[:9], altered(ztf[3]), ztf[9][:5000]]
    ingest(archive, packets)
    before = {name: archive.query(f'FROM "{name}"') for name in archive.tables() if name != "ledger"}
    first = counts(archive)
    assert first == {"received": 11, "archived": 9, "duplicate": 0, "dead": 2}
    ingest(archive, packets)
    assert {name: archive.query(f'FROM "{name}"') for name in before} == before
    assert counts(archive) == first | {"received": 22, "duplicate": 11}


def test_the_same_alert_wrapped_anew_is_a_duplicate(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    ingest(archive, [ztf[0], rewrap(ztf[0]), rewrap(ztf[0], "deflate", b"z" * 16)])
    assert counts(archive) == {"received": 3, "archived": 1, "duplicate": 2, "dead": 0}
    assert archive.packet("ztf", archive.latest(1)[0]["alert_id"]) == ztf[0]


def test_another_alert_of_the_same_identifier_is_a_dead_letter(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    other = altered(ztf[0])
    ingest(archive, [ztf[0]])
    ingest(archive, [other], "resent.tar")
    (summary,) = archive.dead_letters()
    letter = archive.dead_letter(summary["id"])
    assert letter is not None
    assert (letter["reason"], letter["survey"], letter["source"]) == ("conflict", "ztf", "resent.tar")
    assert (
        letter["message"]
        == "resent.tar[0:0]: ztf alert 1642404680815015001 is already archived with other content"
    )
    assert letter["data"] == other
    assert archive.packet("ztf", 1642404680815015001) == ztf[0]
    (line,) = [row for row in archive.ledger().to_pylist() if row["source"] == "resent.tar"]
    assert (line["received"], line["dead"]) == (1, 1)
    assert line["night"] == archive.latest(1)[0]["night"]


def test_a_confluent_message_and_a_container_of_one_alert_are_the_same(
    archive: Archive, ingest: Ingest, shared: Path
) -> None:
    message = (shared / "alerts/lsst/synthetic_confluent/lsst.v10_0.avro").read_bytes()
    (batch,) = ingest(archive, [message]).batches
    text = archive.native("lsst", batch.alert["alert_id"][0].as_py())
    assert text is not None
    schema = fastavro.schema.load_schema(str(shared / "alerts/schemas/lsst/10/0/lsst.v10_0.alert.avsc"))
    alert = fastavro.schemaless_reader(io.BytesIO(message[5:]), schema)
    container = io.BytesIO()
    fastavro.writer(container, schema, [alert])
    assert datum(container.getvalue()) == message[5:]
    ingest(archive, [container.getvalue()])
    assert counts(archive) == {"received": 2, "archived": 1, "duplicate": 1, "dead": 0}


# --- the account ------------------------------------------------------------------------------------


def test_the_ledger_counts_by_source_night_and_visit(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    ingest(archive, ztf, "ztf_public_20210904.tar.gz!inner.avro")
    lines = archive.ledger().to_pylist()
    assert {line["source"] for line in lines} == {"ztf_public_20210904.tar.gz"}
    alerts = archive.query(
        "SELECT night, visit, count(*) AS n FROM alert GROUP BY 1, 2 ORDER BY 1, 2"
    ).to_pylist()
    assert sorted((line["night"], line["visit"], line["archived"]) for line in lines) == [
        (row["night"], row["visit"], row["n"]) for row in alerts
    ]


@pytest.mark.parametrize(
    ("source", "account"),
    [
        ("/data/night.tar.gz!a/b.avro", "/data/night.tar.gz"),
        ("/data/night/b.avro", "/data/night"),
        ("b.avro", "b.avro"),
        ("kafka:lsst-alerts", "kafka:lsst-alerts"),
    ],
)
def test_files_are_accounted_for_by_folder_and_members_by_archive(
    archive: Archive, source: str, account: str
) -> None:
    with archive.transaction() as transaction:
        transaction.add_dead_letters([DeadLetter(Origin(source), "not-avro", "nothing", b"?")])
    assert archive.ledger()["source"].to_pylist() == [account]


@dataclass
class Expected:
    """The rules of the ledger, told a second time for one alert after the other."""

    content: dict[int | None, bytes] = field(default_factory=dict)
    letters: set[tuple[int, bytes]] = field(default_factory=set)
    duplicate: int = 0
    received: int = 0

    def receive(self, position: int, alert: int | None, packet: bytes) -> None:
        self.received += 1
        if alert is not None and alert not in self.content:
            self.content[alert] = packet
        elif self.content.get(alert) == packet or (position, packet) in self.letters:
            self.duplicate += 1
        else:
            self.letters.add((position, packet))


@given(data=st.data())
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_received_is_archived_and_duplicate_and_dead(
    ztf: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever comes in whatever cuts, again and again, with transactions that come to nothing."""
    kinds: dict[str, Sequence[bytes]] = {
        "good": ztf[:6],
        "conflict": [altered(packet) for packet in ztf[:6]],
        "damaged": [packet[: 1000 * n] for n, packet in enumerate(ztf[:6])],
    }
    stream = data.draw(st.lists(st.tuples(st.sampled_from(sorted(kinds)), st.integers(0, 5)), max_size=12))
    expected = Expected()
    with open_archive(tmp_path_factory.mktemp("property")) as archive:
        for _ in range(data.draw(st.integers(1, 2), "readings")):
            at = 0
            while at < len(stream):
                end = at + data.draw(st.integers(1, len(stream) - at), "batch")
                batch = raw([kinds[kind][number] for kind, number in stream[at:end]], start=at)
                alerts = decoded(batch)
                broken = data.draw(st.booleans(), "rolled back")
                try:
                    with archive.transaction() as transaction:
                        dead = [letter for found in alerts.batches for letter in transaction.add(found)[1]]
                        transaction.add_dead_letters([*dead, *alerts.dead])
                        transaction.set_positions(batch.progress)
                        if broken:
                            raise InterruptedError
                except InterruptedError:
                    continue
                for position, (kind, number) in enumerate(stream[at:end], at):
                    expected.receive(position, None if kind == "damaged" else number, kinds[kind][number])
                at = end
        assert faults(archive) == []
        assert counts(archive) == {
            "received": expected.received,
            "archived": len(expected.content),
            "duplicate": expected.duplicate,
            "dead": len(expected.letters),
        }
        assert sorted(archive.packet("ztf", row["alert_id"]) for row in archive.latest(100)) == sorted(
            expected.content.values()
        )


def test_a_lost_row_shows_in_the_balance(archive: Archive, ingest: Ingest, ztf: list[bytes]) -> None:
    ingest(archive, [*ztf[:3], ztf[4][:99]])
    assert faults(archive) == []
    archive._db.execute("DELETE FROM alert WHERE alert_id = 1642404680815015001; DELETE FROM dead_letter")
    assert faults(archive) == [
        "ztf: the ledger has 3 alerts, the archive 2 alerts and 3 packets",
        "the ledger has 1 dead letters, the archive 0 of them",
    ]
    archive._db.execute("UPDATE ledger_entry SET received = 7 WHERE survey IS NULL")
    assert faults(archive)[0] == (
        "night.tar[0] None night None visit None: 7 received, but 0 archived, 0 duplicates and 1 dead letters"
    )


# --- all or nothing ---------------------------------------------------------------------------------


def test_an_exception_in_the_transaction_leaves_nothing(
    archive: Archive, ingest: Ingest, ztf: list[bytes]
) -> None:
    ingest(archive, ztf[:5])
    before = {name: archive.query(f'FROM "{name}"') for name in archive.tables()}
    size = (archive.folder / "packets/000001.seg").stat().st_size
    batch = raw(ztf[5:], start=5)
    with pytest.raises(ZeroDivisionError), archive.transaction() as transaction:  # noqa: PT012
        for alerts in decoded(batch).batches:
            transaction.add(alerts)
        transaction.set_positions(batch.progress)
        1 / 0  # noqa: B018
    assert {name: archive.query(f'FROM "{name}"') for name in archive.tables()} == before
    assert (archive.folder / "packets/000001.seg").stat().st_size == size
    ingest(archive, ztf[5:], start=5)
    assert [archive.packet("ztf", row["alert_id"]) for row in archive.latest(34)][::-1] == ztf


def test_positions_are_those_of_the_last_commit(archive: Archive) -> None:
    assert archive.position("kafka:alerts", 3) == 0
    with archive.transaction() as transaction:
        transaction.set_positions({("kafka:alerts", 3): 17, ("kafka:alerts", 4): 5})
    with archive.transaction() as transaction:
        transaction.set_positions({("kafka:alerts", 3): 19})
    with pytest.raises(ArchiveError), archive.transaction() as transaction:  # noqa: PT012
        transaction.set_positions({("kafka:alerts", 3): 40})
        raise ArchiveError("stop")
    assert (archive.position("kafka:alerts", 3), archive.position("kafka:alerts", 4)) == (19, 5)
    assert archive.position("kafka:alerts", 5) == 0

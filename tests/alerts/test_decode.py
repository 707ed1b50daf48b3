"""Real packets become rows; what cannot be used becomes a dead letter; nothing else happens."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.alerts.decode import Decoded, decode
from vobroker.alerts.origin import REASONS, Origin
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import SchemaSource, default_schemas
from vobroker.alerts.surveys import native_names
from vobroker.sky import healpix29
from vobroker.votypes.arrow import schema as arrow_schema

Usual = Callable[[bytes], list[dict[str, Any]]]
Decode = Callable[..., Decoded]

BAD = {
    "other/boom_winter_alert_duplicate_field.avro": ("bad-schema", "'sgmag1' twice"),
    "other/turbo_bad_default.avro": ("bad-schema", "field 'fid'"),
    "other/rapid.v01_00.avro": ("unknown-schema-id", "id 100"),
    "other/elasticc_v0_9_alert.avro": ("unknown-survey", "elasticc.v0_9.alert"),
    "other/pgir_114297926.avro": ("unknown-survey", "pgir.alert"),
    "ztf/old_1.3/121540793515135009.avro": ("truncated", "ends inside a block"),
    "ztf/old_1.8/516401801315010009.avro": ("truncated", "ends inside a block"),
    "ztf/old_1.8/516434762915010006.avro": ("truncated", "ends inside a block"),
    "ztf/old_1.8/516442330015015017.avro": ("truncated", "ends inside a block"),
    "ztf/old_1.8/516442805615015004.avro": ("truncated", "ends inside a block"),
    "ztf/old_1.8/516476004815015005.avro": ("truncated", "ends inside a block"),
}
"""Files of the shared collection that are no alerts of a known survey, or damaged as they stand there."""


@pytest.fixture(scope="module")
def collection(shared: Path, schemas: SchemaSource) -> Decoded:
    """Every packet of the shared collection, decoded together."""
    folder = shared / "alerts"
    raw = RawBatch()
    for path in sorted(folder.rglob("*.avro")):
        raw.data.append(path.read_bytes())
        raw.origins.append(Origin(str(path.relative_to(folder))))
    return decode(raw, schemas, whole=True)


def find(alert: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = alert
    for name in path:
        value = None if value is None else value[name]
    return value


class TestRealPackets:
    def test_every_good_one_is_a_row_and_every_bad_one_a_dead_letter(self, collection: Decoded) -> None:
        assert sum(len(batch) for batch in collection.batches) == 120
        letters = {letter.origin.source: letter for letter in collection.dead}
        assert letters.keys() == BAD.keys()
        for source, (reason, words) in BAD.items():
            letter = letters[source]
            assert letter.reason == reason
            assert words in letter.message
            assert source in letter.message
            assert letter.data

    def test_both_surveys_in_all_versions(self, collection: Decoded) -> None:
        versions = {(batch.survey, batch.schema_version) for batch in collection.batches}
        assert {version for survey, version in versions if survey == "lsst"} == {
            *("3.0", "4.0", "5.0", "6.0", "6.1", "7.0", "7.1", "7.2", "7.3", "7.4"),
            *("8.0", "9.0", "10.0", "11.0", "11.1"),
        }
        assert {"3.2", "3.3", "4.01", "4.02"} <= {version for survey, version in versions if survey == "ztf"}

    def test_native_columns_are_what_fastavro_reads(self, collection: Decoded, usual: Usual) -> None:
        compared = 0
        for batch in collection.batches:
            table = batch.native()
            paths = native_names(batch.mapping, batch.schema)
            for row in range(len(batch)):
                (alert,) = usual(batch.packets[row])
                for name, path in paths.items():
                    ours, theirs = table[name][row].as_py(), find(alert, path)
                    if isinstance(theirs, datetime):
                        theirs = theirs.astimezone(UTC).replace(tzinfo=None)
                    assert repr(ours) == repr(theirs), (batch.survey, name)
                    compared += 1
        assert compared > 15_000

    def test_common_columns_follow_the_column_table(self, collection: Decoded) -> None:
        for batch in collection.batches:
            assert batch.alert.schema.equals(arrow_schema(ALERT))
            for name in ("survey", "alert_id", "mjd", "ra", "dec", "healpix", "schema_version", "received"):
                if name != "schema_version":
                    assert batch.alert[name].null_count == 0, name
            ra, dec = (batch.alert[name].to_numpy() for name in ("ra", "dec"))
            assert batch.alert["healpix"].to_pylist() == healpix29(ra, dec).tolist()

    def test_an_asteroid_is_an_alert_like_any_other(self, decoded: Decode, asteroid: bytes) -> None:
        (batch,) = decoded(asteroid).batches
        (row,) = batch.alert.to_pylist()
        assert row["alert_id"] == 170094456480989258
        assert row["object_id"] == "ss21163624394469969"
        assert row["solar_system"] is True
        assert row["solar_system_name"] == "2004 JQ12"
        assert row["n_detections"] is None
        assert row["night"] == 20260305

    def test_damage_of_one_packet_leaves_the_others(
        self, decoded: Decode, asteroid: bytes, ztf: bytes, data: Path
    ) -> None:
        truncated = (data / "alerts" / "ztf-1.3-truncated.avro").read_bytes()
        result = decoded(truncated, asteroid, asteroid[:60_000], ztf, b"nothing")
        assert sorted(batch.survey for batch in result.batches) == ["lsst", "ztf"]
        assert Counter(letter.reason for letter in result.dead) == {"truncated": 2, "not-avro": 1}

    def test_the_walk_checks_cutouts_even_when_nothing_is_kept(
        self, decoded: Decode, asteroid: bytes
    ) -> None:
        for whole in (False, True):
            (letter,) = decoded(asteroid[:-1], whole=whole).dead
            assert letter.reason == "truncated"
            (letter,) = decoded(asteroid + b"\0", whole=whole).dead
            assert letter.reason == "schema-mismatch"
            assert "left over" in letter.message
            assert letter.at == len(asteroid)

    def test_time_of_arrival_is_utc(self, asteroid: bytes, schemas: SchemaSource) -> None:
        moment = datetime(2026, 3, 6, 1, 2, 3, tzinfo=UTC)
        raw = RawBatch([asteroid], [Origin("test")])
        (batch,) = decode(raw, schemas, received=moment).batches
        assert batch.alert["received"].to_pylist() == [moment.replace(tzinfo=None)]


def changed(packet: bytes, usual: Usual, **fields: Any) -> bytes:
    """ZTF packet with some fields of its candidate changed, written by fastavro."""
    (alert,) = usual(packet)
    alert["candidate"] |= fields
    schema = fastavro.reader(io.BytesIO(packet)).writer_schema
    out = io.BytesIO()
    fastavro.writer(out, schema, [alert])
    return out.getvalue()


def retyped(packet: bytes, usual: Usual, field: str, kind: Any, value: Any) -> bytes:
    """ZTF packet with one field of its candidate of another type."""
    schema = json.loads(json.dumps(fastavro.reader(io.BytesIO(packet)).writer_schema))
    (alert,) = usual(packet)
    candidate = next(entry["type"] for entry in schema["fields"] if entry["name"] == "candidate")
    entry = next(entry for entry in candidate["fields"] if entry["name"] == field)
    entry["type"] = kind
    entry.pop("default", None)
    alert["candidate"][field] = value
    out = io.BytesIO()
    fastavro.writer(out, schema, [alert])
    return out.getvalue()


class TestBadValues:
    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("ra", 360.0, "bad-value"),
            ("ra", -1e-9, "bad-value"),
            ("ra", float("nan"), "bad-value"),
            ("ra", float("inf"), "bad-value"),
            ("dec", 90.000001, "bad-value"),
            ("dec", float("nan"), "bad-value"),
            ("jd", float("nan"), "missing-field"),
            ("jd", float("inf"), "bad-value"),
        ],
    )
    def test_places_and_times_that_cannot_be(
        self, decoded: Decode, usual: Usual, ztf: bytes, field: str, value: float, reason: str
    ) -> None:
        result = decoded(changed(ztf, usual, **{field: value}), ztf)
        assert [len(batch) for batch in result.batches] == [1]
        (letter,) = result.dead
        assert letter.reason in {reason, "missing-field"}
        assert f"candidate.{field}" in letter.message

    @pytest.mark.parametrize(("ra", "dec"), [(0.0, 90.0), (359.999999, -90.0)])
    def test_the_edges_of_the_sky_are_on_it(
        self, decoded: Decode, usual: Usual, ztf: bytes, ra: float, dec: float
    ) -> None:
        assert not decoded(changed(ztf, usual, ra=ra, dec=dec)).dead

    def test_a_finite_but_absurd_time_is_kept_without_a_night(self, collection: Decoded) -> None:
        """Rubin's sample packets before 8.0 carry seconds where days belong."""
        (row,) = next(b for b in collection.batches if b.schema_version == "6.1").alert.to_pylist()
        assert row["mjd"] == 1480360995.0
        assert row["night"] is None

    def test_a_schema_of_the_right_name_and_the_wrong_types(
        self, decoded: Decode, usual: Usual, ztf: bytes
    ) -> None:
        for field, value, kind in (("jd", "yesterday", "number"), ("candid", "12", "whole")):
            (letter,) = decoded(retyped(ztf, usual, field, "string", value)).dead
            assert letter.reason == "bad-schema"
            assert f"candidate.{field} (not {kind})" in letter.message

    @pytest.mark.parametrize("field", ["jd", "candid", "magpsf"])
    def test_a_number_that_became_a_timestamp(
        self, decoded: Decode, usual: Usual, ztf: bytes, field: str
    ) -> None:
        packet = retyped(ztf, usual, field, {"type": "long", "logicalType": "timestamp-micros"}, 5)
        (letter,) = decoded(packet).dead
        assert letter.reason == "bad-schema"
        assert f"candidate.{field} (not " in letter.message

    @pytest.mark.parametrize("field", ["magpsf", "sigmapsf", "rb", "drb", "sgscore1", "jdstarthist"])
    @pytest.mark.parametrize("value", [2**63 - 1, -(2**63), -999])
    def test_a_real_number_that_became_whole(
        self, decoded: Decode, usual: Usual, ztf: bytes, field: str, value: int
    ) -> None:
        (batch,) = decoded(retyped(ztf, usual, field, "long", value)).batches
        assert batch.native()[field].to_pylist() == [value]
        assert batch.measurements().num_rows > 0

    def test_a_schema_without_what_is_needed(self, decoded: Decode) -> None:
        schema = {
            "type": "record",
            "name": "ztf.alert",
            "fields": [{"name": "objectId", "type": "string"}],
        }
        out = io.BytesIO()
        fastavro.writer(out, schema, [{"objectId": "ZTF18abc"}])
        (letter,) = decoded(out.getvalue()).dead
        assert letter.reason == "missing-field"
        assert "candidate.candid" in letter.message


class TestFuzz:
    """Truncated and flipped real packets: never an exception, never a lost input."""

    SCHEMAS = default_schemas()

    def check(self, *packets: bytes) -> None:
        origins = [Origin("fuzz", 0, number) for number in range(len(packets))]
        result = decode(RawBatch(list(packets), origins), self.SCHEMAS, whole=True)
        rows = sum(len(batch) for batch in result.batches)
        assert rows + len(result.dead) >= len(packets)
        assert {letter.reason for letter in result.dead} <= REASONS.keys()
        for batch in result.batches:
            batch.native()
            batch.measurements()
            for row in range(len(batch)):
                batch.cutouts(row)

    def test_truncated_anywhere(self, data: Path) -> None:
        packet = (data / "alerts" / "lsst-10.0-synthetic.avro").read_bytes()
        self.check(*(packet[:cut] for cut in range(len(packet))))

    @pytest.mark.parametrize(
        "name", ["lsst-10.0-asteroid.avro", "lsst-11.1-synthetic.avro", "ztf-4.01.avro", "ztf-3.3-three.avro"]
    )
    def test_flipped_and_cut(self, data: Path, name: str) -> None:
        packet = (data / "alerts" / name).read_bytes()
        chance = random.Random(name)
        mutants = []
        for _ in range(150):
            mutant = bytearray(
                packet[: chance.randrange(len(packet)) if chance.random() < 0.3 else len(packet)]
            )
            for _ in range(chance.choice((1, 2, 20))):
                if mutant:
                    # Most of a packet is images; the fields before them are where damage tells.
                    at = chance.randrange(min(len(mutant), chance.choice((100, 3000, len(mutant)))))
                    mutant[at] = chance.choice((0, 1, 2, 127, 128, 255, chance.randrange(256)))
            mutants.append(bytes(mutant))
        self.check(*mutants)

    @settings(max_examples=100)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=80),
                st.binary(max_size=80).map(b"Obj\x01".__add__),
                st.binary(max_size=900).map(b"\0\0\0\x03\xe8".__add__),
            ),
            max_size=4,
        )
    )
    def test_any_bytes(self, packets: list[bytes]) -> None:
        self.check(*packets)


class TestBatch:
    @pytest.fixture
    def batch(self, decoded: Decode, data: Path) -> AlertBatch:
        (batch,) = decoded((data / "alerts" / "ztf-3.3-three.avro").read_bytes()).batches
        return batch

    def test_columns_are_the_same_whether_decoded_before_or_when_asked_for(
        self, decoded: Decode, data: Path, asteroid: bytes
    ) -> None:
        for packet in ((data / "alerts" / "ztf-4.01.avro").read_bytes(), asteroid):
            (eager,) = decoded(packet, whole=True).batches
            (lazy,) = decoded(packet, whole=False).batches
            assert repr(eager.native().to_pylist()) == repr(lazy.native().to_pylist())
            assert repr(eager.measurements().to_pylist()) == repr(lazy.measurements().to_pylist())

    def test_native_columns_by_name_in_any_case(self, batch: AlertBatch) -> None:
        chosen = batch.native(["MAGPSF", "rb"])
        assert chosen.schema.names == ["survey", "alert_id", "magpsf", "rb"]
        assert chosen["magpsf"].equals(batch.native()["magpsf"])
        with pytest.raises(KeyError):
            batch.native(["no_such_column"])

    def test_some_rows_are_a_batch_of_their_own(self, batch: AlertBatch) -> None:
        part = batch.take(pa.array([2, 0]))
        assert part.alert["alert_id"].to_pylist() == [batch.alert["alert_id"][n].as_py() for n in (2, 0)]
        assert part.packets == [batch.packets[2], batch.packets[0]]
        assert part.native()["candid"].equals(part.alert["alert_id"])
        rows = np.asarray(part.measurements()["row"])
        assert set(rows.tolist()) == {0, 1}

    def test_stamps_are_plain_fits(self, decoded: Decode, ztf: bytes, asteroid: bytes) -> None:
        for packet in (ztf, asteroid):
            (batch,) = decoded(packet).batches
            stamps = batch.cutouts(0)
            assert [stamp.kind for stamp in stamps] == ["difference", "science", "template"]
            assert all(stamp.fits.startswith(b"SIMPLE  =") for stamp in stamps)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("string", "SIMPLE  ="),
            (["null", "int"], 5),
            ({"type": "array", "items": "bytes"}, [b"SIMPLE  ="]),
            (
                {"type": "record", "name": "other", "fields": [{"name": "image", "type": "bytes"}]},
                {"image": b""},
            ),
        ],
        ids=["text", "number", "array", "another record"],
    )
    def test_what_is_no_image_is_no_stamp(
        self, decoded: Decode, usual: Usual, ztf: bytes, kind: Any, value: Any
    ) -> None:
        schema = json.loads(json.dumps(fastavro.reader(io.BytesIO(ztf)).writer_schema))
        (alert,) = usual(ztf)
        field = next(field for field in schema["fields"] if field["name"] == "cutoutTemplate")
        field["type"] = kind
        field.pop("default", None)
        out = io.BytesIO()
        fastavro.writer(out, schema, [alert | {"cutoutTemplate": value}])
        (batch,) = decoded(out.getvalue()).batches
        assert [stamp.kind for stamp in batch.cutouts(0)] == ["difference", "science"]

    def test_native_metadata_comes_from_the_schema_and_the_survey(self, batch: AlertBatch) -> None:
        column = batch.table["magpsf"]
        assert (column.type, column.unit, column.ucd) == ("REAL", "mag", "phot.mag")
        assert "PSF" in column.description
        assert batch.table["jd"].unit == "d"

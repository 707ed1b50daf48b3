"""Visits in every form on disk."""

from __future__ import annotations

import tarfile

import fastavro
import pyarrow.parquet as pq
import pytest

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.sources import simulator
from vobroker.sources.simulator.write import truth_of_objects

ARGUMENTS = {"seed": 3, "nights": 2, "visits": 2, "alerts_per_visit": 8, "history_nights": 2, "fields": 1}


def visits(survey):
    return list(simulator.simulate(survey, **ARGUMENTS))


def ids(made):
    return [alert for visit in made for alert in visit.truth["alert_id"].to_pylist()]


def test_confluent_files(tmp_path):
    made = visits("lsst")
    written = simulator.write(made, tmp_path, "confluent")
    files = {path.stem: path.read_bytes() for path in tmp_path.rglob("*.avro")}
    packets = [packet for visit in made for packet in visit.packets]
    assert files == dict(zip(map(str, ids(made)), packets, strict=True))
    assert written.alerts == 32
    assert written.bytes == sum(map(len, packets))
    assert sum(written.kinds.values()) == 32
    assert {path.name for path in tmp_path.iterdir()} == {
        "20260305",
        "20260306",
        "truth.csv",
        "truth.parquet",
    }


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_containers_of_one_alert(tmp_path, survey):
    made = visits(survey)
    simulator.write(made, tmp_path, "container")
    for path in tmp_path.rglob("*.avro"):
        with path.open("rb") as file:
            (alert,) = fastavro.reader(file)
        assert str(alert["candid" if survey == "ztf" else "diaSourceId"]) == path.stem


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_a_container_of_all_alerts_of_a_visit(tmp_path, survey):
    made = visits(survey)
    simulator.write(made, tmp_path, "multi")
    found = []
    for path in sorted(tmp_path.rglob("*.avro")):
        with path.open("rb") as file:
            found += [
                alert["candid" if survey == "ztf" else "diaSourceId"] for alert in fastavro.reader(file)
            ]
    assert found == ids(made)


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_an_archive_for_each_night_and_always_the_same(tmp_path, survey):
    made = visits(survey)
    for name in ("one", "two"):
        simulator.write(made, tmp_path / name, "tar.gz")
    packets = [packet for visit in made for packet in visit.packets]
    read = []
    for path in sorted((tmp_path / "one").glob("*.tar.gz")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        with tarfile.open(path) as archive:
            read += [archive.extractfile(member).read() for member in archive]
    assert read == packets


def test_the_truth_has_a_row_for_every_object(tmp_path):
    made = visits("lsst")
    simulator.write(made, tmp_path, "multi")
    table = pq.read_table(tmp_path / "truth.parquet")
    rows = {row["object_id"]: row for row in table.to_pylist()}
    assert len(rows) == len(table)
    assert sum(table["alerts"].to_pylist()) == 32
    first = {}
    for visit in made:
        for alert in visit.truth.to_pylist():
            first.setdefault(alert["object_id"], visit.visit)
    assert {name: row["first_visit"] for name, row in rows.items()} == first
    assert truth_of_objects(made[0].truth)["first_mjd"].unique().to_pylist() == [made[0].mjd]


def test_ztf_has_no_confluent_form(tmp_path):
    with pytest.raises(ValueError, match="ZTF does not send the Confluent wire format"):
        simulator.write(visits("ztf"), tmp_path, "confluent")


def test_an_unknown_form_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"no form 'zip' to write; there are confluent, container, multi, tar\.gz"
    ):
        simulator.write([], tmp_path, "zip")


def test_raw_batches_carry_every_packet_once_in_order():
    made = visits("ztf")
    packets = [packet for visit in made for packet in visit.packets]
    batches = list(simulator.as_raw_batches(made, batch=5))
    assert [data for raw in batches for data in raw.data] == packets
    assert [origin.position for raw in batches for origin in raw.origins] == list(range(32))
    assert {origin.source for raw in batches for origin in raw.origins} == {"simulator:ztf"}
    assert [raw.progress for raw in batches] == [
        {("simulator:ztf", 0): done} for done in (5, 8, 13, 16, 21, 24, 29, 32)
    ]


@pytest.mark.parametrize("position", [0, 1, 7, 8, 19, 32])
def test_raw_batches_go_on_where_they_stopped(position):
    made = visits("lsst")
    packets = [packet for visit in made for packet in visit.packets]
    batches = list(simulator.as_raw_batches(made, batch=5, position=position))
    assert [data for raw in batches for data in raw.data] == packets[position:]
    assert [origin.position for raw in batches for origin in raw.origins] == list(range(position, 32))


@pytest.mark.parametrize("survey", ["lsst", "ztf"])
def test_the_decoder_reads_them_and_agrees_with_the_truth(survey):
    made = visits(survey)
    (truths, schemas) = ([row for visit in made for row in visit.truth.to_pylist()], default_schemas())
    rows = []
    for raw in simulator.as_raw_batches(made):
        decoded = decode(raw, schemas)
        assert decoded.dead == []
        rows += [row for batch in decoded.batches for row in batch.alert.to_pylist()]
    assert len(rows) == len(truths)
    for row, truth in zip(rows, truths, strict=True):
        assert (row["alert_id"], row["object_id"]) == (truth["alert_id"], truth["object_id"])
        assert row["solar_system"] == ("asteroid" in truth["kind"])
        assert row["mjd"] == pytest.approx(truth["mjd"], abs=1e-8)
        assert row["dec"] == pytest.approx(truth["dec"], abs=1e-3)
        if truth["mag"] is not None and "fast" not in truth["kind"]:
            assert row["flux"] == pytest.approx(
                (1 if row["positive"] else -1) * 10 ** (-0.4 * (truth["mag"] - 31.4)),
                abs=5.5 * row["flux_error"],
                rel=0.2,
            )
        assert row["night"] in (20260305, 20260306)

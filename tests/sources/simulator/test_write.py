"""Visits in every form on disk."""

from __future__ import annotations

import tarfile

import fastavro
import pyarrow.parquet as pq
import pytest

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

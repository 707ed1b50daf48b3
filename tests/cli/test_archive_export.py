"""``vobroker archive export``, and the same queries on what it wrote by DuckDB and by Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from vobroker.archive import Archive, open_archive
from vobroker.archive.hats import HatsArchive
from vobroker.cli import app
from vobroker.tap.catalogue import catalogue
from vobroker.tap.query import Rows, prepare

QUERIES = {
    "all columns": "SELECT * FROM alert ORDER BY survey, alert_id",
    "groups": "SELECT survey, band, COUNT(*) AS n, MIN(mjd) AS earliest FROM alert"
    " GROUP BY survey, band ORDER BY 1, 2",
    "join": "SELECT o.object_id, a.alert_id FROM object AS o JOIN alert AS a ON a.object_id = o.object_id"
    " AND a.survey = o.survey ORDER BY 2",
    "light curves": "SELECT survey, object_id, kind, mjd, flux, ra FROM measurement ORDER BY 1, 2, 4, 3, 5",
    "nulls": "SELECT COUNT(*) AS n, COUNT(ra) AS placed FROM measurement",
    "cone": "SELECT alert_id FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(180, 0, 120)) ORDER BY 1",
    "native": "SELECT * FROM lsst ORDER BY alert_id",
    "like": "SELECT alert_id, mag FROM alert WHERE survey LIKE 'z%' AND mag IS NOT NULL ORDER BY 1",
    "obscore": "SELECT obs_publisher_did, s_ra, t_min FROM ivoa.obscore ORDER BY 1, 2",
    "schema": "SELECT table_name FROM TAP_SCHEMA.tables WHERE table_name = 'alert'",
    "nothing": "SELECT alert_id FROM alert WHERE mjd < 0",
}


def vobroker(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments], env={"COLUMNS": "120"})


@pytest.fixture(scope="module")
def archive(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    done = vobroker("ingest", data / "alerts", "--archive", folder, "--no-filters")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def exported(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hats") / "export"
    done = vobroker("archive", "export", "-a", archive, "--to", folder)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def by_duckdb(exported: Path) -> Iterator[Archive]:
    with open_archive(f"hats:{exported}", read_only=True) as store:
        yield store


@pytest.fixture(scope="module")
def by_spark(exported: Path) -> Iterator[Archive]:
    with open_archive(f"spark+hats:{exported}", read_only=True) as store:
        yield store


def rows_of(store: Archive, text: str) -> list[dict[str, Any]]:
    known = catalogue(store, store.native_tables())
    if isinstance(store, HatsArchive):
        known = known.only(store.exported())
    with closing(Rows(store, prepare(text, "ADQL", known, store.platform), maxrec=1000, seconds=100)) as rows:
        rows.begin()
        found = [row for batch in rows for row in batch.to_pylist()]
        assert rows.outcome().status == "OK", rows.outcome().message
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_duckdb_has_the_same_answer_on_the_export(archive: Path, by_duckdb: Archive, query: str) -> None:
    with open_archive(archive, read_only=True) as store:
        expected = rows_of(store, QUERIES[query])
    assert repr(rows_of(by_duckdb, QUERIES[query])) == repr(expected)
    assert expected or query == "nothing"


@pytest.mark.parametrize("query", ["groups", "cone", "native", "obscore"])
def test_spark_has_the_same_answer_on_the_export(archive: Path, by_spark: Archive, query: str) -> None:
    with open_archive(archive, read_only=True) as store:
        expected = rows_of(store, QUERIES[query])
    assert repr(rows_of(by_spark, QUERIES[query])) == repr(expected)


def test_a_second_run_writes_only_what_is_new(archive: Path, tmp_path: Path) -> None:
    def run(*options: str) -> list[dict[str, Any]]:
        done = vobroker("archive", "export", "-a", archive, "--to", tmp_path / "x", "--json", *options)
        assert done.exit_code == 0, done.output
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    nights = [part["night"] for part in run() if part["table"] == "alert"]
    assert len(nights) == 5
    last = [part for part in run("--since", str(max(nights))) if part["table"] == "alert"]
    assert [(part["night"], part["new"]) for part in last] == [(max(nights), False)]
    # As if the export had been broken off before its first night was noted.
    noted = json.loads((tmp_path / "x/export.json").read_text())
    gone = noted["tables"]["alert"]["parts"].pop(str(nights[0]))["files"]
    (tmp_path / "x/export.json").write_text(json.dumps(noted))
    again = [(part["table"], part["night"]) for part in run() if part["new"]]
    assert again == [("alert", nights[0])]
    assert not any((tmp_path / "x/alert/dataset" / file).exists() for file, _ in gone)
    metadata = pq.read_metadata(tmp_path / "x/alert/dataset/_metadata")
    assert metadata.num_rows == 7
    field = metadata.schema.to_arrow_schema().field("ra")
    assert field.metadata[b"unit"] == b"deg"
    assert field.metadata[b"ucd"] == b"pos.eq.ra;meta.main"


def test_other_folders_and_writing_are_refused(archive: Path, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    done = vobroker("archive", "export", "-a", archive, "--to", tmp_path)
    assert done.exit_code == 1
    assert "holds something else" in done.stderr
    done = vobroker("query", "SELECT * FROM payload", "-a", f"hats:{exported}")
    assert done.exit_code == 2
    done = vobroker("query", "SELECT * FROM alert", "-a", f"hats:{tmp_path}")
    assert "holds no exported archive" in done.stderr

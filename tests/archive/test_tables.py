from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from astropy.io.votable.ucd import check_ucd

from vobroker.alerts.columns import ARCHIVE
from vobroker.archive import Archive, ArchiveError, open_archive, tables
from vobroker.enrich.context import TABLE as CONTEXT
from vobroker.enrich.history import TABLE as HISTORY
from vobroker.enrich.layer import CROSSMATCH
from vobroker.enrich.skymap import TABLE as SKYMAP
from vobroker.votypes.columns import Column, Table


def described(archive: Archive, table: str) -> dict[str, str]:
    rows = archive.query("SELECT column_name, column_type FROM (DESCRIBE " + table + ")").to_pylist()
    return {row["column_name"]: row["column_type"] for row in rows}


@pytest.mark.parametrize("table", ARCHIVE, ids=lambda table: table.name)
def test_a_table_has_the_columns_of_the_column_table(archive: Archive, table: Table) -> None:
    assert described(archive, table.name) == {column.name: column.datatype.duckdb for column in table}


@pytest.mark.parametrize("table", ARCHIVE, ids=lambda table: table.name)
def test_every_column_says_what_it_is(table: Table) -> None:
    assert table.description
    for column in table:
        assert column.description, column.name
        assert check_ucd(column.ucd, check_controlled_vocabulary=True), (column.name, column.ucd)


MADE_HERE = (CONTEXT, CROSSMATCH, HISTORY, SKYMAP)


@pytest.mark.parametrize("table", MADE_HERE, ids=lambda table: table.name)
def test_what_alerts_are_enriched_with_says_what_it_is_and_keeps_it(archive: Archive, table: Table) -> None:
    test_every_column_says_what_it_is(table)
    kept = replace(table, name="skymap_gw") if table is SKYMAP else table
    assert tables.grow_native(archive._db, kept).columns == kept.columns
    assert archive.tables()[kept.name].columns == kept.columns


def native(**types: str) -> Table:
    return Table("atlas", tuple(Column(name, kind, "mag", "phot.mag", name) for name, kind in types.items()))


def test_a_newer_schema_adds_columns_and_old_rows_have_null(archive: Archive) -> None:
    db = archive._db
    tables.grow_native(db, native(alert_id="BIGINT", m="REAL"))
    db.execute("INSERT INTO atlas VALUES (1, 18.5)")
    grown = tables.grow_native(db, native(alert_id="BIGINT", dm="REAL"))
    assert grown.names == ("alert_id", "m", "dm")
    assert archive.query("FROM atlas").to_pylist() == [{"alert_id": 1, "m": 18.5, "dm": None}]
    assert archive.tables()["atlas"] == grown


@pytest.mark.parametrize(
    ("old", "new", "wide"),
    [
        ("INTEGER", "BIGINT", "BIGINT"),
        ("BIGINT", "INTEGER", "BIGINT"),
        ("REAL", "DOUBLE", "DOUBLE"),
        ("INTEGER", "REAL", "DOUBLE"),
        ("BIGINT", "REAL", "DOUBLE"),
        ("BOOLEAN", "INTEGER", "INTEGER"),
        ("REAL", "VARCHAR", "VARCHAR"),
        ("BIGINT", "TIMESTAMP", "VARCHAR"),
    ],
)
def test_versions_that_disagree_get_the_wider_type(archive: Archive, old: str, new: str, wide: str) -> None:
    tables.grow_native(archive._db, native(x=old))
    archive._db.execute(
        "INSERT INTO atlas VALUES (1)" if old != "BOOLEAN" else "INSERT INTO atlas VALUES (true)"
    )
    grown = tables.grow_native(archive._db, native(x=new))
    assert grown["x"].type == wide
    assert described(archive, "atlas")["x"] == grown["x"].datatype.duckdb
    assert archive.query("SELECT CAST(x AS VARCHAR) AS x FROM atlas").to_pylist()[0]["x"] in ("1", "1.0")


def test_names_that_differ_in_case_only_are_one_column(archive: Archive) -> None:
    tables.grow_native(archive._db, native(magPSF="REAL"))
    assert tables.grow_native(archive._db, native(magpsf="DOUBLE"))["magPSF"].type == "DOUBLE"


def test_a_survey_cannot_take_the_name_of_another_table(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match="a survey cannot be called 'alert'"):
        tables.grow_native(archive._db, Table("alert", (Column("x", "REAL"),)))


def test_an_archive_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_archive(tmp_path).close()
    with duckdb.connect(tmp_path / "archive.duckdb") as db:
        db.execute("UPDATE meta SET value = '99'")
    with pytest.raises(
        ArchiveError, match=r"has archive format 99, this vobroker knows format 1; use a newer"
    ):
        open_archive(tmp_path)


def test_another_database_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "archive.duckdb") as db:
        db.execute("CREATE TABLE stars (name VARCHAR)")
    with pytest.raises(ArchiveError, match="is a DuckDB file but not a vobroker archive"):
        open_archive(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.duckdb").write_bytes(b"something else entirely" * 1000)
    with pytest.raises(ArchiveError, match=f"cannot open the archive {tmp_path}"):
        open_archive(tmp_path)

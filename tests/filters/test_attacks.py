"""What a filter can never do, each way to say it in ADQL or in the engine's own SQL.

The seven kinds are those that LSST's filtering notebooks try on a sandbox for Python filters: os, glob,
pathlib, subprocess, exec, opening and writing of files, and files through pandas and astropy. Each has a
shape here.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from vobroker.adql import AdqlError
from vobroker.filters import compile_filter
from vobroker.filters.scan import database

ATTACKS = {
    "os: settings and the environment": [
        "SELECT getenv('HOME') FROM alert",
        "SELECT current_setting('temp_directory') FROM alert",
        "SELECT * FROM duckdb_settings()",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "SELECT mag FROM alert; SET lock_configuration = false",
    ],
    "glob: lists of files": [
        "SELECT * FROM glob('{here}/*')",
        "SELECT file FROM glob('{here}/*')",
        "SELECT mag FROM alert WHERE object_id IN (SELECT file FROM glob('/etc/*'))",
    ],
    "pathlib: files by their names": [
        "SELECT * FROM '{here}/secret.csv'",
        'SELECT * FROM "{here}/secret.csv"',
        "SELECT * FROM read_text('{here}/secret.csv')",
        "SELECT read_blob('{here}/secret.csv') FROM alert",
    ],
    "subprocess: programs and extensions": [
        "INSTALL shellfs",
        "LOAD '{here}/evil.duckdb_extension'",
        "SELECT * FROM read_csv('ls |')",
        "CALL load_aws_credentials()",
        "SELECT mag FROM alert; LOAD httpfs",
    ],
    "exec: other statements": [
        "PREPARE judge AS SELECT 1",
        "EXECUTE judge",
        "CREATE FUNCTION f(x) AS x",
        "DROP VIEW batch",
        "SELECT query('SELECT 1') FROM alert",
        "SELECT * FROM query_table('batch')",
        "SELECT mag FROM alert WHERE mag < 20; DELETE FROM alert",
        "SELECT mag FROM alert WHERE mag < 20 UNION ALL SELECT 1",
        "SELECT mag /* ' */ FROM alert --'\n; DROP TABLE alert",
    ],
    "open and write": [
        "COPY (SELECT 1) TO '{here}/written.csv'",
        "COPY alert TO '{here}/written.csv'",
        "EXPORT DATABASE '{here}/written'",
        "ATTACH '{here}/written.db' AS written",
        "SELECT mag INTO OUTFILE '{here}/written' FROM alert",
        "SELECT mag FROM alert INTO written",
    ],
    "files and addresses that pandas and astropy read": [
        "SELECT * FROM read_csv('{here}/secret.csv')",
        "SELECT * FROM read_csv_auto('{here}/secret.csv')",
        "SELECT * FROM read_json('{here}/secret.csv')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM parquet_scan('s3://bucket/x.parquet')",
        "SELECT * FROM sqlite_scan('{here}/x.db', 't')",
        "SELECT * FROM postgres_scan('host=localhost', 'public', 't')",
        "SELECT mag FROM alert WHERE object_id = (SELECT content FROM read_text('{here}/secret.csv'))",
        "SELECT * FROM TAP_UPLOAD.secret",
        "SELECT table_name FROM information_schema.tables",
        "SELECT * FROM pg_catalog.pg_class",
    ],
}
EACH = [(kind, text) for kind, texts in ATTACKS.items() for text in texts]


@pytest.mark.parametrize(("kind", "text"), EACH, ids=[re.sub(r"\W+", "-", text) for _, text in EACH])
def test_no_filter_can_say_it_and_no_engine_would_do_it(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    reaches_out = "{here}" in text or "://" in text
    text = text.replace("{here}", str(tmp_path))
    with pytest.raises(AdqlError) as refused:
        compile_filter("attack", text)
    assert "secret\n" not in str(refused.value), kind
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    # The second wall: what needs a file or an address fails in the engine even as SQL.
    if reaches_out:
        with database().cursor() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(text)


def test_nothing_of_a_filter_reaches_the_engine_as_text() -> None:
    hostile = "x' OR read_text('/etc/passwd') IS NOT NULL OR '"
    doubled = hostile.replace("'", "''")
    written = compile_filter("f", f"SELECT mag FROM alert WHERE object_id = '{doubled}'").condition()
    assert f"'{doubled}'" in written
    (literal,) = duckdb.execute(f"SELECT '{doubled}'").fetchall()
    assert literal == (hostile,)
    with pytest.raises(AdqlError):
        compile_filter("f", 'SELECT "mag""; DROP VIEW batch; --" FROM alert')

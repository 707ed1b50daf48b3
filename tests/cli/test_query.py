"""``vobroker query`` and ``vobroker filter`` on an archive of real packets."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from astropy.table import Table
from click.testing import Result
from typer.testing import CliRunner

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.cli import filter as filter_command
from vobroker.cli import query
from vobroker.cli.results import NAMES
from vobroker.sources import files
from vobroker.tap.catalogue import catalogue
from vobroker.tap.formats import FORMATS, Format, Head, write
from vobroker.tap.query import Rows, prepare


@pytest.fixture(scope="module")
def archive(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with open_archive(folder) as store:
        for raw in files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"]):
            with store.transaction() as transaction:
                for batch in decode(raw, default_schemas()).batches:
                    transaction.add(batch)
    return folder


def run(*arguments: object, text: str | None = None) -> Result:
    app = typer.Typer()
    query.register(app)
    filter_command.register(app)
    return CliRunner().invoke(app, [str(a) for a in arguments], input=text, env={"COLUMNS": "200"})


def test_a_table_for_the_screen(archive: Path) -> None:
    done = run("query", "SELECT TOP 2 object_id, mag FROM alert ORDER BY mag", "-a", archive)
    assert done.exit_code == 0
    assert done.stdout.count("ZTF21abiuvdk") == 2
    assert "mag" in done.stdout


def test_json_keeps_64_bit_identifiers(archive: Path) -> None:
    done = run(
        "query", "SELECT alert_id, mag, received FROM alert ORDER BY alert_id", "-a", archive, "--json"
    )
    document = json.loads(done.stdout)
    assert len(document["rows"]) == 34
    assert all(isinstance(row["alert_id"], str) and int(row["alert_id"]) > 2**53 for row in document["rows"])
    assert document["rows"][0]["received"].endswith("Z")
    assert document["columns"][1]["unit"] == "mag"
    assert document["overflow"] is False


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_file_in_each_format_is_what_tap_writes(archive: Path, tmp_path: Path, form: Format) -> None:
    text = "SELECT alert_id, ra, dec, band, n_detections, received FROM alert ORDER BY alert_id"
    asked = tmp_path / "query.adql"
    asked.write_text(text)
    file = tmp_path / "result"
    done = run("query", "--file", asked, "-a", archive, "--format", form.name, "--out", file)
    assert done.exit_code == 0, done.stderr
    with open_archive(archive, read_only=True) as store:
        known = catalogue(store, store.native_tables())
        rows = Rows(store, prepare(text, "ADQL", known, store.platform), maxrec=100, seconds=60)
        rows.begin()
        head = Head(prepare(text, "ADQL", known, store.platform).columns, infos=(("QUERY", text, ""),))
        assert file.read_bytes() == b"".join(write(form, iter(rows), head, rows.outcome))
        rows.close()
    assert rows.given == 34


def test_the_suffix_of_a_file_tells_its_format(archive: Path, tmp_path: Path) -> None:
    text = "SELECT alert_id, ra, dec FROM alert ORDER BY alert_id"
    for name in ("a.vot", "a.parquet", "a.csv", "a.fits"):
        done = run("query", text, "-a", archive, "--out", tmp_path / name)
        assert done.exit_code == 0, done.stderr
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert len(rows) == 34
    text_rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert [float(row["ra"]) for row in text_rows] == [row["ra"] for row in rows]
    for name, form in (("a.vot", "votable"), ("a.fits", "fits")):
        found = Table.read(tmp_path / name, format=form)
        assert list(found["alert_id"]) == [row["alert_id"] for row in rows]
        assert str(found["ra"].unit) == "deg"
    done = run("query", text, "-a", archive, "--out", tmp_path / "a.xyz")
    assert done.exit_code == 2
    assert "does not tell its format" in done.stderr


def test_help_names_the_formats_there_are() -> None:
    assert NAMES.split(", ") == [form.name for form in FORMATS]


def test_no_file_is_left_of_rows_that_broke_off(archive: Path, tmp_path: Path) -> None:
    tables = ", ".join(f"measurement {name}" for name in "abcdef")
    for name in ("a.csv", "a.vot"):
        (tmp_path / name).write_text("before")
        done = run(
            "query", f"SELECT a.mag FROM {tables}", "-a", archive, "--seconds", 0.5, "-o", tmp_path / name
        )
        assert done.exit_code == 1
        assert "stopped after 0.5 s" in done.stderr
        assert (tmp_path / name).read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.vot"]


def test_who_reads_may_stop_reading(archive: Path) -> None:
    tables = ", ".join(f"measurement {name}" for name in "abcd")
    command = [sys.executable, "-m", "vobroker", "query", f"SELECT a.mag FROM {tables}", "--format", "csv"]
    with subprocess.Popen(
        [*command, "-a", archive], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as done:
        assert done.stdout.readline() == "mag\n"
        done.stdout.close()
        assert done.stderr.read() == ""
        assert done.wait(30) == 0


def test_what_tap_can_name_and_what_only_the_owner_can(archive: Path) -> None:
    for table in ("ivoa.obscore", "tap_schema.columns", "payload", "dead_letter"):
        done = run("query", f"SELECT COUNT(*) AS n FROM {table}", "-a", archive, "--json")
        assert done.exit_code == 0, done.stderr
    done = run("query", "SELECT source, partition, alert_did FROM ledger, alert", "-a", archive, "--json")
    assert done.exit_code == 0, done.stderr


def test_more_rows_than_wanted(archive: Path) -> None:
    done = run("query", "SELECT alert_id FROM alert", "-a", archive, "--maxrec", 3, "--json")
    assert len(json.loads(done.stdout)["rows"]) == 3
    assert json.loads(done.stdout)["overflow"] is True
    assert "only the first 3 rows" in done.stderr
    whole = run("query", "SELECT alert_id FROM alert", "-a", archive, "--maxrec", 34, "--json")
    assert json.loads(whole.stdout)["overflow"] is False
    votable = run("query", "SELECT alert_id FROM alert", "-a", archive, "--maxrec", 3, "--format", "votable")
    assert 'value="OVERFLOW"' in votable.stdout


def test_standard_input_and_native_tables(archive: Path) -> None:
    text = (
        "SELECT COUNT(*) AS n\nFROM alert AS a JOIN ztf AS z USING (survey, alert_id)\nWHERE z.drb > 0 -- x"
    )
    done = run("query", "-", "-a", archive, "--json", text=text)
    assert json.loads(done.stdout)["rows"] == [{"n": 34}]


def test_mistakes_are_shown_with_a_caret(archive: Path) -> None:
    done = run("query", "SELECT maag FROM alert", "-a", archive)
    assert done.exit_code == 2
    assert done.stderr == (
        "error: There is no column maag.\n"
        "   1 | SELECT maag FROM alert\n"
        "     |        ^^^^\n"
        "Did you mean mag?\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("query",), 2, "give a query"),
        (("query", "SELECT 1 FROM alert", "--file", "x"), 2, "give a query"),
        (("query", "--file", "nosuch.adql"), 2, "cannot read nosuch.adql"),
        (("query", "SELECT ra FROM alert", "-a", "nosuch"), 1, "there is no archive in nosuch"),
        (("filter", "check", "nosuch"), 2, "starter filters: bright-transient, fast-moving, young-supernova"),
        (("filter", "check", "nosuch.adql"), 2, "cannot read nosuch.adql"),
        (("filter", "try", "fast-moving", "-a", "nosuch"), 1, "there is no archive in nosuch"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...], status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_query_that_fails_in_the_engine(archive: Path) -> None:
    done = run("query", "SELECT CAST(object_id AS INTEGER) FROM alert", "-a", archive)
    assert done.exit_code == 1
    assert "the query failed" in done.stderr
    tables = ", ".join(f"measurement {name}" for name in "abcdef")
    slow = f"SELECT COUNT(*) FROM {tables} WHERE a.mag + b.mag + c.mag > d.mag * e.mag - f.mag"
    done = run("query", slow, "-a", archive, "--seconds", 0.2)
    assert done.exit_code == 1
    assert "stopped after 0.2 s" in done.stderr


def test_filters_are_tried_on_the_archive(archive: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.adql"
    mine.write_text(
        "-- Mine\nSELECT alert.alert_id, drb FROM alert JOIN ztf USING (survey, alert_id)\n"
        "WHERE alert.mag < 17"
    )
    (trial,) = json.loads(run("filter", "try", mine, "-a", archive, "--json").stdout)
    assert trial["seen"] == 34
    asked = run("query", "SELECT alert_id FROM alert WHERE mag < 17", "-a", archive, "--json")
    passed = {row["alert_id"] for row in json.loads(asked.stdout)["rows"]}
    assert trial["passed"] == len(passed)
    assert {row["alert_id"] for row in trial["rows"]} <= passed
    shown = run("filter", "try", mine, "-a", archive)
    assert f"mine: {len(passed)} of 34 alerts pass" in shown.stdout


def test_filters_are_listed_shown_and_checked(tmp_path: Path) -> None:
    assert "young-supernova" in run("filter", "list").stdout
    (summary,) = json.loads(run("filter", "show", "fast-moving", "--json").stdout)
    assert summary["title"] == "Fast-moving object"
    assert "trail_length > 1.5" in run("filter", "show", "fast-moving").stdout
    assert "good" in run("filter", "check", "fast-moving").stdout
    bad = tmp_path / "bad.adql"
    bad.write_text("SELECT ra FROM alert\nWHERE CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3))")
    done = run("filter", "check", bad)
    assert done.exit_code == 2
    assert "filter bad: " in done.stderr
    assert "1 = CONTAINS" in done.stderr
    assert "psfFlux" in run("filter", "columns").stdout

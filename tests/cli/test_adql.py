"""``vobroker adql``: queries of files, of standard input and of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from vobroker.cli import app

CONE = (
    "SELECT TOP 3 source_id, mag FROM survey.source WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, -20, 0.1))"
)


def run(*arguments: object, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app(), ["adql", *map(str, arguments)], input=text, env={"COLUMNS": "200"})


@pytest.fixture
def tables(data: Path) -> Path:
    return data / "adql" / "tables.xml"


def test_check_without_tables_reads_the_syntax_only() -> None:
    done = run("check", "-q", "SELECT anything FROM anywhere")
    assert done.exit_code == 0
    assert "names were not checked" in done.stdout


def test_check_with_the_tables_of_a_service_finds_wrong_names(tables: Path) -> None:
    done = run("check", "-t", tables, "-q", "SELECT maag FROM survey.source")
    assert done.exit_code == 2
    assert "no column maag" in done.stderr
    assert "Did you mean mag?" in done.stderr


def test_check_names_the_file_and_goes_on(tmp_path: Path, tables: Path) -> None:
    (tmp_path / "bad.adql").write_text("SELECT ra\nFROM survey.source\nLIMIT 5")
    (tmp_path / "good.adql").write_text(CONE)
    done = run("check", tmp_path / "bad.adql", tmp_path / "good.adql", "-t", tables)
    assert done.exit_code == 2
    assert "bad.adql" in done.stderr
    assert "TOP" in done.stderr
    assert "good.adql: good; 2 columns" in done.stdout.replace("\n", "")


def test_check_as_json_tells_place_and_columns(tables: Path) -> None:
    done = run("check", "-t", tables, "--json", text=CONE)
    (found,) = json.loads(done.stdout)
    assert found["valid"] is True
    assert found["columns"][0] == {
        "name": "source_id",
        "type": "BIGINT",
        "unit": "",
        "ucd": "meta.id;meta.main",
    }
    assert "CONTAINS" in found["features"]
    done = run("check", "--json", text="SELECT x\nFROM")
    (found,) = json.loads(done.stdout)
    assert (found["error"]["line"], found["error"]["column"]) == (2, 5)
    assert done.exit_code == 2


def test_format_writes_lines_and_keeps_comments() -> None:
    done = run("format", text="select  ra,dec from T -- all of it\nwhere ra!=3")
    again = run("format", text=done.stdout)
    assert done.exit_code == 0
    assert done.stdout == again.stdout == "SELECT ra, dec\nFROM T -- all of it\nWHERE ra <> 3\n"


def test_format_writes_the_canonical_form_on_request() -> None:
    done = run("format", "--one-line", text="select  ra,dec from T -- all of it\nwhere ra!=3")
    assert done.stdout == "SELECT ra, dec FROM T WHERE ra <> 3\n"


def test_format_writes_files_and_checks_them(tmp_path: Path) -> None:
    file = tmp_path / "q.adql"
    file.write_text("select a from b")
    assert run("format", "--check", file).exit_code == 1
    assert file.read_text() == "select a from b"
    assert run("format", "--write", file).exit_code == 0
    assert file.read_text() == "SELECT a\nFROM b\n"
    assert run("format", "--check", file).exit_code == 0


def test_translate_gives_sql_and_its_parameters(tables: Path) -> None:
    done = run(
        "translate", "-t", tables, "--to", "duckdb", "-q", "SELECT ra FROM survey.source WHERE class = 'x'"
    )
    assert done.exit_code == 0
    assert '"survey"."source"' in done.stdout
    assert "-- parameter 1: 'x'" in done.stdout


def test_translate_needs_tables_and_a_known_engine(tables: Path) -> None:
    assert "give --tables or --archive" in run("translate", "-q", CONE).stderr
    assert "there is no engine dbase" in run("translate", "-t", tables, "--to", "dbase", "-q", CONE).stderr
    assert "duckdb" in run("translate", "--to", "list").stdout.split()


def test_explain_shows_types_units_and_engines(tables: Path) -> None:
    done = run("explain", "-t", tables, "-q", CONE)
    assert done.exit_code == 0
    assert "reads survey.source: dec, mag, ra, source_id" in done.stdout
    assert "duckdb: can run it" in done.stdout
    assert "ColumnReference  mag  [REAL mag phot.mag;em.opt.R]" in done.stdout


def test_explain_as_json_holds_the_whole_tree(tables: Path) -> None:
    done = run("explain", "-t", tables, "--json", "-q", CONE)
    (found,) = json.loads(done.stdout)
    assert [line["kind"] for line in found["tree"]][:2] == ["Query", "Select"]
    assert found["engines"]["duckdb"] == ""


@pytest.mark.parametrize("command", ["check", "format", "explain"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"SELECT \xff FROM t", "not UTF-8"), (b"x" * 1_000_001, "that is no query"), (b"", "ends too early")],
)
def test_any_bytes_give_a_sentence(command: str, content: bytes, reason: str) -> None:
    done = run(command, text=content)
    assert done.exit_code == 2
    assert reason in done.stderr


def test_versions_extensions_and_declared_functions(tables: Path) -> None:
    bare = "SELECT ra FROM survey.source WHERE CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 3))"
    assert run("check", "-q", bare).exit_code == 2
    assert run("check", "--accept", "irsa", "-t", tables, "-q", bare).exit_code == 0
    assert "there is no extension adb here; known: irsa" in run("check", "--accept", "adb", "-q", bare).stderr
    assert (
        "OFFSET is new in ADQL 2.1" in run("check", "--adql", "2.0", "-q", "SELECT a FROM t OFFSET 2").stderr
    )
    call = ["-t", tables, "-q", "SELECT twice(mag) AS m FROM survey.source", "--json"]
    assert run("check", *call).exit_code == 2
    (found,) = json.loads(run("check", "--udf", "twice(x REAL) -> REAL", *call).stdout)
    assert found["columns"][0]["type"] == "REAL"
    assert "no declaration of a function" in run("check", "--udf", "twice", *call).stderr


def test_missing_files_and_versions_are_named(tmp_path: Path) -> None:
    assert "cannot read" in run("check", tmp_path / "none.adql").stderr
    assert "there is no ADQL 1.0" in run("check", "--adql", "1.0", "-q", CONE).stderr
    assert "not both" in run("check", tmp_path / "x", "-q", CONE).stderr


def test_the_toolkit_needs_no_other_part_of_the_broker() -> None:
    """The parser, checker and translators load nothing but the standard library."""
    code = (
        "import sys; from vobroker import adql; import vobroker.adql.features, vobroker.votypes.vosi;"
        "bad = {m.split('.')[0] for m in sys.modules} & {'pyarrow', 'numpy', 'duckdb', 'astropy', 'typer'};"
        "sys.exit(f'loaded {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

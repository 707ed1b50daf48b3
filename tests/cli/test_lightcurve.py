"""``vobroker lightcurve``: the light curve of an object, on the screen or in a file."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import typer
from astropy.table import QTable
from click.testing import Result
from typer.testing import CliRunner

from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.cli import lightcurve
from vobroker.sources import files
from vobroker.timeseries.formats import FORMATS

NOVA = "ZTF21abiuvdk"


@pytest.fixture(scope="module")
def archive(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    schemas = default_schemas()
    with open_archive(folder) as store:
        for raw in files.read([shared / "alerts" / "ztf" / "ZTF21abiuvdk_series"]):
            with store.transaction() as transaction:
                for batch in decode(raw, schemas).batches:
                    transaction.add(batch)
    return folder


def run(archive: Path, *arguments: object) -> Result:
    app = typer.Typer()
    lightcurve.register(app)
    return CliRunner().invoke(app, ["--archive", str(archive), *map(str, arguments)])


def test_without_a_file_it_is_a_table(archive: Path) -> None:
    done = run(archive, NOVA)
    assert done.exit_code == 0
    assert done.stdout.count(" detection ") == 34
    assert done.stdout.count(" limit ") == 16
    assert "34 detections, 16 upper limits in g, r from 2021-06-17 to 2021-09-04 UTC." in done.stdout


@pytest.mark.parametrize("suffix", [suffix for one in FORMATS.values() for suffix in one.suffixes])
def test_the_suffix_says_what_is_written(archive: Path, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"nova{suffix}"
    assert run(archive, NOVA, "-o", file).exit_code == 0
    assert file.stat().st_size > 5000


def test_formats_are_those_of_the_library() -> None:
    assert {form.value for form in lightcurve.Form} == {"table", *FORMATS}


def test_a_votable_on_the_output_is_one(archive: Path) -> None:
    done = run(archive, NOVA, "--format", "votable", "--survey", "ztf")
    assert len(QTable.read(io.BytesIO(done.stdout_bytes), format="votable")) == 50


def test_json(archive: Path) -> None:
    content = json.loads(run(archive, NOVA, "--json").stdout)
    assert (content["object_id"], len(content["points"])) == (NOVA, 50)


def test_plots_differ_by_their_options(archive: Path) -> None:
    plots = {run(archive, NOVA, "-f", "svg", *options).stdout for options in ([], ["--flux"], ["--dark"])}
    assert len(plots) == 3


def test_an_unknown_object_gets_a_suggestion(archive: Path) -> None:
    done = run(archive, "ztf21abiuvkd")
    assert done.exit_code == 1
    assert "there is no object 'ztf21abiuvkd'" in done.stderr
    assert "did you mean ZTF21abiuvdk?" in done.stderr


def test_nothing_is_suggested_when_nothing_is_near(archive: Path) -> None:
    done = run(archive, "NGC 1275")
    assert done.exit_code == 1
    assert "did you mean" not in done.stderr


def test_an_unknown_suffix_is_named_with_the_known_ones(archive: Path, tmp_path: Path) -> None:
    done = run(archive, NOVA, "-o", tmp_path / "nova.dat")
    assert done.exit_code == 2
    assert "nova.dat is not one of .vot, .votable, .xml" in done.stderr


def test_a_file_that_cannot_be_written_is_named(archive: Path, tmp_path: Path) -> None:
    done = run(archive, NOVA, "-o", tmp_path / "missing" / "nova.png")
    assert done.exit_code == 1
    assert "nova.png: No such file or directory" in done.stderr


def test_a_missing_archive_is_named_and_not_made(tmp_path: Path) -> None:
    done = run(tmp_path / "none", NOVA)
    assert done.exit_code == 1
    assert "there is no archive in" in done.stderr
    assert not (tmp_path / "none").exists()

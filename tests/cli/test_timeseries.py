"""``vobroker timeseries`` as its user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from vobroker.cli import app, common
from vobroker.timeseries import documents
from vobroker.timeseries.dialects import DIALECTS


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app(), ["timeseries", *map(str, arguments)])


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lines are not folded, whatever terminal the tests run in."""
    monkeypatch.setattr(common.out, "width", 200)


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "timeseries"


def test_convert_takes_the_dialect_from_the_suffix(samples: Path, tmp_path: Path) -> None:
    done = run("convert", samples / "raw_data" / "ts.vot", "-o", tmp_path / "ts.fits")
    assert done.exit_code == 0, done.output
    with fits.open(tmp_path / "ts.fits") as units:
        assert units[1].header["TIMESYS"] == "TCB"
        assert len(units[1].data) == 38


@pytest.mark.parametrize("name", ["mivot", "votable-bands", "gaia-combined", "gaia-raw", "splat", "json"])
def test_convert_to_a_dialect_and_back_keeps_the_numbers(samples: Path, tmp_path: Path, name: str) -> None:
    source, there = samples / "raw_data" / "gaia_multiband.xml", tmp_path / "there"
    assert run("convert", source, "--to", name, "-o", there).exit_code == 0
    (wanted,), (found,) = (documents.read(one.read_bytes()).series for one in (source, there))
    for role in ("time", "flux", "mag"):
        mine, its = (np.sort(one.column(role).to_numpy()) for one in (wanted, found))
        np.testing.assert_array_equal(its.astype(mine.dtype), mine)


def test_convert_says_what_it_leaves_out(samples: Path, tmp_path: Path) -> None:
    done = run("convert", samples / "raw_data" / "ts.vot", "-o", tmp_path / "ts.csv")
    assert done.exit_code == 0
    assert (
        "warning: csv leaves out time scale, time origin (jd), reference position, unit of times, filter,"
        in done.stderr
    )


def test_convert_takes_one_object_and_one_band(samples: Path, tmp_path: Path) -> None:
    ztf, there = samples / "raw_data" / "TimeSeriesZTF.xml", tmp_path / "one.ecsv"
    assert "holds one object, not 2" in run("convert", ztf, "-o", there).stderr
    assert run("convert", ztf, "--object", "686103400106565", "-o", there).exit_code == 0
    (one,) = documents.read(there.read_bytes()).series
    assert (one.object_id, len(one)) == ("686103400106565", 150)
    gaia = samples / "raw_data" / "gaia_multiband.xml"
    assert "one band, not G, BP, RP" in run("convert", gaia, "--to", "lightkurve", "-o", there).stderr
    assert run("convert", gaia, "--to", "lightkurve", "--band", "RP", "-o", there).exit_code == 0
    assert "has no band V; it has G, BP, RP" in run("convert", gaia, "--band", "V").stderr
    assert "has no object 7; it has 5813181197970338560" in run("convert", gaia, "--object", "7").stderr


def test_what_the_document_does_not_say_may_be_said(samples: Path, tmp_path: Path) -> None:
    ztf, there = samples / "raw_data" / "TimeSeriesZTF.xml", tmp_path / "ztf.vot"
    assert (
        run(
            "convert", ztf, "--scale", "utc", "--origin", "JD", "--refposition", "heliocenter", "-o", there
        ).exit_code
        == 0
    )
    first = documents.read(there.read_bytes()).series[0]
    assert (first.time.scale, first.time.origin, first.time.position) == ("UTC", 0.0, "HELIOCENTER")
    done = run("convert", samples / "raw_data" / "ts.vot", "--scale", "UTC", "-o", there)
    assert (
        done.exit_code,
        "the scale of the times is TCB, as the document says, not UTC" in done.stderr,
    ) == (2, True)


def test_the_dialect_may_be_named(samples: Path) -> None:
    gaia = samples / "raw_data" / "gaia_multiband.xml"
    shown = json.loads(run("show", gaia, "--json").stdout)
    assert shown["dialect"] == "gaia-individual"
    plain = json.loads(run("show", gaia, "--from", "votable", "--json").stdout)
    assert plain["dialect"] == "votable"
    assert {"time.scale", "time.origin", "time.position"} <= set(plain["series"][0]["unsaid"])


def test_show_says_what_where_and_what_not(samples: Path) -> None:
    done = run("show", samples / "raw_data" / "ts.vot")
    assert done.exit_code == 0
    assert "1866721434011386240: 38 measurements in G" in done.stdout
    assert 'RESOURCE/TIMESYS[@ID="ts"]/@timescale' in done.stdout
    assert 'nothing refers to /VOTABLE/RESOURCE/TIMESYS[@ID="ts0"], line 23' in done.stderr


def test_compare_prints_values_places_and_agreement(samples: Path) -> None:
    files = [
        samples / name
        for name in ("raw_data/ts.vot", "md-proposal/ts.vot", "vodml-mapper/ts-vodml-mapper.xml")
    ]
    done = run("compare", *files)
    assert done.exit_code == 0, done.output
    assert "raw_data/ts.vot" in done.stdout
    assert "2.49524e-09" in done.stdout
    assert "Fluxes: 38 numbers, all the same; one document gives no unit" in done.stdout
    shorter = run("compare", *files, "--differences").stdout
    assert len(shorter) < len(done.stdout)
    assert json.loads(run("compare", *files, "--json").stdout)["documents"][1]["dialect"] == "gavo"
    assert run("compare", *files, "--html").stdout.startswith("<!doctype html>")
    assert run("compare", *files, "--markdown").stdout.startswith("| What | raw_data/ts.vot |")


def test_plot_draws_magnitudes_or_fluxes(samples: Path, tmp_path: Path) -> None:
    gaia = samples / "raw_data" / "gaia_multiband.xml"
    for options in ([], ["--flux", "--dark"], ["--band", "RP"]):
        assert run("plot", gaia, "-o", tmp_path / "gaia.png", *options).exit_code == 0
        assert imread(tmp_path / "gaia.png").shape[:2] == (720, 1200)
    assert run("plot", gaia, "-o", tmp_path / "gaia.svg").exit_code == 0
    assert "251 measurements in G, BP, RP; times are TCB at BARYCENTER" in (tmp_path / "gaia.svg").read_text()
    assert "is neither .png nor .svg" in run("plot", gaia, "-o", tmp_path / "gaia.pdf").stderr


def test_dialects_are_listed() -> None:
    assert all(name in run("dialects").stdout for name in DIALECTS)
    listed = {one["name"]: one for one in json.loads(run("dialects", "--json").stdout)}
    assert list(listed) == list(DIALECTS)
    assert listed["csv"]["lacks"]["time.scale"] == "CSV holds nothing but names and values"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["show", "missing.vot"], 1, "cannot read missing.vot: No such file or directory"),
        (["show", "{bad}"], 1, "bad.vot: the VOTable is not well-formed XML"),
        (["show", "{bad}", "--max-bytes", "3"], 1, "has 20 bytes; the limit is 3, see --max-bytes"),
        (["convert", "{bad}", "-o", "x.doc"], 2, "the suffix of x.doc is not one of .mivot,"),
        (["convert", "{bad}", "--to", "klingon"], 2, "there is no dialect 'klingon'"),
        (["compare", "{bad}"], 1, "bad.vot: the VOTable is not well-formed"),
        (["compare", "{bad}", "{bad}"], 2, "a file is named twice"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, arguments: list[str], status: int, reason: str
) -> None:
    bad = tmp_path / "bad.vot"
    bad.write_bytes(b"<VOTABLE> and no end")
    done = run(*(one.replace("{bad}", str(bad)) for one in arguments))
    assert done.exit_code == status
    assert reason in done.stderr.replace("\n", "")


def test_a_report_on_a_folder_has_a_page_and_plots(samples: Path, tmp_path: Path) -> None:
    there = tmp_path / "same"
    there.mkdir()
    for name in ("raw_data/ts.vot", "md-proposal/ts.vot"):
        (there / name.replace("/", "-")).write_bytes((samples / name).read_bytes())
    done = run("compare", there, "--report", tmp_path / "page.md")
    assert done.exit_code == 0, done.output
    assert "page.md: 2 documents, 1 plots; 0 files hold no series" in done.stdout
    assert (tmp_path / "images" / "time-series-1866721434011386240.png").exists()
    assert "--report compares all that is in it" in run("compare", there).stderr
    (tmp_path / "other.md").write_text("# Another page")
    assert "no place for the report" in run("compare", there, "--report", tmp_path / "other.md").stderr

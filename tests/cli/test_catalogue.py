"""``vobroker catalogue``, ``watchlist``, ``region`` and ``skymap`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from click.testing import Result
from tests.enrich.classifiers.models import written
from tests.tap.conftest import filled, serving
from typer.testing import CliRunner

from vobroker.archive import open_archive
from vobroker.cli import app
from vobroker.cli.common import out

PACKETS = Path(__file__).parents[1] / "data" / "alerts"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "_width", 200)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with filled("duckdb", tmp_path):
        return tmp_path / "archive"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app(), [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def positions(archive: Path, file: Path) -> int:
    with open_archive(archive, read_only=True) as store:
        found = store.query("SELECT DISTINCT ra, dec, object_id AS id FROM object WHERE ra IS NOT NULL")
    pq.write_table(found, file)
    return len(found)


def test_from_a_file_to_a_filter_that_names_it(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "known.parquet"
    count = positions(archive, file)
    told = good("catalogue", "add", file, "--name", "known", "--id", "id", "-a", archive)
    assert told == f"{count} entries; filters and queries call their matches match_known\n"
    (info,) = json.loads(good("catalogue", "list", "-a", archive, "--json"))
    assert (info["table"], info["rows"], info["radius"]) == ("match_known", count, 1.0)
    assert "known.parquet" in good("catalogue", "list", "-a", archive)
    assert "n_matches" in good("catalogue", "show", "known", "-a", archive)
    assert "match_known" in good("filter", "columns", "-a", archive)

    text = "SELECT m.id, m.separation FROM alert JOIN match_known AS m USING (survey, alert_id)"
    (tmp_path / "f.adql").write_text(text)
    assert "f " in good("filter", "check", tmp_path / "f.adql", "-a", archive)
    early = call("filter", "try", tmp_path / "f.adql", "-a", archive)
    assert early.exit_code == 1
    assert "'vobroker catalogue match known' does so" in early.output
    matched = good("catalogue", "match", "known", "-a", archive)
    assert " alerts are in match_known" in matched
    trial = json.loads(good("filter", "try", tmp_path / "f.adql", "-a", archive, "--json"))[0]
    assert trial["passed"] == int(matched.split()[0]) > 0

    assert "is removed" in good("catalogue", "remove", "known", "-a", archive)
    assert call("filter", "check", tmp_path / "f.adql", "-a", archive).exit_code == 2
    assert call("catalogue", "remove", "known", "-a", archive).exit_code == 1


def test_watchlists_regions_and_sky_maps_have_commands_of_their_own(archive: Path, tmp_path: Path) -> None:
    positions(archive, tmp_path / "mine.parquet")
    good("watchlist", "add", tmp_path / "mine.parquet", "--name", "mine", "-a", archive)
    (tmp_path / "all.txt").write_text("0/0-11")
    assert "100 % of the sky" in good("region", "add", tmp_path / "all.txt", "--name", "sky", "-a", archive)
    assert "region_sky" in good("region", "list", "-a", archive)
    for kind, name in (("watchlist", "mine"), ("region", "sky")):
        assert f"{kind}_{name}" in good(kind, "match", name, "-a", archive)
        assert call("catalogue", "show", name, "-a", archive).exit_code == 2
    assert json.loads(good("skymap", "list", "-a", archive, "--json")) == []
    assert "mine, sky" in call("doctor", "-a", archive).output
    assert "is removed" in good("region", "remove", "sky", "-a", archive)
    dust = fits.BinTableHDU.from_columns([fits.Column("EBV", "E", array=np.full(12, 0.1))])
    dust.header["ORDERING"] = "NESTED"
    dust.writeto(tmp_path / "dust.fits")
    assert "order 0" in good("dustmap", "add", tmp_path / "dust.fits", "--name", "dust", "-a", archive)
    (told,) = json.loads(good("dustmap", "list", "-a", archive, "--json"))
    assert (told["table"], told["kind"], told["order"]) == ("context", "dustmap", 0)


def test_a_classifier_is_added_shown_and_asked(archive: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "model")
    told = good("classifier", "add", folder, "-a", archive)
    assert "bright, version 1.2, judges by 1 columns" in told
    assert "classifier_bright" in good("classifier", "list", "-a", archive)
    shown = json.loads(good("classifier", "show", "bright", "-a", archive, "--json"))
    assert (shown["version"], shown["opset"], shown["limits"]["seconds"]) == ("1.2", {"ai.onnx": 17}, 5.0)
    assert [column["name"] for column in shown["columns"]][2:] == ["p", "model_version"]
    assert "not judged" in good("classifier", "show", "bright", "-a", archive)
    assert "are in classifier_bright" in good("classifier", "match", "bright", "-a", archive)
    query = "SELECT mag, p, model_version FROM alert JOIN classifier_bright USING (survey, alert_id)"
    rows = json.loads(good("query", query, "--json", "-a", archive))["rows"]
    assert {row["model_version"] for row in rows} == {"1.2"}
    for row in rows:
        known = row["mag"] is not None
        assert row["p"] == (pytest.approx(1 / (1 + np.exp(-row["mag"])), rel=1e-6) if known else None)
    assert "is removed" in good("classifier", "remove", "bright", "-a", archive)
    (folder / "classifier.toml").unlink()
    refused = call("classifier", "add", folder, "-a", archive)
    assert refused.exit_code == 1
    assert "cannot read" in refused.output
    assert "Usage" in call("skymap", "--help").output


def test_a_catalogue_comes_out_of_a_tap_service(tmp_path: Path) -> None:
    with filled("duckdb", tmp_path) as archive, serving(archive, tmp_path) as served:
        query = "SELECT object_id, ra, dec, n_alerts FROM object WHERE ra IS NOT NULL"
        asked = ("catalogue", "add", "-a", tmp_path, "--tap", served.address, "--id", "object_id", "--name")
        good(*asked, "told", "--query", query)
        rows = archive.query("SELECT count(*) AS n FROM object WHERE ra IS NOT NULL")["n"][0].as_py()
        told = json.loads(good("catalogue", "show", "told", "-a", tmp_path, "--json"))
        assert (told["rows"], told["source"]) == (rows, f"{served.address}: {query}")
        columns = {column["name"]: column for column in told["columns"]}
        assert columns["n_alerts"]["description"] == "Alerts of the object in the archive"

        wrong = call(*asked, "other", "--query", "SELECT nothing FROM object")
        assert wrong.exit_code == 1
        assert "refuses the query" in wrong.output
        assert "nothing" in wrong.output
        few = call(*asked, "other", "--query", query, "--max-rows", 1)
        assert "is cut off at the service's limit of rows" in few.output
    gone = call(*asked, "other", "--query", query)
    assert "cannot be asked" in gone.output
    assert (
        "https:// or http://"
        in call("catalogue", "add", "--tap", "file:///etc", "--query", "x", "--name", "y").output
    )


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    pq.write_table(pa.table({"RA": np.zeros(2), "dec": [np.nan, 1.0]}), tmp_path / "c.parquet")
    add = ("catalogue", "add", tmp_path / "c.parquet", "-a", tmp_path)
    assert call(*add, "--name", "x", "--ra", "lon").output.startswith(
        f"error: {tmp_path}/c.parquet has no column lon"
    )
    assert "cannot be called '../x'" in call(*add, "--name", "../x").output
    left = call(*add, "--name", "x")
    assert left.exit_code == 0
    assert "1 row is left out, the first of them row 1" in left.output
    assert "there is a catalogue called 'x' already" in call(*add, "--name", "x").output
    assert call("catalogue", "match", "../x", "-a", tmp_path).exit_code == 2
    assert call("catalogue", "add", "--name", "z", "-a", tmp_path).exit_code == 2
    (tmp_path / "catalogues" / "x" / "vobroker.json").write_text("{")
    assert "is no catalogue, or a damaged one" in call("ingest", PACKETS, "-a", tmp_path).output

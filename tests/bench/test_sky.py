"""The measurement of sky queries: a small one on both engines, and that it notices wrong answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bench import sky
from bench.positions import asking, fill, kinds, survey
from bench.positions.kinds import Truth
from vobroker.archive import open_archive
from vobroker.sky import healpix29

COUNT = 3_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a small archive and the truth about it."""
    folder = tmp_path_factory.mktemp("sky")
    fill.folder(folder / "archive", COUNT, folder / "truth.npz")
    return folder


def test_a_small_run_on_both_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "sky.md"
    page.write_text("before\n<!-- measured -->\n<!-- /measured -->\nafter\n")
    monkeypatch.setattr(sky, "PAGE", page)
    monkeypatch.setattr(sky, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(sky, "PLOT", tmp_path / "sky.png")
    sky.main(["--alerts", f"{COUNT}", "--runs", "2", "--no-tap", "--write"])
    assert "cone of 1° at the pole" in capsys.readouterr().out
    written = page.read_text()
    for name in ("DuckDB", "PostgreSQL"):
        assert f"### {name}, {COUNT:,} alerts" in written
    assert written.startswith("before")
    assert written.endswith("after\n")
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert {(r["engine"], r["way"]) for r in results} == {
        ("duckdb", "ADQL"),
        ("duckdb", sky.FULL),
        ("duckdb", sky.AGAIN),
        ("postgresql", "ADQL"),
        ("postgresql", sky.FULL),
        ("postgresql", sky.AGAIN),
        ("postgresql", sky.HAND),
    }
    assert (tmp_path / "sky.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_answer_ends_the_run(place: Path) -> None:
    truth = Truth.load(place / "truth.npz")
    moved = replace(truth, dec=np.roll(truth.dec, 1))
    with open_archive(place / "archive", read_only=True) as archive:
        for kind, (_, question) in kinds.questions(truth, 2).items():
            if "zero" not in kind and "pole" not in kind:
                asking.timed(kind, "ADQL", asking.as_adql(archive), [question])
        (_, question) = kinds.questions(moved, 2)["cone of 5″"]
        with pytest.raises(SystemExit, match="of which numpy finds"):
            asking.timed("cone of 5″", "ADQL", asking.as_adql(archive), [question])


def test_the_survey_is_one() -> None:
    (rows,) = survey.chunks(COUNT)
    alert = rows.alert
    ra, dec, cells = (alert[name].to_numpy() for name in ("ra", "dec", "healpix"))
    np.testing.assert_array_equal(healpix29(ra, dec), cells)
    assert len(set(alert["alert_id"].to_pylist())) == COUNT
    assert (np.diff(alert["mjd"].to_numpy()) >= 0).all()
    seen = set(alert["object_id"].to_pylist())
    assert sorted(seen) == sorted(rows.object["object_id"].to_pylist())
    assert rows.measurement["object_id"] == alert["object_id"]
    assert alert.schema.field("received").type == pa.timestamp("us")

"""The page on a folder of documents, which docs/time-series-dialects.md is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from vobroker.timeseries import folder, page
from vobroker.timeseries.dialects import DIALECTS
from vobroker.timeseries.errors import TimeSeriesError

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "time-series-dialects.md"


@pytest.fixture(scope="module")
def found(shared: Path) -> page.Report:
    return page.write(folder.read(shared / "timeseries"))


def test_the_page_is_what_the_command_writes(found: page.Report) -> None:
    text = PAGE.read_text()
    told = "run: vobroker timeseries compare ../shared/data/timeseries --report docs/time-series-dialects.md"
    assert page.updated(text, found.text, "timeseries") == text, told
    for name, content in found.images.items():
        ours, there = (imread(io.BytesIO(one)) for one in (content, (DOCS / name).read_bytes()))
        assert ours.shape == there.shape, told
        assert np.abs(ours - there).mean() < 0.01, told  # fonts are drawn a little otherwise elsewhere


def test_every_file_and_every_dialect_is_on_it(found: page.Report, shared: Path) -> None:
    samples = shared / "timeseries"
    for path in samples.rglob("*"):
        if path.is_file():
            assert f"`{path.relative_to(samples).as_posix()}`" in found.text
    for name in DIALECTS:
        assert f"\n### {name}\n" in found.text
    assert "- **Time origin (JD)**: 2455197.5 in A; 2400000.5 in B, C" in found.text


def test_a_page_without_a_place_for_it_is_refused(found: page.Report) -> None:
    with pytest.raises(ValueError, match="no place for the report"):
        page.updated("# Something else", found.text, "timeseries")
    assert page.updated("", "text\n", "a_b").startswith("# Time series compared: a\\_b\n")


def test_an_empty_folder_and_files_without_series(tmp_path: Path) -> None:
    with pytest.raises(TimeSeriesError, match="there are no files in"):
        folder.read(tmp_path)
    (tmp_path / "notes`.txt").write_text("hello")
    (tmp_path / "large.vot").write_bytes(b"x" * 100)
    report = page.write(folder.read(tmp_path, max_bytes=50))
    assert "- `large.vot`: it has 100 bytes; the limit is 50" in report.text
    assert "- `notes'.txt`: the document is in no known dialect" in report.text
    assert report.images == {}

"""Every notebook runs from top to bottom beside a live service, and says and shows what it is about."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from tests.notebooks.conftest import ROOT, Kernel, Started

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

SAID = {
    "1-first-alert": r"24 alerts after the fifth",
    "2-one-language": r"live, trial and TAP name the same \d+ alerts",
    "3-light-curve-dialects": r"VOTable: TAI from JD 2400000.5 at TOPOCENTER",
    "4-crossmatch-a-list": r"astropy finds the same \d+ pairs",
    "5-trial-of-a-filter": r"young as well +purity",
    "6-query-log": r"cone search on T1, the first rows",
    "7-platform-choice": r"1\. \S+, as \w+: ",
    "8-reading-benchmarks": r"times as fast as the slowest",
}
"""What the output of each must say."""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, started: Started, kernel: Kernel) -> None:
    content = json.loads((started.work / notebook.name).read_text())
    # One kernel for all, since imports would take most of the time; nothing is left of the one before.
    cells = ["%reset -f", *("".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code")]
    outputs = []
    for cell in cells:
        found = kernel.run(cell)
        assert [one for one in found if one["kind"] == "error" or one.get("name") == "stderr"] == [], cell
        outputs += found
    said = "".join(output["text"] for output in outputs if output["kind"] == "stream")
    assert re.search(SAID[notebook.stem], said), said
    assert any("image/png" in output.get("data", {}) for output in outputs), "it shows nothing"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_text_that_can_be_read(notebook: Path) -> None:
    content = nbformat.read(notebook, 4)
    nbformat.validate(content)
    kinds = [cell.cell_type for cell in content.cells]
    assert kinds[0] == "markdown"
    assert content.cells[0].source.startswith(f"# {notebook.name[0]} · ")
    assert kinds.count("markdown") >= 6
    assert all(not cell.get("outputs") for cell in content.cells), "outputs are made anew, and not kept"
    assert all(len(cell.source.splitlines()) <= 32 for cell in content.cells), "one idea a cell"
    linked = re.findall(r"\]\((\S+?\.ipynb)\)", "".join(cell.source for cell in content.cells))
    assert all((notebook.parent / name).exists() for name in linked)

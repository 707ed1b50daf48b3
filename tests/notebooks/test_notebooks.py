"""Every notebook runs from top to bottom beside a live service, and says and shows what it is about."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
import requests
from tests.notebooks.conftest import ROOT, Kernel, Started
from typer.testing import CliRunner

from vobroker.cli import app
from vobroker.notebook import allowances
from vobroker.roles import read_roles

USER = allowances(read_roles())["user"]
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


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_shown_in_the_docs_as_it_is(notebook: Path) -> None:
    page = (ROOT / "docs" / "notebooks" / f"{notebook.stem}.md").read_text().replace(".md)", ".ipynb)")
    for cell in nbformat.read(notebook, 4).cells:
        source = "\n".join(line.rstrip() for line in cell.source.splitlines())
        assert source in page, "`make notebooks` writes the pages anew"


def test_the_kernel_is_this_environment_and_knows_archive_and_service(
    started: Started, kernel: Kernel
) -> None:
    told = kernel.told(
        "[sys.executable, os.environ['VOBROKER_ARCHIVE'], os.environ['VOBROKER_AT'], os.getcwd()]"
    )
    assert told == [sys.executable, str(started.archive), started.service, str(started.work)]


def test_the_limits_of_the_role_hold_in_the_kernel_and_are_told(started: Started, kernel: Kernel) -> None:
    assert f"limits:     {USER}, as user" in started.said
    assert USER.memory_bytes == 8_000_000_000
    cores, most, threads = kernel.told(
        "[len(os.sched_getaffinity(0)), resource.getrlimit(resource.RLIMIT_DATA)[1],"
        " os.environ['OMP_NUM_THREADS']]",
    )
    assert cores == min(USER.cores, len(os.sched_getaffinity(0)))
    assert most == USER.memory_bytes
    assert threads == str(USER.cores)
    (error,) = kernel.run(f"bytearray({USER.memory_bytes})")
    assert error["ename"] == "MemoryError"


def test_it_lets_nobody_in_without_the_token(started: Started) -> None:
    assert requests.get(f"{started.lab}/api/contents", timeout=60).status_code == 403
    token = {"Authorization": f"token {started.token}"}
    listed = requests.get(f"{started.lab}/api/contents", headers=token, timeout=60).json()
    assert {"1-first-alert.ipynb", "benchmarks"} <= {one["name"] for one in listed["content"]}
    others = psutil.process_iter(["cmdline"])
    assert not any(started.token in " ".join(one.info["cmdline"] or ()) for one in others)


def test_what_is_no_broker_is_not_taken_for_one(started: Started, tmp_path: Path) -> None:
    words = ["notebook", "--no-open", str(tmp_path), "--service", started.lab]
    done = CliRunner().invoke(app(), words)
    assert done.exit_code == 1
    assert f"no broker answers at {started.lab}" in done.stderr.replace("\n", " ")

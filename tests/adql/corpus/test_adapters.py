"""The adapters' installer, and the one adapter that needs nothing from elsewhere: ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from vobroker.adql import corpus

ROOT = Path(__file__).resolve().parents[3] / "corpus"


def install(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "adapters" / "install.sh", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def run_it(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("implementations")
    done = install("--into", folder, "vobroker")
    assert done.returncode == 0, done.stderr
    return folder / "vobroker" / "run"


@pytest.mark.parametrize("batch", [False, True])
def test_the_adapter_says_what_the_parser_says(run_it: Path, batch: bool) -> None:
    groups = corpus.read(ROOT / "adql" / "tokens.json")
    few = (corpus.Group("few", queries=groups[0].queries[::6]),)
    template = f"'{run_it}' --batch" if batch else f"'{run_it}'"
    ours = corpus.run(few, corpus.ours())
    theirs = corpus.run(few, corpus.command(template, batch=batch, timeout=60), jobs=2)

    def verdicts(run: corpus.Run) -> list[tuple[str, str]]:
        return [(o.answer.verdict, o.answer.reason) for o in run.outcomes if o.answer]

    assert verdicts(theirs) == [(verdict, " ".join(reason.split())) for verdict, reason in verdicts(ours)]
    assert {verdict for verdict, _ in verdicts(ours)} == {"accepts", "refuses"}


def test_the_adapter_times_each_query_in_each_pass(run_it: Path) -> None:
    done = subprocess.run(
        [run_it, "--time", "3"],
        input=b"SELECT a FROM t\0SELECT\0",
        capture_output=True,
        timeout=60,
        check=True,
    )
    passes = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert [len(one) for one in passes] == [2, 2, 2]
    assert all(nanoseconds > 0 for one in passes for nanoseconds in one)


def test_what_is_installed_is_left_alone(run_it: Path) -> None:
    before = run_it.stat().st_mtime_ns
    done = install("--into", run_it.parents[1], "vobroker")
    assert (done.returncode, done.stderr) == (0, "")
    assert run_it.stat().st_mtime_ns == before


def test_an_adapter_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = install("--into", tmp_path, "nobody")
    assert done.returncode == 2
    assert "there is no adapter for 'nobody'" in done.stderr


def test_what_cannot_be_installed_is_named(tmp_path: Path) -> None:
    done = install("--into", tmp_path, "vobroker", PYTHON="false")
    assert done.returncode == 1
    assert "vobroker could not be installed" in done.stderr
    assert not (tmp_path / "vobroker" / "run").exists()


def test_every_adapter_has_an_installer_and_says_what_it_needs() -> None:
    folders = [folder for folder in (ROOT / "adapters").iterdir() if folder.is_dir()]
    assert {folder.name for folder in folders if folder.name != "__pycache__"} == {
        "vobroker", "dachs", "vollt", "queryparser",
    }  # fmt: skip
    for folder in folders:
        if folder.name != "__pycache__":
            assert os.access(folder / "install.sh", os.X_OK)
            assert "install.sh" in (folder / "README.md").read_text()
